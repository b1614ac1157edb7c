#include "app/console_complete.h"

#include <string.h>

#include "app/console_commands.h"
#include "app/console_peers.h"
#include "app/console_state.h"

struct last_word {
    size_t number; /* 0: the command */
    size_t from;   /* where it begins, with its quote */
    const char *text;
    size_t size;
};

/* The word that the cursor is in, or is about to begin. */
static struct last_word find_last(const char *line)
{
    struct last_word w = {.number = 0};
    for (const char *at = line;; w.number++) {
        at += strspn(at, " \t");
        bool quoted = *at == '"';
        w.from = (size_t)(at - line);
        w.text = at + quoted;
        w.size = strcspn(w.text, quoted ? "\"" : " \t");
        if (!w.text[w.size]) {
            return w;
        }
        at = w.text + w.size + 1;
    }
}

static void add_if(struct completions *c, const struct last_word *w, const char *before, const char *text)
{
    if (strncmp(text, w->text, w->size) == 0) {
        completions_add(c, "%s%s ", before, text);
    }
}

static void add_commands(struct completions *c, const struct last_word *w, const char *before)
{
    const char *name;
    for (size_t i = 0; (name = console_command_name(i)); i++) {
        add_if(c, w, before, name);
    }
}

static void add_peers(struct frontend *f, struct completions *c, const struct last_word *w)
{
    const struct console_state *s = f->state;
    for (const char *name = NULL; (name = names_next(&s->names, w->text, w->size, name));) {
        const char *quote = strchr(name, ' ') ? "\"" : "";
        completions_add(c, "%s%s%s ", quote, name, quote);
    }
}

/* `argument` is the form's word: "[KIND", "PEER|IP". */
static void add_arguments(struct frontend *f, struct completions *c, const struct last_word *w,
                          const char *command, const char *argument)
{
    const char *text;
    argument += *argument == '[';
    if (strncmp(argument, "PEER", 4) == 0) {
        add_peers(f, c, w);
    } else if (strncmp(argument, "COMMAND", 7) == 0) {
        add_commands(c, w, "");
    } else if (strncmp(argument, "ORDER", 5) == 0) {
        for (size_t i = 0; (text = console_peers_order_name(i)); i++) {
            add_if(c, w, "", text);
        }
    } else if (strncmp(argument, "add|remove", 10) == 0) {
        add_if(c, w, "", "add");
        add_if(c, w, "", "remove");
    } else if (strncmp(argument, "KIND", 4) == 0) {
        for (size_t i = 0; (text = kith_kind(f->node, i)); i++) {
            add_if(c, w, "", text);
        }
    }
    bool is_target = strcmp(command, "send") == 0 || strcmp(command, "kind") == 0;
    if (is_target && strncmp(argument, "PEER", 4) == 0) {
        add_if(c, w, "", KITH_BROADCAST);
        add_if(c, w, "", KITH_FULL_BROADCAST);
        add_if(c, w, "", KITH_RANDOM_PEER);
    }
}

void console_complete(struct frontend *f, const char *line, struct completions *c)
{
    struct last_word w = find_last(line);
    c->from = w.from;
    if (line[0] != '/') {
        return;
    }
    if (w.number == 0) {
        w.text++;
        w.size--;
        add_commands(c, &w, "/");
        return;
    }
    const char *name, *argument;
    for (size_t i = 0; (name = console_command_name(i)); i++) {
        size_t size = strlen(name);
        if (strncmp(line + 1, name, size) == 0 && strchr(" \t", line[1 + size]) &&
            (argument = console_command_argument(i, w.number - 1))) {
            add_arguments(f, c, &w, name, argument);
        }
    }
}
