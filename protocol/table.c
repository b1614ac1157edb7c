#include <string.h>
#include <strings.h>

#ifdef KITH_WITH_CHAIN
#include "protocol/coin/coin.h"
#include "protocol/infnote/infnote.h"
#endif
#ifdef KITH_WITH_DDRP
#include "protocol/ddrp/ddrp.h"
#endif
#include "protocol/factom/factom.h"
#include "protocol/mintlayer/mintlayer.h"
#include "protocol/protocol.h"

static const struct protocol *const protocols[] = {
    &factom_protocol,
#ifdef KITH_WITH_DDRP
    &ddrp_protocol, /* two revisions */
    &fnd_protocol,
#endif
    &mintlayer_protocol,
#ifdef KITH_WITH_CHAIN
    &infnote_protocol, /* they share a service */
    &coin_protocol,
#endif
};

#define PROTOCOLS (sizeof protocols / sizeof protocols[0])

const struct protocol *protocol_at(size_t i)
{
    return i < PROTOCOLS ? protocols[i] : NULL;
}

const struct protocol *protocol_find(const char *name)
{
    for (size_t i = 0; i < PROTOCOLS; i++) {
        if (strcmp(protocols[i]->name, name) == 0) {
            return protocols[i];
        }
    }
    return NULL;
}

static bool custom_network(const struct protocol *p, const char *custom, struct network_config *config)
{
    size_t length = strlen(custom);
    if (!p->custom_id || length >= sizeof config->name) {
        return false;
    }
    *config = (struct network_config){.id = p->custom_id(custom), .port = p->custom_port, .open = true};
    memcpy(config->name, custom, length);
    return true;
}

bool protocol_network(const struct protocol *p, const char *name, const char *custom,
                      struct network_config *config)
{
    if (custom) {
        return custom_network(p, custom, config);
    }
    for (const struct network_config *n = p->networks; n->name[0] != '\0'; n++) {
        if (strcasecmp(n->name, name) == 0) {
            *config = *n;
            return true;
        }
    }
    return false;
}
