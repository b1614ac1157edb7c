/* How the controller finds the threads of its peers, and small things that its files share. For the
 * controller's thread; none blocks. */
#ifndef KITH_NODE_PEER_THREAD_H
#define KITH_NODE_PEER_THREAD_H

#include "node/state.h"

/* NULL if that connection has gone. */
struct peer_thread *peer_thread_find(struct node *n, struct peer_ref ref);
bool ref_list_add(struct ref_list *l, struct peer_ref ref); /* false if memory is short */

struct moment node_now(void);
void node_release(void *context, struct message *m); /* releases the message's parcel; for batch_drop */

#endif
