/* The addresses that options give: special peers, and those to start with. */
#include <string.h>

#include "app/node_list.h"
#include "app/option.h"
#include "app/text.h"

#define BAD_MAX 384 /* the fault of one value */

/* What all of them name is dialed for ever. */
static const char *const special_options[] = {"peers", "connect", "addnode"};

#define SPECIAL_OPTIONS (sizeof special_options / sizeof special_options[0])

bool option_names_special(const struct setting *op)
{
    for (size_t i = 0; i < SPECIAL_OPTIONS; i++) {
        if (strcmp(op->name, special_options[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* --- one list --- */

/* Frees the list if an id in it has another form than the protocol's: it could match nobody's. */
static int check_ids(const struct protocol *p, struct address_list *list, char *bad, size_t bad_size)
{
    char shown[ENDPOINT_TEXT_MAX];
    for (size_t i = 0; i < list->n; i++) {
        const struct address *a = &list->items[i];
        if (a->id.size == 0 || a->id.size == p->id_size) {
            continue;
        }
        address_format(a, shown, sizeof shown);
        if (p->id_size == 0) {
            text_fail(bad, bad_size, "%s has an id before it, but protocol %s knows none", shown, p->name);
        } else {
            text_fail(bad, bad_size, "the id before %s has %u hex digits, but those of protocol %s have %zu",
                      shown, 2u * a->id.size, p->name, 2 * p->id_size);
        }
        address_list_free(list);
        return -1;
    }
    return 0;
}

/* Frees the list if the protocol, or this build, cannot dial an address as it is written. */
static int check_schemes(const struct protocol *p, struct address_list *list, char *bad, size_t bad_size)
{
    char shown[ENDPOINT_TEXT_MAX];
    for (size_t i = 0; i < list->n; i++) {
        if (!protocol_dials(p, list->items[i].scheme)) {
            text_fail(bad, bad_size, "%s: protocol %s of this build does not speak WebSocket",
                      address_format(&list->items[i], shown, sizeof shown), p->name);
            address_list_free(list);
            return -1;
        }
    }
    return 0;
}

static bool ends_so(const char *host, const char *ending)
{
    size_t n = strlen(host), m = strlen(ending);
    n -= n > 0 && host[n - 1] == '.';
    char last[8];
    if (n < m || m >= sizeof last) {
        return false;
    }
    memcpy(last, host + n - m, m);
    last[m] = '\0';
    return text_equal(last, ending);
}

/* No name server knows them, and none shall be told of them (RFC 7686). Frees the list if there is one, and
 * no proxy. */
static int check_names(const struct options *o, struct address_list *list, char *bad, size_t bad_size)
{
    for (size_t i = 0; i < list->n && !config_has_proxy(&o->config); i++) {
        const char *host = list->items[i].host;
        if (ends_so(host, ".onion") || ends_so(host, ".i2p")) {
            text_fail(bad, bad_size, "%s is reached through a proxy alone, see -proxy", host);
            address_list_free(list);
            return -1;
        }
    }
    return 0;
}

static int read_list(const struct options *o, const char *name, const char *text, struct address_list *list,
                     char *bad, size_t bad_size)
{
    *list = (struct address_list){.n = 0};
    const struct setting *op = option_find(name);
    int result = (op->marks & SETTING_NODES) != 0 ? node_list_parse(list, text, &o->config, bad, bad_size)
                                                  : option_read(op, text, list, bad, bad_size);
    if (result == 0) {
        result = check_ids(o->config.protocol, list, bad, bad_size);
    }
    if (result == 0) {
        result = check_schemes(o->config.protocol, list, bad, bad_size);
    }
    return result != 0 ? result : check_names(o, list, bad, bad_size);
}

int options_read_peers(const struct options *o, const char *text, struct address_list *list, char *bad,
                       size_t bad_size)
{
    return read_list(o, "peers", text, list, bad, bad_size);
}

/* --- special peers --- */

/* Adds what one option names; text may be NULL. */
static int add_list(const struct options *o, const char *name, const char *text, struct address_list *list,
                    char *error, size_t error_size)
{
    char bad[BAD_MAX];
    struct address_list more;
    if (!text) {
        return 0;
    }
    int result = read_list(o, name, text, &more, bad, sizeof bad);
    if (result == 0) {
        result = address_list_add(list, &more, bad, sizeof bad);
        address_list_free(&more);
    }
    return result == 0 ? 0 : text_fail(error, error_size, "-%s: %s", name, bad);
}

int option_list_special(const struct options *o, bool of_file, struct address_list *list, char *error,
                        size_t error_size)
{
    *list = (struct address_list){.n = 0};
    for (size_t i = 0; i < SPECIAL_OPTIONS; i++) {
        const char *name = special_options[i];
        char *const *given = o->given[option_index(option_find(name))];
        const char *any = given[of_file ? ORIGIN_FILE : ORIGIN_FLAG];
        const char *ours = of_file ? given[ORIGIN_FILE_NETWORK + o->network] : NULL;
        if (add_list(o, name, any, list, error, error_size) != 0 ||
            add_list(o, name, ours, list, error, error_size) != 0) {
            address_list_free(list);
            return -1;
        }
    }
    return 0;
}

/* Whether -connect, or its key, names anybody: then nobody else is dialed. */
static bool connects_alone(const struct options *o)
{
    char *const *given = o->given[option_index(option_find("connect"))];
    for (size_t i = 0; i < ORIGIN_COUNT; i++) {
        if (given[i] && given[i][strspn(given[i], " \t,")] != '\0') {
            return true;
        }
    }
    return false;
}

/* --- all of them --- */

static int list_bootstrap(struct options *o, char *error, size_t error_size)
{
    char bad[BAD_MAX];
    const char *given = option_setting(o, option_find("bootstrap"));
    const char *text = given ? given : o->config.node.network.bootstrap;
    o->config.bootstrap_given = given;
    if (text && read_list(o, "bootstrap", text, &o->config.bootstrap, bad, sizeof bad) != 0) {
        return text_fail(error, error_size, "-bootstrap: %s", bad);
    }
    return 0;
}

int option_list_peers(struct options *o, char *error, size_t error_size)
{
    struct config *c = &o->config;
    c->exclusive = c->exclusive || connects_alone(o);
    if (option_list_special(o, false, &c->special_flags, error, error_size) != 0 ||
        option_list_special(o, true, &c->special_file, error, error_size) != 0) {
        return -1;
    }
    return list_bootstrap(o, error, error_size);
}
