#include "protocol/ddrp/ddrp.h"

#include "protocol/ddrp/service.h"
#include "protocol/ddrp/session.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * (int64_t)HOUR)

#define PORT 9097

static const struct network_config ddrp_networks[] = {
    {.name = "MAIN", .port = PORT},
    {.name = "LOCAL", .port = PORT, .open = true},
    {.name = ""},
};

static const struct network_config fnd_networks[] = {
    {.name = "MAIN",
     .port = PORT,
     .bootstrap = "3b755ceafc5811f0a50e102c96169b062ad1295edea0adf675e8647963acf89e@64.225.89.142:9097 "
                  "e3c8cfea75ff146db0b93c51cf8967242c43170dac702aec268ed566f4aa6f4b@45.55.99.2:9097"},
    {.name = "LOCAL", .port = PORT, .open = true},
    {.name = ""},
};

static const struct protocol_kind ddrp_kinds[] = {
    {DDRP_UPDATE, "Update"},
    {DDRP_TREE_BASE_REQ, "TreeBaseReq"},
    {DDRP_TREE_BASE_RES, "TreeBaseRes"},
    {DDRP_SECTOR_REQ, "SectorReq"},
    {DDRP_SECTOR_RES, "SectorRes"},
    {DDRP_UPDATE_REQ, "UpdateReq"},
    {0, NULL},
};

static const struct protocol_kind fnd_kinds[] = {
    {DDRP_UPDATE, "Update"},
    {DDRP_NIL_UPDATE, "NilUpdate"},
    {DDRP_TREE_BASE_REQ, "TreeBaseReq"},
    {DDRP_TREE_BASE_RES, "TreeBaseRes"},
    {DDRP_SECTOR_REQ, "SectorReq"},
    {DDRP_SECTOR_RES, "SectorRes"},
    {DDRP_UPDATE_REQ, "UpdateReq"},
    {0, NULL},
};

/* What the two protocols have in common, but for one time. */
#define COMMON(request_ms)                                                                                   \
    .custom_port = PORT,                                                                                     \
    .timings = {.dial = 2 * SECOND,                                                                          \
                .handshake = 15 * SECOND,                                                                    \
                .redial = 30 * SECOND,                                                                       \
                .retry = HOUR,                                                                               \
                .redial_special = 20 * SECOND,                                                               \
                .ping = 5 * SECOND,                                                                          \
                .silence = 30 * SECOND,                                                                      \
                .request = (request_ms),                                                                     \
                .request_limit = 5 * SECOND,                                                                 \
                .reseed = 4 * HOUR,                                                                          \
                .save = 30 * SECOND,                                                                         \
                .forget = 7 * DAY,                                                                           \
                .decay = HOUR,                                                                               \
                .ban = 7 * DAY,                                                                              \
                .echo = 60 * SECOND,                                                                         \
                .seen = 10 * MINUTE,                                                                         \
                .cat = 0,                                                                                    \
                .accept = 0,                                                                                 \
                .stall = 500},                                                                               \
    .merits = {.good = 1,                                                                                    \
               .bad = 0,                                                                                     \
               .lost = 0,                                                                                    \
               .handshake_failed = 0,                                                                        \
               .silent = -5,                                                                                 \
               .refuse_below = -200,                                                                         \
               .share_above = -1,                                                                            \
               .banned = -2147000000},                                                                       \
    .limits = {.give_up = 1000,                                                                              \
               .share = DDRP_SHARE_MAX,                                                                      \
               .per_ip = 0,                                                                                  \
               .incoming = 200,                                                                              \
               .pending = 12,                                                                                \
               .dials = 5,                                                                                   \
               .few_peers = 8,                                                                               \
               .cat_keep = 30,                                                                               \
               .rate = 64,                                                                                   \
               .burst = 192,                                                                                 \
               .queue_parcels = 5000,                                                                        \
               .queue_bytes = 64U << 20,                                                                     \
               .parcel_bytes = DDRP_MESSAGE_MAX,                                                             \
               .control_bytes = DDRP_MESSAGE_MAX,                                                            \
               .receive_bytes = 1U << 30,                                                                    \
               .handshake_bytes = 64U << 10},                                                                \
    .version_default = 1, .version_lowest = 1, .version_highest = 1, .identity_size = DDRP_SECRET_BYTES,     \
    .identity = ddrp_identity, .id_size = DDRP_ID_BYTES, .session = &ddrp_session_ops,                       \
    .service = &ddrp_service_ops

const struct protocol ddrp_protocol = {
    .name = "ddrp",
    .variant = &ddrp_pip,
    .clock_window_s = DDRP_PIP_WINDOW_S,
    .networks = ddrp_networks,
    .kinds = ddrp_kinds,
    COMMON(10 * SECOND),
};

const struct protocol fnd_protocol = {
    .name = "fnd",
    .variant = &ddrp_fnd,
    .clock_window_s = DDRP_FND_WINDOW_S,
    .networks = fnd_networks,
    .kinds = fnd_kinds,
    .one_connection = true,
    COMMON(HOUR),
};
