/* What the rules of a firewall do with the first packet of a connection from elsewhere to a TCP port. What a
 * rule asks that is not known here, such as who sends the packet, leaves both ways open. */
#ifndef KITH_APP_DOCTOR_RULES_H
#define KITH_APP_DOCTOR_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may become of it: bits. */
enum {
    RULES_PASS = 1,
    RULES_DROP = 2,
    RULES_FALL = 4,        /* the chain has no word on it */
    RULES_JUMPS_MOST = 16, /* within each other */
    RULES_LOOKS_MOST = 20 * 1000 * 1000,
};

enum { RULES_V4, RULES_V6, RULES_FAMILIES };

#define RULES_CHAIN_MAX 160

/* What all that was followed so far does together. */
struct rules_verdict {
    unsigned may[RULES_FAMILIES];                     /* RULES_PASS and RULES_DROP */
    char dropped_by[RULES_FAMILIES][RULES_CHAIN_MAX]; /* if that is RULES_DROP alone: the chain */
    bool has_firewalld;                               /* there are rules of it */
};

/* Another set of rules that the packet has to pass. */
void rules_add(struct rules_verdict *v, int family, unsigned may, const char *chain);

/* `text` is what `nft -j list ruleset` prints. Without those chains that iptables has made, if it is asked
 * for them itself. False if it cannot be read. */
bool rules_follow_nft(struct rules_verdict *v, const char *text, bool without_iptables, uint16_t port);

/* `text`, which is changed, is what iptables-save prints, or ip6tables-save. */
void rules_follow_iptables(struct rules_verdict *v, int family, char *text, uint16_t port);

#endif
