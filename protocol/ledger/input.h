/* The next line of a peer as an object, within bounds: what the sessions of Infnote and coin begin with.
 *
 * The session's thread. None blocks. */
#ifndef KITH_PROTOCOL_LEDGER_INPUT_H
#define KITH_PROTOCOL_LEDGER_INPUT_H

#include "protocol/ledger/line.h"
#include "protocol/session.h"

struct ledger_input {
    json_t *object;  /* INPUT_OBJECT */
    size_t used;     /* bytes of the line, its newline included; 0 unless it is whole */
    uint64_t cost;   /* what reading it takes beside the line; INPUT_STARVED: for which there is no room */
    const char *why; /* INPUT_BAD: a literal for the log */
};

enum ledger_input_state {
    INPUT_NONE,    /* more bytes must come first */
    INPUT_STARVED, /* the account that pays for it has no room */
    INPUT_BAD,     /* no line that may come, or no object */
    INPUT_OBJECT,
};

/* Reads the line at the front of `in`, which holds everything that has come and was not consumed, up to
 * `most` bytes. What a line takes while it is looked at, the session's account pays for: *i says how much,
 * and ledger_input_done gives it back. That must follow each call. */
enum ledger_input_state ledger_input_read(struct line_reader *r, const struct session_config *config,
                                          int64_t now_ms, struct bytes in, size_t most,
                                          struct ledger_input *i);
void ledger_input_done(const struct session_config *config, struct ledger_input *i);

/* How long a line may be: what an application may not send says nothing about what nodes tell each other. */
size_t ledger_input_longest(const struct session_config *config, bool is_open);

/* Makes *ev a SESSION_MESSAGE; takes the parcel. False, and *ev is as it was, if that is NULL. */
bool ledger_input_gives(struct session_event *ev, uint32_t kind, struct parcel *parcel);

/* The most that reading takes without being paid for, for session_ops.most. */
uint64_t ledger_input_most(void);

#endif
