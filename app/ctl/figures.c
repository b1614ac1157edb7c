#include "app/ctl/figures.h"

#include <stdio.h>
#include <string.h>

#include "app/ctl/put.h"
#include "app/sheet.h"
#include "base/utf8.h"

enum {
    LINE_WIDTH = 80,
    LABEL_WIDTH = 20,
    INDENT = 2,
};

static const struct {
    const char *title, *keys[16];
} groups[] = {
    {"Node",
     {"version", "network", "network_id", "protocol", "port", "node_id", "identity", "seen_as", "uptime_ms"}},
    {"Peers",
     {"outgoing", "incoming", "special", "relays", "dialing", "known", "bans", "total_outgoing",
      "total_incoming", "dials", "ended", "eclipse_risk", "eclipse_reason"}},
    {"Clocks of peers, beside ours",
     {"clocks_outgoing", "clock_offset_ms", "clocks_incoming", "clock_offset_in_ms"}},
    {"Traffic",
     {"parcels_in", "parcels_out", "bytes_in", "bytes_out", "total_parcels_in", "total_parcels_out",
      "total_bytes_in", "total_bytes_out"}},
    {"Lost, or not passed on", {"dropped", "datagrams_dropped", "missed", "shed", "repeated", "verdicts"}},
    {"Queues",
     {"to_network", "to_network_bytes", "from_network", "from_network_bytes", "inbound", "inbound_bytes",
      "outbound", "outbound_bytes", "queue_max", "queue_bytes_max", "events", "events_max", "received_bytes",
      "received_bytes_max"}},
    {"Peers file and seeds",
     {"saves", "saves_failed", "save_ms", "saved_ms", "seeded", "seeds_failed", "seed_addresses"}},
};

/* Who looks for peers wants to see that there are none. */
static const char *const always[] = {"outgoing", "incoming", "known"};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), of_end = strlen(end);
    return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

/* It may be below 0, which elsewhere is a time that never was. */
static bool is_offset(const char *key)
{
    return strncmp(key, "clock_offset", strlen("clock_offset")) == 0;
}

static void put_number(const char *key, json_int_t n)
{
    char cell[SHEET_CELL_MAX];
    if (is_offset(key)) {
        printf("%+.1fs", (double)n / 1000);
    } else if (ends_with(key, "_ms") && n < 0) {
        fputs("never", stdout);
    } else if (ends_with(key, "_ms")) {
        fputs(sheet_time(n, cell), stdout);
    } else if (strstr(key, "bytes") && n >= 0) {
        fputs(sheet_bytes((uint64_t)n, cell), stdout);
    } else {
        printf("%lld", (long long)n);
    }
}

/* Of counts by cause, those that are not 0; in as many lines as that takes. */
static void put_counts(json_t *counts)
{
    const size_t begin = INDENT + LABEL_WIDTH;
    size_t at = begin;
    const char *cause;
    json_t *n;
    json_object_foreach(counts, cause, n)
    {
        char number[32];
        if (json_integer_value(n) == 0) {
            continue;
        }
        size_t size = (size_t)snprintf(number, sizeof number, "%lld ", (long long)json_integer_value(n)) +
                      strlen(cause);
        if (at > begin && at + strlen(", ,") + size > LINE_WIDTH) {
            printf(",\n%*s", (int)begin, "");
            at = begin;
        } else if (at > begin) {
            fputs(", ", stdout);
            at += strlen(", ");
        }
        fputs(number, stdout);
        put_word(cause);
        at += size;
    }
    fputs(at == begin ? "none" : "", stdout);
}

static void put_value(const char *key, json_t *value)
{
    if (json_is_string(value)) {
        bool fits = json_string_length(value) <= LINE_WIDTH - INDENT - LABEL_WIDTH;
        printf(fits ? "" : "\n%*s", 2 * INDENT, "");
        put_text(value);
    } else if (json_is_integer(value)) {
        put_number(key, json_integer_value(value));
    } else if (json_is_object(value)) {
        put_counts(value);
    } else if (json_is_boolean(value)) {
        fputs(json_is_true(value) ? "yes" : "no", stdout);
    } else if (json_is_real(value)) {
        printf("%g", json_real_value(value));
    }
}

static void put_label(const char *key)
{
    char label[64];
    snprintf(label, sizeof label, "%.*s", (int)(strlen(key) - (ends_with(key, "_ms") ? 3 : 0)), key);
    for (char *c = label; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    utf8_make_harmless(label);
    printf("%*s%-*s", INDENT, "", LABEL_WIDTH, label);
}

static void put_figure(const char *key, json_t *value)
{
    put_label(key);
    put_value(key, value);
    putchar('\n');
}

/* A bound alone says nothing of the node. */
static bool is_nothing(const char *key, json_t *value)
{
    const char *cause;
    json_t *n;
    json_object_foreach(value, cause, n)
    {
        if (json_integer_value(n) != 0) {
            return false;
        }
    }
    return json_is_object(value) || ends_with(key, "_max") ||
           (json_is_integer(value) && json_integer_value(value) == 0) ||
           (ends_with(key, "_ms") && json_integer_value(value) < 0 && !is_offset(key));
}

static bool is_shown(const char *key, json_t *value, bool all)
{
    if (!value || (json_is_string(value) && json_string_length(value) == 0)) {
        return false;
    }
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        all |= strcmp(key, always[i]) == 0;
    }
    return all || !is_nothing(key, value);
}

/* The keys are taken out of the answer. */
static void show_group(json_t *answer, const char *title, const char *const *keys, bool all)
{
    for (; *keys; keys++) {
        json_t *value = json_object_get(answer, *keys);
        if (is_shown(*keys, value, all)) {
            fputs(title, stdout);
            fputs(*title == '\0' ? "" : "\n", stdout);
            title = "";
            put_figure(*keys, value);
        }
        json_object_del(answer, *keys);
    }
}

static void show_others(json_t *answer, const char *title, bool all)
{
    const char *key;
    json_t *value;
    json_object_foreach(answer, key, value)
    {
        if (strcmp(key, "event") != 0 && strcmp(key, "id") != 0 && is_shown(key, value, all)) {
            fputs(title, stdout);
            title = "";
            put_figure(key, value);
        }
    }
}

void figures_show(json_t *answer, bool all)
{
    const char *event = json_string_value(json_object_get(answer, "event"));
    if (!event || strcmp(event, "status") != 0) {
        show_others(answer, "", true);
        return;
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        show_group(answer, groups[i].title, groups[i].keys, all);
    }
    show_others(answer, "Others\n", all);
}
