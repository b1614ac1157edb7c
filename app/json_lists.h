/* Bans, known addresses, scores and what the operator has to say of peers, as kith(1), "JSON" has them: the
 * requests, and the events that answer. Any thread; nothing blocks. */
#ifndef KITH_APP_JSON_LISTS_H
#define KITH_APP_JSON_LISTS_H

#include <jansson.h>

#include "kith.h"

/* The event, of a type KITH_BANS, KITH_KNOWN or KITH_SCORE. For the caller to own; NULL if memory is short.
 */
json_t *json_list_event(const struct kith_event *e);

/* Asks the node, if the command `name` is one of these; `o` is the request. KITH_INVALID also if it is none.
 */
enum kith_result json_list_command(struct kith *node, const char *name, json_t *o, uint64_t request);

/* Whether it is the one among them that the node does not answer. */
bool json_is_verdict(const char *name);

#endif
