#include <stdio.h>
#include <string.h>

#include "dist/generate.h"

#define COLUMNS 80

/* A paragraph of comment. */
static void print_comment(const char *text)
{
    size_t column = 0;
    for (const char *p = text; *p != '\0'; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (column > 0 && column + 1 + word >= COLUMNS) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column == 0 ? "# " : " ", (int)word, p);
        p += word;
    }
    putchar('\n');
}

static void print_choices(const struct setting *op, char *text, size_t size)
{
    size_t n = strlen(text);
    const char *separator = " (";
    for (const struct setting_choice *c = op->choices; c && c->name; c++) {
        if (!c->hidden) {
            n += (size_t)snprintf(text + n, size - n, "%s%s", separator, c->name);
            separator = " | ";
        }
    }
    snprintf(text + n, size - n, "%s", op->choices ? ")" : "");
}

static void print_option(const struct setting *op, const struct options *defaults)
{
    char text[1024], value[OPTION_VALUE_MAX];
    bool is_told = (op->marks & SETTING_TOLD) != 0;
    const char *standard = option_standard(op, defaults, value);
    snprintf(text, sizeof text, "%s", op->help);
    print_choices(op, text, sizeof text);
    size_t n = strlen(text);
    if (is_told) {
        n += (size_t)snprintf(text + n, sizeof text - n, " (default: %s)", standard);
    }
    if (op->by_network) {
        snprintf(text + n, sizeof text - n, "; for one network: Main%s, Test%s, Local%s, Custom%s",
                 op->by_network, op->by_network, op->by_network, op->by_network);
    }
    putchar('\n');
    print_comment(text);
    printf("#%s =%s%s\n", op->name, is_told || *standard == '\0' ? "" : " ", is_told ? "" : standard);
}

static void print_group(enum setting_group group, const struct options *defaults)
{
    bool has_title = false;
    for (size_t i = 0; option_at(i); i++) {
        const struct setting *op = option_at(i);
        if (op->group == group && (op->marks & SETTING_FLAG_ONLY) == 0) {
            if (!has_title) {
                printf("\n\n# --- %s ---\n", option_group_title(group));
            }
            has_title = true;
            print_option(op, defaults);
        }
    }
}

void print_sample(void)
{
    struct options defaults;
    options_init(&defaults);
    option_defaults(&defaults, NULL);
    option_defaults(&defaults, defaults.config.protocol);
    print_comment("A configuration file of kith, with every option that one can have. Each is a comment that "
                  "holds its default: remove the # to change it. With another protocol than factom some "
                  "defaults differ: kith -protocol NAME -help shows them. kith(1) tells more of each.");
    print_comment(
        "A value goes on to the end of the line; a comment may follow after a blank and #. A value in "
        "quotes may hold anything. Lines in [brackets] mean nothing.");
    for (unsigned group = 0; group < GROUP_COUNT; group++) {
        print_group((enum setting_group)group, &defaults);
    }
}
