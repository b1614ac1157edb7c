/* How the program opens a node: with the options that it has read already. */
#ifndef KITH_APP_OPEN_H
#define KITH_APP_OPEN_H

#include "app/options.h"
#include "kith.h"

/* Any thread; blocks on the disk. Readies the files that a node of finished options needs before it is
 * opened: its folders (app/folder.h) and its identity (app/identity.h). 0; or -1 with `error`, one line that
 * begins with the name of the option. */
int open_ready(struct options *o, char *error, size_t error_size);

/* As kith_open, on any thread, with options after options_finish and open_ready, which the node borrows until
 * kith_close; until then the caller does not change them. `log` is copied; the options have its level. */
struct kith *kith_open_options(const struct options *options, const struct log_sink *log, char *error,
                               size_t error_size);

/* Any thread; does not block. What a second reader of its events takes (node/watch.h), until kith_close; NULL
 * if the options did not ask for it. */
struct watch;
struct watch *kith_watch(const struct kith *node);

#endif
