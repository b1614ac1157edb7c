/* The journal of systemd. */
#ifndef KITH_APP_JOURNAL_H
#define KITH_APP_JOURNAL_H

#include "app/options.h"
#include "queue/log_writer.h"

/* Any thread; does not block. Fills in where the log of finished options goes. It goes to the journal if they
 * say so, or if they say nothing and standard error leads there; else to standard error. 0; or -1 with
 * `error`, one line that begins with the option: the journal is wanted, and this build or this computer has
 * none. */
int journal_choose(const struct options *o, struct log_output *to, char *error, size_t error_size);

#endif
