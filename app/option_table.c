/* Every option of the program. A new one is a row here, a place in struct options, and a line in docs/kith.1.
 */
#include <string.h>

#include "app/option.h"
#include "app/text.h"
#include "peers/book.h"
#include "queue/parcel.h"
#include "queue/ring.h"

#define DAY       INT64_C(86400000)
#define TIME_MAX  (3650 * DAY)
#define KILO      INT64_C(1024)
#define MEGA      (KILO * KILO)
#define GIGA      (KILO * MEGA)
#define MERIT_MAX 1000000

static const struct setting_choice network_choices[] = {
    {"MAIN", NETWORK_MAIN, false},
    {"TEST", NETWORK_TEST, false},
    {"LOCAL", NETWORK_LOCAL, false},
    {"CUSTOM", NETWORK_CUSTOM, false},
    {NULL, 0, false},
};

/* The hidden ones are the levels of the programs whose configuration file kith shares. */
static const struct setting_choice level_choices[] = {
    {"silent", LOG_LEVEL_SILENT, false},
    {"error", LOG_LEVEL_ERROR, false},
    {"warning", LOG_LEVEL_WARNING, false},
    {"info", LOG_LEVEL_INFO, false},
    {"debug", LOG_LEVEL_DEBUG, false},
    {"none", LOG_LEVEL_SILENT, true},
    {"emergency", LOG_LEVEL_ERROR, true},
    {"alert", LOG_LEVEL_ERROR, true},
    {"critical", LOG_LEVEL_ERROR, true},
    {"notice", LOG_LEVEL_INFO, true},
    {NULL, 0, false},
};

static const struct setting_choice format_choices[] = {
    {"text", LOG_FORMAT_TEXT, false},
    {"json", LOG_FORMAT_JSON, false},
    {"journal", LOG_FORMAT_JOURNAL, false},
    {NULL, 0, false},
};

static const struct setting_choice json_choices[] = {
    {"false", JSON_OFF, false},
    {"true", JSON_LINES, false},
    {"binary", JSON_BINARY, false},
    {NULL, 0, false},
};

static const struct setting_choice payload_choices[] = {
    {"auto", JSON_PAYLOAD_AUTO, false},
    {"base64", JSON_PAYLOAD_BASE64, false},
    {"both", JSON_PAYLOAD_BOTH, false},
    {NULL, 0, false},
};

static const struct setting_choice relay_choices[] = {
    {"true", RELAY_ALL, false},
    {"false", RELAY_NOTHING, false},
    {"validated", RELAY_VALIDATED, false},
    {NULL, 0, false},
};

#define SIZE_OF(member) sizeof(((struct options *)0)->member)
#define LENGTH(member)  ((int64_t)SIZE_OF(member) - 1) /* of text in there */

/* A row begins with group, type, name and place; it ends with the default, the help and, by name, the rest.
 */
#define HEAD(g, t, n, member)                                                                                \
    .group = (g), .type = (t), .name = (n), .place = offsetof(struct options, member), .size = SIZE_OF(member)
#define TAIL(standard_text, ...) .standard = (standard_text), .help = __VA_ARGS__

#define OTHER(g, t, n, member, ...)                                                                          \
    {                                                                                                        \
        HEAD(g, t, n, member), TAIL(__VA_ARGS__)                                                             \
    }
#define RANGE(g, t, n, member, low, high, ...)                                                               \
    {                                                                                                        \
        HEAD(g, t, n, member), .least = (low), .most = (high), TAIL(__VA_ARGS__)                             \
    }
#define SWITCH(g, n, member, ...)            OTHER(g, SETTING_SWITCH, n, member, __VA_ARGS__)
#define NUMBER(g, n, member, low, high, ...) RANGE(g, SETTING_NUMBER, n, member, low, high, __VA_ARGS__)
#define TEXT(g, t, n, member, low, ...)      RANGE(g, t, n, member, low, LENGTH(member), __VA_ARGS__)
#define TIME(n, member, low, ...)                                                                            \
    RANGE(GROUP_TIMES, SETTING_TIME, n, config.node.timings.member, low, TIME_MAX, __VA_ARGS__)
#define BYTES(n, member, low, high, ...)                                                                     \
    RANGE(GROUP_LIMITS, SETTING_SIZE, n, config.node.limits.member, low, high, __VA_ARGS__)
