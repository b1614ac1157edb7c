#include "app/node_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/invitation.h"
#include "app/qr_read.h"
#include "app/text.h"

#define ANY_PORT   1 /* where only the form is looked at */
#define SEPARATORS " \t,"

/* --- pictures --- */

static bool ends_as_picture(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && text_equal(path + n - 4, ".png");
}

static bool is_picture(const char *entry)
{
    if (strchr(entry, '/')) {
        return !strstr(entry, "://") && !invitation_is_meant(entry, strlen(entry));
    }
    return ends_as_picture(entry) && access(entry, F_OK) == 0;
}

/* With spaces in its path: as long as it exists, it is no list. */
static bool is_one_picture(const char *text)
{
    return (strchr(text, '/') || ends_as_picture(text)) && access(text, F_OK) == 0;
}

static int write_picture(FILE *out, const char *path, char *bad, size_t bad_size)
{
    char text[INVITATION_TEXT_MAX];
    struct invitation i;
    char why[192], shown[TEXT_SHOWN_MAX];
    if (qr_read(path, text, sizeof text, bad, bad_size) != 0) {
        return -1;
    }
    if (invitation_parse(&i, text, strlen(text), why, sizeof why) != 0) { /* it may hold any bytes */
        return text_fail(bad, bad_size, "%s: %s", text_shown(path, shown), why);
    }
    fprintf(out, "%s ", text);
    return 0;
}

static int write_pictures(FILE *out, const char *text, char *bad, size_t bad_size)
{
    if (is_one_picture(text)) {
        return write_picture(out, text, bad, bad_size);
    }
    char *copy = strdup(text), *rest = copy;
    int result = copy ? 0 : text_fail(bad, bad_size, "out of memory");
    for (char *entry; result == 0 && (entry = strsep(&rest, SEPARATORS));) {
        if (is_picture(entry)) {
            result = write_picture(out, entry, bad, bad_size);
        } else {
            fprintf(out, "%s ", entry);
        }
    }
    free(copy);
    return result;
}

/* The text that was written to `out`, which is closed; NULL if `result` is not 0 or memory was short. */
static char *written(FILE *out, char **text, int result, char *bad, size_t bad_size)
{
    if (!out || fclose(out) != 0) {
        result = text_fail(bad, bad_size, "out of memory");
    }
    if (result != 0) {
        free(*text);
        *text = NULL;
    }
    return *text;
}

char *node_list_read_pictures(const char *text, char *bad, size_t bad_size)
{
    char *list = NULL;
    size_t size;
    FILE *out = open_memstream(&list, &size);
    int result = out ? write_pictures(out, text, bad, bad_size) : -1;
    return written(out, &list, result, bad, bad_size);
}

/* --- addresses --- */

static bool is_for(const struct invitation *i, const struct config *c, char *bad, size_t bad_size)
{
    char shown[TEXT_SHOWN_MAX];
    if (strcmp(i->protocol, c->protocol->name) != 0) {
        text_fail(bad, bad_size, "an invitation to protocol %s, but this node speaks %s", i->protocol,
                  c->protocol->name);
        return false;
    }
    if (strcmp(i->network, c->node.network.name) != 0) {
        text_fail(bad, bad_size, "an invitation to network %s, but this node is of network %s",
                  text_shown(i->network, shown), c->node.network.name);
        return false;
    }
    return true;
}

/* Writes the entry as an address. */
static int write_entry(FILE *out, const char *entry, size_t length, const struct config *c, char *bad,
                       size_t bad_size)
{
    struct invitation i;
    char address[ENDPOINT_TEXT_MAX];
    if (!invitation_is_meant(entry, length)) {
        fprintf(out, "%.*s ", (int)length, entry);
        return 0;
    }
    if (invitation_parse(&i, entry, length, bad, bad_size) != 0 || (c && !is_for(&i, c, bad, bad_size))) {
        return -1;
    }
    fprintf(out, "%s ", address_format(&i.address, address, sizeof address));
    return 0;
}

/* The same list with addresses in place of invitations, from malloc; NULL with the reason in `bad`. */
static char *only_addresses(const char *text, const struct config *c, char *bad, size_t bad_size)
{
    char *addresses = NULL;
    size_t size;
    FILE *out = open_memstream(&addresses, &size);
    int result = out ? 0 : -1;
    for (const char *p = text; result == 0 && *(p += strspn(p, SEPARATORS)) != '\0';
         p += strcspn(p, SEPARATORS)) {
        result = write_entry(out, p, strcspn(p, SEPARATORS), c, bad, bad_size);
    }
    return written(out, &addresses, result, bad, bad_size);
}

int node_list_parse(struct address_list *list, const char *text, const struct config *config, char *bad,
                    size_t bad_size)
{
    *list = (struct address_list){.n = 0};
    char *addresses = only_addresses(text, config, bad, bad_size);
    if (!addresses) {
        return -1;
    }
    int result =
        address_list_parse_at(list, addresses, config ? config->node.network.port : ANY_PORT, bad, bad_size);
    free(addresses);
    return result;
}
