#include "protocol/ledger/message.h"

const struct ledger_variant ledger_infnote = {.by_hash = true};
const struct ledger_variant ledger_coin = {.announces = true};
