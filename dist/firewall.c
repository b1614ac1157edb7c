#include <stdio.h>

#include "dist/generate.h"

static void print_port(uint16_t port, bool has_datagrams)
{
    printf("  <port protocol=\"tcp\" port=\"%u\"/>\n", port);
    if (has_datagrams) {
        printf("  <port protocol=\"udp\" port=\"%u\"/>\n", port);
    }
}

static bool is_new(const struct network_config *networks, const struct network_config *n)
{
    for (; networks != n; networks++) {
        if (networks->port == n->port) {
            return false;
        }
    }
    return true;
}

void print_firewall(const struct protocol *p)
{
    printf(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<service>\n"
        "  <short>kith, %s</short>\n"
        "  <description>A kith node of the protocol %s: the ports of its networks, on which other nodes dial "
        "it.</description>\n",
        p->name, p->name);
    for (const struct network_config *n = p->networks; n->name[0] != '\0'; n++) {
        if (is_new(p->networks, n)) {
            print_port(n->port, p->datagram_max > 0);
        }
    }
    printf("</service>\n");
}
