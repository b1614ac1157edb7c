/* The numbers of kith.h for why something ended, was dropped or failed, and their texts. Each of our own
 * reasons has one of the same name: a reason that is added here, and not there, does not compile. */
#ifndef KITH_CONTROLLER_REASONS_H
#define KITH_CONTROLLER_REASONS_H

#include "controller/actions.h"
#include "controller/events.h"

/* Why a command fails. The texts are for kith_reason_text: events say more. */
#define FAIL_REASONS(X)                                                                                      \
    X(KITH_FAIL_NO_PEER, "no such peer")                                                                     \
    X(KITH_FAIL_UNKNOWN, "not known")                                                                        \
    X(KITH_FAIL_NO_ADDRESS, "the proxy alone knows the IP address")                                          \
    X(KITH_FAIL_NO_MEMORY, "out of memory")                                                                  \
    X(KITH_FAIL_ENDING, "the node is ending")                                                                \
    X(KITH_FAIL_REFUSED, "refused by the protocol")                                                          \
    X(KITH_FAIL_VERB, "no such verb, or a wrong argument")                                                   \
    X(KITH_FAIL_FULL, "too many already")                                                                    \
    X(KITH_FAIL_EXCLUSIVE, "not a special peer")                                                             \
    X(KITH_FAIL_BANNED, "banned, or of too low a quality")                                                   \
    X(KITH_FAIL_SELF, "it is ourselves")                                                                     \
    X(KITH_FAIL_UNDER_WAY, "another one is under way")                                                       \
    X(KITH_FAIL_NAME, "the name was not found")

/* Any thread; none blocks. */
enum kith_reason reason_of_end(enum end_reason r);
enum kith_reason reason_of_drop(enum drop_cause c);
enum kith_reason reason_of_datagram(enum datagram_cause c);
const char *reason_text(enum kith_reason r); /* a literal */

#endif
