/* How the core uses the addresses in the peer book: which it may take in, and which it tells others. */
#ifndef KITH_CONTROLLER_ADDRESSES_H
#define KITH_CONTROLLER_ADDRESSES_H

#include "peers/book.h"
#include <stdbool.h>
#include <stddef.h>

struct controller;

/* Whether this network uses addresses of that IP: on a public network, only those that can be reached from
 * everywhere. */
bool addresses_allow(const struct controller *c, const struct ip *ip);

/* Puts an address that a seed list or the operator names into the book. True if the book did not have it.
 * What peers tell is for lessons.h. */
bool addresses_learn_seed(struct controller *c, const struct endpoint *e, enum endpoint_source source);

/* Up to `max` addresses that may be told to others: good ones, never those of special peers. `asker` is the
 * endpoint at which the peer that asks listens, and is left out too; NULL for none. Returns how many; 0 also
 * if memory is short.
 *
 * They are drawn at random from the whole book: a millisecond or two, if it is full. So draws have a bound,
 * and whoever asks beyond it is told of those that were drawn last, as far as they may still be told. */
size_t addresses_share(struct controller *c, const struct endpoint *asker, struct endpoint *out, size_t max);
void addresses_free(struct controller *c);

#endif
