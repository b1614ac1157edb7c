/* From bytes to messages. */
#include <string.h>

#include "protocol/infnote/session.h"
#include "protocol/ledger/field.h"

static void on_first(struct infnote_session *s, int64_t now_ms, const char *type, const json_t *object,
                     struct session_event *ev, struct buffer *out)
{
    char shown[FIELD_SHOWN_MAX];
    if (s->stage == STAGE_HELLO && strcmp(type, "Hello") == 0) {
        infnote_on_hello(s, object, ev, out);
    } else if (s->stage == STAGE_STATUS && strcmp(type, "Status") == 0) {
        infnote_on_status(s, now_ms, object, ev, out);
    } else {
        infnote_fault(s, ev, out, "%s in place of %s", field_shown(type, shown),
                      s->stage == STAGE_HELLO ? "Hello" : "Status");
    }
}

static void on_object(struct infnote_session *s, int64_t now_ms, const json_t *object,
                      struct session_event *ev, struct buffer *out)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type) {
        infnote_fault(s, ev, out, "an object without a type");
    } else if (strcmp(type, "Disconnect") == 0) {
        infnote_on_disconnect(s, object, ev, out);
    } else if (s->stage == STAGE_OPEN) {
        liveness_heard(&s->liveness, now_ms);
        infnote_on_message(s, type, object, ev, out);
    } else {
        on_first(s, now_ms, type, object, ev, out);
    }
    if (out->failed && s->stage != STAGE_OVER) {
        infnote_end(s, ev, END_RESOURCES, "no memory for an answer");
    }
}

static size_t read_line(struct infnote_session *s, int64_t now_ms, struct bytes in, struct session_event *ev,
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
        infnote_fault(s, ev, out, "a line that is no JSON object: %s", i.why);
        break;
    case INPUT_OBJECT:
        on_object(s, now_ms, i.object, ev, out);
        break;
    }
    ledger_input_done(&s->config, &i);
    return i.used;
}

size_t infnote_session_read(void *session, int64_t now_ms, struct bytes in, struct session_event *ev,
                            struct buffer *out)
{
    struct infnote_session *s = session;
    if (s->stage == STAGE_STREAM || s->stage == STAGE_OVER) {
        return 0;
    }
    return read_line(s, now_ms, in, ev, out);
}
