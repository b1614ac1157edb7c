#include "app/own_address.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/text.h"

const char *address_source_name(enum address_source source)
{
    static const char *const names[] = {[ADDRESS_OF_BIND] = "bind",
                                        [ADDRESS_OF_PEERS] = "peers",
                                        [ADDRESS_OF_ROUTE] = "route",
                                        [ADDRESS_OF_LOOPBACK] = "loopback"};
    return names[source];
}

/* The address from which this system would send to that one. Connecting a datagram socket asks the routes. */
static bool leaves_from(struct ip *ip, const char *to)
{
    struct endpoint e;
    struct sockaddr_storage address;
    if (!endpoint_parse(&e, to)) {
        return false;
    }
    socklen_t size = endpoint_to_sockaddr(&e, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool found = connect(fd, (struct sockaddr *)&address, size) == 0;
    size = sizeof address;
    found = found && getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
            endpoint_from_sockaddr(&e, (struct sockaddr *)&address);
    close(fd);
    *ip = e.ip;
    return found;
}

/* To addresses that are for documents alone, only a default route leads. */
static bool find_route(struct ip *ip)
{
    return (leaves_from(ip, "192.0.2.1:9") || leaves_from(ip, "[2001:db8::1]:9")) && !ip_is_link_local(ip);
}

static bool binds_to_one(const struct config *c)
{
    static const uint8_t any[4];
    return c->has_bind && !ip_is_unspecified_v6(&c->bind) &&
           !(ip_is_v4(&c->bind) && memcmp(c->bind.bytes + 12, any, sizeof any) == 0);
}

static bool find(struct ip *ip, enum address_source *source, const struct config *c,
                 const struct kith_status *status)
{
    if (binds_to_one(c)) {
        *ip = c->bind;
        *source = ADDRESS_OF_BIND;
        return true;
    }
    *source = ADDRESS_OF_PEERS;
    if (status->seen_as[0] && ip_parse(ip, status->seen_as)) {
        return true;
    }
    *source = ADDRESS_OF_ROUTE;
    if (find_route(ip)) {
        return true;
    }
    *source = ADDRESS_OF_LOOPBACK;
    return c->node.network.open && ip_parse(ip, "127.0.0.1");
}

int own_invitation(struct invitation *i, enum address_source *source, const struct config *config,
                   const struct kith_status *status, char *bad, size_t bad_size)
{
    struct ip ip;
    if (status->port == 0) {
        return text_fail(bad, bad_size, "nobody can dial this node: it does not listen");
    }
    if (!find(&ip, source, config, status)) {
        return text_fail(bad, bad_size, "this node does not know its address: -bind says one");
    }
    if (ip_is_link_local(&ip)) {
        return text_fail(bad, bad_size, "the address that -bind says means nothing to others");
    }
    *i = (struct invitation){.address.port = status->port};
    snprintf(i->protocol, sizeof i->protocol, "%s", config->protocol->name);
    snprintf(i->network, sizeof i->network, "%s", config->node.network.name);
    ip_format(&ip, i->address.host, sizeof i->address.host);
    return 0;
}
