#include "peers/format.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/time_text.h"

/* Programs that know no rooms read the same version: they pass over the members that are new to them. */
#define VERSION     1
#define VERSION_KEY "kith_peers"

static const char *const source_names[] = {
    [SOURCE_FILE] = "file",         [SOURCE_SEED] = "seed",         [SOURCE_PEER] = "peer",
    [SOURCE_INCOMING] = "incoming", [SOURCE_OPERATOR] = "operator",
};
#define N_SOURCES (sizeof source_names / sizeof source_names[0])

static json_t *encode_entry(const struct book_entry *e)
{
    char address[ENDPOINT_TEXT_MAX];
    endpoint_format(&e->endpoint, address, sizeof address);
    const char *source = source_names[e->source < N_SOURCES ? e->source : SOURCE_FILE];
    char id[PEER_ID_TEXT_MAX];
    peer_id_format(&e->id, id, sizeof id);
    /* s*: left out if it is NULL. */
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:b, s:b, s:s*, s:b}", "address", address,
                     "heard", (json_int_t)e->heard_ms, "answered", (json_int_t)e->answered_ms, "since",
                     (json_int_t)e->since_ms, "learned", (json_int_t)e->learned_ms, "dialed",
                     (json_int_t)e->dialed_ms, "failures", (json_int_t)e->failures, "source", source,
                     "told_by", (json_int_t)e->told_by, "tried", (int)e->tried, "anchor", (int)e->anchor,
                     "id", e->id.size > 0 ? id : NULL, "proved", (int)e->id_proved);
}

static json_t *encode_score(const struct book_score *s)
{
    char ip[IP_TEXT_MAX];
    return json_pack("{s:s, s:i, s:i, s:I, s:I, s:I}", "ip", ip_format(&s->ip, ip, sizeof ip), "quality",
                     (int)s->quality, "standing", (int)s->standing, "at", (json_int_t)s->quality_ms,
                     "banned_until", (json_int_t)s->banned_until, "discouraged_until",
                     (json_int_t)s->discouraged_until);
}

static json_t *encode_id_score(const struct book_id_score *s)
{
    char ip[IP_TEXT_MAX], id[PEER_ID_TEXT_MAX];
    return json_pack("{s:s, s:s, s:i, s:I, s:I}", "id", peer_id_format(&s->id, id, sizeof id), "ip",
                     ip_format(&s->score.ip, ip, sizeof ip), "quality", (int)s->score.quality, "at",
                     (json_int_t)s->score.quality_ms, "banned_until", (json_int_t)s->score.banned_until);
}

json_t *format_encode(const char *network, const struct book_snapshot *s, int64_t now_ms)
{
    json_t *peers = json_array();
    json_t *scores = json_array();
    json_t *ids = json_array();
    bool good = peers && scores && ids;
    for (size_t i = 0; good && i < s->n_entries; i++) {
        good = json_array_append_new(peers, encode_entry(&s->entries[i])) == 0;
    }
    for (size_t i = 0; good && i < s->n_scores; i++) {
        good = json_array_append_new(scores, encode_score(&s->scores[i])) == 0;
    }
    for (size_t i = 0; good && i < s->n_ids; i++) {
        good = json_array_append_new(ids, encode_id_score(&s->ids[i])) == 0;
    }
    if (!good) {
        json_decref(peers);
        json_decref(scores);
        json_decref(ids);
        return NULL;
    }
    /* json_pack owns the arrays from here on, also if it fails. */
    char written[TIME_TEXT_MAX], key[2 * sizeof s->key + 1];
    json_t *root =
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o}", VERSION_KEY, VERSION, "network", network, "written",
                  time_format(now_ms, written), "key", sodium_bin2hex(key, sizeof key, s->key, sizeof s->key),
                  "peers", peers, "scores", scores, "ids", ids);
    sodium_memzero(key, sizeof key);
    return root;
}

bool format_is_own(const json_t *root)
{
    return json_object_get(root, VERSION_KEY);
}

