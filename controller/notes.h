/* What the log is told. Peers bring most of it about, so each kind of line has a bound: a burst of lines,
 * then a number a second. Lines beyond it are counted, and the count is told a second later. */
#ifndef KITH_CONTROLLER_NOTES_H
#define KITH_CONTROLLER_NOTES_H

#include "controller/state.h"

/* Once, before the first note. */
void notes_begin(struct controller *c);

/* Whether a line of that kind would be written at this log level. Asked before what is costly to make up. */
bool note_is_wanted(const struct controller *c, enum note_kind kind);

/* A line, within the bound of its kind; cut to its room. */
void note(struct controller *c, enum note_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same without a bound: for what peers cannot bring about at will. */
void note_unbounded(struct controller *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells how many lines were left out: of the kinds for which it is due or, with `all`, of every kind. */
void notes_run(struct controller *c, bool all);
int64_t notes_deadline(const struct controller *c);

#endif
