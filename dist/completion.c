/* Completion of the flags: of a flag's name, and of its value if that is one of a few words, a file or a
 * folder. */
#include <stdio.h>
#include <string.h>

#include "dist/generate.h"

static bool is_folder(const struct setting *op)
{
    return op->type == SETTING_PATH && strcmp(option_takes(op), "DIR") == 0;
}

/* Prints the words that a value may be, with `separator` between them. False if it is not one of a few. */
static bool print_words(const struct setting *op, const char *separator)
{
    bool first = true;
    const struct protocol *p;
    for (const struct setting_choice *c = op->choices; c && c->name; c++) {
        if (!c->hidden) {
            printf("%s%s", first ? "" : separator, c->name);
            first = false;
        }
    }
    for (size_t i = 0; op->type == SETTING_PROTOCOL && (p = protocol_at(i)); i++) {
        printf("%s%s", first ? "" : separator, p->name);
        first = false;
    }
    if (op->type == SETTING_SWITCH) {
        printf("true%sfalse", separator);
        first = false;
    }
    return !first;
}

static bool has_words(const struct setting *op)
{
    return op->choices || op->type == SETTING_PROTOCOL || op->type == SETTING_SWITCH;
}

/* --- bash --- */

static void print_bash_case(const struct setting *op)
{
    if (is_whole_alone(op)) {
        printf("    %s=) ", op->name);
    } else {
        printf("    %s | %s=) ", op->name, op->name);
    }
    if (has_words(op)) {
        printf("_kith_words \"");
        print_words(op, " ");
        printf("\" ;;\n");
    } else if (op->type == SETTING_PATH) {
        printf("_kith_files -%c ;;\n", is_folder(op) ? 'd' : 'f');
    } else {
        printf(";;\n");
    }
}

static void print_bash_names(const char *dash)
{
    for (size_t i = 0; option_at(i); i++) {
        printf("%s%s%s", i == 0 ? "" : " ", dash, option_at(i)->name);
    }
}

void print_bash(void)
{
    printf("# bash completion of kith's flags, made from the table of its options.\n"
           "\n"
           "_kith_words() {\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$word\")\n"
           "}\n"
           "\n"
           "_kith_files() {\n"
           "    compopt -o filenames 2>/dev/null\n"
           "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$word\")\n"
           "}\n"
           "\n"
           "_kith() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} equals=\n"
           "    COMPREPLY=()\n"
           "    # An equals sign is a word of its own.\n"
           "    if [[ $word == = ]]; then\n"
           "        word='' equals='='\n"
           "    elif [[ $flag == = ]]; then\n"
           "        flag=${COMP_WORDS[COMP_CWORD - 2]} equals='='\n"
           "    fi\n"
           "    [[ $flag == -* ]] || flag=''\n"
           "    flag=${flag#-}\n"
           "    case ${flag#-}$equals in\n");
    for (size_t i = 0; option_at(i); i++) {
        print_bash_case(option_at(i));
    }
    printf("    *)\n"
           "        if [[ $word == --* ]]; then\n"
           "            _kith_words \"");
    print_bash_names("--");
    printf("\"\n"
           "        else\n"
           "            _kith_words \"");
    print_bash_names("-");
    printf("\"\n"
           "        fi\n"
           "        ;;\n"
           "    esac\n"
           "}\n"
           "\n"
           "complete -F _kith kith\n");
}

/* --- zsh and fish: in single quotes --- */

void print_quoted(const char *text, const char *escaped)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            printf("'\\''");
        } else {
            printf("%s%c", strchr(escaped, *text) ? "\\" : "", *text);
        }
    }
}

static void print_zsh_value(const struct setting *op)
{
    printf(":%s:", has_words(op) || op->type == SETTING_PATH ? op->name : "value");
    if (has_words(op)) {
        putchar('(');
        print_words(op, " ");
        putchar(')');
    } else if (op->type == SETTING_PATH) {
        printf(is_folder(op) ? "_files -/" : "_files");
    }
}

/* One spelling of a flag. `equals` says how a value follows. */
static void print_zsh_flag(const struct setting *op, const char *equals)
{
    if (op->type == SETTING_ADDRESSES) { /* they add up */
        printf("  '*'{-,--}'%s%s[", op->name, equals);
    } else {
        printf("  '(-%s --%s)'{-,--}'%s%s[", op->name, op->name, op->name, equals);
    }
    print_quoted(op->help, "[]");
    putchar(']');
    if (*equals != '\0') {
        print_zsh_value(op);
    }
    printf("' \\\n");
}

void print_zsh(void)
{
    printf("#compdef kith\n"
           "# Completion of kith's flags, made from the table of its options.\n"
           "\n"
           "_arguments \\\n");
    for (size_t i = 0; option_at(i); i++) {
        if (is_whole_alone(option_at(i))) {
            print_zsh_flag(option_at(i), "");
            print_zsh_flag(option_at(i), "=-");
        } else {
            print_zsh_flag(option_at(i), "=");
        }
    }
    printf("  && return 0\n");
}

static void print_fish_option(const struct setting *op)
{
    printf("complete -c kith -o %s -l %s -d '", op->name, op->name);
    print_quoted(op->help, "\\");
    putchar('\'');
    if (is_whole_alone(op)) {
        printf("\n");
        return;
    }
    if (has_words(op)) {
        printf(" -x -a '");
        print_words(op, " ");
        putchar('\'');
    } else if (op->type == SETTING_PATH) {
        printf(is_folder(op) ? " -x -a '(__fish_complete_directories)'" : " -r -F");
    } else {
        printf(" -x");
    }
    putchar('\n');
}

void print_fish(void)
{
    printf("# Completion of kith's flags, made from the table of its options.\n"
           "\n"
           "complete -c kith -f\n");
    for (size_t i = 0; option_at(i); i++) {
        print_fish_option(option_at(i));
    }
}
