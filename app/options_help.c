/* What -help prints, and what it shares with others that show the options. */
#include <string.h>

#include "app/option.h"

#define COLUMNS 80
#define INDENT  8

static const char *const group_titles[GROUP_COUNT] = {
    [GROUP_GENERAL] = "General",
    [GROUP_NETWORK] = "Network",
    [GROUP_PEERS] = "Peers",
    [GROUP_TIMES] = "Times (TIME: milliseconds, or a number with ms, s, m, h or d)",
    [GROUP_LIMITS] = "Limits (SIZE: bytes, or a number with K, M or G)",
    [GROUP_MERITS] = "Merits, added to the quality of an IP address",
};

const char *option_group_title(enum setting_group group)
{
    return group_titles[group];
}

const char *option_takes(const struct setting *op)
{
    if (op->takes) {
        return op->takes;
    }
    switch (op->type) {
    case SETTING_NUMBER:
        return "N";
    case SETTING_TIME:
        return "TIME";
    case SETTING_SIZE:
        return "SIZE";
    case SETTING_PATH:
        return "FILE";
    case SETTING_URL:
        return "URL";
    case SETTING_IP:
        return "ADDRESS";
    case SETTING_ENDPOINTS:
        return "ADDRESS:PORT,...";
    case SETTING_ADDRESSES:
        return "\"[ID@]HOST:PORT ...\"";
    case SETTING_PROXY:
        return "[USER:PASSWORD@]HOST:PORT";
    case SETTING_TEXT:
    case SETTING_PROTOCOL:
        return "NAME";
    case SETTING_SWITCH:
    case SETTING_CHOICE:
        break;
    }
    return "";
}

/* Of a switch the words "true" and "false" go without saying. */
static bool is_offered(const struct setting *op, const struct setting_choice *c)
{
    bool is_plain = strcmp(c->name, "true") == 0 || strcmp(c->name, "false") == 0;
    return !c->hidden && !(is_plain && (op->marks & SETTING_ALONE) != 0);
}

static void print_flag(const struct setting *op, FILE *out)
{
    bool alone = (op->marks & SETTING_ALONE) != 0;
    fprintf(out, "  -%s", op->name);
    const char *separator = alone ? "[=" : " ";
    for (const struct setting_choice *c = op->choices; c && c->name; c++) {
        if (is_offered(op, c)) {
            fprintf(out, "%s%s", separator, c->name);
            separator = "|";
        }
    }
    const char *value = option_takes(op);
    fprintf(out, "%s%s%s\n", alone ? "]" : "", *value == '\0' ? "" : " ", value);
}

/* Prints words, indented, broken before the last column. */
static void print_wrapped(const char *text, FILE *out)
{
    size_t column = 0;
    for (const char *p = text; *p != '\0'; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (column != 0 && column + 1 + word >= COLUMNS) {
            fputc('\n', out);
            column = 0;
        }
        int blanks = column == 0 ? INDENT : 1;
        fprintf(out, "%*s%.*s", blanks, "", (int)word, p);
        column += (size_t)blanks + word;
        p += word;
    }
    fputc('\n', out);
}

/* Of a protocol's own rows: that protocol's default, whichever is chosen. */
static const void *default_of(const struct setting *op, const struct options *defaults)
{
    const struct protocol *p = option_protocol(op);
    const void *all = p ? p->setting_defaults : defaults;
    return (const char *)all + op->place;
}

const char *option_standard(const struct setting *op, const struct options *defaults,
                            char buf[OPTION_VALUE_MAX])
{
    if ((op->marks & SETTING_TOLD) != 0) {
        return op->standard;
    }
    bool ends = op->type == SETTING_SWITCH && (op->marks & SETTING_FLAG_ONLY) != 0;
    return ends ? "" : option_format(op, default_of(op, defaults), buf);
}

static void print_option(const struct setting *op, const struct options *defaults, FILE *out)
{
    char text[512], value[OPTION_VALUE_MAX];
    const char *standard = option_standard(op, defaults, value);
    snprintf(text, sizeof text, *standard == '\0' ? "%s" : "%s (default: %s)", op->help, standard);
    print_flag(op, out);
    print_wrapped(text, out);
}

void options_help(const struct options *o, FILE *out)
{
    struct options defaults;
    options_init(&defaults);
    option_defaults(&defaults, NULL);
    const struct setting *protocol = option_find("protocol");
    const char *name = o->given[option_index(protocol)][ORIGIN_FLAG];
    const struct protocol *p = name ? protocol_find(name) : defaults.config.protocol;
    option_defaults(&defaults, p);

    fputs("usage: kith [-flag value | -flag=value | -switch] ...\n"
          "\n"
          "A flag takes one dash or two. What is given by no flag comes from the\n"
          "configuration file, whose keys are the flags' names. kith(1) tells more.\n",
          out);
    for (unsigned group = 0; group < GROUP_COUNT; group++) {
        fprintf(out, "\n%s:\n", group_titles[group]);
        for (size_t i = 0; option_at(i); i++) {
            if (option_at(i)->group == group) {
                print_option(option_at(i), &defaults, out);
            }
        }
    }
}
