#include "protocol/ddrp/ddrp.h"

#include "protocol/ddrp/service.h"
#include "protocol/ddrp/session.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * (int64_t)HOUR)

#define PORT 9097

static const struct network_terms ddrp_networks[] = {
    {.name = "MAIN", .port = PORT},
    {.name = "LOCAL", .port = PORT, .open = true},
    {.name = ""},
};

static const struct network_terms fnd_networks[] = {
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

/* All that the two protocols have in common but the revision: `own` is the prefix of what is a revision's
 * own. */
#define PROTOCOL(own, request_ms, one)                                                                       \
    {                                                                                                        \
        .name = #own, .networks = own##_networks, .custom_port = PORT,                                       \
        .timings = {.dial = 2 * SECOND,                                                                      \
                    .handshake = 15 * SECOND,                                                                \
                    .redial = 30 * SECOND,                                                                   \
                    .retry = HOUR,                                                                           \
                    .redial_special = 20 * SECOND,                                                           \
                    .ping = 5 * SECOND,                                                                      \
                    .silence = 30 * SECOND,                                                                  \
                    .request = (request_ms),                                                                 \
                    .request_limit = 5 * SECOND,                                                             \
                    .reseed = 4 * HOUR,                                                                      \
                    .save = 30 * SECOND,                                                                     \
                    .forget = 7 * DAY,                                                                       \
                    .decay = HOUR,                                                                           \
                    .ban = 7 * DAY,                                                                          \
                    .echo = 60 * SECOND,                                                                     \
                    .seen = 10 * MINUTE,                                                                     \
                    .cat = 0,                                                                                \
                    .accept = 0,                                                                             \
                    .stall = 500,                                                                            \
                    .assemble = 10 * MINUTE},                                                                \
        .merits = {.good = 1,                                                                                \
                   .bad = 0,                                                                                 \
                   .lost = 0,                                                                                \
                   .handshake_failed = 0,                                                                    \
                   .refuse_below = -200,                                                                     \
                   .share_above = -1,                                                                        \
                   .banned = -2147000000},                                                                   \
        .limits = {.give_up = 1000,                                                                          \
                   .share = DDRP_SHARE_MAX,                                                                  \
                   .per_ip = 0,                                                                              \
                   .pending = 12,                                                                            \
                   .dials = 5,                                                                               \
                   .few_peers = 8,                                                                           \
                   .cat_keep = 30,                                                                           \
                   .rate = 64,                                                                               \
                   .burst = 192,                                                                             \
                   .queue_parcels = 5000,                                                                    \
                   .queue_bytes = 64U << 20,                                                                 \
                   .parcel_bytes = DDRP_MESSAGE_MAX,                                                         \
                   .control_bytes = DDRP_MESSAGE_MAX,                                                        \
                   .receive_bytes = 1U << 30,                                                                \
                   .handshake_bytes = 64U << 10,                                                             \
                   .assemble_bytes = 32U << 20,                                                              \
                   .gob_types = 64,                                                                          \
                   .gob_depth = 32,                                                                          \
                   .gob_definition = 4U << 10},                                                              \
        .version_default = 1, .version_lowest = 1, .version_highest = 1, .identity_size = DDRP_SECRET_BYTES, \
        .identity = ddrp_identity, .id_size = DDRP_ID_BYTES, .one_connection = (one), .kinds = own##_kinds,  \
        .session_size = sizeof(struct ddrp_session), .service_size = sizeof(struct ddrp_service),            \
        .peer_size = sizeof(struct ddrp_service_peer), .session_open = own##_session_open,                   \
        .session_read = ddrp_session_read, .session_consent = ddrp_session_consent,                          \
        .session_write = ddrp_session_write, .session_deadline = ddrp_session_deadline,                      \
        .session_tick = ddrp_session_tick, .session_alive = ddrp_session_alive,                              \
        .session_close = ddrp_session_close, .service_open = own##_service_open,                             \
        .service_online = ddrp_service_online, .service_message = ddrp_service_message,                      \
        .service_offline = ddrp_service_offline, .service_deadline = ddrp_service_deadline,                  \
        .service_tick = ddrp_service_tick, .service_close = ddrp_service_close,                              \
    }

const struct protocol ddrp_protocol = PROTOCOL(ddrp, 10 * SECOND, false);
const struct protocol fnd_protocol = PROTOCOL(fnd, HOUR, true);
