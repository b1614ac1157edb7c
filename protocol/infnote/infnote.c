#include "protocol/infnote/infnote.h"

#include "chain/request.h"
#include "protocol/infnote/identity.h"
#include "protocol/infnote/session.h"
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
    {.name = "MAIN", .id = 1, .port = 8208},
    {.name = "TEST", .id = 2, .port = 8209},
    {.name = "LOCAL", .id = 3, .port = 8210, .open = true},
    {.name = ""},
};

enum { CUSTOM_PORT = 8211, DATAGRAM_MAX = 1200 };

const struct protocol infnote_protocol = {
    .name = "infnote",
    .variant = &ledger_infnote,
    .networks = networks,
    .custom_port = CUSTOM_PORT,
    .custom_id = protocol_custom_id,
    .timings = {.dial = 5 * SECOND,
                .handshake = 15 * SECOND,
                .redial = 2 * MINUTE,
                .retry = HOUR,
                .retry_first = 20 * SECOND,
                .redial_special = 20 * SECOND,
                .ping = 15 * SECOND,
                .silence = 60 * SECOND,
                .request = 30 * MINUTE,
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
    .merits = {.good = 1,
               .bad = -10,
               .lost = 0,
               .silent = -5,
               .handshake_failed = 0,
               .refuse_below = -200,
               .share_above = -1,
               .banned = -2147000000},
    .limits = {.give_up = 48,
               .share = INFNOTE_ADDRESSES_MAX,
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
    .identity_size = INFNOTE_SECRET_BYTES,
    .identity = infnote_identity,
    .id_size = INFNOTE_ID_BYTES,
    .rates_ids = true,
    .finds_in_turn = true,
    .one_connection = true,
    .kinds = ledger_kinds,
    .session = &infnote_session_ops,
    .service = &ledger_service_ops,
#ifdef KITH_WITH_WEBSOCKET
    .stream = &websocket_stream,
#endif
    .store = &chain_schema,
    .datagram_max = DATAGRAM_MAX,
};
