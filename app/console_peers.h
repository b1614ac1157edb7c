/* The table of peers that the console shows. Main thread only; nothing blocks. */
#ifndef KITH_APP_CONSOLE_PEERS_H
#define KITH_APP_CONSOLE_PEERS_H

#include <stdbool.h>

#include "app/output.h"
#include "kith.h"

/* The number of the order of that name ("quality"); 0, the usual one, for NULL; -1 if there is none such. */
int console_peers_order(const char *name);

/* The name of order i; NULL past the last. */
const char *console_peers_order_name(size_t i);

/* One line for each peer of a KITH_PEERS, and a head. `columns` is the width of the terminal, 0 if there is
 * none: a narrow one is shown shorter names and fewer columns. */
void console_peers_print(struct output *out, const struct kith_event *peers, int order, bool has_colours,
                         unsigned columns);

#endif
