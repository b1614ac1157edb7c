/* Looking up one host name without blocking the caller.
 *
 * The system's resolver blocks, for half a minute at worst, and cannot be interrupted. So each look-up has a
 * detached thread of its own. The caller may drop the look-up at any time; the thread ends by itself and
 * frees it. */
#ifndef KITH_PEERS_RESOLVE_H
#define KITH_PEERS_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

#define RESOLVE_MOST     256 /* addresses of one name; further ones are left out */
#define RESOLVE_LIVE_MAX 256 /* look-ups under way in the process, dropped ones included */

struct resolve;

/* Any thread; never blocks on the network. Starts looking up all addresses (A and AAAA) of the name `host`.
 * An IP address needs no look-up (address_is_ip). The endpoints found have that port. The caller ends the
 * look-up with resolve_drop. NULL with errno: EINVAL (an empty or overlong name, port 0), EAGAIN (too many
 * look-ups or threads), ENOMEM, EMFILE, ENFILE. */
struct resolve *resolve_start(const char *host, uint16_t port);

/* The thread that owns r; never blocks. Becomes readable, and stays so, when the look-up is done. It is for
 * polling only, and closed by resolve_drop or after it. */
int resolve_fd(const struct resolve *r);

/* The thread that owns r; never blocks; may be called again. Copies up to `most` endpoints and returns their
 * number. If that is 0, `error` (NUL-terminated, at most error_size, which is not 0) is the reason, which may
 * be that the look-up is not done yet. */
size_t resolve_take(const struct resolve *r, struct endpoint *out, size_t most, char *error,
                    size_t error_size);

/* The thread that owns r, at any time; never blocks. r is gone for the caller. NULL is allowed. */
void resolve_drop(struct resolve *r);

/* Any thread. The most memory of one look-up, with the stack of its thread. */
size_t resolve_memory(void);

#endif
