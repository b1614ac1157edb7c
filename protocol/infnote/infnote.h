/* Infnote, docs/protocols/infnote.md: nodes that speak lines of JSON, or WebSocket messages, and keep one
 * chain of blocks. */
#ifndef KITH_PROTOCOL_INFNOTE_INFNOTE_H
#define KITH_PROTOCOL_INFNOTE_INFNOTE_H

#include "protocol/protocol.h"

extern const struct protocol infnote_protocol;

#endif
