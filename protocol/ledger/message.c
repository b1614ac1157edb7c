#include "protocol/ledger/message.h"

const struct ledger_variant ledger_infnote = {.by_hash = true};
const struct ledger_variant ledger_coin = {.announces = true};

const struct protocol_kind ledger_kinds[] = {
    {LEDGER_TRANSACTION, "Transaction"},
    {LEDGER_BLOCK, "Block"},
    {0, NULL},
};
