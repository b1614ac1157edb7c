#include "protocol/factom/harvest.h"

bool factom_harvest_add(struct harvest *h, const char *host, size_t host_length, const char *port,
                        size_t port_length)
{
    struct address a;
    if (!address_from_parts(&a, host, host_length, port, port_length)) {
        return false;
    }
    if (h->n < h->most && address_is_ip(&a, &h->to[h->n])) {
        h->n++;
    } else {
        h->left_out++;
    }
    return true;
}

uint16_t factom_harvest_port(const void *text, size_t size)
{
    struct address a;
    return address_from_parts(&a, "0.0.0.0", 7, text, size) ? a.port : 0;
}
