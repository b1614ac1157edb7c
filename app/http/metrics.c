#include "app/http/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the format --- */

static void begin(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP kith_%s %s\n# TYPE kith_%s %s\n", name, help, name, type);
}

static void count(FILE *out, const char *name, const char *help, uint64_t value)
{
    begin(out, name, "counter", help);
    fprintf(out, "kith_%s %" PRIu64 "\n", name, value);
}

static void gauge(FILE *out, const char *name, const char *help, double value)
{
    begin(out, name, "gauge", help);
    fprintf(out, "kith_%s %.17g\n", name, value);
}

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            fputs("\\n", out);
        } else {
            if (*text == '\\' || *text == '"') {
                fputc('\\', out);
            }
            fputc(*text, out);
        }
    }
}

/* A sample of the metric that `begin` began. */
static void sample(FILE *out, const char *name, const char *label, const char *is, uint64_t value)
{
    fprintf(out, "kith_%s{%s=\"", name, label);
    write_escaped(out, is);
    fprintf(out, "\"} %" PRIu64 "\n", value);
}

static void counts(FILE *out, const char *name, const char *help, const char *label,
                   const struct kith_count *c)
{
    begin(out, name, "counter", help);
    for (; c->cause; c++) {
        sample(out, name, label, c->cause, c->count);
    }
}

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

/* --- who it is --- */

static void write_build(const struct metrics *m, FILE *out)
{
    const struct kith_status *s = m->status;
    begin(out, "build_info", "gauge", "Version, protocol and network of this node; always 1.");
    fprintf(out, "kith_build_info{version=\"%s\",protocol=\"", kith_version());
    write_escaped(out, s->protocol);
    fputs("\",network=\"", out);
    write_escaped(out, s->network);
    fputs("\"} 1\n", out);
    gauge(out, "start_time_seconds", "When the node started, in seconds since 1970.", m->started_s);
    gauge(out, "uptime_seconds", "How long the node has run.", seconds(s->uptime_ms));
    gauge(out, "listening", "1 if the node listens for peers.", s->port != 0);
}

/* --- peers --- */

enum { SPECIAL = 1, RELAY = 2, OUTGOING = 4, SORTS = 8 };

static void write_peer_sorts(const struct metrics *m, FILE *out)
{
    uint64_t sorts[SORTS] = {0};
    for (size_t i = 0; i < m->n_peers; i++) {
        const struct kith_peer *p = &m->peers[i];
        sorts[(p->special ? SPECIAL : 0) | (p->relay ? RELAY : 0) | (p->outgoing ? OUTGOING : 0)]++;
    }
    begin(out, "peers", "gauge", "Connections with peers that are online.");
    for (int i = 0; i < SORTS; i++) {
        if ((i & RELAY) && !(i & OUTGOING)) { /* outgoing ones alone are relays */
            continue;
        }
        fprintf(out, "kith_peers{direction=\"%s\",special=\"%s\",relay=\"%s\"} %" PRIu64 "\n",
                i & OUTGOING ? "outgoing" : "incoming", i & SPECIAL ? "true" : "false",
                i & RELAY ? "true" : "false", sorts[i]);
    }
}

