/* Chance, and times that depend on it. All of it comes from controller_actions.random, so that a run with the
 * same numbers is the same run. */
#ifndef KITH_CONTROLLER_CHANCE_H
#define KITH_CONTROLLER_CHANCE_H

#include <stdint.h>

struct controller;

/* `core` is a struct controller: the form in which the book and the service ask for a number. */
uint64_t chance_draw(void *core);

/* A number from low to high, both included. Draws nothing if there is only one. */
int64_t chance_between(struct controller *c, int64_t low, int64_t high);

/* How long to wait before something is tried again: from a quarter of `max` up to max. Nodes that lose a peer
 * together would otherwise all come back in the same moments, and get in each other's way for ever. */
int64_t chance_retry(struct controller *c, int64_t max);

#endif
