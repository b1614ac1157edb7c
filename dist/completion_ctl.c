/* Completion of kith-ctl: of its flags and verbs, and of a first argument if that is a peer or one of a few
 * words. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/ctl/verbs.h"
#include "dist/generate.h"

/* What a first argument may be. */
struct first {
    bool is_peer;
    char words[128]; /* with blanks between them */
};

static const char *const flags[][2] = {
    {"control", "socket of the node"},     {"json", "show what the node says as it is"},
    {"a", "status: what is 0, too"},       {"m", "tail: messages of peers, too"},
    {"kind", "send: kind of the message"}, {"help", "print how it is used"},
    {"version", "print the version"},
};
#define FLAGS (sizeof flags / sizeof flags[0])

/* Lists the node's peers by the first part of their names, which is enough of one. */
#define PEERS " -json peers 2>/dev/null | grep -o '\"peer\":\"[^\" ]*' | cut -d'\"' -f4 | sort -u"

/* "PEER|all|broadcast [TEXT...]": in small letters is what is meant as it stands. */
static struct first first_of(const struct verb *v)
{
    struct first f = {.is_peer = false};
    size_t length = strcspn(v->takes, " ."), n = 0;
    char text[128], *rest = text;
    snprintf(text, sizeof text, "%.*s", (int)length, v->takes);
    for (char *word; (word = strsep(&rest, "|[]"));) {
        f.is_peer |= strcmp(word, "PEER") == 0;
        if (islower((unsigned char)*word)) {
            n += (size_t)snprintf(f.words + n, sizeof f.words - n, "%s%s", n == 0 ? "" : " ", word);
        }
    }
    return f;
}

static bool is_something(const struct first *f)
{
    return f->is_peer || f->words[0] != '\0';
}

/* --- bash --- */

static void print_bash_verbs(void)
{
    for (size_t i = 0; verb_at(i); i++) {
        struct first f = first_of(verb_at(i));
        if (is_something(&f)) {
            printf("    %s0) words=\"%s%s\" ;;\n", verb_at(i)->name, f.words,
                   f.is_peer ? " $(kith-ctl \"${control[@]}\"" PEERS ")" : "");
        }
    }
    printf("    0) words=\"");
    for (size_t i = 0; verb_at(i); i++) {
        printf("%s%s", i == 0 ? "" : " ", verb_at(i)->name);
    }
    printf("\" ;;\n");
}

static void print_bash_flags(const char *dash)
{
    for (size_t i = 0; i < FLAGS; i++) {
        printf("%s%s%s", i == 0 ? "" : " ", dash, flags[i][0]);
    }
}

void print_ctl_bash(void)
{
    printf("# bash completion of kith-ctl, made from the table of its verbs.\n"
           "\n"
           "_kith_ctl() {\n"
           "    local typed=() control=() verb='' words='' argument=0 i\n"
           "    # Not COMP_WORDS: colons are words of their own there.\n"
           "    read -ra typed <<<\"${COMP_LINE:0:COMP_POINT}\"\n"
           "    [[ ${COMP_LINE:0:COMP_POINT} == *' ' ]] && typed+=('')\n"
           "    for ((i = 1; i < ${#typed[@]} - 1; i++)); do\n"
           "        case ${typed[i]} in\n"
           "        -control | --control) control=(-control \"${typed[++i]}\") ;;\n"
           "        -control=* | --control=*) control=(\"${typed[i]}\") ;;\n"
           "        -kind | --kind) ((i++)) ;;\n"
           "        -*) ;;\n"
           "        *) if [[ $verb ]]; then ((argument++)); else verb=${typed[i]}; fi ;;\n"
           "        esac\n"
           "    done\n"
           "    local word=${typed[-1]} before=${typed[-2]}\n"
           "    COMPREPLY=()\n"
           "    case $before in\n"
           "    -control | --control)\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
           "        return\n"
           "        ;;\n"
           "    -kind | --kind) return ;;\n"
           "    esac\n"
           "    case $word in\n"
           "    --*) words=\"");
    print_bash_flags("--");
    printf("\" verb=- ;;\n"
           "    -*) words=\"");
    print_bash_flags("-");
    printf("\" verb=- ;;\n"
           "    esac\n"
           "    case $verb$argument in\n");
    print_bash_verbs();
    printf("    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
           "    # What stands before the last colon is left as it is.\n"
           "    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
           "        COMPREPLY=(\"${COMPREPLY[@]#\"${word%%\"${word##*:}\"}\"}\")\n"
           "    fi\n"
           "}\n"
           "\n"
           "complete -F _kith_ctl kith-ctl\n");
}