static int compare_qualities(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void write_qualities(const struct metrics *m, FILE *out)
{
    int32_t *sorted = m->n_peers ? malloc(m->n_peers * sizeof *sorted) : NULL;
    double least = (double)NAN, median = (double)NAN; /* without peers, or memory */
    if (sorted) {
        for (size_t i = 0; i < m->n_peers; i++) {
            sorted[i] = m->peers[i].quality;
        }
        qsort(sorted, m->n_peers, sizeof *sorted, compare_qualities);
        least = sorted[0];
        median = sorted[m->n_peers / 2];
        free(sorted);
    }
    begin(out, "peer_quality_min_points", "gauge", "Lowest quality of all peers; NaN without any.");
    fprintf(out, isnan(least) ? "kith_peer_quality_min_points NaN\n" : "kith_peer_quality_min_points %.0f\n",
            least);
    begin(out, "peer_quality_median_points", "gauge", "Median of the peers' qualities; NaN without any.");
    fprintf(out,
            isnan(median) ? "kith_peer_quality_median_points NaN\n"
                          : "kith_peer_quality_median_points %.0f\n",
            median);
}

static void write_offset(FILE *out, const char *direction, uint32_t clocks, int64_t offset_ms)
{
    fprintf(out, "kith_peer_clock_offset_seconds{direction=\"%s\"} ", direction);
    fprintf(out, clocks > 0 ? "%.3f\n" : "NaN\n", seconds(offset_ms));
}

static void write_clocks(const struct kith_status *s, FILE *out)
{
    begin(out, "peer_clocks", "gauge",
          "IP addresses whose clock is known of the last day; 0 if the protocol does not tell clocks.");
    sample(out, "peer_clocks", "direction", "outgoing", s->clocks_outgoing);
    sample(out, "peer_clocks", "direction", "incoming", s->clocks_incoming);
    begin(out, "peer_clock_offset_seconds", "gauge",
          "Median of how far those are ahead of this node's; NaN without any.");
    write_offset(out, "outgoing", s->clocks_outgoing, s->clock_offset_ms);
    write_offset(out, "incoming", s->clocks_incoming, s->clock_offset_in_ms);
}

static void write_peers(const struct metrics *m, FILE *out)
{
    const struct kith_status *s = m->status;
    write_peer_sorts(m, out);
    write_qualities(m, out);
    begin(out, "connections_total", "counter", "Connections that have come online.");
    sample(out, "connections_total", "direction", "outgoing", s->total_outgoing);
    sample(out, "connections_total", "direction", "incoming", s->total_incoming);
    counts(out, "connections_ended_total", "Connections that have ended, also before they were online.",
           "reason", s->ended);
    count(out, "connections_shed_total", "Sockets that were closed unanswered.", s->shed);
    gauge(out, "dials_in_progress", "Dials under way.", s->dialing);
    counts(out, "dials_total", "Dials that are over.", "result", s->dials);
    gauge(out, "known_endpoints", "Addresses in the peer book.", (double)s->known);
    gauge(out, "bans", "IP addresses and node ids that are banned.", (double)s->banned);
    gauge(out, "eclipse_risk_ratio",
          "Greatest share that one network group has of the outgoing peers, or of what told of peers.",
          s->eclipse_risk / 100.0);
    write_clocks(s, out);
}

/* --- messages --- */

static void write_traffic(const struct metrics *m, FILE *out)
{
    const struct kith_status *s = m->status;
    count(out, "received_parcels_total", "Parcels that have come from peers.", s->total_parcels_in);
    count(out, "sent_parcels_total", "Parcels that have gone to peers.", s->total_parcels_out);
    count(out, "received_bytes_total", "Bytes that have come from peers.", s->total_bytes_in);
    count(out, "sent_bytes_total", "Bytes that have gone to peers.", s->total_bytes_out);
    count(out, "repeated_parcels_total", "Parcels that had come before.", s->repeated);
    counts(out, "dropped_parcels_total", "Parcels that were dropped.", "cause", s->dropped);
    if (s->datagrams_dropped->cause) {
        counts(out, "dropped_datagrams_total", "Datagrams that came, or were to be sent, in vain.", "cause",
               s->datagrams_dropped);
    }
    count(out, "missed_events_total", "Events that the application did not take in time.", s->missed);
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double fuller(double parcels, double bytes)
{
    return parcels > bytes ? parcels : bytes;
}

static double fullest_outbound(const struct metrics *m)
{
    double most = 0;
    for (size_t i = 0; i < m->n_peers; i++) {
        const struct kith_peer *p = &m->peers[i];
        most = fuller(most, fuller(ratio(p->outbound, m->status->queue_max),
                                   ratio((double)p->outbound_bytes, (double)m->status->queue_bytes_max)));
    }
    return most;
}

static void fill(FILE *out, const char *queue, double value)
{
    fprintf(out, "kith_queue_fill_ratio{queue=\"%s\"} %.6g\n", queue, value);
}

static void write_queues(const struct metrics *m, FILE *out)
{
    const struct kith_status *s = m->status;
    double most = s->queue_max, most_bytes = (double)s->queue_bytes_max;
    begin(out, "queue_parcels", "gauge", "Parcels that wait; outbound and inbound: of all connections.");
    sample(out, "queue_parcels", "queue", "to_network", s->to_network);
    sample(out, "queue_parcels", "queue", "from_network", s->from_network);
    sample(out, "queue_parcels", "queue", "outbound", s->outbound);
    sample(out, "queue_parcels", "queue", "inbound", s->inbound);
    begin(out, "queue_bytes", "gauge", "Bytes of the parcels that wait.");
    sample(out, "queue_bytes", "queue", "to_network", s->to_network_bytes);
    sample(out, "queue_bytes", "queue", "from_network", s->from_network_bytes);
    sample(out, "queue_bytes", "queue", "outbound", s->outbound_bytes);
    sample(out, "queue_bytes", "queue", "inbound", s->inbound_bytes);
    gauge(out, "queue_capacity_parcels", "Most parcels that one queue holds.", most);
    gauge(out, "queue_capacity_bytes", "Most bytes that one queue holds.", most_bytes);
    begin(out, "queue_fill_ratio", "gauge", "How full a queue is; outbound: the fullest of all connections.");
    fill(out, "to_network",
         fuller(ratio(s->to_network, most), ratio((double)s->to_network_bytes, most_bytes)));
    fill(out, "from_network",
         fuller(ratio(s->from_network, most), ratio((double)s->from_network_bytes, most_bytes)));
    fill(out, "outbound", fullest_outbound(m));
    fill(out, "events", ratio(s->events, s->events_max));
    gauge(out, "receive_budget_used_bytes", "Bytes that peers have the node keep.",
          (double)s->received_bytes);
    gauge(out, "receive_budget_bytes", "Most bytes that peers may have it keep.",
          (double)s->received_bytes_max);
}

/* --- files and sources --- */

static void write_upkeep(const struct metrics *m, FILE *out)
{
    const struct kith_status *s = m->status;
    begin(out, "peers_file_saves_total", "counter", "Times that the peers file was written.");
    sample(out, "peers_file_saves_total", "result", "ok", s->saves);
    sample(out, "peers_file_saves_total", "result", "failed", s->saves_failed);
    gauge(out, "peers_file_save_duration_seconds", "How long the last of them took.",
          s->save_ms > 0 ? seconds(s->save_ms) : 0);
    gauge(out, "peers_file_last_save_timestamp_seconds",
          "When one succeeded last, in seconds since 1970; 0 for never.",
          s->saved_ms >= 0 ? m->now_s - seconds(s->saved_ms) : 0);
    begin(out, "seed_answers_total", "counter", "Answers of the seeds: with addresses, or without.");
    sample(out, "seed_answers_total", "result", "addresses", s->seeded);
    sample(out, "seed_answers_total", "result", "none", s->seeds_failed);
    gauge(out, "seed_addresses", "Addresses that the last answer named.", (double)s->seed_addresses);
    count(out, "log_lines_lost_total", "Lines that the log had no room for.", m->log_lines_lost);
}

static void write_http(const struct metrics *m, FILE *out)
{
    const struct http_counts *h = &m->http;
    count(out, "http_requests_total", "Requests that were answered over HTTP.", h->requests);
    count(out, "http_requests_refused_total", "Those of them that were refused.", h->refused);
    count(out, "http_connections_late_total", "Connections that were closed, as they took too long.",
          h->late);
    count(out, "http_slow_streams_total", "Event streams that were closed, as they were not read.",
          h->slow_streams);
    count(out, "http_log_lines_missed_total", "Lines of the log that the page lacks, as they came too fast.",
          m->log_lines_missed);
    gauge(out, "http_connections", "Connections over HTTP.", h->connections);
    gauge(out, "http_streams", "Event streams.", h->streams);
}

/* Their names are those of Prometheus' own clients. */
static void own(FILE *out, const char *name, const char *type, const char *help, double value)
{
    fprintf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.17g\n", name, help, name, type,
            name, value);
}

static void write_process(const struct metrics *m, FILE *out)
{
    const struct process_figures *p = &m->process;
    own(out, "cpu_seconds_total", "counter", "Processor time, user and system.", p->cpu_s);
    own(out, "resident_memory_bytes", "gauge", "Memory that is resident.", (double)p->resident_bytes);
    own(out, "virtual_memory_bytes", "gauge", "Memory that is mapped.", (double)p->virtual_bytes);
    own(out, "open_fds", "gauge", "Open descriptors.", (double)p->open_fds);
    own(out, "max_fds", "gauge", "Most descriptors that may be open.", (double)p->max_fds);
    own(out, "threads", "gauge", "Threads.", (double)p->threads);
    own(out, "start_time_seconds", "gauge", "When the process started, in seconds since 1970.", p->start_s);
}

void metrics_write(const struct metrics *m, FILE *out)
{
    write_build(m, out);
    write_peers(m, out);
    write_traffic(m, out);
    write_queues(m, out);
    write_upkeep(m, out);
    write_http(m, out);
    write_process(m, out);
}
