/* The coin protocol, docs/protocols/coin.md: members that speak lines of JSON, or WebSocket messages, keep
 * one chain of blocks, and find each other by a tracker. */
#ifndef KITH_PROTOCOL_COIN_COIN_H
#define KITH_PROTOCOL_COIN_COIN_H

#include "protocol/protocol.h"

extern const struct protocol coin_protocol;

#endif
