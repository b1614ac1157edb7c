/* The special peers: which the operator has pinned, where they are, and which connections are theirs. */
#ifndef KITH_CONTROLLER_SPECIALS_H
#define KITH_CONTROLLER_SPECIALS_H

#include "controller/state.h"

/* Replaces the list from the command line, or the one from the file, or both; NULL leaves a list as it is.
 * Peers that stay keep their connection. Peers that go keep it too, as ordinary ones. 0; ENOMEM if memory is
 * short, with the lists merged in part. */
int specials_set(struct controller *c, const struct address_list *flags, const struct address_list *file);

/* Adds to the list from the command line. 0; ENOSPC, and nothing has changed; or ENOMEM, and some may be in
 * it. */
int specials_add(struct controller *c, const struct address_list *more);

/* Takes them from both lists. 0; ENOENT if one of them is in neither, and nothing has changed. */
int specials_remove(struct controller *c, const struct address_list *less);

/* NULL for none. */
struct special *special_of_address(struct controller *c, const struct address *a);
struct special *special_of_slot(struct controller *c, const struct slot *s); /* by an outgoing connection */

/* Whether e is among the known addresses of that peer, or of any special peer. */
bool special_is_at(const struct special *p, const struct endpoint *e);
bool special_has_endpoint(const struct controller *c, const struct endpoint *e);

/* The same, of a peer that has, or proves, that id: if the operator demands an id, it counts too. */
bool special_is_peer(const struct controller *c, const struct endpoint *e, const struct peer_id *id);

uint32_t specials_of_ip(const struct controller *c, const struct ip *ip); /* how many are at that IP */

/* p->known has changed; *was is p as it was before. Marks the connections that are special from now on, and
 * those that are no longer. Of the connections, looks for those of p alone: there may be a thousand others,
 * which have nothing to do with it. */
void special_moved(struct controller *c, struct special *p, const struct special *was);

#endif
