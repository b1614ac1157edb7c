/* What peers earn. A message for the application is worth a point, but only the first of each minute, and so
 * no more than 60 in an hour: merit grows with the time in which a peer was useful, not with bytes.
 * Heartbeats, pings and parts of messages earn nothing. The peer book, a table of many IP addresses that is
 * too slow to be asked for each message, is asked once a minute. */
#ifndef KITH_CONTROLLER_MERITS_H
#define KITH_CONTROLLER_MERITS_H

#include <stdint.h>

#include "base/endpoint.h"

struct controller;
struct slot;

/* It was useful, or the service says so. */
void slot_earns(struct controller *c, struct slot *s, int32_t points);

/* The same, at once and as often as it is called. It counts in the quality, not in whom we dial. */
void slot_gains(struct controller *c, struct slot *s, int32_t points);

/* A demerit, which goes into the book at once: of that connection's peer, by its IP and its id, or of an IP.
 */
void slot_loses(struct controller *c, struct slot *s, int64_t merit);
void ip_loses(struct controller *c, const struct ip *ip, int64_t merit);

/* It has said something, whatever that is: it is alive. To be called if HEARD_MS have gone by since
 * s->heard_ms, so that the book is told once a minute and a message pays for no call. */
enum { HEARD_MS = 60 * 1000 };
void slot_is_heard(struct controller *c, struct slot *s);

#endif
