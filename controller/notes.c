#include "controller/notes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "controller/state.h"

enum {
    BURST = 100,     /* lines of a kind that may come at once */
    PER_SECOND = 10, /* and afterwards */
    TELL_MS = 1000,  /* how soon it is told how many were left out */
};

static const struct {
    enum log_level level;
    const char *text;
} kinds[] = {
#define NOTE_KIND(name, level, text) [name] = {level, text},
    NOTE_KINDS(NOTE_KIND)
#undef NOTE_KIND
};

void notes_begin(struct controller *c)
{
    for (int i = 0; i < NOTE_KIND_COUNT; i++) {
        c->notes[i] = (struct note_bound){.room = BURST, .filled_ms = c->now.ms};
    }
    c->notes_ms = NEVER;
}

bool note_is_wanted(const struct controller *c, enum note_kind kind)
{
    return kinds[kind].level <= c->config->log_level;
}

static bool take_room(struct controller *c, struct note_bound *b)
{
    int64_t more = (c->now.ms - b->filled_ms) * PER_SECOND / 1000;
    b->filled_ms += more * 1000 / PER_SECOND;
    b->room = more > BURST - b->room ? BURST : b->room + more;
    if (b->room > 0) {
        b->room--;
        return true;
    }
    if (b->left_out++ == 0) {
        b->tell_ms = c->now.ms + TELL_MS;
    }
    if (b->tell_ms < c->notes_ms) {
        c->notes_ms = b->tell_ms;
    }
    return false;
}

static __attribute__((format(printf, 3, 0))) void write_line(struct controller *c, enum log_level level,
                                                             const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    c->act->log(c->host, level, line);
}

void note(struct controller *c, enum note_kind kind, const char *format, ...)
{
    if (!note_is_wanted(c, kind) || !take_room(c, &c->notes[kind])) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(c, kinds[kind].level, format, arguments);
    va_end(arguments);
}

void note_unbounded(struct controller *c, enum log_level level, const char *format, ...)
{
    if (level > c->config->log_level) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(c, level, format, arguments);
    va_end(arguments);
}

static void tell_left_out(struct controller *c, enum note_kind kind)
{
    struct note_bound *b = &c->notes[kind];
    note_unbounded(c, kinds[kind].level, "%" PRIu64 " more lines about %s were left out", b->left_out,
                   kinds[kind].text);
    b->left_out = 0;
}

void notes_run(struct controller *c, bool all)
{
    if (!all && c->notes_ms > c->now.ms) {
        return;
    }
    c->notes_ms = NEVER;
    for (int i = 0; i < NOTE_KIND_COUNT; i++) {
        const struct note_bound *b = &c->notes[i];
        if (b->left_out > 0 && (all || b->tell_ms <= c->now.ms)) {
            tell_left_out(c, (enum note_kind)i);
        } else if (b->left_out > 0 && b->tell_ms < c->notes_ms) {
            c->notes_ms = b->tell_ms;
        }
    }
}

int64_t notes_deadline(const struct controller *c)
{
    return c->notes_ms;
}
