#include "app/ctl/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "app/base64.h"
#include "app/ctl/figures.h"
#include "app/ctl/put.h"
#include "app/sheet.h"
#include "base/plural.h"

enum { EVENT_WIDTH = 9 };

#define LEFT(text)                                                                                           \
    {                                                                                                        \
        .name = (text), .is_left = true                                                                      \
    }
#define RIGHT_IF_WIDE(text)                                                                                  \
    {                                                                                                        \
        .name = (text), .may_go = 1                                                                          \
    }
#define RIGHT(text)                                                                                          \
    {                                                                                                        \
        .name = (text)                                                                                       \
    }

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static json_int_t number_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

/* Of the terminal; 0 if there is none. */
static unsigned width(void)
{
    struct winsize size;
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void print_sheet(struct sheet *t)
{
    struct output out;
    size_t size;
    output_init_text(&out, SIZE_MAX);
    sheet_print(t, &out, sheet_has_colours(isatty(STDOUT_FILENO)), width());
    const char *text = output_text(&out, &size);
    if (text) {
        fwrite(text, 1, size, stdout);
    }
    output_drop(&out);
}

/* --- tables --- */

static void show_peers(const json_t *peers)
{
    static const struct sheet_column columns[] = {LEFT("peer"),
                                                  LEFT("way"),
                                                  LEFT("kind"),
                                                  RIGHT_IF_WIDE("version"),
                                                  RIGHT_IF_WIDE("quality"),
                                                  {"address", true, true},
                                                  RIGHT("online"),
                                                  RIGHT("in"),
                                                  RIGHT("out"),
                                                  RIGHT_IF_WIDE("bytes in"),
                                                  RIGHT_IF_WIDE("bytes out"),
                                                  RIGHT("dropped")};
    struct sheet t = {.columns = columns, .n = sizeof columns / sizeof columns[0]};
    char cell[SHEET_CELL_MAX];
    json_t *p;
    size_t i;
    if (json_array_size(peers) == 0) {
        puts("no peers");
        return;
    }
    json_array_foreach(peers, i, p)
    {
        const char *kind = json_is_true(json_object_get(p, "special")) ? "special"
                           : json_is_true(json_object_get(p, "relay")) ? "relay"
                                                                       : "";
        json_int_t quality = number_of(p, "quality"), dropped = number_of(p, "dropped");
        sheet_add(&t, SHEET_PLAIN, "%s", text_of(p, "peer"));
        sheet_add(&t, SHEET_PLAIN, "%s", text_of(p, "direction"));
        sheet_add(&t, SHEET_PLAIN, "%s", kind);
        sheet_add(&t, SHEET_PLAIN, "%lld", (long long)number_of(p, "version"));
        sheet_add(&t, quality < 0 ? SHEET_BAD : SHEET_PLAIN, "%lld", (long long)quality);
        sheet_add(&t, SHEET_DIM, "%s", text_of(p, "address"));
        sheet_add(&t, SHEET_PLAIN, "%s", sheet_time(number_of(p, "online_ms"), cell));
        sheet_add(&t, SHEET_PLAIN, "%lld", (long long)number_of(p, "parcels_in"));
        sheet_add(&t, SHEET_PLAIN, "%lld", (long long)number_of(p, "parcels_out"));
        sheet_add(&t, SHEET_PLAIN, "%s", sheet_bytes((uint64_t)number_of(p, "bytes_in"), cell));
        sheet_add(&t, SHEET_PLAIN, "%s", sheet_bytes((uint64_t)number_of(p, "bytes_out"), cell));
        sheet_add(&t, dropped > 0 ? SHEET_BAD : SHEET_PLAIN, "%lld", (long long)dropped);
    }
    print_sheet(&t);
}

static const char *format_wall(int64_t ms, char text[32])
{
    time_t seconds = ms / 1000;
    struct tm tm;
    if (ms == 0 || !gmtime_r(&seconds, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        text[0] = '\0';
    }
    return text;
}

static void show_bans(const json_t *bans)
{
    static const struct sheet_column columns[] = {LEFT("address or id"), RIGHT("for"), LEFT("until")};
    struct sheet t = {.columns = columns, .n = sizeof columns / sizeof columns[0]};
    char cell[SHEET_CELL_MAX], until[32];
    json_t *b;
    size_t i;
    if (json_array_size(bans) == 0) {
        puts("no bans");
        return;
    }
    json_array_foreach(bans, i, b)
    {
        sheet_add(&t, SHEET_PLAIN, "%s%s", text_of(b, "address"), text_of(b, "peer_id"));
        sheet_add(&t, SHEET_PLAIN, "%s", sheet_time(number_of(b, "left_ms"), cell));
        sheet_add(&t, SHEET_DIM, "%s", format_wall(number_of(b, "until_ms"), until));
    }
    print_sheet(&t);
}

static void show_known(const json_t *known)
{
    static const struct sheet_column columns[] = {LEFT("address"),  LEFT("from"),      LEFT("state"),
                                                  RIGHT("quality"), RIGHT("failures"), LEFT("heard of"),
                                                  LEFT("answered"), LEFT("id")};
    struct sheet t = {.columns = columns, .n = sizeof columns / sizeof columns[0]};
    char when[32];
    json_t *k;
    size_t i;
    if (json_array_size(known) == 0) {
        puts("no addresses");
        return;
    }
    json_array_foreach(known, i, k)
    {
        bool banned = json_is_true(json_object_get(k, "banned"));
        const char *state = banned                                      ? "banned"
                            : json_is_true(json_object_get(k, "self"))  ? "this node"
                            : json_is_true(json_object_get(k, "tried")) ? "tried"
                                                                        : "new";
        sheet_add(&t, SHEET_PLAIN, "%s", text_of(k, "address"));
        sheet_add(&t, SHEET_PLAIN, "%s", text_of(k, "source"));
        sheet_add(&t, banned ? SHEET_BAD : SHEET_PLAIN, "%s", state);
        sheet_add(&t, number_of(k, "quality") < 0 ? SHEET_BAD : SHEET_PLAIN, "%lld",
                  (long long)number_of(k, "quality"));
        sheet_add(&t, SHEET_PLAIN, "%lld", (long long)number_of(k, "failures"));
        sheet_add(&t, SHEET_DIM, "%s", format_wall(number_of(k, "heard_ms"), when));
        sheet_add(&t, SHEET_DIM, "%s", format_wall(number_of(k, "answered_ms"), when));
        sheet_add(&t, SHEET_DIM, "%s", text_of(k, "peer_id"));
    }
    print_sheet(&t);
}

void show_answer(json_t *answer, bool all)
{
    const char *event = text_of(answer, "event");
    if (strcmp(event, "peers") == 0) {
        show_peers(json_object_get(answer, "peers"));
    } else if (strcmp(event, "bans") == 0) {
        show_bans(json_object_get(answer, "bans"));
    } else if (strcmp(event, "known") == 0) {
        show_known(json_object_get(answer, "known"));
    } else if (strcmp(event, "done") == 0) {
        put_text(json_object_get(answer, "message"));
        putchar('\n');
    } else if (strcmp(event, "sent") == 0) {
        json_int_t n = number_of(answer, "peers");
        printf("sent to %lld %s\n", (long long)n, plural((uint64_t)n, "peer", "peers"));
    } else {
        figures_show(answer, all);
    }
}

/* --- events --- */

static void put_payload(const json_t *e)
{
    const json_t *text = json_object_get(e, "text"), *base64 = json_object_get(e, "base64");
    if (text || !base64) {
        put_text(text);
        return;
    }
    size_t size = json_string_length(base64);
    char *bytes = malloc(BASE64_BYTES_MAX(size));
    if (bytes && base64_decode(json_string_value(base64), size, bytes, &size)) {
        put_harmless(bytes, size);
    }
    free(bytes);
}

void show_event(const json_t *e)
{
    static const char *const keys[] = {"peer", "direction", "address", "cause", "reason", "message"};
    char now[32];
    const char *event = text_of(e, "event");
    printf("%s ", format_wall((int64_t)time(NULL) * 1000, now));
    put_word(event);
    printf("%*s", strlen(event) < EVENT_WIDTH ? EVENT_WIDTH - (int)strlen(event) : 0, "");
    if (strcmp(event, "parcel") == 0) {
        putchar(' ');
        put_text(json_object_get(e, "peer"));
        putchar(' ');
        put_text(json_object_get(e, "kind"));
        fputs(": ", stdout);
        put_payload(e);
        putchar('\n');
        return;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *value = json_object_get(e, keys[i]);
        if (json_string_length(value) > 0) {
            fputs(i > 2 ? ": " : " ", stdout);
            put_text(value);
        }
    }
    if (json_object_get(e, "parcels") || json_object_get(e, "events")) {
        printf(" (%lld)", (long long)(number_of(e, "parcels") + number_of(e, "events")));
    }
    putchar('\n');
}
