/* How the program opens a node: with the options that it has read already. */
#ifndef KITH_APP_OPEN_H
#define KITH_APP_OPEN_H

#include "app/kith.h"
#include "app/options.h"

/* As kith_open, on any thread, with options after options_finish and identity_load, which the node borrows
 * until kith_close and nobody changes meanwhile. */
struct kith *kith_open_options(const struct options *options, kith_log_function *log, void *log_context,
                               char *error, size_t error_size);

#endif
