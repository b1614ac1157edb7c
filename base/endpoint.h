/* Addresses of nodes: an IP address with a port or, as operators write, a host name with a port. */
#ifndef KITH_BASE_ENDPOINT_H
#define KITH_BASE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IP address: IPv6, or IPv4 in its mapped form ::ffff:a.b.c.d. Compared with memcmp. The same link-local
 * address (fe80::/10) may be on each link: it carries its scope, the number of the interface, in bytes 4 to
 * 7, which are zero in the address itself. Scope 0: not known. The number is this system's, until it starts
 * again. */
struct ip {
    uint8_t bytes[16];
};

struct endpoint {
    struct ip ip;
    uint16_t port; /* 1 .. 65535, host order */
};

/* Endpoints are hashed and ordered as plain bytes. */
_Static_assert(sizeof(struct endpoint) == 18, "struct endpoint must have no padding");

#define HOST_MAX          254 /* bytes of a host name with a dot at its end, without the NUL */
#define ENDPOINT_TEXT_MAX (5 + HOST_MAX + 2 + 7) /* "ws://[host]:65535" with its NUL */

/* The proof of who a peer is, in protocols that have one: a public key, or its hash. */
#define PEER_ID_MAX 64
struct peer_id {
    uint8_t size; /* 0 if it is not known, or there is none */
    uint8_t bytes[PEER_ID_MAX];
};

/* How a peer is dialed, of protocols that know several ways (stream.h). */
enum __attribute__((packed)) scheme {
    SCHEME_PLAIN,     /* "host:port": as the protocol does it */
    SCHEME_WEBSOCKET, /* "ws://host:port" */
};

/* An address as an operator writes it: an IP address or a host name, a port, and perhaps how it is dialed,
 * and the id of the peer that must be there. A host name is looked up anew for each dial. */
struct address {
    char host[HOST_MAX + 1]; /* without brackets */
    enum scheme scheme;
    uint16_t port;
    struct peer_id id; /* size 0: any peer will do */
};

/* None of these functions blocks or allocates; any thread may call them. */

/* Reads "1.2.3.4", "::1", "fe80::1%2" (no brackets; the zone a number, and for link-local addresses alone).
 * "::ffff:1.2.3.4" is 1.2.3.4. False if the text is none of them; *ip is then untouched. */
bool ip_parse(struct ip *ip, const char *text);

/* The same for an IP address that may have a port, "1.2.3.4:8108" or "[::1]:8108", which is not looked at. */
bool ip_parse_any_port(struct ip *ip, const char *text);
bool ip_is_v4(const struct ip *ip);
bool ip_equal(const struct ip *a, const struct ip *b);

/* Writes the text form: "1.2.3.4", "2001:db8::1" or "fe80::1%2". Returns buf; size at least IP_TEXT_MAX. */
#define IP_TEXT_MAX 57
const char *ip_format(const struct ip *ip, char *buf, size_t size);

/* True for an address that anybody on the internet could dial: global unicast, none of the ranges that
 * docs/protocols/mintlayer.md lists in its section 8. */
bool ip_is_routable(const struct ip *ip);
bool ip_is_unspecified_v6(const struct ip *ip); /* "::" */
extern const struct ip ip_any_v4;               /* 0.0.0.0 */
extern const struct ip ip_everybody_v4;         /* 255.255.255.255: whoever is in the same network */

/* fe80::/10. Without a scope nobody can dial it, and the scope means nothing to anybody else. */
bool ip_is_link_local(const struct ip *ip);
uint32_t ip_scope(const struct ip *ip); /* 0 if it has none */

/* Two addresses are of one network group if their first 16 bits (IPv4) or 32 bits (IPv6) are equal. */
uint64_t ip_group(const struct ip *ip);

/* What one holder has: the whole of an IPv4 address, the first 64 bits of an IPv6 one, the rest zero. Scores,
 * bans and limits go by it, since whoever has one address of an IPv6 /64 has all of them. Only ::/64, where
 * loopback lies, belongs to nobody: there it is the whole address. */
struct ip ip_holder(const struct ip *ip);

/* Reads hex digits of either case, an even number of them, up to 2 * PEER_ID_MAX, from exactly `length`
 * bytes. False for anything else; *id is then untouched. */
bool peer_id_parse(struct peer_id *id, const char *text, size_t length);
bool peer_id_equal(const struct peer_id *a, const struct peer_id *b);
/* Writes lower-case hex digits. Returns buf; size at least PEER_ID_TEXT_MAX. */
#define PEER_ID_TEXT_MAX (2 * PEER_ID_MAX + 1)
const char *peer_id_format(const struct peer_id *id, char *buf, size_t size);

/* Reads "1.2.3.4:8108" or "[::1]:8108". False for anything else, a host name or port 0 included. */
bool endpoint_parse(struct endpoint *e, const char *text);

/* Writes "1.2.3.4:8108" or "[::1]:8108". Returns buf; size at least ENDPOINT_TEXT_MAX. */
const char *endpoint_format(const struct endpoint *e, char *buf, size_t size);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* From and to the socket calls' form, with the scope of a link-local address. endpoint_from_sockaddr is
 * false for a family that is not IP; the port may be 0. */
bool endpoint_from_sockaddr(struct endpoint *e, const struct sockaddr *from);
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *to);

/* Reads "host:port", "1.2.3.4:port", "[ipv6]:port", "[fe80::1%eth0]:port" from exactly `length` bytes (no NUL
 * needed). A host name has 1 to 253 bytes, and perhaps a dot behind them: labels of 1 to 63 letters, digits,
 * '-' and '_', with dots between them; the last label does not read as a number, because lookups take such a
 * name for an IPv4 address in one of its odd forms ("1.2.3", "0x7f000001"). The port is 1 to 5 digits. False
 * for anything else, port 0 included; *a is then untouched. */
bool address_parse(struct address *a, const char *text, size_t length);

/* The same of a peer that is to be dialed: with or without "ws://" before it, and with or without "ID@"
 * before all, the id of the peer that must be there. */
bool address_parse_peer(struct address *a, const char *text, size_t length);

/* As address_parse, in its two parts, as share payloads carry them: an IPv6 host has no brackets, `port` is
 * decimal text. */
bool address_from_parts(struct address *a, const char *host, size_t host_length, const char *port,
                        size_t port_length);

/* Writes "host:port" or "ws://host:port", with brackets round IPv6; the id is left out. address_format_place
 * leaves "ws://" out too. Returns buf; size at least ENDPOINT_TEXT_MAX. */
const char *address_format(const struct address *a, char *buf, size_t size);
const char *address_format_place(const struct address *a, char *buf, size_t size);

/* True, and fills *e, if the host is an IP address already. "fe80::1%eth0" is none: its interface must be
 * looked up. */
bool address_is_ip(const struct address *a, struct endpoint *e);

/* Equal as an operator would say: the same IP address and port, or the same name, letters' case aside, and
 * port. The id does not matter, nor does the scheme: one peer is there, however it is dialed. */
bool address_equal(const struct address *a, const struct address *b);

#endif
