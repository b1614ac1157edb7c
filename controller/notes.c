#include "controller/notes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/plural.h"
#include "controller/state.h"

/* Lines of a kind that may come at once, and how long it takes until one more may. */
enum {
    FAST_MOST = 100, /* what the operator brought about; all, if the log is at level debug */
    FAST_MS = 100,
    SLOW_MOST = 50, /* the others, which strangers bring about */
    SLOW_MS = 2000,
};

static const struct {
    enum log_level level;
    const char *text;
} kinds[] = {
#define NOTE_KIND(name, level, text) [name] = {level, text},
    NOTE_KINDS(NOTE_KIND)
#undef NOTE_KIND
};

/* Whoever sets level debug looks for something, and looks at the log. */
static bool is_debug(const struct controller *c)
{
    return c->config->log_level >= LOG_LEVEL_DEBUG;
}

void notes_begin(struct controller *c)
{
    line_limit_begin(&c->note_limit, c->lesson_key);
    for (int i = 0; i < NOTE_KIND_COUNT; i++) {
        bool slow = i != NOTE_OURS && !is_debug(c);
        line_bound_begin(&c->notes[i], slow ? SLOW_MOST : FAST_MOST, slow ? SLOW_MS : FAST_MS, c->now.ms);
    }
    c->notes_ms = NEVER;
}

bool note_is_wanted(const struct controller *c, enum note_kind kind)
{
    return kinds[kind].level <= c->config->log_level;
}

/* Looked at after each line that was left out. */
static void plan(struct controller *c, enum note_kind kind)
{
    c->notes_ms = earlier(c->notes_ms, line_bound_due(&c->notes[kind]));
}

static bool kind_allows(struct controller *c, enum note_kind kind)
{
    bool allowed = line_bound_allows(&c->notes[kind], c->now.ms);
    plan(c, kind);
    return allowed;
}

static bool address_allows(struct controller *c, enum note_kind kind, unsigned cause, const struct ip *ip)
{
    if (is_debug(c)) {
        return kind_allows(c, kind);
    }
    bool allowed = line_limit_allows(&c->note_limit, &c->notes[kind], kind, cause, ip, c->now.ms);
    plan(c, kind);
    return allowed;
}

static __attribute__((format(printf, 4, 0))) void write_line(struct controller *c, enum log_level level,
                                                             const struct log_about *about,
                                                             const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    c->act->log(c->host, level, about, line);
}

static const struct log_about nobody;

/* A dial has neither, before its name is looked up; an incoming connection no name, before its handshake. */
static struct log_about about_slot(const struct slot *s, char ip[IP_TEXT_MAX])
{
    return (struct log_about){.peer = s->info.hash[0] ? s->info.hash : NULL,
                              .ip = s->remote.port ? ip_format(&s->remote.ip, ip, IP_TEXT_MAX) : NULL};
}

void note(struct controller *c, enum note_kind kind, const char *format, ...)
{
    if (!note_is_wanted(c, kind) || !kind_allows(c, kind)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(c, kinds[kind].level, &nobody, format, arguments);
    va_end(arguments);
}

void note_address(struct controller *c, enum note_kind kind, unsigned cause, const struct ip *ip,
                  const char *format, ...)
{
    if (!note_is_wanted(c, kind) || !address_allows(c, kind, cause, ip)) {
        return;
    }
    va_list arguments;
    char text[IP_TEXT_MAX];
    va_start(arguments, format);
    write_line(c, kinds[kind].level, &(struct log_about){.ip = ip_format(ip, text, sizeof text)}, format,
               arguments);
    va_end(arguments);
}

/* Who was dialed has no IP address before its name is looked up. */
static bool slot_allows(struct controller *c, enum note_kind kind, unsigned cause, const struct slot *s)
{
    if (s->special) {
        return kind_allows(c, NOTE_OURS);
    }
    return s->remote.port ? address_allows(c, kind, cause, &s->remote.ip) : kind_allows(c, kind);
}

void note_slot(struct controller *c, enum note_kind kind, unsigned cause, const struct slot *s,
               const char *format, ...)
{
    if (!note_is_wanted(c, kind) || !slot_allows(c, kind, cause, s)) {
        return;
    }
    va_list arguments;
    char ip[IP_TEXT_MAX];
    const struct log_about about = about_slot(s, ip);
    va_start(arguments, format);
    write_line(c, kinds[kind].level, &about, format, arguments);
    va_end(arguments);
}

void note_peer(struct controller *c, enum note_kind kind, const struct slot *s, const char *format, ...)
{
    if (!note_is_wanted(c, kind) || !kind_allows(c, kind)) {
        return;
    }
    va_list arguments;
    char ip[IP_TEXT_MAX];
    const struct log_about about = about_slot(s, ip);
    va_start(arguments, format);
    write_line(c, kinds[kind].level, &about, format, arguments);
    va_end(arguments);
}

void note_unbounded(struct controller *c, enum log_level level, const char *format, ...)
{
    if (level > c->config->log_level) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(c, level, &nobody, format, arguments);
    va_end(arguments);
}

static void tell_left_out(struct controller *c, enum note_kind kind)
{
    struct line_bound *b = &c->notes[kind];
    char from[64] = "";
    if (b->holders > 0) {
        snprintf(from, sizeof from, ", from %s%" PRIu64 " %s",
                 line_limit_is_rough(&c->note_limit, b) ? "up to " : "", b->holders,
                 plural(b->holders, "address", "addresses"));
    }
    note_unbounded(c, kinds[kind].level, "%" PRIu64 " more %s about %s %s left out%s", b->left_out,
                   plural(b->left_out, "line", "lines"), kinds[kind].text, plural(b->left_out, "was", "were"),
                   from);
    line_bound_told(b);
}

void notes_run(struct controller *c, bool all)
{
    if (!all && c->notes_ms > c->now.ms) {
        return;
    }
    c->notes_ms = NEVER;
    for (int i = 0; i < NOTE_KIND_COUNT; i++) {
        int64_t due_ms = line_bound_due(&c->notes[i]);
        if (due_ms != INT64_MAX && (all || due_ms <= c->now.ms)) {
            tell_left_out(c, (enum note_kind)i);
        } else {
            c->notes_ms = earlier(c->notes_ms, due_ms);
        }
    }
}

int64_t notes_deadline(const struct controller *c)
{
    return c->notes_ms;
}
