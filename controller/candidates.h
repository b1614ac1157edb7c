/* Which addresses of the book may be dialed now: those that nobody is connected with, of no special peer, of
 * networks that are in use the least. */
#ifndef KITH_CONTROLLER_CANDIDATES_H
#define KITH_CONTROLLER_CANDIDATES_H

#include "peers/book.h"
#include <stdbool.h>
#include <stddef.h>

struct controller;

/* Up to `want` of them; returns how many. With incoming_too whoever has dialed us counts as connected. With
 * outages_too also by a family that our own network fails for. A quarter of the outgoing slots, one at least,
 * is for those who never answered, or not for long, as long as there are others (book_candidates). */
size_t candidates_find(struct controller *c, bool incoming_too, bool outages_too, struct book_pick *found,
                       size_t want);

/* The same of anchors alone: outgoing peers of the last run. */
size_t candidates_find_anchors(struct controller *c, struct book_pick *found, size_t want);

/* Whom to dial only to see if anybody answers (book_feeler). False if there is nobody. */
bool candidates_find_feeler(struct controller *c, struct endpoint *found);

/* Whether no further address of that IP may be dialed now: it has as many connections as one IP may have, or
 * was dialed a short while ago. */
bool candidate_ip_has_enough(const struct controller *c, const struct ip *ip);

#endif
