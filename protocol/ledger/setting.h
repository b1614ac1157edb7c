/* The options that coin alone reads. Infnote has none: node_config.settings is NULL then. */
#ifndef KITH_PROTOCOL_LEDGER_SETTING_H
#define KITH_PROTOCOL_LEDGER_SETTING_H

#include <stdbool.h>

#include "protocol/setting.h"

/* What node_config.settings points to. */
struct ledger_settings {
    bool tracker;                      /* this node is one */
    struct setting_endpoints trackers; /* whom to ask */
};

#endif
