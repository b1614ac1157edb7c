/* Collecting settings, and laying them over the defaults. */
#include "app/options.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "app/configfile.h"
#include "app/home.h"
#include "app/identity.h"
#include "app/node_list.h"
#include "app/option.h"
#include "app/proxy.h"
#include "app/spelling.h"
#include "app/text.h"

#define BAD_MAX 384 /* the fault of one value */

void options_init(struct options *o)
{
    *o = (struct options){.json = JSON_OFF};
}

static void free_text(const struct setting *op, char *text)
{
    if (op->type == SETTING_PROXY) {
        proxy_text_free(text);
    } else {
        free(text);
    }
}

void options_free(struct options *o)
{
    const struct setting *op;
    for (size_t i = 0; (op = option_at(i)); i++) {
        for (size_t j = 0; j < ORIGIN_COUNT; j++) {
            free_text(op, o->given[i][j]);
        }
    }
    proxy_forget(&o->config.proxy);
    address_list_free(&o->config.special_flags);
    address_list_free(&o->config.special_file);
    address_list_free(&o->config.bootstrap);
    free(o->own);
    identity_forget(&o->config.node);
    options_init(o);
}

/* --- collecting --- */

/* `a` may be NULL; else a space comes between. NULL if memory is short. */
static char *join(const char *a, const char *b)
{
    size_t na = a ? strlen(a) + 1 : 0;
    size_t nb = strlen(b) + 1;
    char *joined = malloc(na + nb);
    if (!joined) {
        return NULL;
    }
    if (a) {
        memcpy(joined, a, na);
        joined[na - 1] = ' ';
    }
    memcpy(joined + na, b, nb);
    return joined;
}

/* Checks a value and keeps its text. On failure the setting is as it was. */
static int collect(struct options *o, const struct setting *op, unsigned origin, const char *value, char *bad,
                   size_t bad_size)
{
    char **place = &o->given[option_index(op)][origin];
    char *nodes = NULL;
    if ((op->marks & SETTING_NODES) != 0) {
        nodes = node_list_read_pictures(value, bad, bad_size);
        if (!nodes) {
            return -1;
        }
        value = nodes;
    }
    char *text = op->type == SETTING_PROXY ? proxy_text_copy(value)
                                           : join(op->type == SETTING_ADDRESSES ? *place : NULL, value);
    free(nodes);
    if (!text) {
        return text_fail(bad, bad_size, "out of memory");
    }
    if (option_read(op, text, NULL, bad, bad_size) != 0) {
        free_text(op, text);
        return -1;
    }
    free_text(op, *place);
    *place = text;
    return 0;
}

/* The option that is spelt nearly so; NULL for none. */
static const char *meant(const char *name)
{
    struct spelling s = {.wrong = name};
    const struct setting *op;
    for (size_t i = 0; (op = option_at(i)); i++) {
        spelling_try(&s, op->name);
    }
    return s.meant;
}

