/* A dialer's words with a SOCKS5 proxy (RFC 1928, RFC 1929): from a connected socket to one that leads to the
 * peer.
 *
 * A plain state machine: no I/O, clock or memory of its own. Its owner sends socks_output, and receives no
 * more than socks_wants: the byte after the proxy's last answer is the peer's already. One thread at a time.
 * What a proxy says is hostile: nothing is kept of it but the two bytes that are looked at. */
#ifndef KITH_CONNECTION_SOCKS_H
#define KITH_CONNECTION_SOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/proxy.h"

enum socks_state {
    SOCKS_RUNS,
    SOCKS_CONNECTED, /* what comes and goes from now on is the peer's */
    SOCKS_FAILED,
};

/* Whose fault a failure is. */
enum socks_fault {
    SOCKS_PROXY, /* the proxy's or our own: another peer would not be reached either */
    SOCKS_PEER,  /* the address's: nobody answers there, or it may not be reached */
};

enum {
    SOCKS_REQUEST_MAX = 4 + 1 + HOST_MAX + 2,
    SOCKS_ANSWER_MAX = 255 + 2, /* bytes wanted at once */
};

struct socks {
    enum socks_state state;
    int step;                 /* the answer that is waited for */
    const struct address *to; /* socks_start's */
    const struct proxy_login *login;
    const uint8_t *out; /* unsent */
    size_t out_size;
    size_t wants; /* bytes of the answer that have not come */
    uint8_t head[2];
    enum socks_fault fault;
    const char *text;                   /* why it failed; a literal */
    uint8_t request[SOCKS_REQUEST_MAX]; /* the greeting before */
};

/* Begins. `to` is whom the proxy shall connect with: a host name is passed on as it is. `login` may be NULL.
 * Both outlive the words; the login is not copied. */
void socks_start(struct socks *s, const struct address *to, const struct proxy_login *login);

/* What is to be sent; returns how many bytes, 0 for none. They stay until socks_sent. */
size_t socks_output(const struct socks *s, const uint8_t **bytes);
void socks_sent(struct socks *s, size_t n); /* the first n of them */

/* How many bytes may be received, up to SOCKS_ANSWER_MAX; 0 while there is output, or if all is said. */
size_t socks_wants(const struct socks *s);
void socks_received(struct socks *s, const uint8_t *bytes, size_t n); /* n is not more than that */

/* The proxy has closed its side, or the connection failed: the words end with a failure. */
void socks_cut(struct socks *s);

/* Whether the proxy was asked to connect to the peer, and has not answered: who takes its time is the peer.
 */
bool socks_is_asked(const struct socks *s);

#endif
