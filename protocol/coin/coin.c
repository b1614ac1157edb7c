#include "protocol/coin/coin.h"

#include "chain/request.h"
#include "protocol/coin/session.h"
#include "protocol/coin/setting.h"
#include "protocol/ledger/message.h"
#include "protocol/ledger/service.h"
#ifdef KITH_WITH_WEBSOCKET
#include "protocol/websocket/websocket.h"
#endif

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * (int64_t)HOUR)

static const struct network_config networks[] = {
    {.name = "MAIN", .id = 1, .port = 8308},
    {.name = "TEST", .id = 2, .port = 8309},
    {.name = "LOCAL", .id = 3, .port = 8310, .open = true},
    {.name = ""},
};

enum { CUSTOM_PORT = 8311 };

const struct protocol coin_protocol = {
    .name = "coin",
    .variant = &ledger_coin,
    .networks = networks,
    .custom_port = CUSTOM_PORT,
    .custom_id = protocol_custom_id,
    .clock_window_s = COIN_CLOCKS_DIFFER_S,
    .timings = {.dial = 5 * SECOND,
                .handshake = 5 * SECOND,
                .redial = 2 * MINUTE,
                .retry = HOUR,
                .retry_first = 20 * SECOND,
                .redial_special = 20 * SECOND,
                .ping = MINUTE,
                .silence = 3 * MINUTE,
                .request = 10 * MINUTE,
                .request_limit = 5 * SECOND,
                .reseed = 4 * HOUR,
                .save = 30 * SECOND,
                .forget = 7 * DAY,
                .decay = HOUR,
                .ban = DAY,
                .echo = 60 * SECOND,
                .seen = 10 * MINUTE,
                .cat = 0,
                .accept = 0,
                .stall = 500},
    .merits = {.silent = -5,
               .good = 1,
               .bad = -10,
               .lost = 0,
               .handshake_failed = 0,
               .refuse_below = -200,
               .share_above = -1,
               .banned = -2147000000},
    .limits = {.give_up = 48,
               .share = COIN_ADDRESSES_MAX,
               .per_ip = 0,
               .incoming = 200,
               .pending = 64,
               .dials = 16,
               .few_peers = 1,
               .cat_keep = 30,
               .queue_parcels = 5000,
               .queue_bytes = 64U << 20,
               .parcel_bytes = LINE_MAX_BYTES,
               .control_bytes = LINE_MAX_BYTES,
               .receive_bytes = 1U << 30,
               .handshake_bytes = 64U << 10},
    .version_default = 1,
    .version_lowest = 1,
    .version_highest = 1,
    .kinds = ledger_kinds,
    .settings = coin_settings,
    .setting_size = sizeof(struct ledger_settings),
    .setting_defaults = &coin_setting_defaults,
    .session = &coin_session_ops,
    .one_connection = true,
    .service = &ledger_service_ops,
#ifdef KITH_WITH_WEBSOCKET
    .stream = &websocket_stream,
#endif
    .store = &chain_schema,
};