#define LIMIT(n, member, low, high, ...)                                                                     \
    NUMBER(GROUP_LIMITS, n, config.node.limits.member, low, high, __VA_ARGS__)
#define MERIT(n, member, low, high, ...) NUMBER(GROUP_MERITS, n, config.merits.member, low, high, __VA_ARGS__)

/* Without a place: app/option_peers.c reads them. */
#define NODES(n, ...)                                                                                        \
    {                                                                                                        \
        .group = GROUP_PEERS, .type = SETTING_ADDRESSES, .name = (n), .marks = SETTING_NODES,                \
        .takes = "\"[ID@]HOST[:PORT] ...\"", TAIL(NULL, __VA_ARGS__)                                         \
    }

static const struct setting table[] = {
    SWITCH(GROUP_GENERAL, "help", show_help, NULL, "print this and end (also -h, -?)",
           .marks = SETTING_FLAG_ONLY),
    SWITCH(GROUP_GENERAL, "version", show_version, NULL, "print the version and end",
           .marks = SETTING_FLAG_ONLY),
    SWITCH(GROUP_GENERAL, "identity", show_identity, NULL,
           "print the id that peers know this node by, made if there is none yet, and end",
           .marks = SETTING_FLAG_ONLY),
    SWITCH(GROUP_GENERAL, "limits", show_limits, NULL,
           "print what each queue, table and buffer takes at most, with the other flags as given, and end",
           .marks = SETTING_FLAG_ONLY),
    SWITCH(GROUP_GENERAL, "doctor", show_doctor, NULL,
           "say what keeps a node with the other flags from working, and what to do about it, and end",
           .marks = SETTING_FLAG_ONLY),
    TEXT(GROUP_GENERAL, SETTING_PATH, "config", config_path, 1,
         "kith.conf in the home, or in $XDG_CONFIG_HOME/kith if no home is named, if it exists",
         "configuration file", .marks = SETTING_FLAG_ONLY | SETTING_TOLD),
    TEXT(GROUP_GENERAL, SETTING_PATH, "home", home, 1, "~/.kith if it exists, else $XDG_DATA_HOME/kith",
         "folder of the files that no full path is given for", .marks = SETTING_FLAG_ONLY | SETTING_TOLD,
         .takes = "DIR"),
    OTHER(GROUP_GENERAL, SETTING_CHOICE, "logLevel", config.log_level, "info",
          "least important lines that go to the log on stderr", .choices = level_choices),
    OTHER(GROUP_GENERAL, SETTING_CHOICE, "logFormat", log_format, "journal if stderr leads there, else text",
          "form of the log's lines; journal: systemd's, instead of stderr", .choices = format_choices,
          .marks = SETTING_TOLD),
    TEXT(GROUP_GENERAL, SETTING_PATH, "control", control, 0,
         "kith/control.sock in $XDG_RUNTIME_DIR, if that is set",
         "socket for kith-ctl and other programs, which speak JSON there; empty for none",
         .marks = SETTING_TOLD, .takes = "PATH"),
    OTHER(GROUP_GENERAL, SETTING_CHOICE, "json", json, "false",
          "speak JSON on stdin and stdout, an object a line; binary: payloads are bytes behind their line",
          .choices = json_choices, .marks = SETTING_ALONE),
    OTHER(GROUP_GENERAL, SETTING_CHOICE, "jsonPayload", json_payload, "auto",
          "with -json: show a payload as text if it is UTF-8, else in base64 (auto), or always in base64, or "
          "both",
          .choices = payload_choices),
    TEXT(GROUP_GENERAL, SETTING_TEXT, "http", http, 0, "",
         "serve figures for Prometheus and a page over HTTP; a port alone: on loopback; empty: not at all",
         .takes = "[ADDRESS:]PORT"),

    OTHER(GROUP_NETWORK, SETTING_PROTOCOL, "protocol", config.protocol, "factom", "protocol to speak"),
    NUMBER(GROUP_NETWORK, "protocolVersion", config.node.version, 0, UINT32_MAX, NULL,
           "version to prefer; 0 for the protocol's own choice"),
    NUMBER(GROUP_NETWORK, "protocolVersionMinimum", config.node.version_minimum, 0, UINT32_MAX, NULL,
           "peers of a lower version are refused"),
    OTHER(GROUP_NETWORK, SETTING_CHOICE, "network", network, "LOCAL",
          "network to join; CUSTOM needs -customnet", .choices = network_choices),
    TEXT(GROUP_NETWORK, SETTING_TEXT, "customnet", customnet, 1, NULL,
         "name of the custom network to join; implies -network CUSTOM"),
    NUMBER(GROUP_NETWORK, "networkPort", config.node.listen_port, 0, UINT16_MAX, "the network's",
           "port to listen on; 0 for any free one", .marks = SETTING_TOLD, .by_network = "NetworkPort"),
    OTHER(GROUP_NETWORK, SETTING_IP, "bind", config.bind, "every address",
          "the one IP address to listen on and dial from", .marks = SETTING_TOLD),
    OTHER(
        GROUP_NETWORK, SETTING_PROXY, "proxy", config.proxy, NULL,
        "SOCKS5 proxy for all dials and seeds, which gets host names as they are; the node then listens only "
        "where -bind says"),
    TEXT(GROUP_NETWORK, SETTING_URL, "seedURL", config.node.network.seed_url, 0, "the network's",
         "list of peers to start with: https, http or file; empty for none", .marks = SETTING_TOLD,
         .by_network = "SeedURL"),
    OTHER(GROUP_NETWORK, SETTING_ADDRESSES, "bootstrap", config.bootstrap, "the network's",
          "peers to start with, besides the seed list: IP addresses only; empty for none",
          .marks = SETTING_TOLD | SETTING_IP_ONLY, .by_network = "Bootstrap",
          .takes = "\"[ID@]ADDRESS:PORT ...\""),
    SWITCH(GROUP_NETWORK, "anyPort", config.node.any_port, "false",
           "share and dial peers that listen on another port than the network's, too"),
    SWITCH(GROUP_NETWORK, "lan", config.node.lan, "false",
           "speak to everybody in the local networks, in protocols with datagrams"),
    TEXT(GROUP_NETWORK, SETTING_TEXT, "nodeName", config.node_name, 0, NULL,
         "the node's id is made from this name, and stays; else it is random"),
    TEXT(GROUP_NETWORK, SETTING_PATH, "identityFile", identity_file, 1,
         "identity-PROTOCOL.key in the folder of the peers file",
         "secret that proves who this node is, in protocols whose peers prove it; made at the first start",
         .marks = SETTING_TOLD),

    OTHER(GROUP_PEERS, SETTING_ADDRESSES, "peers", config.special_flags, NULL,
          "special peers: dialed for ever, never shared; spaces or commas between them",
          .by_network = "SpecialPeers"),
    NODES("connect", "dial these alone: they are special peers; implies -exclusive"),
    NODES("addnode", "these, too, are special peers; a port that is left out is the network's"),
    SWITCH(GROUP_PEERS, "exclusive", config.exclusive, "false", "dial special peers only"),
    SWITCH(GROUP_PEERS, "exclusiveIn", config.exclusive_in, "false",
           "accept special peers only, too; implies -exclusive"),
    TEXT(GROUP_PEERS, SETTING_PATH, "peersFile", config.peers_file, 0,
         "peers-NETWORK.json or peers-PROTOCOL-NETWORK.json in the home",
         "where known peers are kept; empty for nowhere", .marks = SETTING_TOLD),
    NUMBER(GROUP_PEERS, "outgoing", config.outgoing, 0, 10000, "8",
           "outgoing connections to keep, special peers not counted"),
    NUMBER(GROUP_PEERS, "incoming", config.node.limits.incoming, 0, 100000, NULL,
           "incoming connections to allow"),
    NUMBER(GROUP_PEERS, "broadcastnum", config.broadcast, 0, 100000, "16",
           "ordinary peers that a broadcast goes to, besides all special ones"),
    OTHER(GROUP_PEERS, SETTING_CHOICE, "relay", config.relay, "false",
          "pass each message of a peer that was not seen before on to all others; validated: once the "
          "application accepts it",
          .marks = SETTING_ALONE, .choices = relay_choices),

    TIME("dialTimeout", dial, 1, NULL, "for connecting, all addresses of a host name together"),
    TIME("handshakeTimeout", handshake, 1, NULL, "from connected to the end of the handshake"),
    TIME("redial", redial, 1, NULL, "between two dials of one ordinary peer"),
    TIME("retry", retry, 0, NULL,
         "the same, after a dial or a handshake that failed, seeds excepted; 0: as -redial"),
    TIME("retryFirst", retry_first, 0, NULL,
         "-retry begins with this, and doubles with each failure in a row; 0: all of it at once"),
    TIME("shelve", shelve, 0, NULL,
         "a peer that never answered is not dialed after a failure, and forgotten after this time; 0: as "
         "others"),
    TIME("redialSpecial", redial_special, 1, NULL, "between two dials of one special peer, at most"),
    TIME("ping", ping, 1, NULL, "silence after which a peer is pinged; less than -silence"),
    TIME("silence", silence, 1, NULL, "silence after which a peer is disconnected"),
    TIME("peerRequest", request, 1, NULL, "between two requests to one peer for its peers"),
    TIME("peerRequestLimit", request_limit, 0, NULL,
         "least time between two such requests of one peer that are answered"),
    TIME("reseed", reseed, 1, NULL, "between two fetches of the seed list"),
    TIME("savePeers", save, 1, NULL, "between two writes of the peers file, when something has changed"),
    TIME("forget", forget, 1, NULL, "a peer that is not heard from for so long is forgotten"),
    TIME("decay", decay, 1, NULL, "each time, a peer's quality loses a tenth"),
    TIME("ban", ban, 1, NULL, "a ban that names no length lasts so long"),
    TIME("echo", echo, 0, NULL,
         "a message to several is not sent to a peer that sent us the same within this time; 0 for any"),
    TIME("seen", seen, 1, NULL, "with -relay: a message is taken once within this time"),
    RANGE(GROUP_TIMES, SETTING_TIME, "verdictTime", config.verdict_ms, 1, TIME_MAX, "5s",
          "with -relay=validated: a message waits so long for the application's verdict"),
    TIME("cat", cat, 0, NULL, "between two rounds that drop random ordinary peers; 0 for no rounds"),
    TIME("acceptInterval", accept, 0, NULL,
         "least time between two connections accepted from one IP address; 0 for no limit"),
    TIME("stall", stall, 1, NULL,
         "a reader, peer or application, that takes nothing for so long loses its oldest parcels"),

    LIMIT("perIP", per_ip, 0, 100000, NULL, "connections with one IP address; 0 for no limit"),
    LIMIT("relays", relays, 0, 100, NULL,
          "outgoing connections that only relay, besides -outgoing, if the protocol has such"),
    LIMIT("pending", pending, 1, 100000, NULL, "handshakes of incoming connections under way at once"),
    LIMIT("dials", dials, 1, DIALS_MAX, NULL, "dials under way at once; special peers are dialed beyond it"),
    LIMIT("giveUp", give_up, 1, 1000000, NULL,
          "failed dials in a row after which an ordinary peer is not dialed again"),
    LIMIT("share", share, 0, 1000, NULL, "addresses in an answer to a peer's request"),
    LIMIT("fewPeers", few_peers, 0, 1000000, NULL,
          "with fewer peers known, the seed list is fetched at the start"),
    LIMIT("rate", rate, 0, 1000000, NULL,
          "messages a second that one peer may send before it is read more slowly; 0 for any number"),
    LIMIT("rateBurst", burst, 0, 1000000, NULL,
          "messages that one peer may send at once before -rate counts; 0 for as many as -rate"),
    LIMIT("catKeep", cat_keep, 0, 100000, NULL, "a round of -cat drops down to so many peers"),
    LIMIT("queue", queue_parcels, 1, RING_MOST, NULL, "parcels in each queue"),
    NUMBER(GROUP_LIMITS, "verdicts", config.verdicts, 1, 1000000, "4096",
           "with -relay=validated: messages that wait for the application's verdict"),
    BYTES("queueBytes", queue_bytes, 1, 1024 * GIGA, NULL, "payload in each queue; one parcel fits always"),
    BYTES("slowest", slowest, 0, 1024 * GIGA, NULL,
          "bytes a second: a peer with a full queue that takes fewer over -stall counts as stalled; 0: any "
          "rate"),
    BYTES("maxParcel", parcel_bytes, 1, (int64_t)PARCEL_MAX, NULL, "longest payload to accept and to send"),
    BYTES("receiveBytes", receive_bytes, 1, 1024 * GIGA, NULL,
          "what all peers together have us keep, beyond 64K each; not less than -maxParcel"),
    BYTES("maxHandshake", handshake_bytes, KILO, 16 * MEGA, NULL, "longest handshake to accept"),

    MERIT("meritGood", good, 0, MERIT_MAX, NULL, "for each minute with a message for the application"),
    MERIT("meritBad", bad, -MERIT_MAX, 0, NULL, "for a bad parcel"),
    MERIT("meritLost", lost, -MERIT_MAX, 0, NULL, "for a lost connection"),
    NUMBER(GROUP_MERITS, "meritRejected", config.merit_rejected, -MERIT_MAX, 0, "-10",
           "for a message that the application rejects, with -relay=validated"),
    MERIT("meritHandshake", handshake_failed, -MERIT_MAX, 0, NULL, "for a failed handshake"),
    MERIT("refuseBelow", refuse_below, QUALITY_MIN, QUALITY_MAX, NULL,
          "with a quality below this, a peer is neither dialed nor accepted, unless it is special"),
    MERIT("shareAbove", share_above, QUALITY_MIN, QUALITY_MAX, NULL,
          "with a quality above this, a peer is shared with others"),
    MERIT("bannedQuality", banned, QUALITY_MIN, QUALITY_MAX, NULL,
          "the quality of a banned peer; less than -refuseBelow"),
};