/* A number within bounds; `missing` if there is no such member. */
static bool get_number(const json_t *object, const char *key, int64_t low, int64_t high, int64_t missing,
                       int64_t *value)
{
    const json_t *member = json_object_get(object, key);
    *value = member ? (int64_t)json_integer_value(member) : missing;
    return (!member || json_is_integer(member)) && *value >= low && *value <= high;
}

/* A name that this version does not know is no reason to lose a peer. */
static uint8_t source_of(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "source"));
    for (uint8_t i = 0; name && i < N_SOURCES; i++) {
        if (strcmp(name, source_names[i]) == 0) {
            return i;
        }
    }
    return SOURCE_FILE;
}

/* No id is one that is not known. */
static bool get_id(const json_t *object, struct peer_id *id)
{
    const json_t *member = json_object_get(object, "id");
    return !member || (json_is_string(member) &&
                       peer_id_parse(id, json_string_value(member), json_string_length(member)));
}

/* A program without rooms wrote it, and did not note whether it was we who dialed. It was, as far as can be
 * told, if it was heard from after the last dial, which did not fail. */
static void guess_tried(struct book_entry *e)
{
    e->tried = e->failures == 0 && e->dialed_ms != 0 && e->heard_ms >= e->dialed_ms;
    e->answered_ms = e->tried ? e->heard_ms : 0;
    e->since_ms = e->tried ? e->learned_ms : 0;
}

static bool decode_entry(const json_t *object, bool has_rooms, struct book_entry *e)
{
    const char *address = json_string_value(json_object_get(object, "address"));
    *e = (struct book_entry){.source = source_of(object),
                             .tried = json_is_true(json_object_get(object, "tried")),
                             .anchor = json_is_true(json_object_get(object, "anchor")),
                             .id_proved = json_is_true(json_object_get(object, "proved"))};
    int64_t failures, told_by;
    if (!address || !endpoint_parse(&e->endpoint, address) ||
        !get_number(object, "heard", 0, INT64_MAX, 0, &e->heard_ms) ||
        !get_number(object, "answered", 0, INT64_MAX, 0, &e->answered_ms) ||
        !get_number(object, "since", 0, INT64_MAX, 0, &e->since_ms) ||
        !get_number(object, "told_by", 0, INT64_MAX, 0, &told_by) ||
        !get_number(object, "learned", 0, INT64_MAX, 0, &e->learned_ms) ||
        !get_number(object, "dialed", 0, INT64_MAX, 0, &e->dialed_ms) ||
        !get_number(object, "failures", 0, UINT32_MAX, 0, &failures) || !get_id(object, &e->id)) {
        return false;
    }
    e->failures = (uint32_t)failures;
    e->told_by = (uint64_t)told_by;
    if (!has_rooms) {
        guess_tried(e);
    }
    return true;
}

/* Of an IP address, or of a node id, which has the same members. */
static bool decode_score(const json_t *object, struct book_score *s)
{
    const char *ip = json_string_value(json_object_get(object, "ip"));
    *s = (struct book_score){.quality = 0};
    int64_t quality, standing;
    if (!ip || !ip_parse(&s->ip, ip) ||
        !get_number(object, "quality", QUALITY_MIN, QUALITY_MAX, 0, &quality) ||
        !get_number(object, "standing", QUALITY_MIN, QUALITY_MAX, 0, &standing) ||
        !get_number(object, "at", 0, INT64_MAX, 0, &s->quality_ms) ||
        !get_number(object, "banned_until", 0, INT64_MAX, 0, &s->banned_until) ||
        !get_number(object, "discouraged_until", 0, INT64_MAX, 0, &s->discouraged_until)) {
        return false;
    }
    s->quality = (int32_t)quality;
    s->standing = (int32_t)standing;
    return true;
}

static bool decode_id_score(const json_t *object, struct book_id_score *s)
{
    *s = (struct book_id_score){.id.size = 0};
    return get_id(object, &s->id) && s->id.size > 0 && decode_score(object, &s->score);
}

