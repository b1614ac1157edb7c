#include "app/console_peers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/sheet.h"

enum column { PEER, WAY, KIND, VERSION, QUALITY, ONLINE, IN, OUT, DROPPED, BYTES_IN, BYTES_OUT, COLUMNS };

static const struct sheet_column columns[COLUMNS] = {
    [PEER] = {.name = "peer", .is_left = true},
    [WAY] = {.name = "way", .is_left = true},
    [KIND] = {.name = "kind", .is_left = true, .may_go = 4},
    [VERSION] = {.name = "version", .may_go = 1},
    [QUALITY] = {.name = "quality", .may_go = 3},
    [ONLINE] = {.name = "online", .may_go = 1},
    [IN] = {.name = "in", .may_go = 2},
    [OUT] = {.name = "out", .may_go = 2},
    [DROPPED] = {.name = "dropped", .may_go = 3},
    [BYTES_IN] = {.name = "bytes in", .may_go = 1},
    [BYTES_OUT] = {.name = "bytes out", .may_go = 1},
};

/* --- the order --- */

typedef const struct kith_peer *peer_pointer;

/* -1 if a < b; the larger first if `falls`. */
#define COMPARE(a, b)       ((a) < (b) ? -1 : (a) > (b))
#define COMPARE_FALLS(a, b) COMPARE(b, a)

static int by_name(const void *a, const void *b)
{
    const peer_pointer *p = a, *q = b;
    int order = strcmp((*p)->hash, (*q)->hash);
    return order != 0 ? order : COMPARE((*p)->connection, (*q)->connection);
}

static int by_way(const void *a, const void *b)
{
    const peer_pointer *p = a, *q = b;
    int order = COMPARE_FALLS((*p)->outgoing, (*q)->outgoing);
    return order != 0 ? order : by_name(a, b);
}

#define ORDER(function, member)                                                                              \
    static int function(const void *a, const void *b)                                                        \
    {                                                                                                        \
        const peer_pointer *p = a, *q = b;                                                                   \
        int order = COMPARE_FALLS((*p)->member, (*q)->member);                                               \
        return order != 0 ? order : by_way(a, b);                                                            \
    }

ORDER(by_kind, special)
ORDER(by_version, version)
ORDER(by_quality, quality)
ORDER(by_online, online_ms)
ORDER(by_in, parcels_in)
ORDER(by_out, parcels_out)
ORDER(by_dropped, dropped)
ORDER(by_bytes_in, bytes_in)
ORDER(by_bytes_out, bytes_out)

static const struct {
    const char *name;
    int (*compare)(const void *a, const void *b);
} orders[] = {
    {"way", by_way},
    {"name", by_name},
    {"kind", by_kind},
    {"version", by_version},
    {"quality", by_quality},
    {"online", by_online},
    {"in", by_in},
    {"out", by_out},
    {"dropped", by_dropped},
    {"bytes-in", by_bytes_in},
    {"bytes-out", by_bytes_out},
};

const char *console_peers_order_name(size_t i)
{
    return i < sizeof orders / sizeof orders[0] ? orders[i].name : NULL;
}

int console_peers_order(const char *name)
{
    if (!name) {
        return 0;
    }
    for (int i = 0; console_peers_order_name((size_t)i); i++) {
        if (strcmp(orders[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* --- the lines --- */

/* What a command takes: in quotes if it has a space. */
static void add_name(struct sheet *t, const struct kith_peer *p, unsigned most)
{
    const char *quote = strchr(p->hash, ' ') ? "\"" : "";
    if (most > 0 && strlen(p->hash) > most) {
        sheet_add(t, SHEET_PLAIN, "%.*s...", (int)most - 3, p->hash);
    } else {
        sheet_add(t, SHEET_PLAIN, "%s%s%s", quote, p->hash, quote);
    }
}

static void add_peer(struct sheet *t, const struct kith_peer *p, unsigned most)
{
    char text[SHEET_CELL_MAX];
    add_name(t, p, most);
    sheet_add(t, p->outgoing ? SHEET_PLAIN : SHEET_DIM, "%s", p->outgoing ? "outgoing" : "incoming");
    sheet_add(t, SHEET_GOOD, "%s%s%s", p->special ? "special" : "", p->special && p->relay ? ", " : "",
              p->relay ? "relay" : "");
    sheet_add(t, SHEET_PLAIN, "v%" PRIu32, p->version);
    sheet_add(t, p->quality < 0 ? SHEET_BAD : SHEET_PLAIN, "%" PRId32, p->quality);
    sheet_add(t, SHEET_PLAIN, "%s", sheet_time(p->online_ms, text));
    sheet_add(t, SHEET_PLAIN, "%" PRIu64, p->parcels_in);
    sheet_add(t, SHEET_PLAIN, "%" PRIu64, p->parcels_out);
    sheet_add(t, p->dropped > 0 ? SHEET_BAD : SHEET_PLAIN, "%" PRIu64, p->dropped);
    sheet_add(t, SHEET_PLAIN, "%s", sheet_bytes(p->bytes_in, text));
    sheet_add(t, SHEET_PLAIN, "%s", sheet_bytes(p->bytes_out, text));
}

#define NAME_SHOWN 32 /* bytes at least, on a narrow terminal */

void console_peers_print(struct output *out, const struct kith_event *peers, int order, bool has_colours,
                         unsigned width)
{
    peer_pointer *sorted = peers->count > 0 ? malloc(peers->count * sizeof *sorted) : NULL;
    if (!sorted) {
        output_printf(out, peers->count > 0 ? "* out of memory\n" : "nobody is online\n");
        return;
    }
    size_t n = 0, longest = 0;
    for (; n < peers->count; n++) {
        sorted[n] = KITH_PEER_AT(peers, n);
        longest = strlen(sorted[n]->hash) > longest ? strlen(sorted[n]->hash) : longest;
    }
    qsort(sorted, n, sizeof *sorted, orders[order].compare);
    unsigned most = width > 0 && longest > NAME_SHOWN && longest + 48 > width ? NAME_SHOWN : 0;
    struct sheet t = {.columns = columns, .n = COLUMNS};
    for (size_t i = 0; i < n; i++) {
        add_peer(&t, sorted[i], most);
    }
    free(sorted);
    sheet_print(&t, out, has_colours, width);
}
