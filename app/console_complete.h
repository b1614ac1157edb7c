/* What a person may be about to type. Main thread only; nothing blocks. */
#ifndef KITH_APP_CONSOLE_COMPLETE_H
#define KITH_APP_CONSOLE_COMPLETE_H

#include "app/completions.h"
#include "app/frontend.h"

/* `line`: the text up to the cursor. Commands, and what their forms ask for. */
void console_complete(struct frontend *f, const char *line, struct completions *c);

#endif
