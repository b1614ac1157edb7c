#include "protocol/ledger/input.h"

#include "base/budget.h"
#include "base/json.h"

enum {
    FREE_BYTES = 512,  /* a line up to here is not paid for */
    UNIT_MEMORY = 100, /* bytes that one unit of a text's weight takes once it is read (base/json.h) */
    UNITS_MOST = 2,    /* of weight that one byte of text has at most: "{}," has four */
    COPIES = 6,        /* of the line's bytes: its texts, and a pack with its heads that grows */
};

uint64_t ledger_input_most(void)
{
    return FREE_BYTES * (UNITS_MOST * UNIT_MEMORY + COPIES);
}

size_t ledger_input_longest(const struct session_config *config, bool is_open)
{
    uint64_t handshake = config->node->limits.handshake_bytes;
    return is_open || handshake > LINE_MAX_BYTES ? LINE_MAX_BYTES : (size_t)handshake;
}

bool ledger_input_gives(struct session_event *ev, uint32_t kind, struct parcel *parcel)
{
    if (parcel) {
        ev->type = SESSION_MESSAGE;
        ev->message.kind = kind;
        ev->message.parcel = parcel;
    }
    return parcel;
}

static bool pay(const struct session_config *config, int64_t now_ms, struct bytes line,
                struct ledger_input *i)
{
    if (i->used > FREE_BYTES) {
        i->cost = json_measure(line.data, line.size).weight * UNIT_MEMORY + line.size * COPIES;
    }
    return i->cost == 0 || budget_take(config->account, now_ms, i->cost);
}

static enum ledger_input_state bad(struct ledger_input *i, const char *why)
{
    i->why = why;
    return INPUT_BAD;
}

/* The line's end is known: `r` is as before the search, so that a line that must wait is found again. */
static enum ledger_input_state read_line(const struct session_config *config, int64_t now_ms,
                                         struct bytes line, struct ledger_input *i)
{
    if (!pay(config, now_ms, line, i)) {
        i->used = 0;
        return INPUT_STARVED;
    }
    i->object = json_read(line.data, line.size, &i->why);
    if (!i->object) {
        return INPUT_BAD;
    }
    return json_is_object(i->object) ? INPUT_OBJECT : bad(i, "it is no object");
}

enum ledger_input_state ledger_input_read(struct line_reader *r, const struct session_config *config,
                                          int64_t now_ms, struct bytes in, size_t most,
                                          struct ledger_input *i)
{
    struct bytes line;
    *i = (struct ledger_input){.used = 0};
    switch (line_find(r, in, &line, &i->used)) {
    case LINE_WHOLE:
        return i->used <= most ? read_line(config, now_ms, line, i) : bad(i, "it is too long");
    case LINE_PART:
        return in.size < most ? INPUT_NONE : bad(i, "it is too long");
    case LINE_LONG:
        break;
    }
    return bad(i, "it is too long");
}

void ledger_input_done(const struct session_config *config, struct ledger_input *i)
{
    json_decref(i->object);
    i->object = NULL;
    if (i->cost > 0 && i->used > 0) {
        budget_give(config->account, i->cost);
    }
}
