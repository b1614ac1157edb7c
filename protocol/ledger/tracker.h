/* Trackers (coin). With -tracker, this node is one: it calls each of its members once in timings.ping (a
 * minute), forgets who fails three times in a row, and tells those who ask of members that answered the last
 * call, and have answered within three times timings.ping. A member that is connected has timings.ping to
 * answer, another the time of a dial and a handshake. With -trackers, this node asks those at the start and
 * every ten minutes; the connection ends with the answer. */
#ifndef KITH_PROTOCOL_LEDGER_TRACKER_H
#define KITH_PROTOCOL_LEDGER_TRACKER_H

#include "protocol/ledger/state.h"

enum { TRACKER_MEMBERS = 4096 };

/* From ledger_open, with l->config set; frees, from ledger_close. */
void tracker_open(struct ledger *l);
void tracker_close(struct ledger *l);

/* That peer has come online. */
void tracker_online(struct ledger *l, struct ledger_peer *p);

/* That peer has said HELLO or HEY. */
void tracker_heard(struct ledger *l, const struct ledger_peer *p);

/* That peer goes: it is found no more by its address. */
void tracker_offline(struct ledger *l, const struct ledger_peer *p);

/* That peer asks for addresses, and says that it listens on that port: it becomes a member once it has
 * answered a call. False if we are no tracker: then it is answered as others are. */
bool tracker_asked(struct ledger *l, struct ledger_peer *p, uint16_t port);

/* That peer tells addresses. False if it is none of the trackers that we ask. The parcel stays the caller's.
 */
bool tracker_told(struct ledger *l, struct ledger_peer *p, struct parcel *told);

/* service_ops.dialed: the end of a dial that this file began; of others false. */
bool tracker_dialed(struct ledger *l, uint64_t token, enum end_reason result);

int64_t tracker_deadline(const struct ledger *l);
void tracker_tick(struct ledger *l);

#endif
