/* kith-ctl: asks a node that runs, by its control socket, for people and scripts. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/ctl/place.h"
#include "app/ctl/verbs.h"
#include "app/spelling.h"

struct call {
    struct ctl ctl;
    const char *control; /* NULL: it is to be found */
    bool help, version;
};

static void print_help(FILE *out)
{
    fputs("usage: kith-ctl [-control PATH] [-json] VERB [ARGUMENT...]\n\n", out);
    for (size_t i = 0; verb_at(i); i++) {
        const struct verb *v = verb_at(i);
        fprintf(out, "  %s%s%s\n        %s\n", v->name, *v->takes == '\0' ? "" : " ", v->takes, v->help);
    }
    fputs("\n"
          "  -control PATH  the node's socket, or NAME of the service kith@NAME; default:\n"
          "                 kith/control.sock in $XDG_RUNTIME_DIR, or the one service's\n"
          "  -json          show what the node says as it is, an object a line\n"
          "  -a             status: show what is 0, too\n"
          "  -m             tail: show messages of peers, too\n"
          "  -kind KIND     send: the kind of the message\n"
          "  -help, -version\n"
          "\n"
          "PEER is a name that peers shows, or the beginning of one.\n",
          out);
}

static int fail_usage(const char *what, const char *word)
{
    fprintf(stderr, "kith-ctl: %s%s; -help shows how it is used\n", what, word);
    return -1;
}

/* The value of a flag, "-control PATH" or "-control=PATH"; NULL if it is another flag. *i is its place. */
static const char *value_of(const char *name, char **argv, int *i)
{
    const char *flag = argv[*i] + 1;
    flag += *flag == '-';
    size_t length = strlen(name);
    if (strncmp(flag, name, length) != 0) {
        return NULL;
    }
    if (flag[length] == '=') {
        return flag + length + 1;
    }
    return flag[length] == '\0' && argv[*i + 1] ? argv[++*i] : NULL;
}

static bool is_flag(const char *word, const char *name)
{
    word += 1 + (word[1] == '-');
    return strcmp(word, name) == 0;
}

static int take_flag(struct call *c, char **argv, int *i)
{
    const char *word = argv[*i], *value;
    if (is_flag(word, "json")) {
        c->ctl.json = true;
    } else if (is_flag(word, "a")) {
        c->ctl.all = true;
    } else if (is_flag(word, "m")) {
        c->ctl.messages = true;
    } else if (is_flag(word, "help") || is_flag(word, "h")) {
        c->help = true;
    } else if (is_flag(word, "version")) {
        c->version = true;
    } else if ((value = value_of("control", argv, i))) {
        c->control = value;
    } else if ((value = value_of("kind", argv, i))) {
        c->ctl.kind = value;
    } else {
        return fail_usage("no such flag, or nothing behind it: ", word);
    }
    return 0;
}

static int fail_verb(const char *word)
{
    struct spelling s = {.wrong = word};
    for (size_t i = 0; verb_at(i); i++) {
        spelling_try(&s, verb_at(i)->name);
    }
    if (!s.meant) {
        return fail_usage("no such verb: ", word);
    }
    fprintf(stderr, "kith-ctl: no such verb: %s; did you mean %s?\n", word, s.meant);
    return -1;
}

/* What is no flag stays in argv, in its order: the verb and its arguments. Behind "--" nothing is a flag. A
 * number below 0 is none either. */
static int take_words(struct call *c, char **argv)
{
    int n = 0;
    bool flags = true;
    for (int i = 1; argv[i]; i++) {
        char *word = argv[i];
        if (flags && strcmp(word, "--") == 0) {
            flags = false;
        } else if (!flags || word[0] != '-' || word[1] == '\0' || (word[1] >= '0' && word[1] <= '9')) {
            argv[n++] = word;
        } else if (take_flag(c, argv, &i) != 0) {
            return -1;
        }
    }
    c->ctl.arguments = argv + 1;
    c->ctl.n = n - 1;
    if (c->help || c->version) {
        return 0;
    }
    if (n == 0) {
        return fail_usage("no verb", "");
    }
    c->ctl.verb = verb_find(argv[0]);
    if (!c->ctl.verb) {
        return fail_verb(argv[0]);
    }
    if (c->ctl.n < c->ctl.verb->least || (c->ctl.verb->most >= 0 && c->ctl.n > c->ctl.verb->most)) {
        fprintf(stderr, "kith-ctl: usage: %s %s\n", c->ctl.verb->name, c->ctl.verb->takes);
        return -1;
    }
    return 0;
}

static enum ctl_status run(struct call *c)
{
    char path[PLACE_MAX], error[PLACE_MAX];
    if (c->control) {
        place_named(c->control, path);
    } else if (place_find(path, error, sizeof error) != 0) {
        fprintf(stderr, "kith-ctl: %s\n", error);
        return CTL_NO_NODE;
    }
    if (link_open(&c->ctl.link, path) != 0) {
        bool nobody = errno == ENOENT || errno == ECONNREFUSED;
        const char *advice = errno == EACCES ? "; its owner and its group may use it" : "";
        fprintf(stderr, "kith-ctl: %s'%s': %s%s\n", nobody ? "no node there: " : "", path, strerror(errno),
                advice);
        return CTL_NO_NODE;
    }
    enum ctl_status status = c->ctl.verb->run(&c->ctl);
    link_close(&c->ctl.link);
    return status;
}

int main(int argc, char **argv)
{
    struct call c = {.ctl = {.link = {.fd = -1}}};
    (void)argc;
    int status;
    if (take_words(&c, argv) != 0) {
        return CTL_USAGE;
    }
    if (c.help) {
        print_help(stdout);
        status = CTL_DONE;
    } else if (c.version) {
        puts("kith-ctl " KITH_VERSION);
        status = CTL_DONE;
    } else {
        status = (int)run(&c);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "kith-ctl: standard output: %s\n", strerror(errno));
        return CTL_FAILED;
    }
    return status;
}
