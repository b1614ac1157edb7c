/* What a node answers and tells, as text for people. One thread; nothing blocks but standard output. */
#ifndef KITH_APP_CTL_SHOW_H
#define KITH_APP_CTL_SHOW_H

#include <jansson.h>

void show_answer(json_t *answer);     /* a table, or a line for each figure */
void show_event(const json_t *event); /* a line, with the time */

#endif
