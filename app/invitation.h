/* An invitation to a node of a network, as a QR code holds it: "infnote:192.0.2.1:8208?network=MAIN". Any
 * thread; nothing blocks or allocates. */
#ifndef KITH_APP_INVITATION_H
#define KITH_APP_INVITATION_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/node_config.h"

#define INVITATION_PROTOCOL_MAX 32

struct invitation {
    char protocol[INVITATION_PROTOCOL_MAX]; /* as -protocol spells it */
    char network[NETWORK_NAME_MAX];         /* its name, as in network_config */
    struct address address;                 /* without an id */
};

/* Whether a text of that length is meant as one: no address holds a '?'. */
bool invitation_is_meant(const char *text, size_t length);

/* Reads one from exactly `length` bytes. In the network's name each byte but letters, digits, '-', '.', '_'
 * and '~' is written as %XX. 0; or -1 with the reason in `bad`, and *i is then garbage. */
int invitation_parse(struct invitation *i, const char *text, size_t length, char *bad, size_t bad_size);

#define INVITATION_TEXT_MAX                                                                                  \
    (INVITATION_PROTOCOL_MAX + ENDPOINT_TEXT_MAX + sizeof "?network=" + 3 * NETWORK_NAME_MAX)

/* Writes it. Returns buf. */
const char *invitation_format(const struct invitation *i, char buf[INVITATION_TEXT_MAX]);

#endif