#define ROWS (sizeof table / sizeof table[0])

static size_t count_rows(const struct setting *rows)
{
    size_t n = 0;
    while (rows && rows[n].name) {
        n++;
    }
    return n;
}

/* The rows of the i-th protocol; NULL if it has none, or one before it has the same. */
static const struct setting *rows_of(size_t i)
{
    const struct setting *rows = protocol_at(i)->settings;
    for (size_t before = 0; before < i; before++) {
        if (protocol_at(before)->settings == rows) {
            return NULL;
        }
    }
    return rows;
}

const struct setting *option_at(size_t i)
{
    if (i < ROWS) {
        return &table[i];
    }
    i -= ROWS;
    for (size_t p = 0; protocol_at(p); p++) {
        const struct setting *rows = rows_of(p);
        size_t n = count_rows(rows);
        if (i < n) {
            return &rows[i];
        }
        i -= n;
    }
    return NULL;
}

size_t option_index(const struct setting *op)
{
    size_t i = 0;
    while (option_at(i) != op) {
        i++;
    }
    return i;
}

static bool is_among(const struct setting *op, const struct setting *rows)
{
    for (size_t i = 0; rows && rows[i].name; i++) {
        if (&rows[i] == op) {
            return true;
        }
    }
    return false;
}

const struct protocol *option_protocol(const struct setting *op)
{
    const struct protocol *p;
    for (size_t i = 0; (p = protocol_at(i)); i++) {
        if (is_among(op, p->settings)) {
            return p;
        }
    }
    return NULL;
}

