/* What peers earn. A connection's merits are collected in its slot, and put into the peer book from time to
 * time: the book is a table of many IP addresses, too slow to be asked for each message. */
#ifndef KITH_CONTROLLER_MERITS_H
#define KITH_CONTROLLER_MERITS_H

#include <stdint.h>

struct controller;
struct slot;

/* Adds to what the connection has earned; the sum stays within the limits of a quality. A demerit goes into
 * the book at once. A merit shows that the peer is alive; the book is told of that once a minute. */
void slot_credit(struct controller *c, struct slot *s, int64_t merit);

/* Puts the merits of that connection, or of all that are online, into the book. To be called before the book
 * is asked for something that depends on quality. */
void slot_book_merits(struct controller *c, struct slot *s);
void slots_book_merits(struct controller *c);

#endif
