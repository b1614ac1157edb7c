/* The service of Infnote and coin: a member of a network that keeps a chain.
 *
 * - New transactions and blocks are kept by the store (chain/request.h) and then passed on, each once over
 *   each link at most: by Infnote whole, by coin as an announcement, after which the peer asks.
 * - What is asked of us the store answers. A peer that asks faster than it reads is held.
 * - Catching up (protocol/ledger/catchup.h) fetches what others have and we have not.
 * - Addresses: getaddr and addr, over TCP, and with Infnote by datagrams too; our own address on connecting
 *   and from time to time.
 * - A tracker (coin) calls its members, and tells them of each other.
 *
 * The controller's thread runs it, as protocol/service.h says. */
#ifndef KITH_PROTOCOL_LEDGER_SERVICE_H
#define KITH_PROTOCOL_LEDGER_SERVICE_H

#include "protocol/service.h"

extern const struct service_ops ledger_service_ops;

#endif
