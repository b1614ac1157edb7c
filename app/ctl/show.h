/* What a node answers and tells, as text for people. One thread; nothing blocks but standard output. */
#ifndef KITH_APP_CTL_SHOW_H
#define KITH_APP_CTL_SHOW_H

#include <jansson.h>
#include <stdbool.h>

/* A table, or figures (app/ctl/figures.h): of those, `all` shows what is 0, too. */
void show_answer(json_t *answer, bool all);
void show_event(const json_t *event); /* a line, with the time */

#endif