/* --- zsh --- */

void print_ctl_zsh(void)
{
    printf("#compdef kith-ctl\n"
           "# Completion of kith-ctl, made from the table of its verbs.\n"
           "\n"
           "local curcontext=$curcontext state line\n"
           "typeset -A opt_args\n"
           "local -a words_of peers_of verbs\n"
           "verbs=(\n");
    for (size_t i = 0; verb_at(i); i++) {
        printf("  '%s:", verb_at(i)->name);
        print_quoted(verb_at(i)->help, "");
        printf("'\n");
    }
    printf(")\n"
           "_arguments -C \\\n");
    for (size_t i = 0; i < FLAGS; i++) {
        bool has_value = i == 0 || strcmp(flags[i][0], "kind") == 0;
        printf("  '(-%s --%s)'{-,--}'%s%s[%s]%s' \\\n", flags[i][0], flags[i][0], flags[i][0],
               has_value ? "=" : "", flags[i][1],
               i == 0      ? ":socket:_files"
               : has_value ? ":kind:"
                           : "");
    }
    printf("  '1:verb:->verb' '*::argument:->argument' && return 0\n"
           "if [[ $state == verb ]]; then\n"
           "  _describe verb verbs\n"
           "  return\n"
           "fi\n"
           "(( CURRENT == 2 )) || return 1\n"
           "local control=${opt_args[-control]:-${opt_args[--control]}}\n"
           "case $words[1] in\n");
    for (size_t i = 0; verb_at(i); i++) {
        struct first f = first_of(verb_at(i));
        if (is_something(&f)) {
            printf("%s) words_of=(%s)", verb_at(i)->name, f.words);
            printf("%s ;;\n", f.is_peer ? "; peers_of=(${(f)\"$(kith-ctl ${control:+-control=$control}" PEERS
                                          ")\"})"
                                        : "");
        }
    }
    printf("esac\n"
           "compadd -a words_of\n"
           "compadd -a peers_of\n");
}

/* --- fish --- */

void print_ctl_fish(void)
{
    printf("# Completion of kith-ctl, made from the table of its verbs.\n"
           "\n"
           "complete -c kith-ctl -f\n");
    for (size_t i = 0; i < FLAGS; i++) {
        bool has_value = i == 0 || strcmp(flags[i][0], "kind") == 0;
        printf("complete -c kith-ctl -o %s -l %s -d '%s'%s\n", flags[i][0], flags[i][0], flags[i][1],
               i == 0      ? " -r -F"
               : has_value ? " -x"
                           : "");
    }
    printf("set -l verbs");
    for (size_t i = 0; verb_at(i); i++) {
        printf(" %s", verb_at(i)->name);
    }
    printf("\n\n"
           "function __kith_ctl_peers\n"
           "    set -l words (commandline -opc)\n"
           "    set -l control\n"
           "    set -l next ''\n"
           "    for word in $words[2..]\n"
           "        switch \"$next\"\n"
           "            case -control --control\n"
           "                set control -control $word\n"
           "                set next ''\n"
           "            case -kind --kind\n"
           "                set next ''\n"
           "            case '*'\n"
           "                string match -qr -- '^--?control=' $word; and set control $word\n"
           "                set next $word\n"
           "        end\n"
           "    end\n"
           "    kith-ctl $control" PEERS "\n"
           "end\n\n");
    for (size_t i = 0; verb_at(i); i++) {
        struct first f = first_of(verb_at(i));
        printf("complete -c kith-ctl -n \"not __fish_seen_subcommand_from $verbs\" -a %s -d '",
               verb_at(i)->name);
        print_quoted(verb_at(i)->help, "\\");
        printf("'\n");
        if (is_something(&f)) {
            printf("complete -c kith-ctl -n '__fish_seen_subcommand_from %s; and test (commandline -opc)[-1] "
                   "= %s' -a ",
                   verb_at(i)->name, verb_at(i)->name);
            printf("\"%s%s\"\n", f.words, f.is_peer ? " (__kith_ctl_peers)" : "");
        }
    }
}
