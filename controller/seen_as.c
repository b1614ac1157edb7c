#include "controller/seen_as.h"

#include <string.h>

#include "controller/addresses.h"
#include "controller/state.h"

enum { ASKED_MOST = 64 /* peers: each is compared with each */ };

/* The addresses that peers say. Returns how many peers that are. */
static size_t gather(const struct controller *c, struct ip said[ASKED_MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_online && n < ASKED_MOST; i++) {
        const struct slot *s = &c->slots[c->online[i]];
        const struct endpoint *sees = &s->info.sees;
        if (s->direction == DIRECTION_OUTGOING && sees->port != 0 && addresses_allow(c, &sees->ip)) {
            said[n++] = sees->ip;
        }
    }
    return n;
}

bool seen_as(const struct controller *c, struct ip *ip)
{
    struct ip said[ASKED_MOST];
    size_t n = gather(c, said), most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t votes = 0;
        for (size_t j = 0; j < n; j++) {
            votes += ip_equal(&said[i], &said[j]);
        }
        if (votes > most || (votes == most && memcmp(&said[i], ip, sizeof *ip) < 0)) {
            *ip = said[i];
            most = votes;
        }
    }
    return most > 0;
}
