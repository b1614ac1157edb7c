/* From bytes to messages. */
#include <string.h>

#include "protocol/coin/session.h"
#include "protocol/ledger/field.h"
#include "protocol/ledger/message.h"

static void on_method(struct coin_session *s, int64_t now_ms, const char *method, const json_t *payload,
                      struct session_event *ev, struct buffer *out)
{
    char shown[FIELD_SHOWN_MAX];
    if (s->stage == STAGE_OPEN) {
        liveness_heard(&s->liveness, now_ms);
    }
    if (strcmp(method, "HELLO") == 0) {
        coin_on_hello(s, now_ms, payload, ev, out);
    } else if (strcmp(method, "HEY") == 0) {
        coin_on_hey(s, now_ms, payload, ev);
    } else if (s->stage == STAGE_OPEN) {
        coin_on_message(s, method, payload, ev);
    } else {
        coin_fault(s, ev, "%s before HELLO and HEY", field_shown(method, shown));
    }
    if (out->failed && s->stage != STAGE_OVER) {
        coin_end(s, ev, END_RESOURCES, "no memory for an answer");
    }
}

static void on_object(struct coin_session *s, int64_t now_ms, json_t *object, struct session_event *ev,
                      struct buffer *out)
{
    void *only = json_object_iter(object);
    if (json_object_size(object) != 1) {
        coin_fault(s, ev, "a dictionary of %zu keys in place of one", json_object_size(object));
        return;
    }
    on_method(s, now_ms, json_object_iter_key(only), json_object_iter_value(only), ev, out);
}

static size_t read_line(struct coin_session *s, int64_t now_ms, struct bytes in, struct session_event *ev,
                        struct buffer *out)
{
    struct ledger_input i;
    size_t most = ledger_input_longest(&s->config, s->stage == STAGE_OPEN);
    switch (ledger_input_read(&s->reader, &s->config, now_ms, in, most, &i)) {
    case INPUT_NONE:
        break;
    case INPUT_STARVED:
        ev->type = SESSION_STARVED;
        ev->wants = i.cost;
        break;
    case INPUT_BAD:
        coin_fault(s, ev, "a line that is no JSON dictionary: %s", i.why);
        break;
    case INPUT_OBJECT:
        on_object(s, now_ms, i.object, ev, out);
        break;
    }
    ledger_input_done(&s->config, &i);
    return i.used;
}

/* --- who fetches a chain asks for many blocks in a row: the store is asked for them together --- */

static const char usual[] = "{\"GETBLOCK\":";

static struct bytes behind(struct bytes in, size_t used)
{
    return (struct bytes){.data = in.data + used, .size = in.size - used};
}

/* The next line, if it is a GETBLOCK of a number in its usual spelling; returns its bytes, else 0. */
static size_t read_wanted(struct coin_session *s, int64_t now_ms, struct bytes in, int64_t *number)
{
    struct ledger_input i;
    if (in.size < sizeof usual || memcmp(in.data, usual, sizeof usual - 1) != 0) {
        return 0;
    }
    bool is_one =
        ledger_input_read(&s->reader, &s->config, now_ms, in, sizeof usual + 32, &i) == INPUT_OBJECT &&
        coin_is_get_block(i.object, number);
    ledger_input_done(&s->config, &i);
    return is_one ? i.used : 0;
}

/* Behind a message that asks for one block: puts those that follow into it, and returns their bytes. */
static size_t gather(struct coin_session *s, int64_t now_ms, struct bytes in, struct session_event *ev)
{
    int64_t numbers[COIN_WANTED_MAX];
    uint32_t n = 1;
    size_t used = 0, more;
    const struct chain_wanted *first = (const void *)ev->message.parcel->bytes;
    numbers[0] = first->items[0].number;
    while (n < COIN_WANTED_MAX && (more = read_wanted(s, now_ms, behind(in, used), &numbers[n])) > 0) {
        used += more;
        n++;
    }
    if (n > 1) {
        parcel_release(ev->message.parcel);
        coin_give(s, LEDGER_GET_BLOCKS, coin_wanted(numbers, n), ev);
    }
    return used;
}

size_t coin_session_read(void *session, int64_t now_ms, struct bytes in, struct session_event *ev,
                         struct buffer *out)
{
    struct coin_session *s = session;
    /* Whom we refuse we do not listen to; session_tick, which is due at once, says so. */
    if (s->stage == STAGE_STREAM || s->stage == STAGE_OVER || s->config.refuse) {
        return 0;
    }
    size_t used = read_line(s, now_ms, in, ev, out);
    if (ev->type == SESSION_MESSAGE && ev->message.kind == LEDGER_GET_BLOCKS) {
        used += gather(s, now_ms, behind(in, used), ev);
    }
    return used;
}
