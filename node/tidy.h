/* Memory that was used goes back to the system. What much traffic took is free afterwards, but malloc and the
 * pool of parcels keep it, for the next time. Once connections through which much has gone rest or have
 * ended, the controller's thread gives it back, the next time that it has nothing else to do. */
#ifndef KITH_NODE_TIDY_H
#define KITH_NODE_TIDY_H

#include "node/state.h"

/* The controller's thread, all of these; none blocks. */

/* That connection rests, or is about to be freed. */
void tidy_note(struct node *n, struct peer_thread *l);

/* The thread has nothing to do: tidies up if it is time, at most once in a second, and again once the
 * application has taken the parcels that wait for it. Takes some milliseconds. */
void tidy_run(struct node *n, int64_t now_ms);

int64_t tidy_deadline(const struct node *n); /* when that is to be tried next; INT64_MAX for never */

#endif
