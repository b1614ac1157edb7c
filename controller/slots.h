/* The table of connections: one slot for each, from its dial or its socket until MSG_GONE.
 *
 * A slot's address is valid until the next slot_take, which may move the table, but not if slots_have_room. A
 * connection that is kept in mind for longer is kept by its peer_ref. */
#ifndef KITH_CONTROLLER_SLOTS_H
#define KITH_CONTROLLER_SLOTS_H

#include "controller/state.h"

/* NULL if that connection has gone. */
struct slot *slot_find(struct controller *c, struct peer_ref ref);

/* A free slot, in that state from now on. NULL if there is none (controller_places), or memory is short. */
struct slot *slot_take(struct controller *c, enum slot_state state, enum direction direction);

/* If the service dials, makes room for as many dials as may run at once, as far as memory allows. This may
 * move the table, so no function of the service may be running. */
void slots_make_room(struct controller *c);

/* Whether the next slot_take leaves the table where it is. */
bool slots_have_room(const struct controller *c);

/* Frees what it holds. `parked` must be empty, unless the node is being freed. */
void slot_free(struct controller *c, struct slot *s);

/* The only way to change a slot's state: keeps the counts and the list of those online. */
void slot_set_state(struct controller *c, struct slot *s, enum slot_state state);

/* Starts a connection that dials. NULL if it could not be started. `why` is for the log. */
struct slot *slot_dial(struct controller *c, const struct dial_request *request, const char *why);

/* Asks the connection to end. Nothing if it has ended, or was asked before and now is not `at_once`. */
void slot_close(struct controller *c, struct slot *s, enum end_reason why, bool at_once);

/* As the protocol's service is shown it. The pointers are valid until the next slot_take. */
struct service_peer as_service_peer(struct slot *s);

/* --- several connections with one peer --- */

/* The connection by which that peer gets messages: this one, or the reverse one, or, if it has ended or is to
 * end, another with the same peer. NULL for none. Also works for a connection that has gone, until its place
 * is taken again. */
struct slot *slot_to_peer(struct controller *c, struct peer_ref ref);

/* Whether s and `reverse`, one each way, are one too many: if the protocol keeps one connection, and the peer
 * has dialed us from the address at which we have dialed it. From elsewhere it may be somebody else under its
 * id, and both stay. */
bool slot_is_double(const struct controller *c, const struct slot *s, const struct slot *reverse);

/* Of two connections with one peer, one each way, whether s is the one that we send by. Both sides choose the
 * same if one is one too many; else each sends by the one that it has dialed. */
bool slot_is_preferred(struct controller *c, const struct slot *s);

/* Whether our id is the higher one: it decides what two nodes must decide alike without a word. */
bool slot_we_are_above(const struct controller *c, const struct peer_id *id);

/* Sets `reverse` of s, and of the connection that it finds. s is about to be online. */
void slot_find_reverse(struct controller *c, struct slot *s);

/* How many connections with that peer, s among them, the application has been told of as online, and not yet
 * as offline. */
uint32_t slots_of_peer(const struct controller *c, const struct slot *s);

/* Where it can be dialed: where we have dialed it or, if it has dialed us, where it says. Port 0: nowhere. */
const struct endpoint *slot_listens_at(const struct slot *s);

/* Its other end; if only a proxy knows that, the name that the proxy was given. Returns buf. */
const char *slot_format_remote(const struct slot *s, char buf[ENDPOINT_TEXT_MAX]);

/* --- by IP address --- */

bool slot_same_ip(const struct slot *s, const struct ip *ip);
/* Connections and dials. IPv6: of its /64 (ip_holder). */
uint32_t slots_of_holder(const struct controller *c, const struct ip *ip);
/* Every connection of that IP (IPv6: of its /64) is asked to end at once; of those that we dialed as the
 * operator asked, none if not special_too. */
void slots_close_ip(struct controller *c, const struct ip *ip, enum end_reason why, bool special_too);
uint32_t slots_incoming_of_ip(const struct controller *c, const struct ip *ip);

/* Asks each connection to end at once whose peer has said that it has that id. */
void slots_close_id(struct controller *c, const struct peer_id *id, enum end_reason why);

/* How many that only relay are online. */
uint32_t slots_relaying(const struct controller *c);

/* How many messages to single peers wait (slot.parked), for all peers together. */
uint32_t slots_parked(const struct controller *c);

#endif
