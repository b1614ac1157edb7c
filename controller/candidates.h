/* Which addresses of the book may be dialed now: those that nobody is connected with, of no special peer, of
 * networks that are in use the least. */
#ifndef KITH_CONTROLLER_CANDIDATES_H
#define KITH_CONTROLLER_CANDIDATES_H

#include "base/endpoint.h"
#include <stdbool.h>
#include <stddef.h>

struct controller;

/* Writes up to `want` of them to `found`; returns how many. incoming_too: peers that have dialed us count as
 * connected. outages_too: addresses of a family that our own network fails for are among them. */
size_t candidates_find(struct controller *c, bool incoming_too, bool outages_too, struct endpoint *found,
                       size_t want);

/* Whether no further address of that IP may be dialed now: it has as many connections as one IP may have, or
 * was dialed a short while ago. */
bool candidate_ip_has_enough(const struct controller *c, const struct ip *ip);

#endif
