/* The file of the node's identity, in protocols whose peers prove theirs: its secret, in hex digits, with a
 * newline. */
#ifndef KITH_APP_IDENTITY_H
#define KITH_APP_IDENTITY_H

#include <stddef.h>

#include "protocol/protocol.h"

/* Any thread; blocks on the disk. Fills config->secret and config->id from the file at `path`. If there is
 * none, a secret is drawn and is on the disk when this returns: mode 0600; the folder must be there.
 * If `path` is a link that leads to nothing yet, the file that it leads to is made. If several processes
 * start at once, one writes the file and all read it. A process that is killed while it writes leaves a whole
 * file or none, and perhaps "<path>.tmp-" with 16 hex digits, which nobody reads.
 *
 * A file that others may read or write, that is no regular file, or that does not hold a secret of the
 * protocol is an error; it is never changed. Does nothing for a protocol without identities.
 *
 * The secret lies in memory that is locked and left out of core dumps, as far as the system allows it, and is
 * read-only. There is no other copy of it when this returns.
 *
 * 0, and the caller calls identity_forget when it is done with *config; or -1 with `error`, one line that
 * begins with
 * "-identityFile: ", and *config as it was. */
int identity_load(const char *path, const struct protocol *p, struct node_config *config, char *error,
                  size_t error_size);

/* Any thread; does not block. Wipes the secret and gives its memory back; config->secret is NULL afterwards.
 * Idempotent. All copies of *config lose their secret with it. */
void identity_forget(struct node_config *config);

#endif
