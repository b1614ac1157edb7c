#include "connection/lan.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

enum { LOOK_MS = 10 * 1000 };

/* The last address of the network: an interface that was set up by hand may not say it, or give its own. */
static struct ip last_of(const struct ip *own, const struct ip *mask)
{
    struct ip last = *own;
    for (size_t i = 12; i < sizeof last.bytes; i++) {
        last.bytes[i] |= (uint8_t)~mask->bytes[i];
    }
    return last;
}

/* False for one that cannot be broadcast to. */
static bool read_lan(struct lan *lan, const struct ifaddrs *a)
{
    struct endpoint own, mask, broadcast = {.ip = ip_any_v4};
    if (!(a->ifa_flags & IFF_UP) || !(a->ifa_flags & IFF_BROADCAST) || (a->ifa_flags & IFF_LOOPBACK) ||
        !a->ifa_addr || a->ifa_addr->sa_family != AF_INET || !a->ifa_netmask ||
        !endpoint_from_sockaddr(&own, a->ifa_addr) || !endpoint_from_sockaddr(&mask, a->ifa_netmask)) {
        return false;
    }
    bool is_said = a->ifa_broadaddr && endpoint_from_sockaddr(&broadcast, a->ifa_broadaddr) &&
                   !ip_equal(&broadcast.ip, &ip_any_v4) && !ip_equal(&broadcast.ip, &own.ip);
    *lan = (struct lan){.own = own.ip, .broadcast = is_said ? broadcast.ip : last_of(&own.ip, &mask.ip)};
    return (mask.ip.bytes[15] & 3) == 0; /* in a /31 or /32 there is no such address */
}

static bool is_known(const struct lans *l, const struct lan *lan)
{
    for (size_t i = 0; i < l->n; i++) {
        if (ip_equal(&l->list[i].broadcast, &lan->broadcast)) {
            return true;
        }
    }
    return false;
}

void lans_look(struct lans *l, const struct ip *bound, int64_t now_ms)
{
    if (l->again_ms != 0 && now_ms < l->again_ms) {
        return;
    }
    struct ifaddrs *all;
    l->n = 0;
    l->again_ms = now_ms + LOOK_MS;
    if (getifaddrs(&all) != 0) {
        return;
    }
    for (const struct ifaddrs *a = all; a && l->n < LANS_MOST; a = a->ifa_next) {
        struct lan lan;
        bool is_ours = read_lan(&lan, a) && (ip_equal(bound, &ip_any_v4) || ip_equal(bound, &lan.own));
        if (is_ours && !is_known(l, &lan)) {
            l->list[l->n++] = lan;
        }
    }
    freeifaddrs(all);
}

bool lans_have(const struct lans *l, const struct ip *own)
{
    for (size_t i = 0; i < l->n; i++) {
        if (ip_equal(&l->list[i].own, own)) {
            return true;
        }
    }
    return false;
}
