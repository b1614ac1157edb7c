#include "protocol/mintlayer/mintlayer.h"

#include <string.h>

#include "protocol/mintlayer/message.h"
#include "protocol/mintlayer/service.h"
#include "protocol/mintlayer/session.h"
#include "protocol/mintlayer/setting.h"
#include "protocol/noise/noise.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * (int64_t)HOUR)

enum { VERSION_LOWEST = 2, VERSION_HIGHEST = 3 };

/* What others call mainnet, testnet and regtest. A network's id is its magic. */
static const struct network_config networks[] = {
    {.name = "MAIN",
     .id = 0xb0075fa0,
     .port = 3031,
     .dns_seeds = {"seed.mintlayer.org", "seed2.mintlayer.org"},
     .bootstrap =
         "51.15.192.100:3031 51.158.236.130:3031 151.115.60.31:3031 172.232.43.9:3031 139.162.4.113:3031"},
    {.name = "TEST",
     .id = 0x2b7e19f8,
     .port = 13031,
     .dns_seeds = {"testnet-seed.mintlayer.org"},
     .bootstrap = "51.15.103.154:13031 51.15.59.248:13031"},
    {.name = "LOCAL", .id = 0xaabbccdd, .port = 23031, .open = true},
    {.name = ""},
};

enum { SIGNET_PORT = 33031 };
#define SIGNET_MAGIC 0xf3f77b45

static const struct protocol_kind kinds[] = {
    {MINTLAYER_NEW_TRANSACTION, "NewTransaction"},
    {MINTLAYER_HEADER_LIST_REQUEST, "HeaderListRequest"},
    {MINTLAYER_HEADER_LIST, "HeaderList"},
    {MINTLAYER_BLOCK_LIST_REQUEST, "BlockListRequest"},
    {MINTLAYER_BLOCK_RESPONSE, "BlockResponse"},
    {MINTLAYER_TRANSACTION_REQUEST, "TransactionRequest"},
    {MINTLAYER_TRANSACTION_RESPONSE, "TransactionResponse"},
    {0, NULL},
};

/* The one that has a name everywhere is signet. */
static uint32_t custom_id(const char *name)
{
    return strcmp(name, "signet") == 0 ? SIGNET_MAGIC : protocol_custom_id(name);
}

/* What they relay are blocks. */
static bool has_relays(const struct node_config *node)
{
    const struct mintlayer_settings *own = node->settings;
    return (own->services & MINTLAYER_BLOCKS) != 0;
}

static bool is_plain(const struct node_config *node)
{
    const struct mintlayer_settings *own = node->settings;
    return own->plain;
}

static const char *fault(const struct node_config *node)
{
    bool is_local = strcmp(node->network.name, "LOCAL") == 0;
    return is_plain(node) && !is_local ? "-plain: only on LOCAL nodes do without encryption" : NULL;
}

const struct protocol mintlayer_protocol = {
    .name = "mintlayer",
    .networks = networks,
    .clock_window_s = MINTLAYER_CLOCKS_DIFFER_S,
    .custom_port = SIGNET_PORT,
    .custom_id = custom_id,
    .timings = {.dial = 10 * SECOND,
                .handshake = 10 * SECOND,
                .redial = 10 * SECOND,
                .retry = HOUR,
                .retry_first = 20 * SECOND,
                .shelve = HOUR,
                .redial_special = 20 * SECOND,
                .ping = MINUTE,
                .silence = 150 * SECOND,
                .request = DAY,
                .request_limit = 5 * SECOND,
                .reseed = 4 * HOUR,
                .save = 30 * SECOND,
                .forget = 28 * DAY,
                .decay = HOUR,
                .ban = DAY,
                .echo = 60 * SECOND,
                .seen = 10 * MINUTE,
                .cat = 0,
                .accept = 0,
                .stall = 500},
    .merits = {.good = 1,
               .bad = 0,
               .lost = 0,
               .handshake_failed = 0,
               .silent = 0,
               .refuse_below = -200,
               .share_above = -1,
               .banned = -2147000000},
    .limits = {.give_up = 672,
               .share = MINTLAYER_LIST_MAX,
               .per_ip = 0,
               .incoming = 128,
               .relays = 2,
               .pending = 100,
               .dials = 16,
               .few_peers = 1,
               .cat_keep = 30,
               .queue_parcels = 5000,
               .queue_bytes = 64U << 20,
               .parcel_bytes = MINTLAYER_PAYLOAD_MAX,
               .control_bytes = 64U << 10,
               .receive_bytes = 1U << 30,
               .handshake_bytes = 8U << 10},
    .version_default = VERSION_HIGHEST,
    .version_lowest = VERSION_LOWEST,
    .version_highest = VERSION_HIGHEST,
    .finds_in_turn = true,
    .has_relays = has_relays,
    .kinds = kinds,
    .settings = mintlayer_settings,
    .setting_size = sizeof(struct mintlayer_settings),
    .setting_defaults = &mintlayer_setting_defaults,
    .fault = fault,
    .session = &mintlayer_session_ops,
    .service = &mintlayer_service_ops,
    .stream = &noise_stream,
    .is_plain = is_plain,
};
