#include "protocol/factom/harvest.h"

/* splitmix64 */
static uint64_t throw(struct harvest * h)
{
    uint64_t z = h->dice += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Each that came so far is as likely as any other to be among those that are kept. */
static void draw(struct harvest *h, const struct endpoint *e)
{
    uint64_t at = h->dice ? throw(h) % (h->n + h->left_out + 1) : h->most;
    h->left_out++;
    if (at < h->most) {
        h->to[at] = *e;
    }
}

bool factom_harvest_add(struct harvest *h, const char *host, size_t host_length, const char *port,
                        size_t port_length)
{
    struct address a;
    if (!address_from_parts(&a, host, host_length, port, port_length)) {
        return false;
    }
    struct endpoint e;
    if (!address_is_ip(&a, &e)) {
        h->left_out++;
    } else if (h->n < h->most) {
        h->to[h->n++] = e;
    } else {
        draw(h, &e);
    }
    return true;
}

uint16_t factom_harvest_port(const void *text, size_t size)
{
    struct address a;
    return address_from_parts(&a, "0.0.0.0", 7, text, size) ? a.port : 0;
}