void *option_place(struct options *o, const struct setting *op)
{
    return (char *)(option_protocol(op) ? o->own : o) + op->place;
}

const char *option_setting(const struct options *o, const struct setting *op)
{
    char *const *given = o->given[option_index(op)];
    if (given[ORIGIN_FLAG]) {
        return given[ORIGIN_FLAG];
    }
    const char *by_network = given[ORIGIN_FILE_NETWORK + o->network];
    return by_network ? by_network : given[ORIGIN_FILE];
}

const struct setting *option_find(const char *name)
{
    const struct setting *op;
    for (size_t i = 0; (op = option_at(i)); i++) {
        if (strcmp(name, op->name) == 0) {
            return op;
        }
    }
    return NULL;
}

const struct setting *option_find_any_case(const char *name)
{
    const struct setting *op;
    for (size_t i = 0; (op = option_at(i)); i++) {
        if (text_equal(name, op->name)) {
            return op;
        }
    }
    return NULL;
}

const char *network_choice_name(enum network_choice network)
{
    return network_choices[network].name;
}

void option_defaults(struct options *o, const struct protocol *p)
{
    char bad[OPTION_VALUE_MAX + TEXT_SHOWN_MAX]; /* the tests see to it that every default can be read */
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].standard && (table[i].marks & SETTING_TOLD) == 0) {
            option_read(&table[i], table[i].standard, (char *)o + table[i].place, bad, sizeof bad);
        }
    }
    if (p) {
        o->config.protocol = p;
        o->config.merits = p->merits;
        o->config.node.timings = p->timings;
        o->config.node.limits = p->limits;
        o->config.node.settings = p->setting_defaults;
        o->config.node.version = p->version_default;
        o->config.node.version_minimum = p->version_lowest;
    }
}
