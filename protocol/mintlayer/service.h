/* What a Mintlayer node does about its peers: asks them for addresses, answers theirs, passes announcements
 * on, announces itself, hands what a chain has to say to the application. docs/protocols/mintlayer.md,
 * section 8. */
#ifndef KITH_PROTOCOL_MINTLAYER_SERVICE_H
#define KITH_PROTOCOL_MINTLAYER_SERVICE_H

#include "protocol/mintlayer/known.h"
#include "protocol/service.h"

struct mintlayer_service {
    struct service_config config;
    uint64_t key[2];        /* of the marks of known addresses */
    struct parcel *list;    /* of addresses, as it was told last; NULL for none */
    int64_t list_until_ms;  /* another is drawn then */
    int64_t announce_at_ms; /* when we announce anything of our own next, to any peer */
};

/* What it keeps of one peer. */
struct mintlayer_peer {
    struct mintlayer_known known;
    int64_t credit_ms, credited_ms; /* for announcements of its: what is left of it, and when it last grew */
    struct endpoint own;            /* ourselves, as it sees us; port 0 if that is nothing to announce */
    int64_t own_at_ms;              /* when that is announced next; INT64_MAX for never */
    int64_t owed_at_ms; /* when it is told of one more address, as its list was short; INT64_MAX for never */
};

extern const struct service_ops mintlayer_service_ops;

#endif
