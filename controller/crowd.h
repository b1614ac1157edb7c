/* Crowds: which network groups and which holders have most of some incoming connections.
 *
 * A crowd is a list of connections, and of newcomers, that compete for places. It is gathered anew whenever a
 * place is missing: O(n log n) for n connections. */
#ifndef KITH_CONTROLLER_CROWD_H
#define KITH_CONTROLLER_CROWD_H

#include "controller/state.h"

struct crowd_member {
    uint32_t index;               /* of its slot; CROWD_NEWCOMER: it has none */
    bool spared;                  /* it keeps its place */
    uint64_t group;               /* ip_group */
    struct ip holder;             /* ip_holder */
    uint32_t in_group, in_holder; /* how many members are of the same; set by crowd_count */
    int64_t worth;                /* for whoever ranks the members */
};

#define CROWD_NEWCOMER UINT32_MAX

struct crowd {
    struct crowd_member *members; /* from malloc */
    size_t n, capacity;
};

/* Both: false if memory is short. */
bool crowd_add(struct crowd *w, const struct slot *s);
bool crowd_add_newcomer(struct crowd *w, const struct ip *ip);
void crowd_free(struct crowd *w);

/* Sets in_group and in_holder of all, and puts them in the order of their groups and holders. */
void crowd_count(struct crowd *w);

/* NULL for none. */
const struct crowd_member *crowd_newcomer(const struct crowd *w);

/* Above 0 if `a` comes from the more crowded group or, if the groups are as crowded, from the more crowded
 * holder; 0 if both are alike. */
int crowd_compare(const struct crowd_member *a, const struct crowd_member *b);

#endif
