/* The peers files of the two older generations: docs/protocols/factom.md, at its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time_text.h"
#include "peers/format.h"

struct tally {
    size_t other_network;
    size_t host_names;
    size_t malformed;
};

/* Reads an endpoint from an address and a port in text form; counts it in the tally if it is none. */
static bool take_endpoint(struct endpoint *e, const json_t *host, const json_t *port, struct tally *t)
{
    struct address a;
    if (!json_is_string(host) || !json_is_string(port) ||
        !address_from_parts(&a, json_string_value(host), json_string_length(host), json_string_value(port),
                            json_string_length(port))) {
        t->malformed++;
        return false;
    }
    if (!address_is_ip(&a, e)) {
        t->host_names++;
        return false;
    }
    return true;
}

/* The book sorts out which of them it knows already. */
static void add_peer(struct book_snapshot *s, const struct endpoint *e, int64_t heard_ms, int64_t now_ms)
{
    s->entries[s->n_entries++] = (struct book_entry){
        .endpoint = *e, .heard_ms = heard_ms, .learned_ms = now_ms, .source = SOURCE_FILE};
}

/* Go writes the year 1 for a time that was never set. */
static int64_t contact_of(const json_t *entry)
{
    int64_t ms;
    const char *text = json_string_value(json_object_get(entry, "LastContact"));
    return text && time_parse(&ms, text) && ms > 0 ? ms : 0;
}

static void add_score(struct book_snapshot *s, const struct ip *ip, const json_t *entry, int64_t now_ms)
{
    double quality = json_number_value(json_object_get(entry, "QualityScore"));
    if (quality != 0) {
        quality = quality < QUALITY_MIN ? QUALITY_MIN : quality > QUALITY_MAX ? QUALITY_MAX : quality;
        s->scores[s->n_scores++] =
            (struct book_score){.ip = *ip, .quality = (int32_t)quality, .quality_ms = now_ms};
    }
}

static void import_share(struct book_snapshot *s, const json_t *entry, uint32_t network_id, struct tally *t,
                         int64_t now_ms)
{
    const json_t *network = json_object_get(entry, "Network");
    if (json_is_number(network) && json_number_value(network) != network_id) {
        t->other_network++;
        return;
    }
    struct endpoint e;
    if (!json_is_number(network)) {
        t->malformed++;
    } else if (take_endpoint(&e, json_object_get(entry, "Address"), json_object_get(entry, "Port"), t)) {
        add_peer(s, &e, contact_of(entry), now_ms);
        add_score(s, &e.ip, entry, now_ms);
    }
}

static int compare_scores(const void *a, const void *b)
{
    const struct book_score *x = a, *y = b;
    int order = memcmp(&x->ip, &y->ip, sizeof x->ip);
    return order != 0 ? order : x->quality < y->quality ? -1 : x->quality > y->quality;
}

/* One score per IP: the lowest that any of its ports had, so that no demerit is lost. */
static void merge_scores(struct book_snapshot *s)
{
    qsort(s->scores, s->n_scores, sizeof *s->scores, compare_scores);
    size_t n = 0;
    for (size_t i = 0; i < s->n_scores; i++) {
        if (n == 0 || !ip_equal(&s->scores[n - 1].ip, &s->scores[i].ip)) {
            s->scores[n++] = s->scores[i];
        }
    }
    s->n_scores = n;
}

static void import_generation_1(struct book_snapshot *s, json_t *root, uint32_t network_id, struct tally *t,
                                int64_t now_ms)
{
    const char *key;
    const json_t *entry;
    json_object_foreach(root, key, entry)
    {
        import_share(s, entry, network_id, t, now_ms);
    }
    merge_scores(s);
}

static void import_ban(struct book_snapshot *s, const char *who, const json_t *until, struct tally *t,
                       int64_t now_ms)
{
    struct ip ip;
    int64_t ms;
    if (!ip_parse_any_port(&ip, who) || !json_is_string(until) ||
        !time_parse(&ms, json_string_value(until))) {
        t->malformed++;
    } else if (ms > now_ms) {
        s->scores[s->n_scores++] = (struct book_score){.ip = ip, .quality_ms = now_ms, .banned_until = ms};
    }
}

static void import_generation_2(struct book_snapshot *s, json_t *root, struct tally *t, int64_t now_ms)
{
    const json_t *peers = json_object_get(root, "peers");
    for (size_t i = 0; i < json_array_size(peers); i++) {
        const json_t *peer = json_array_get(peers, i);
        struct endpoint e;
        if (take_endpoint(&e, json_object_get(peer, "ip"), json_object_get(peer, "port"), t)) {
            add_peer(s, &e, 0, now_ms);
        }
    }
    const char *who;
    const json_t *until;
    json_object_foreach(json_object_get(root, "bans"), who, until)
    {
        import_ban(s, who, until, t, now_ms);
    }
}

/* Go writes an empty list or map as null. */
static bool is_generation_2(const json_t *root)
{
    const json_t *bans = json_object_get(root, "bans");
    const json_t *peers = json_object_get(root, "peers");
    return (bans || peers) && (!bans || json_is_object(bans) || json_is_null(bans)) &&
           (!peers || json_is_array(peers) || json_is_null(peers));
}

/* An empty map, or one with at least one share object in it. */
static bool is_generation_1(json_t *root)
{
    const char *key;
    const json_t *entry;
    json_object_foreach(root, key, entry)
    {
        if (json_is_string(json_object_get(entry, "Address")) &&
            json_is_string(json_object_get(entry, "Port"))) {
            return true;
        }
    }
    return json_is_object(root) && json_object_size(root) == 0;
}

enum peers_file_result import_decode(json_t *root, uint32_t network_id, struct book_snapshot **s,
                                     char *message, size_t message_size, int64_t now_ms)
{
    *s = NULL;
    bool second = is_generation_2(root);
    if (!second && !is_generation_1(root)) {
        snprintf(message, message_size, "it has none of the known formats");
        return PEERS_FILE_CORRUPT;
    }
    size_t most_peers = second ? json_array_size(json_object_get(root, "peers")) : json_object_size(root);
    size_t most_scores = second ? json_object_size(json_object_get(root, "bans")) : json_object_size(root);
    *s = book_snapshot_new(most_peers, most_scores, 0);
    if (!*s) {
        snprintf(message, message_size, "out of memory");
        return PEERS_FILE_UNREADABLE;
    }
    struct tally t = {.malformed = 0};
    if (second) {
        import_generation_2(*s, root, &t, now_ms);
    } else {
        import_generation_1(*s, root, network_id, &t, now_ms);
    }
    snprintf(message, message_size,
             "imported %zu peers and %zu scores or bans from a file of generation %d; left out: %zu of "
             "another network, "
             "%zu host names, %zu malformed",
             (*s)->n_entries, (*s)->n_scores, second ? 2 : 1, t.other_network, t.host_names, t.malformed);
    return PEERS_FILE_IMPORTED;
}
