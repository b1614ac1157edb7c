#include "app/node_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/invitation.h"
#include "app/text.h"

#define ANY_PORT   1 /* where only the form is looked at */
#define SEPARATORS " \t,"

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
    int result = out ? 0 : text_fail(bad, bad_size, "out of memory");
    for (const char *p = text; result == 0 && *(p += strspn(p, SEPARATORS)) != '\0';
         p += strcspn(p, SEPARATORS)) {
        result = write_entry(out, p, strcspn(p, SEPARATORS), c, bad, bad_size);
    }
    if (out && fclose(out) != 0 && result == 0) {
        result = text_fail(bad, bad_size, "out of memory");
    }
    if (result != 0) {
        free(addresses);
        return NULL;
    }
    return addresses;
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