/* False for a file that has none, or none that makes sense: then the entries are put anew. */
static bool get_key(const json_t *root, uint8_t key[BOOK_KEY_BYTES])
{
    const json_t *text = json_object_get(root, "key");
    size_t length = json_string_length(text), n = 0;
    return length == 2 * BOOK_KEY_BYTES &&
           sodium_hex2bin(key, BOOK_KEY_BYTES, json_string_value(text), length, NULL, &n, NULL) == 0 &&
           n == BOOK_KEY_BYTES;
}

/* Everything but the entries. READ if all of it fits. */
static enum peers_file_result check_frame(const json_t *root, const char *network, char *message,
                                          size_t message_size)
{
    const json_t *version = json_object_get(root, VERSION_KEY);
    if (!json_is_integer(version) || json_integer_value(version) < 1) {
        snprintf(message, message_size, "its \"" VERSION_KEY "\" is no version number");
        return PEERS_FILE_CORRUPT;
    }
    if (json_integer_value(version) > VERSION) {
        snprintf(message, message_size,
                 "it has version %lld of the format, and this program knows only up to %d",
                 (long long)json_integer_value(version), VERSION);
        return PEERS_FILE_UNREADABLE;
    }
    const char *name = json_string_value(json_object_get(root, "network"));
    if (!name || !json_is_array(json_object_get(root, "peers")) ||
        !json_is_array(json_object_get(root, "scores"))) {
        snprintf(message, message_size, "it lacks \"network\", \"peers\" or \"scores\"");
        return PEERS_FILE_CORRUPT;
    }
    const json_t *ids = json_object_get(root, "ids");
    if (ids && !json_is_array(ids)) {
        snprintf(message, message_size, "its \"ids\" is no array");
        return PEERS_FILE_CORRUPT;
    }
    if (strcmp(name, network) != 0) {
        snprintf(message, message_size, "it belongs to network \"%.64s\", not to \"%.64s\"", name, network);
        return PEERS_FILE_UNREADABLE;
    }
    return PEERS_FILE_READ;
}

/* Returns how many are left out. */
static size_t decode_all(const json_t *root, struct book_snapshot *s)
{
    const json_t *peers = json_object_get(root, "peers"), *scores = json_object_get(root, "scores"),
                 *ids = json_object_get(root, "ids");
    size_t left_out = 0;
    for (size_t i = 0; i < json_array_size(peers); i++) {
        bool good = decode_entry(json_array_get(peers, i), s->has_key, &s->entries[s->n_entries]);
        *(good ? &s->n_entries : &left_out) += 1;
    }
    for (size_t i = 0; i < json_array_size(scores); i++) {
        bool good = decode_score(json_array_get(scores, i), &s->scores[s->n_scores]);
        *(good ? &s->n_scores : &left_out) += 1;
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        bool good = decode_id_score(json_array_get(ids, i), &s->ids[s->n_ids]);
        *(good ? &s->n_ids : &left_out) += 1;
    }
    return left_out;
}

enum peers_file_result format_decode(const json_t *root, const char *network, struct book_snapshot **s,
                                     char *message, size_t message_size)
{
    *s = NULL;
    enum peers_file_result result = check_frame(root, network, message, message_size);
    if (result != PEERS_FILE_READ) {
        return result;
    }
    *s = book_snapshot_new(json_array_size(json_object_get(root, "peers")),
                           json_array_size(json_object_get(root, "scores")),
                           json_array_size(json_object_get(root, "ids")));
    if (!*s) {
        snprintf(message, message_size, "out of memory");
        return PEERS_FILE_UNREADABLE;
    }
    (*s)->has_key = get_key(root, (*s)->key);
    size_t left_out = decode_all(root, *s);
    message[0] = '\0';
    if (left_out > 0) {
        snprintf(message, message_size, "left out %zu malformed entries", left_out);
    }
    return PEERS_FILE_READ;
}
