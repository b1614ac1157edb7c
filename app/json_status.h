/* A node in figures, as JSON has them (kith(1), "JSON"). Any thread; nothing blocks. The caller owns what is
 * returned; NULL if memory is short. Arguments stay the caller's. */
#ifndef KITH_APP_JSON_STATUS_H
#define KITH_APP_JSON_STATUS_H

#include <jansson.h>

#include "kith.h"

/* Who it is, as "online" tells it. */
json_t *json_peer(const struct kith_peer *p, const char *protocol);

/* The same with its figures, as "peers" tells it. */
json_t *json_peer_figures(const struct kith_peer *p, const char *protocol);

/* The answer "status". */
json_t *json_status(const struct kith_status *s);

#endif
