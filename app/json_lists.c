#include "app/json_lists.h"

#include <string.h>

#include "app/frontend.h"

/* --- events --- */

static json_t *bans_event(const struct kith_event *e)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < e->count; i++) {
        const struct kith_ban *b = KITH_BAN_AT(e, i);
        json_array_append_new(list, json_pack("{ss sI sI}", b->is_id ? "peer_id" : "address", b->subject,
                                              "until_ms", (json_int_t)b->until_ms, "left_ms",
                                              (json_int_t)b->left_ms));
    }
    return json_pack("{ss so}", "event", "bans", "bans", list);
}

static json_t *known_object(const struct kith_known *k)
{
    json_t *o = json_pack("{ss si si ss sb sb sb}", "address", k->address, "quality", (int)k->quality,
                          "failures", (int)k->failures, "source", frontend_source(k->source), "tried",
                          (int)k->tried, "banned", (int)k->banned, "self", (int)k->self);
    if (k->id[0]) {
        json_object_set_new(o, "peer_id", json_string(k->id));
    }
    json_object_set_new(o, "heard_ms", json_integer(k->heard_ms));
    json_object_set_new(o, "answered_ms", json_integer(k->answered_ms));
    json_object_set_new(o, "dialed_ms", json_integer(k->dialed_ms));
    json_object_set_new(o, "learned_ms", json_integer(k->learned_ms));
    return o;
}

static json_t *known_event(const struct kith_event *e)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < e->count; i++) {
        json_array_append_new(list, known_object(KITH_KNOWN_AT(e, i)));
    }
    return json_pack("{ss so}", "event", "known", "known", list);
}

static json_t *score_event(const struct kith_score *s)
{
    if (!s) {
        return json_pack("{ss ss}", "event", "error", "message", "out of memory");
    }
    json_t *o = json_pack("{ss sb sb sb}", "event", "score", "banned", (int)s->banned, "discouraged",
                          (int)s->discouraged, "refused", (int)s->refused);
    if (s->address[0]) {
        json_object_set_new(o, "address", json_string(s->address));
        json_object_set_new(o, "quality", json_integer(s->quality));
        json_object_set_new(o, "standing", json_integer(s->standing));
    }
    if (s->id[0]) {
        json_object_set_new(o, "peer_id", json_string(s->id));
        json_object_set_new(o, "id_quality", json_integer(s->id_quality));
    }
    return o;
}

json_t *json_list_event(const struct kith_event *e)
{
    return e->type == KITH_BANS    ? bans_event(e)
           : e->type == KITH_KNOWN ? known_event(e)
                                   : score_event(e->score);
}

/* --- requests --- */

static enum kith_result ask_known(struct kith *node, json_t *o, uint64_t request)
{
    json_t *most = json_object_get(o, "most");
    if (most && (!json_is_integer(most) || json_integer_value(most) < 0)) {
        return KITH_INVALID;
    }
    return kith_ask_known(node, (size_t)json_integer_value(most), request);
}

static enum kith_result report(struct kith *node, const char *peer, json_t *o, uint64_t request)
{
    json_t *points = json_object_get(o, "points");
    json_int_t n = json_integer_value(points);
    if (!json_is_integer(points) || n < -KITH_REPORT_MAX || n > KITH_REPORT_MAX) {
        return KITH_INVALID;
    }
    return kith_report(node, peer, (int32_t)n, request);
}

bool json_is_verdict(const char *name)
{
    return strcmp(name, "verdict") == 0;
}

static enum kith_result give_verdict(struct kith *node, json_t *o)
{
    static const char *const names[] = {
        [KITH_ACCEPT] = "accept", [KITH_IGNORE] = "ignore", [KITH_REJECT] = "reject"};
    json_t *ticket = json_object_get(o, "ticket");
    const char *word = json_string_value(json_object_get(o, "verdict"));
    for (size_t i = 0; word && json_is_integer(ticket) && i < sizeof names / sizeof *names; i++) {
        if (strcmp(word, names[i]) == 0) {
            return kith_verdict(node, (uint64_t)json_integer_value(ticket), (enum kith_verdict)i);
        }
    }
    return KITH_INVALID;
}

enum kith_result json_list_command(struct kith *node, const char *name, json_t *o, uint64_t request)
{
    const char *peer = json_string_value(json_object_get(o, "peer"));
    const char *peers = json_string_value(json_object_get(o, "peers"));
    const char *address = json_string_value(json_object_get(o, "address"));
    if (strcmp(name, "bans") == 0) {
        return kith_ask_bans(node, request);
    }
    if (strcmp(name, "known") == 0) {
        return ask_known(node, o, request);
    }
    if (strcmp(name, "score") == 0) {
        return kith_ask_score(node, address ? address : peer, request);
    }
    if (strcmp(name, "dial") == 0) {
        return kith_dial(node, address, request);
    }
    if (strcmp(name, "report") == 0) {
        return report(node, peer, o, request);
    }
    if (json_is_verdict(name)) {
        return give_verdict(node, o);
    }
    if (strcmp(name, "special-add") == 0) {
        return kith_special_add(node, peers, request);
    }
    if (strcmp(name, "special-remove") == 0) {
        return kith_special_remove(node, peers, request);
    }
    return KITH_INVALID;
}
