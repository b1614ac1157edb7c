#include "app/doctor_report.h"

#include <stdarg.h>

#include <jansson.h>

#include "base/utf8.h"

static const char *const levels[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_WARN] = "warn", [DOCTOR_BAD] = "bad"};

static void print_json(struct doctor *d, enum doctor_level level, const char *about, const char *remedy,
                       const char *text)
{
    json_t *o = json_pack("{ss ss ss}", "level", levels[level], "about", about, "text", text);
    if (remedy) {
        json_object_set_new(o, "remedy", json_string(remedy));
    }
    json_dumpf(o, d->out, JSON_COMPACT);
    fputc('\n', d->out);
    json_decref(o);
}

/* What it tells of may come from files, other programs and the network. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *about, const char *remedy,
                const char *format, ...)
{
    char text[DOCTOR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    utf8_make_harmless(text);
    d->found_bad |= level == DOCTOR_BAD;
    if (d->as_json) {
        print_json(d, level, about, remedy, text);
    } else {
        fprintf(d->out, "%-4s  %-9s %s\n", levels[level], about, text);
        if (remedy) {
            fprintf(d->out, "%-15s -> %s\n", "", remedy);
        }
    }
    fflush(d->out); /* the next one may take a while */
}
