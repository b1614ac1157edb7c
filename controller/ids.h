/* Node ids that are rated, in protocols that ask for it: peers/ids.h says what a rating is worth, and why. */
#ifndef KITH_CONTROLLER_IDS_H
#define KITH_CONTROLLER_IDS_H

#include "controller/state.h"

/* The id of its peer; NULL if none are rated, or it is not known. */
const struct peer_id *id_of(const struct controller *c, const struct slot *s);

/* The same, if what this connection does counts for the id: it has come online, and no older one is online
 * under that id. Else an impostor beside its owner could cost him his name. */
const struct peer_id *id_charged(const struct controller *c, const struct slot *s);

/* The lower of the qualities of its IP address and its id; 0 if neither is rated. */
int32_t slot_quality(const struct controller *c, const struct slot *s);

/* Whether an ordinary peer of that connection is kept out by its id. */
bool id_is_refused(const struct controller *c, const struct slot *s);
bool id_is_banned(const struct controller *c, const struct slot *s);

#endif
