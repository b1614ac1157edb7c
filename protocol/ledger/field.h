/* The fields of a peer's objects: their types and ranges.
 *
 * Any thread. None blocks. A value may be NULL, which is none; every function is then false. What it would
 * fill is untouched if it is false. */
#ifndef KITH_PROTOCOL_LEDGER_FIELD_H
#define KITH_PROTOCOL_LEDGER_FIELD_H

#include <jansson.h>

#include "base/endpoint.h"
#include "chain/hash.h"

/* A number from `least` to `most`, without point and exponent. */
bool field_integer(const json_t *value, int64_t least, int64_t most, int64_t *n);

/* A port from 1 on, as a number or as text. */
bool field_port(const json_t *value, uint16_t *port);
/* Text of decimal digits, 1 to 5 of them. */
bool field_port_text(const json_t *value, uint16_t *port);

/* Text of exactly 64 hex digits. */
bool field_hash(const json_t *value, struct chain_hash *h);

/* Text of exactly so many hex digits, two for each byte. */
bool field_id(const json_t *value, uint8_t bytes, struct peer_id *id);

/* Text of an IP address, without a zone. */
bool field_ip(const json_t *value, struct ip *ip);

/* For the log: a peer's text, cut, with '?' for what is no printable ASCII. Returns buf. */
#define FIELD_SHOWN_MAX 40
const char *field_shown(const char *text, char buf[FIELD_SHOWN_MAX]);

#endif
