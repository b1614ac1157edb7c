/* Scores and bans of node ids, beside those of IP addresses: for protocols whose peers have an id that they
 * keep wherever they are (protocol.rates_ids). So who misbehaves is known again at another IP, also after a
 * restart of ours.
 *
 * An id may be free to make, and claimed by anybody: then a demerit can be the work of an impostor, and who
 * wants to lose a bad name takes a new id. So an id's rating is worth less than an IP's:
 *
 * - It can only harm. The better of the two qualities gains nobody anything: a peer's is the lower of both.
 * - It keeps nobody out who comes from an IP that has earned more than it has lost: who is known at his own
 *   address does not pay for what others have done elsewhere under his id. Nor a special peer.
 * - It falls no lower than to twice quality_refuse. Then seven hours pass, at a tenth an hour, until who has
 *   no such address is let in again. An impostor who wants to keep him out has to come again and again, each
 *   time from an IP that is not refused itself.
 * - The core charges an id only for connections that came online, and of several under one id, for the oldest
 *   alone (controller/ids.h): nothing is charged to who is connected for what another does under his name.
 *
 * What remains: an impostor who comes first can have an id refused whose owner we do not know yet.
 *
 * An operator's ban of an id holds whatever its IP is. As for book.h in all else: one thread, no clock, no
 * I/O; the table is bounded by most_ids, and makes room as that of the IPs does. The group of a row is that
 * of the IP it was first rated for. */
#ifndef KITH_PEERS_IDS_H
#define KITH_PEERS_IDS_H

#include "peers/book.h"

/* As book_earn and book_merit. `from`: the IP address from which, or at which, that peer is connected; all
 * zero if only a proxy knows it. Ignored if the book rates no ids. */
void book_id_earn(struct book *b, const struct peer_id *id, const struct ip *from, int32_t points,
                  int64_t now_ms);
void book_id_merit(struct book *b, const struct peer_id *id, const struct ip *from, int32_t merit,
                   int64_t now_ms);
int32_t book_id_quality(const struct book *b, const struct peer_id *id, int64_t now_ms);

/* As the functions for IPs. book_id_ban is ignored if the book rates no ids. */
void book_id_ban(struct book *b, const struct peer_id *id, const struct ip *from, int64_t until_ms,
                 int64_t now_ms);
bool book_id_unban(struct book *b, const struct peer_id *id);
bool book_id_is_banned(const struct book *b, const struct peer_id *id, int64_t now_ms);

/* True if the node does not want an ordinary peer of that id at that IP address (NULL if it is not known),
 * whatever book_refuses says of the address: the id is banned; or its quality is below quality_refuse, and
 * that of the IP not above 0. */
bool book_id_refuses(const struct book *b, const struct peer_id *id, const struct ip *ip, int64_t now_ms);

#endif
