/* The addresses behind the host names of special peers. A name is looked up at the start, now and then, and
 * when a connection with its peer has ended. */
#ifndef KITH_CONTROLLER_SPECIAL_NAMES_H
#define KITH_CONTROLLER_SPECIAL_NAMES_H

#include "controller/state.h"

/* Looks the name of p up, if it has one and it is due. */
void special_name_run(struct controller *c, struct special *p);
int64_t special_name_deadline(const struct special *p);

/* The connection with p has ended: its name is looked up soon, as it may lead elsewhere now. */
void special_name_again(struct controller *c, struct special *p);

/* MSG_NAMES: what a look-up gave. *f stays the caller's. */
void special_names_found(struct controller *c, const struct names_found *f);

/* Any thread. The addresses that it gave, each once, without those that are nowhere. Returns how many. */
size_t special_names_usable(const struct names_found *f, struct endpoint list[NAME_ADDRESSES_MAX]);

#endif