int options_set(struct options *o, const char *name, const char *value, char *error, size_t error_size)
{
    char shown[TEXT_SHOWN_MAX];
    const struct setting *op = option_find(name);
    if (!op) {
        const char *near = meant(name);
        return text_fail(error, error_size, "%s: no such option%s%s%s", text_shown(name, shown),
                         near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    char bad[BAD_MAX];
    if (collect(o, op, ORIGIN_FLAG, value, bad, sizeof bad) != 0) {
        return text_fail(error, error_size, "%s: %s", name, bad);
    }
    return 0;
}

static bool may_stand_alone(const struct setting *op)
{
    return op->type == SETTING_SWITCH || (op->marks & SETTING_ALONE) != 0;
}

/* Its value is not shown: it may be a password. */
static int fail_flag(const char *word, size_t length, const char *name, char *error, size_t error_size)
{
    char spelt[64], shown[TEXT_SHOWN_MAX];
    const char *near = meant(name);
    snprintf(spelt, sizeof spelt, "%.*s", (int)length, word);
    text_shown(spelt, shown);
    return near ? text_fail(error, error_size, "%s: no such flag; did you mean -%s?", shown, near)
                : text_fail(error, error_size, "%s: no such flag; -help lists them", shown);
}

static const struct setting *find_flag(const char *name)
{
    bool asks_for_help = strcmp(name, "h") == 0 || strcmp(name, "?") == 0;
    return option_find(asks_for_help ? "help" : name);
}

/* Takes the flag at argv[*i]; *i moves on to its last argument. argv ends with a NULL. */
static int take_flag(struct options *o, char *const *argv, int *i, char *error, size_t error_size)
{
    const char *flag = argv[*i] + (argv[*i][0] == '-');
    flag += flag > argv[*i] && *flag == '-';
    const char *equals = strchr(flag, '=');
    size_t length = equals ? (size_t)(equals - flag) : strlen(flag);
    char shown[TEXT_SHOWN_MAX];
    if (flag == argv[*i] || length == 0) {
        return text_fail(error, error_size, "'%s' is not a flag", text_shown(argv[*i], shown));
    }
    /* A name that does not fit is none of ours. It becomes "", as a cut one could look like one of ours. */
    char name[32];
    size_t kept = length < sizeof name ? length : 0;
    memcpy(name, flag, kept);
    name[kept] = '\0';
    const struct setting *op = find_flag(name);
    if (!op) {
        return fail_flag(argv[*i], (size_t)(flag - argv[*i]) + (length < 56 ? length : 56), name, error,
                         error_size);
    }
    const char *value = equals ? equals + 1 : may_stand_alone(op) ? "true" : argv[++*i];
    if (!value) {
        return text_fail(error, error_size, "-%s: its value is missing", name);
    }
    char bad[BAD_MAX];
    if (collect(o, op, ORIGIN_FLAG, value, bad, sizeof bad) != 0) {
        return text_fail(error, error_size, "-%s: %s", name, bad);
    }
    return 0;
}

/* --- the configuration file --- */

/* Which setting a key of the file is; NULL for none. "LocalSeedURL" is seedURL for one network. */
static const struct setting *find_key(const char *key, unsigned *origin)
{
    const struct setting *op = option_find_any_case(key);
    *origin = ORIGIN_FILE;
    if (op) {
        return (op->marks & SETTING_FLAG_ONLY) == 0 ? op : NULL;
    }
    for (unsigned n = 0; n < NETWORK_CHOICES; n++) {
        const char *rest = text_after(key, network_choice_name((enum network_choice)n));
        for (size_t i = 0; rest && (op = option_at(i)); i++) {
            if (op->by_network && text_equal(rest, op->by_network)) {
                *origin = ORIGIN_FILE_NETWORK + n;
                return op;
            }
        }
    }
    return NULL;
}

struct loading {
    struct options *o;
    bool special_only; /* keys that name no special peers are left alone, unseen */
    size_t passed_over, named;
    bool found; /* the file */
};

/* Names a key in the notice while there is room; keys without room are counted. */
static void note_passed_over(struct loading *l, const char *key)
{
    char *notice = l->o->notice;
    size_t used = strlen(notice);
    l->passed_over++;
    char shown[TEXT_SHOWN_MAX];
    text_shown(key, shown);
    if (l->named + 1 == l->passed_over &&
        used + strlen(shown) + sizeof ", and 1000000 more" < OPTIONS_NOTICE_MAX) {
        snprintf(notice + used, OPTIONS_NOTICE_MAX - used, "%s%s",
                 l->named == 0 ? "keys that are not kith's are passed over: " : ", ", shown);
        l->named++;
    }
}

static int take_entry(void *context, size_t line, const char *key, const char *value, char *bad,
                      size_t bad_size)
{
    struct loading *l = context;
    unsigned origin;
    const struct setting *op = find_key(key, &origin);
    if (l->special_only && !(op && option_names_special(op))) {
        return 0;
    }
    if (!op) {
        if (!misspelt_add(&l->o->misspelt, key, line)) {
            note_passed_over(l, key);
        }
        return 0;
    }
    char what[BAD_MAX];
    if (collect(l->o, op, origin, value, what, sizeof what) != 0) {
        return text_fail(bad, bad_size, "%s: %s", key, what);
    }
    return 0;
}

/* "<home>/<name>" */
static int path_in_home(const struct options *o, const char *name, char path[CONFIG_PATH_MAX], char *error,
                        size_t error_size)
{
    size_t home = strlen(o->home);
    size_t length = strlen(name);
    if (home + 1 + length >= CONFIG_PATH_MAX) {
        return text_fail(error, error_size, "-home: the path of a file in it would be too long");
    }
    memcpy(path, o->home, home);
    path[home] = '/';
    memcpy(path + home + 1, name, length + 1);
    return 0;
}

static int apply(struct options *o, const char *name, char *error, size_t error_size)
{
    char bad[BAD_MAX];
    const struct setting *op = option_find(name);
    const char *text = option_setting(o, op);
    if (text && option_read(op, text, option_place(o, op), bad, sizeof bad) != 0) {
        return text_fail(error, error_size, "-%s: %s", op->name, bad);
    }
    return 0;
}

/* A home that an option names has its own configuration file, and no other is read. */
static int decide_config_path(struct options *o, char *error, size_t error_size)
{
    if (!option_setting(o, option_find("home"))) {
        if (home_find(o->home, o->config_path, error, error_size) != 0) {
            return -1;
        }
    } else if (apply(o, "home", error, error_size) != 0 ||
               path_in_home(o, "kith.conf", o->config_path, error, error_size) != 0) {
        return -1;
    }
    return apply(o, "config", error, error_size);
}

static bool config_is_given(const struct options *o)
{
    return option_setting(o, option_find("config"));
}

static int read_config(const struct options *o, struct loading *l, char *error, size_t error_size)
{
    char what[OPTIONS_ERROR_MAX];
    switch (configfile_read(o->config_path, take_entry, l, what, sizeof what)) {
    case CONFIGFILE_READ:
        l->found = true;
        return 0;
    case CONFIGFILE_MISSING:
        return config_is_given(o) ? text_fail(error, error_size, "-config: %s", what) : 0;
    case CONFIGFILE_BAD:
        break;
    }
    return text_fail(error, error_size, "%s", what);
}

int options_load(struct options *o, char *error, size_t error_size)
{
    struct loading l = {.o = o};
    o->notice[0] = '\0';
    o->misspelt.n = 0;
    if (decide_config_path(o, error, error_size) != 0 || read_config(o, &l, error, error_size) != 0) {
        return -1;
    }
    o->has_config_file = l.found;
    size_t used = strlen(o->notice);
    if (l.passed_over > l.named) {
        snprintf(o->notice + used, sizeof o->notice - used, " and %zu more", l.passed_over - l.named);
    }
    return 0;
}

/* --- laying settings over defaults --- */

/* A custom network's name decides the network, unless a setting of more weight names a network. */
static int decide_network(struct options *o, char *error, size_t error_size)
{
    char *const *network = o->given[option_index(option_find("network"))];
    char *const *custom = o->given[option_index(option_find("customnet"))];
    if (apply(o, "network", error, error_size) != 0 || apply(o, "customnet", error, error_size) != 0) {
        return -1;
    }
    enum option_origin named = network[ORIGIN_FLAG] ? ORIGIN_FLAG : ORIGIN_FILE;
    bool is_named = network[named];
    bool has_custom = custom[ORIGIN_FLAG] || custom[ORIGIN_FILE];
    if (o->network == NETWORK_CUSTOM && !has_custom) {
        return text_fail(error, error_size, "-network: CUSTOM needs the network's name, -customnet");
    }
    if (o->network == NETWORK_CUSTOM || !has_custom) {
        return 0;
    }
    if (is_named && custom[named]) {
        return text_fail(error, error_size, "-customnet: the network is %s, not CUSTOM",
                         network_choice_name(o->network));
    }
    if (!is_named || custom[ORIGIN_FLAG]) {
        o->network = NETWORK_CUSTOM;
    }
    return 0;
}

/* What depends on the network. A custom network with another network's name would share its peers file. */
static int find_network(struct options *o, char *error, size_t error_size)
{
    const char *name = network_choice_name(o->network);
    const char *custom = o->network == NETWORK_CUSTOM ? o->customnet : NULL;
    for (unsigned n = 0; custom && n < NETWORK_CHOICES; n++) {
        if (text_equal(custom, network_choice_name((enum network_choice)n))) {
            return text_fail(error, error_size, "-customnet: %s is no name for a custom network", custom);
        }
    }
    if (!protocol_network(o->config.protocol, name, custom, &o->config.node.network)) {
        return text_fail(error, error_size, "-network: protocol %s has no network %s",
                         o->config.protocol->name, name);
    }
    o->config.node.listen_port = o->config.node.network.port;
    return 0;
}

static int decide_versions(struct options *o, char *error, size_t error_size)
{
    const struct protocol *p = o->config.protocol;
    struct node_config *t = &o->config.node;
    t->version = t->version == 0 ? p->version_default : t->version;
    t->version_minimum = t->version_minimum == 0 ? p->version_lowest : t->version_minimum;
    const char *which = NULL;
    uint32_t bad = 0;
    if (t->version < p->version_lowest || t->version > p->version_highest) {
        which = "protocolVersion";
        bad = t->version;
    } else if (t->version_minimum < p->version_lowest || t->version_minimum > p->version_highest) {
        which = "protocolVersionMinimum";
        bad = t->version_minimum;
    }
    if (which) {
        return text_fail(error, error_size, "-%s: protocol %s has no version %u, but %u to %u", which,
                         p->name, (unsigned)bad, (unsigned)p->version_lowest, (unsigned)p->version_highest);
    }
    return 0;
}

/* Values that must be in an order, small one first. */
static int check_orders(const struct options *o, char *error, size_t error_size)
{
    static const struct {
        const char *small, *large;
        bool may_be_equal;
    } orders[] = {
        {"ping", "silence", false},
        {"bannedQuality", "refuseBelow", false},
        {"protocolVersionMinimum", "protocolVersion", true},
        {"maxParcel", "receiveBytes", true},
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        const struct setting *small = option_find(orders[i].small);
        const struct setting *large = option_find(orders[i].large);
        const char *a = (const char *)o + small->place;
        const char *b = (const char *)o + large->place;
        int64_t gap = option_integer(large, b) - option_integer(small, a);
        if (gap < 0 || (gap == 0 && !orders[i].may_be_equal)) {
            char x[OPTION_VALUE_MAX], y[OPTION_VALUE_MAX];
            return text_fail(error, error_size, "-%s: %s is %s -%s, which is %s", small->name,
                             option_format(small, a, x),
                             orders[i].may_be_equal ? "more than" : "not less than", large->name,
                             option_format(large, b, y));
        }
    }
    return 0;
}

/* As an option of another protocol: an error as a flag, and nothing in a file. */
static int check_lan(struct options *o, char *error, size_t error_size)
{
    const struct config *c = &o->config;
    bool is_flag = o->given[option_index(option_find("lan"))][ORIGIN_FLAG];
    if (!c->node.lan || (c->protocol->datagram_max > 0 && !config_has_proxy(c))) {
        return 0;
    }
    if (is_flag && config_has_proxy(c)) {
        return text_fail(error, error_size, "-lan: with -proxy there are no datagrams");
    }
    if (is_flag) {
        return text_fail(error, error_size, "-lan: protocol %s has no datagrams", c->protocol->name);
    }
    o->config.node.lan = false;
    return 0;
}

/* "peers-<network>.json", or, as two protocols must not share one, "peers-<protocol>-<network>.json" of those
 * that are not the default; bytes that have a meaning in paths are written as %2F. */
static void name_peers_file(const struct config *c, char *name, size_t name_size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    bool is_default = strcmp(c->protocol->name, option_find("protocol")->standard) == 0;
    size_t n = (size_t)snprintf(name, name_size, "peers-%s%s", is_default ? "" : c->protocol->name,
                                is_default ? "" : "-");
    for (const char *p = c->node.network.name; *p != '\0'; p++) {
        bool is_plain = strchr(plain, *p);
        n += (size_t)(is_plain ? snprintf(name + n, name_size - n, "%c", *p)
                               : snprintf(name + n, name_size - n, "%%%02X", (unsigned)(unsigned char)*p));
    }
    snprintf(name + n, name_size - n, ".json");
}

/* `path` holds the given path already. If that is relative, it is within the home: the home is put before it.
 */
static int decide_given_path(const struct options *o, const char *given, char path[CONFIG_PATH_MAX],
                             char *error, size_t error_size)
{
    bool is_whole = given[0] == '/' || given[0] == '\0';
    return is_whole ? 0 : path_in_home(o, given, path, error, error_size);
}

static int decide_peers_file(struct options *o, char *error, size_t error_size)
{
    const char *given = option_setting(o, option_find("peersFile"));
    if (given) {
        return decide_given_path(o, given, o->config.peers_file, error, error_size);
    }
    char name[CONFIG_PATH_MAX];
    name_peers_file(&o->config, name, sizeof name);
    return path_in_home(o, name, o->config.peers_file, error, error_size);
}

/* "identity-<protocol>.key" beside the peers file. */
static int decide_identity_file(struct options *o, char *error, size_t error_size)
{
    const struct config *c = &o->config;
    const char *given = option_setting(o, option_find("identityFile"));
    if (c->protocol->identity_size == 0) {
        o->identity_file[0] = '\0';
        return !o->show_identity ? 0
                                 : text_fail(error, error_size, "-identity: protocol %s has no identities",
                                             c->protocol->name);
    }
    if (given) {
        return decide_given_path(o, given, o->identity_file, error, error_size);
    }
    const char *slash = strrchr(c->peers_file, '/');
    int length = (int)(slash ? (size_t)(slash - c->peers_file) : strlen(o->home));
    int written = snprintf(o->identity_file, sizeof o->identity_file, "%.*s/identity-%s.key", length,
                           slash ? c->peers_file : o->home, c->protocol->name);
    if (written < 0 || (size_t)written >= sizeof o->identity_file) {
        return text_fail(error, error_size,
                         "-identityFile: its path beside the peers file would be too long");
    }
    return 0;
}

/* A relative value of XDG_RUNTIME_DIR counts as none, as its specification says; so does one that is too long
 * for a socket's path, which nobody has asked for. */
static int decide_control(struct options *o, char *error, size_t error_size)
{
    const char *given = option_setting(o, option_find("control")), *runtime = getenv("XDG_RUNTIME_DIR");
    char path[CONFIG_PATH_MAX];
    if (!given) {
        int n = snprintf(o->control, sizeof o->control, "%s/kith/control.sock", runtime ? runtime : "");
        if (o->control[0] != '/' || !runtime || *runtime == '\0' || (size_t)n >= sizeof o->control) {
            o->control[0] = '\0';
        }
        return 0;
    }
    if (given[0] == '/' || given[0] == '\0') {
        return 0;
    }
    if (path_in_home(o, given, path, error, error_size) != 0) {
        return -1;
    }
    if (strlen(path) >= sizeof o->control) {
        return text_fail(error, error_size,
                         "-control: '%s' is longer than the %zu bytes that a socket's path may have", path,
                         sizeof o->control - 1);
    }
    memcpy(o->control, path, strlen(path) + 1);
    return 0;
}

/* docs/protocols/factom.md: a node id of 32 bits, as custom networks have theirs. */
static void decide_node_id(struct config *c)
{
    if (c->node_name[0] != '\0') {
        uint8_t hash[crypto_hash_sha256_BYTES];
        crypto_hash_sha256(hash, (const uint8_t *)c->node_name, strlen(c->node_name));
        c->node.node_id =
            (uint64_t)hash[0] << 24 | (uint64_t)hash[1] << 16 | (uint64_t)hash[2] << 8 | hash[3];
    }
}

/* A copy of the protocol's defaults, for the settings to be laid over. */
static int copy_own_defaults(struct options *o, char *error, size_t error_size)
{
    const struct protocol *p = o->config.protocol;
    free(o->own);
    o->own = malloc(p->setting_size + 1);
    if (!o->own) {
        return text_fail(error, error_size, "out of memory");
    }
    memcpy(o->own, p->setting_defaults ? p->setting_defaults : "", p->setting_size);
    o->config.node.settings = p->setting_size > 0 ? o->own : NULL;
    return 0;
}

static bool is_of_other_protocol(const struct options *o, const struct setting *op)
{
    const struct protocol *p = option_protocol(op);
    return p && p->settings != o->config.protocol->settings;
}

static int apply_one(struct options *o, const struct setting *op, char *error, size_t error_size)
{
    if (!is_of_other_protocol(o, op)) {
        return apply(o, op->name, error, error_size);
    }
    if (!o->given[option_index(op)][ORIGIN_FLAG] || (op->marks & SETTING_TOLERATED) != 0) {
        return 0;
    }
    return text_fail(error, error_size, "-%s: protocol %s has no such option", op->name,
                     o->config.protocol->name);
}

static int apply_all(struct options *o, char *error, size_t error_size)
{
    for (size_t i = 0; option_at(i); i++) {
        const struct setting *op = option_at(i);
        /* The lists of addresses add up, and the network was decided together with its name. */
        bool apart = op->type == SETTING_ADDRESSES || op == option_find("network");
        if (!apart && apply_one(o, op, error, error_size) != 0) {
            return -1;
        }
    }
    /* "::" is what people write for everything. */
    o->config.has_bind = option_setting(o, option_find("bind")) && !ip_is_unspecified_v6(&o->config.bind);
    o->config.node.proxied = config_has_proxy(&o->config);
    o->config.hidden = config_has_proxy(&o->config) && !option_setting(o, option_find("bind"));
    o->config.node.hidden = o->config.hidden;
    if (o->config.hidden && o->config.node.listen_port == 0) { /* a handshake must name one */
        o->config.node.listen_port = o->config.node.network.port;
    }
    o->config.exclusive = o->config.exclusive || o->config.exclusive_in;
    /* With none at once, nothing would ever be read. */
    if (o->config.node.limits.burst == 0) {
        o->config.node.limits.burst = o->config.node.limits.rate;
    }
    return option_list_peers(o, error, error_size);
}

/* What the protocol itself does not allow. */
static int check_own(const struct options *o, char *error, size_t error_size)
{
    const struct protocol *p = o->config.protocol;
    const char *fault = p->fault ? p->fault(&o->config.node) : NULL;
    return fault ? text_fail(error, error_size, "%s", fault) : 0;
}

int options_finish(struct options *o, char *error, size_t error_size)
{
    address_list_free(&o->config.special_flags);
    address_list_free(&o->config.special_file);
    address_list_free(&o->config.bootstrap);
    identity_forget(&o->config.node);
    proxy_forget(&o->config.proxy);
    o->config = (struct config){.valid = o->config.valid, .valid_context = o->config.valid_context};
    o->customnet[0] = '\0';
    option_defaults(o, NULL);
    if (apply(o, "protocol", error, error_size) != 0) {
        return -1;
    }
    option_defaults(o, o->config.protocol);
    if (copy_own_defaults(o, error, error_size) != 0 || decide_config_path(o, error, error_size) != 0 ||
        decide_network(o, error, error_size) != 0 || find_network(o, error, error_size) != 0 ||
        apply_all(o, error, error_size) != 0 || decide_versions(o, error, error_size) != 0 ||
        check_orders(o, error, error_size) != 0 || check_lan(o, error, error_size) != 0 ||
        check_own(o, error, error_size) != 0 || decide_peers_file(o, error, error_size) != 0 ||
        decide_identity_file(o, error, error_size) != 0 || decide_control(o, error, error_size) != 0) {
        return -1;
    }
    decide_node_id(&o->config);
    return 0;
}

int options_reload_special(const struct options *o, struct address_list *list, char *error, size_t error_size)
{
    *list = (struct address_list){.n = 0};
    struct options fresh;
    options_init(&fresh);
    fresh.network = o->network;
    fresh.config.protocol = o->config.protocol;
    fresh.config.node.network = o->config.node.network;
    fresh.config.proxy.at = o->config.proxy.at;
    struct loading l = {.o = &fresh, .special_only = true};
    char bad[BAD_MAX];
    int result = read_config(o, &l, error, error_size);
    if (result == 0 && option_list_special(&fresh, true, list, bad, sizeof bad) != 0) {
        result = text_fail(error, error_size, "%s: %s", o->config_path, bad);
    }
    options_free(&fresh);
    return result;
}

/* The flags are read. */
static int start(struct options *o, char *error, size_t error_size)
{
    if (apply(o, "help", error, error_size) != 0 || apply(o, "version", error, error_size) != 0) {
        return -1;
    }
    if (o->show_help || o->show_version) {
        return 0;
    }
    return options_load(o, error, error_size) != 0 ? -1 : options_finish(o, error, error_size);
}

int options_parse(struct options *o, int argc, char *const *argv, char *error, size_t error_size)
{
    options_init(o);
    int result = 0;
    for (int i = 1; i < argc && result == 0; i++) {
        result = take_flag(o, argv, &i, error, error_size);
    }
    if (result == 0) {
        result = start(o, error, error_size);
    }
    if (result != 0) {
        options_free(o);
    }
    return result;
}
