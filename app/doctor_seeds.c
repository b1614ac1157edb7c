#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "app/doctor_checks.h"
#include "base/clock.h"
#include "queue/thread.h"
#include "seed/fetch.h"
#include "seed/lookup.h"

enum {
    CONNECT_MS = 5000,
    TOTAL_MS = 10000, /* for each of a transfer, the look-ups in its list, the DNS seeds */
    DATE_MS = 5000,
    COMPLAINT_MAX = 512,
};

struct doctor_seeds {
    const struct options *o;
    pthread_t thread;
    bool has_thread;
    struct seed_result list, names;
    int list_failed, names_failed;
    char complaint[COMPLAINT_MAX]; /* the first line of the log */
    bool has_date;
    int64_t ahead_s; /* of the seed server's clock, ours */
};

/* --- on the thread --- */

static void keep_first(void *context, enum log_level level, const char *line)
{
    struct doctor_seeds *s = context;
    (void)level;
    if (!s->complaint[0]) {
        snprintf(s->complaint, sizeof s->complaint, "%s", line);
    }
}

static size_t take_header(char *line, size_t size, size_t n, void *context)
{
    struct doctor_seeds *s = context;
    char date[64];
    size_t bytes = size * n, prefix = strlen("Date:");
    if (bytes > prefix && bytes - prefix < sizeof date && strncasecmp(line, "Date:", prefix) == 0) {
        memcpy(date, line + prefix, bytes - prefix);
        date[bytes - prefix] = '\0';
        time_t told = curl_getdate(date, NULL);
        s->has_date = told > 0;
        s->ahead_s = clock_wall_ms() / 1000 - (int64_t)told;
    }
    return bytes;
}

/* The clock of whoever answers for the seed list. With a proxy it is not asked a second time. */
static void ask_date(struct doctor_seeds *s, const char *url)
{
    CURL *curl = curl_easy_init();
    if (!curl) {
        return;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)DATE_MS);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, s);
    curl_easy_perform(curl);
    curl_easy_cleanup(curl);
}

static void *fetch(void *argument)
{
    struct doctor_seeds *s = argument;
    const struct config *c = &s->o->config;
    const struct network_config *network = &c->node.network;
    const struct proxy *proxy = config_has_proxy(c) ? &c->proxy : NULL;
    struct log_sink log = {.line = keep_first, .context = s, .level = LOG_LEVEL_INFO};
    struct seed_config config = {.connect_timeout_ms = proxy ? TOTAL_MS : CONNECT_MS,
                                 .total_timeout_ms = TOTAL_MS,
                                 .log = &log,
                                 .proxy = proxy};
    struct address dns[DNS_SEEDS_MAX] = {{.port = 0}};
    size_t n = 0;
    if (network->seed_url[0]) {
        s->list_failed = seed_fetch(network->seed_url, &config, &s->list);
        bool answers = !s->list_failed || strstr(s->list.error, "HTTP status");
        if (!proxy && answers && strncmp(network->seed_url, "http", 4) == 0) {
            ask_date(s, network->seed_url);
        }
    }
    for (; !proxy && n < DNS_SEEDS_MAX && network->dns_seeds[n]; n++) {
        snprintf(dns[n].host, sizeof dns[n].host, "%s", network->dns_seeds[n]);
        dns[n].port = network->port;
    }
    if (n > 0) {
        s->names_failed = seed_lookup(dns, n, &config, &s->names);
    }
    return NULL;
}

struct doctor_seeds *doctor_seeds_begin(const struct options *o)
{
    struct doctor_seeds *s = calloc(1, sizeof *s);
    if (s) {
        s->o = o;
        s->has_thread = thread_start(&s->thread, "kith-doctor", 0, fetch, s) == 0;
    }
    return s;
}

/* --- what came of it --- */

/* What to do about a text of curl's; it has no numbers for all of them in here. */
static const char *remedy_for(const char *error)
{
    static const struct {
        const char *part, *remedy;
    } remedies[] = {
        {"resolve", "look at the name in -seedURL, and at the name server: getent hosts NAME"},
        {"certificate",
         "look at the date of this computer; apt install ca-certificates; or another -seedURL"},
        {"SSL", "look at the date of this computer; apt install ca-certificates; or another -seedURL"},
        {"HTTP status", "the server has no such list: ask who keeps it, or name another by -seedURL"},
        {"timed out", "look at the network, and at a firewall for what goes out"},
        {"connect", "look at the network, and at a firewall for what goes out"},
    };
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (strcasestr(error, remedies[i].part)) {
            return remedies[i].remedy;
        }
    }
    return "name another list by -seedURL, or peers by -peers";
}

