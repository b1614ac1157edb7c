/* What tells the two revisions apart: one row for each difference, so that no other file asks which one it
 * is. */
#ifndef KITH_PROTOCOL_DDRP_REVISION_H
#define KITH_PROTOCOL_DDRP_REVISION_H

#include "protocol/ddrp/ddrp.h"

/* What is looked at before an envelope counts. */
enum ddrp_check {
    CHECK_END, /* nothing more to check */
    CHECK_TIME,
    CHECK_HELLO, /* the body, if it is a Hello: the key to check the signature with is in it */
    CHECK_SIGNATURE,
    CHECK_KIND,
    CHECK_BODY,
};

#define DDRP_CHECKS_MAX 6
#define DDRP_ASK_MOST   3 /* peers that are asked for addresses in a round */

/* Seconds by which a timestamp may be off, in either revision. */
enum { DDRP_PIP_WINDOW_S = 30, DDRP_FND_WINDOW_S = 7200 };

struct ddrp_revision {
    uint8_t type_bytes;         /* of an envelope's type */
    int16_t types[DDRP_KINDS];  /* the number of each kind on the wire; negative: it has none */
    bool signs_message;         /* else the signature covers magic, type and timestamp alone */
    bool hello_has_endpoint;    /* external_ip and external_port */
    bool share_has_ports;       /* and a second count; else every peer listens on the network's port */
    bool share_needs_id;        /* an entry that does not say who is there is skipped */
    bool lax;                   /* over-long uvarints and bytes after the last field are accepted */
    bool version_is_exact;      /* a peer of a lower version is refused as well */
    bool ignores_unknown;       /* a type without a kind */
    bool ignores_forged;        /* after the handshake: signed with a key that is not the peer's */
    uint16_t share_most;        /* entries of a PeerRes that are accepted */
    bool asks_everybody;        /* each timings.request, for addresses, wanted or not */
    int64_t hungry_ms;          /* the same of some peers while connections are wanted; 0: timings.request */
    int64_t window_s;           /* how far a timestamp may be off, either way */
    int64_t handshake_ms[2];    /* by enum direction: longest time for what the peer has to say */
    const char *user_agents[2]; /* by enum direction: what we call ourselves */
    enum ddrp_check checks[DDRP_CHECKS_MAX]; /* in their order, up to CHECK_END */
};

extern const struct ddrp_revision ddrp_pip, ddrp_fnd;

/* DDRP_KINDS for a type that the revision does not know. */
enum ddrp_kind ddrp_kind_of(const struct ddrp_revision *r, uint32_t type);

#endif
