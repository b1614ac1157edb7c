/* What the console makes of bans, known addresses and scores. Main thread only; nothing blocks. */
#ifndef KITH_APP_CONSOLE_LISTS_H
#define KITH_APP_CONSOLE_LISTS_H

#include <stdbool.h>

#include "app/output.h"
#include "kith.h"

/* Of a KITH_BANS, a KITH_KNOWN, a KITH_SCORE. `columns` is the width of the terminal, 0 if there is none. */
void console_lists_bans(struct output *out, const struct kith_event *e, bool has_colours, unsigned columns);
void console_lists_known(struct output *out, const struct kith_event *e, bool has_colours, unsigned columns);
void console_lists_score(struct output *out, const struct kith_score *s);

#endif
