/* Coin's own options, as rows. */
#ifndef KITH_PROTOCOL_COIN_SETTING_H
#define KITH_PROTOCOL_COIN_SETTING_H

#include "protocol/ledger/setting.h"

extern const struct setting coin_settings[]; /* up to a NULL name */
extern const struct ledger_settings coin_setting_defaults;

#endif