static void tell_list(struct doctor_seeds *s, struct doctor *d)
{
    const char *url = s->o->config.node.network.seed_url;
    if (!url[0]) {
        return;
    }
    if (s->list_failed) {
        doctor_say(d, DOCTOR_BAD, "seeds", remedy_for(s->list.error), "%s: %s", url, s->list.error);
    } else if (s->list.n == 0) {
        doctor_say(d, DOCTOR_WARN, "seeds", "ask who keeps the list, or name peers by -peers",
                   "%s: the list is empty", url);
    } else if (s->list.bad_lines + s->list.unresolved > 0) {
        doctor_say(d, DOCTOR_WARN, "seeds", "tell who keeps the list",
                   "%s: %zu addresses came; %zu lines are none, %zu names are not found: %s", url, s->list.n,
                   s->list.bad_lines, s->list.unresolved, s->complaint);
    } else {
        doctor_say(d, DOCTOR_OK, "seeds", NULL, "%s: %zu addresses came", url, s->list.n);
    }
}

static void tell_names(struct doctor_seeds *s, struct doctor *d)
{
    const struct network_config *network = &s->o->config.node.network;
    if (!network->dns_seeds[0]) {
        return;
    }
    if (config_has_proxy(&s->o->config)) {
        doctor_say(d, DOCTOR_NOTE, "seeds", NULL,
                   "the network's DNS seeds are not looked up, as there is a proxy");
    } else if (s->names_failed || s->names.n == 0) {
        doctor_say(d, DOCTOR_BAD, "seeds",
                   "look at the name server: getent hosts NAME; or name peers by -peers",
                   "the network's DNS seeds gave nothing (%s ...): %s", network->dns_seeds[0],
                   s->names.error[0] ? s->names.error : s->complaint);
    } else {
        doctor_say(d, DOCTOR_OK, "seeds", NULL, "the network's DNS seeds gave %zu addresses", s->names.n);
    }
}

/* A node that knows nobody, and is told of nobody, waits to be dialed. */
static void tell_of_none(const struct doctor_seeds *s, struct doctor *d)
{
    const struct config *c = &s->o->config;
    bool has_seeds = c->node.network.seed_url[0] || c->node.network.dns_seeds[0];
    bool has_peers = c->special_flags.n + c->special_file.n + c->bootstrap.n > 0;
    if (!has_seeds && !has_peers) {
        doctor_say(
            d, DOCTOR_WARN, "seeds", "name peers by -peers, or a list by -seedURL",
            "nobody is named to connect with: the node waits for others to dial it, and for those of before");
    }
}

/* Before there is a node that knows the clocks of peers, they are taken to be as the seed server's. */
static void tell_clock(const struct doctor_seeds *s, struct doctor *d)
{
    int64_t off = s->ahead_s < 0 ? -s->ahead_s : s->ahead_s;
    int64_t window = s->o->config.protocol->clock_window_s;
    int64_t doubt = protocol_clock_doubt_s(s->o->config.protocol);
    char peers[64] = "";
    if (!s->has_date) {
        return;
    }
    if (window > 0) {
        snprintf(peers, sizeof peers, "; peers refuse one that is off by %" PRId64 " s", window);
    }
    enum doctor_level level = window > 0 && off >= window ? DOCTOR_BAD
                              : off >= doubt              ? DOCTOR_WARN
                                                          : DOCTOR_OK;
    doctor_say(d, level, "clock", level == DOCTOR_OK ? NULL : "set it right: timedatectl set-ntp true",
               "it is %" PRId64 " s %s the seed server's clock%s", off,
               s->ahead_s < 0 ? "behind" : "ahead of", peers);
}

void doctor_seeds_end(struct doctor_seeds *s, struct doctor *d)
{
    if (!s || !s->has_thread) {
        doctor_say(d, DOCTOR_BAD, "seeds", NULL, "no memory or no thread to fetch them");
        free(s);
        return;
    }
    pthread_join(s->thread, NULL);
    tell_list(s, d);
    tell_names(s, d);
    tell_of_none(s, d);
    tell_clock(s, d);
    seed_result_free(&s->list);
    seed_result_free(&s->names);
    free(s);
}
