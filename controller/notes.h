/* What the log is told. Strangers bring most of it about, so each kind of line has a bound: a burst of lines,
 * then one in a time. Unless the log is at level debug, there is one line of a kind for an address in ten
 * seconds, too (base/line_limit.h). Lines beyond that are counted. The count is told ten seconds later. */
#ifndef KITH_CONTROLLER_NOTES_H
#define KITH_CONTROLLER_NOTES_H

#include "controller/state.h"

/* Once, before the first note. */
void notes_begin(struct controller *c);

/* Whether a line of that kind would be written at this log level. Asked before what is costly to make up. */
bool note_is_wanted(const struct controller *c, enum note_kind kind);

/* A line, within the bound of its kind; cut to its room. The functions below that name an address or a
 * connection also say whom it is about (struct log_about). */
void note(struct controller *c, enum note_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Likewise, and within the bound of its address. `cause` tells one reason for such a line from another. */
void note_address(struct controller *c, enum note_kind kind, unsigned cause, const struct ip *ip,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Likewise, about the address of a connection. What is about a special peer has a wide bound of its own, so
 * that no stranger can hide it. */
void note_slot(struct controller *c, enum note_kind kind, unsigned cause, const struct slot *s,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A line about a connection, within the bound of its kind alone. */
void note_peer(struct controller *c, enum note_kind kind, const struct slot *s, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A line that has no bound: for what strangers cannot bring about at will. */
void note_unbounded(struct controller *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells how many lines were left out: of the kinds for which it is due or, with `all`, of every kind. */
void notes_run(struct controller *c, bool all);
int64_t notes_deadline(const struct controller *c);

#endif
