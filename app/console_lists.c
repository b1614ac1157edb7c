#include "app/console_lists.h"

#include <inttypes.h>
#include <time.h>

#include "app/frontend.h"
#include "app/sheet.h"

void console_lists_bans(struct output *out, const struct kith_event *e, bool has_colours, unsigned columns)
{
    static const struct sheet_column heads[] = {{.name = "banned", .is_left = true}, {.name = "for another"}};
    struct sheet t = {.columns = heads, .n = sizeof heads / sizeof heads[0]};
    char text[SHEET_CELL_MAX];
    if (e->count == 0) {
        output_printf(out, "nobody is banned\n");
        return;
    }
    for (uint64_t i = 0; i < e->count; i++) {
        const struct kith_ban *b = KITH_BAN_AT(e, i);
        sheet_add(&t, SHEET_PLAIN, "%s", b->subject);
        sheet_add(&t, SHEET_PLAIN, "%s", sheet_time(b->left_ms, text));
    }
    sheet_print(&t, out, has_colours, columns);
}

/* How long ago; "never". */
static void add_ago(struct sheet *t, int64_t at_ms, int64_t now_ms)
{
    char text[SHEET_CELL_MAX];
    sheet_add(t, at_ms > 0 ? SHEET_PLAIN : SHEET_DIM, "%s",
              at_ms > 0 ? sheet_time(now_ms > at_ms ? now_ms - at_ms : 0, text) : "never");
}

static void add_known(struct sheet *t, const struct kith_known *k, int64_t now_ms)
{
    sheet_add(t, k->banned ? SHEET_BAD : SHEET_PLAIN, "%s", k->address);
    sheet_add(t, k->banned ? SHEET_BAD : SHEET_GOOD, "%s",
              k->banned ? "banned"
              : k->self ? "this node"
                        : (k->tried ? "tried" : ""));
    sheet_add(t, SHEET_PLAIN, "%s", frontend_source(k->source));
    sheet_add(t, k->quality < 0 ? SHEET_BAD : SHEET_PLAIN, "%" PRId32, k->quality);
    sheet_add(t, SHEET_PLAIN, "%" PRIu32, k->failures);
    add_ago(t, k->heard_ms, now_ms);
    add_ago(t, k->answered_ms, now_ms);
    add_ago(t, k->dialed_ms, now_ms);
}

void console_lists_known(struct output *out, const struct kith_event *e, bool has_colours, unsigned columns)
{
    static const struct sheet_column heads[] = {{.name = "address", .is_left = true},
                                                {.name = "state", .is_left = true},
                                                {.name = "told by", .is_left = true},
                                                {.name = "quality"},
                                                {.name = "failures"},
                                                {.name = "heard of"},
                                                {.name = "answered", .may_go = 1},
                                                {.name = "dialed", .may_go = 1}};
    struct sheet t = {.columns = heads, .n = sizeof heads / sizeof heads[0]};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (e->count == 0) {
        output_printf(out, "no address is known\n");
        return;
    }
    for (uint64_t i = 0; i < e->count; i++) {
        add_known(&t, KITH_KNOWN_AT(e, i), (int64_t)now.tv_sec * 1000);
    }
    sheet_print(&t, out, has_colours, columns);
}

void console_lists_score(struct output *out, const struct kith_score *s)
{
    if (s->address[0]) {
        output_printf(out, "%s: quality %" PRId32 ", %" PRId32 " of it earned where we dialed%s%s\n",
                      s->address, s->quality, s->standing, s->discouraged ? ", discouraged" : "",
                      s->banned    ? ", banned"
                      : s->refused ? ", refused"
                                   : "");
    }
    if (s->id[0]) {
        output_printf(out, "%s: quality %" PRId32 "%s\n", s->id, s->id_quality,
                      !s->address[0] && s->banned ? ", banned" : "");
    }
}
