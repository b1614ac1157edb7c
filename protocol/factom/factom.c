#include "protocol/factom/factom.h"

#include "protocol/factom/parcel_type.h"
#include "protocol/factom/service.h"
#include "protocol/factom/session.h"
#include "protocol/factom/setting.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * (int64_t)HOUR)

#define SEED_FOLDER "https://raw.githubusercontent.com/FactomProject/factomproject.github.io/master/seed/"

static const struct network_config networks[] = {
    {.name = "MAIN", .id = 0xfeedbeef, .port = 8108, .seed_url = SEED_FOLDER "mainseed.txt"},
    {.name = "TEST", .id = 0xdeadbeef, .port = 8109, .seed_url = SEED_FOLDER "testseed.txt"},
    {.name = "LOCAL", .id = 0x00beaded, .port = 8110, .open = true, .seed_url = SEED_FOLDER "localseed.txt"},
    {.name = ""},
};

static const struct protocol_kind kinds[] = {{FACTOM_MESSAGE, "Message"}, {0, NULL}};

const struct protocol factom_protocol = {
    .name = "factom",
    .networks = networks,
    .custom_port = 8110,
    .custom_id = protocol_custom_id,
    .timings = {.dial = 5 * SECOND,
                .handshake = 5 * SECOND,
                .redial = 2 * MINUTE,
                .retry = 0,
                .redial_special = 20 * SECOND,
                .ping = 15 * SECOND,
                .silence = 60 * SECOND,
                .request = 180 * SECOND,
                .request_limit = 5 * SECOND,
                .reseed = 4 * HOUR,
                .save = 30 * SECOND,
                .forget = 7 * DAY,
                .decay = HOUR,
                .ban = 7 * DAY,
                .echo = 60 * SECOND,
                .seen = 10 * MINUTE,
                .cat = 0,
                .accept = SECOND,
                .stall = 500},
    .merits = {.good = 1,
               .bad = -5,
               .lost = -1,
               .handshake_failed = -10,
               .silent = -5,
               .refuse_below = -200,
               .share_above = 20,
               .banned = -2147000000},
    .limits = {.give_up = 5,
               .share = 32,
               .per_ip = 0,
               .incoming = 200,
               .pending = 64,
               .dials = 16,
               .few_peers = 8,
               .cat_keep = 30,
               .queue_parcels = 5000,
               .queue_bytes = 64U << 20,
               .parcel_bytes = FRAME_MAX - FRAME_OVERHEAD,
               .control_bytes = 1U << 20,
               .receive_bytes = 1U << 30,
               .handshake_bytes = 64U << 10},
    .version_default = 10,
    .version_lowest = 9,
    .version_highest = 11,
    .kinds = kinds,
    .settings = factom_settings,
    .setting_size = sizeof(struct factom_settings),
    .setting_defaults = &factom_setting_defaults,
    .session = &factom_session_ops,
    .service = &factom_service_ops,
};
