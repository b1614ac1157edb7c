/* Where others can dial this node, as far as it knows. */
#ifndef KITH_APP_OWN_ADDRESS_H
#define KITH_APP_OWN_ADDRESS_H

#include "app/invitation.h"
#include "controller/config.h"
#include "kith.h"

/* Who says so. */
enum address_source {
    ADDRESS_OF_BIND,
    ADDRESS_OF_PEERS,    /* the peers that were dialed */
    ADDRESS_OF_ROUTE,    /* this system: it is the one that a default route leaves from */
    ADDRESS_OF_LOOPBACK, /* nobody; if the network lets loopback be dialed */
};

/* "bind", "peers", "route", "loopback": literals. */
const char *address_source_name(enum address_source source);

/* Any thread. Asks the system for its routes; does not block, and nothing is sent. Fills in the invitation to
 * this node, with the first address that there is in the order of enum address_source. 0; or -1 with the
 * reason in `bad`: the node does not listen, or has no such address. */
int own_invitation(struct invitation *i, enum address_source *source, const struct config *config,
                   const struct kith_status *status, char *bad, size_t bad_size);

#endif
