#include "base/line_limit.h"

#include <sodium.h>
#include <string.h>

enum {
    WAYS = 8,                            /* cells in which one address and kind may lie */
    ANY_CAUSE = 0xffff,                  /* the cell that says that the address is counted */
    WHOLE = LINE_LIMIT_CELLS / WAYS - 1, /* all places */
};

_Static_assert((LINE_LIMIT_CELLS & (LINE_LIMIT_CELLS - 1)) == 0, "a power of two");
_Static_assert(LINE_LIMIT_KEY_BYTES == crypto_shorthash_KEYBYTES, "the length of a key");

void line_limit_begin(struct line_limit *l, const uint8_t *key)
{
    *l = (struct line_limit){.key = key, .forgot_ms = INT64_MIN};
}

void line_bound_begin(struct line_bound *b, int64_t most, int64_t each_ms, int64_t now_ms)
{
    *b = (struct line_bound){.most = most, .each_ms = each_ms, .room = most, .filled_ms = now_ms};
}

static void leave_out(struct line_bound *b, int64_t now_ms)
{
    if (b->left_out++ == 0) {
        b->since_ms = now_ms;
    }
}

static bool take_room(struct line_bound *b, int64_t now_ms)
{
    int64_t more = (now_ms - b->filled_ms) / b->each_ms;
    b->filled_ms += more * b->each_ms;
    b->room = more > b->most - b->room ? b->most : b->room + more;
    if (b->room == 0) {
        return false;
    }
    b->room--;
    return true;
}

bool line_bound_allows(struct line_bound *b, int64_t now_ms)
{
    if (take_room(b, now_ms)) {
        return true;
    }
    leave_out(b, now_ms);
    return false;
}

/* --- addresses --- */

static uint64_t key_of(const struct line_limit *l, unsigned kind, unsigned cause, const struct ip *ip)
{
    struct {
        struct ip holder;
        uint16_t kind, cause;
    } about = {.holder = ip_holder(ip), .kind = (uint16_t)kind, .cause = (uint16_t)cause};
    uint64_t key;
    unsigned char out[crypto_shorthash_BYTES];
    crypto_shorthash(out, (const unsigned char *)&about, sizeof about, l->key);
    memcpy(&key, out, sizeof key);
    return key ? key : 1;
}

/* The cell that has the key or, if none has, the one that was used longest ago. */
static struct line_cell *cell_of(struct line_limit *l, uint64_t key)
{
    struct line_cell *place = &l->cells[(key & WHOLE) * WAYS], *oldest = place;
    for (int i = 0; i < WAYS; i++) {
        if (place[i].key == key) {
            return &place[i];
        }
        if (place[i].key == 0 || (oldest->key != 0 && place[i].at_ms < oldest->at_ms)) {
            oldest = &place[i];
        }
    }
    return oldest;
}

/* Writes down that the key was seen now; true if it was not since `since_ms`. */
static bool is_first(struct line_limit *l, uint64_t key, int64_t since_ms, int64_t now_ms)
{
    struct line_cell *cell = cell_of(l, key);
    if (cell->key == key && cell->at_ms >= since_ms) {
        return false;
    }
    if (cell->key != 0 && cell->key != key && now_ms - cell->at_ms < LINE_LIMIT_TELL_MS) {
        l->forgot_ms = now_ms;
    }
    *cell = (struct line_cell){.key = key, .at_ms = now_ms};
    return true;
}

bool line_limit_allows(struct line_limit *l, struct line_bound *b, unsigned kind, unsigned cause,
                       const struct ip *ip, int64_t now_ms)
{
    uint64_t key = key_of(l, kind, cause, ip);
    if (is_first(l, key, now_ms - LINE_LIMIT_ADDRESS_MS + 1, now_ms) && take_room(b, now_ms)) {
        return true;
    }
    leave_out(b, now_ms);
    if (is_first(l, key_of(l, kind, ANY_CAUSE, ip), b->since_ms, now_ms)) {
        b->holders++;
    }
    return false;
}

/* --- telling --- */

int64_t line_bound_due(const struct line_bound *b)
{
    return b->left_out > 0 ? b->since_ms + LINE_LIMIT_TELL_MS : INT64_MAX;
}

bool line_limit_is_rough(const struct line_limit *l, const struct line_bound *b)
{
    return l->forgot_ms >= b->since_ms;
}

void line_bound_told(struct line_bound *b)
{
    b->left_out = b->holders = 0;
}
