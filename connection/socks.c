#include "connection/socks.h"

#include <string.h>

enum { VERSION = 5, LOGIN_VERSION = 1, CONNECT = 1 };
enum method { METHOD_NONE = 0, METHOD_LOGIN = 2, METHOD_REFUSED = 0xff };
enum address_type { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

/* Which answer is waited for: of the last one the parts, as only they tell how long it is. */
enum step {
    STEP_METHOD,
    STEP_LOGIN,
    STEP_REPLY, /* version and result */
    STEP_TYPE,  /* a reserved byte, and the type of the address that follows */
    STEP_LENGTH,
    STEP_ADDRESS, /* and the port: where the proxy dials from, which nobody needs */
};

static void fail(struct socks *s, enum socks_fault fault, const char *text)
{
    s->state = SOCKS_FAILED;
    s->fault = fault;
    s->text = text;
    s->out_size = s->wants = 0;
}

static void await(struct socks *s, enum step step, size_t bytes)
{
    s->step = (int)step;
    s->wants = bytes;
}

/* --- what we say --- */

void socks_start(struct socks *s, const struct address *to, const struct proxy_login *login)
{
    *s = (struct socks){.state = SOCKS_RUNS, .to = to, .login = login, .out = s->request};
    s->request[s->out_size++] = VERSION;
    s->request[s->out_size++] = login ? 2 : 1;
    s->request[s->out_size++] = METHOD_NONE;
    if (login) {
        s->request[s->out_size++] = METHOD_LOGIN;
    }
    await(s, STEP_METHOD, 2);
}

/* The scope of a link-local address means nothing to the proxy. */
static size_t put_ip(uint8_t *to, struct ip ip)
{
    bool v4 = ip_is_v4(&ip);
    size_t size = v4 ? 4 : sizeof ip.bytes;
    if (ip_is_link_local(&ip)) {
        memset(ip.bytes + 4, 0, 4);
    }
    to[0] = v4 ? TYPE_V4 : TYPE_V6;
    memcpy(to + 1, ip.bytes + sizeof ip.bytes - size, size);
    return 1 + size;
}

static size_t put_name(uint8_t *to, const char *name)
{
    size_t size = strnlen(name, HOST_MAX);
    to[0] = TYPE_NAME;
    to[1] = (uint8_t)size;
    memcpy(to + 2, name, size);
    return 2 + size;
}

static void ask(struct socks *s)
{
    struct endpoint e;
    uint8_t *p = s->request;
    *p++ = VERSION;
    *p++ = CONNECT;
    *p++ = 0;
    p += address_is_ip(s->to, &e) ? put_ip(p, e.ip) : put_name(p, s->to->host);
    *p++ = (uint8_t)(s->to->port >> 8);
    *p++ = (uint8_t)s->to->port;
    s->out = s->request;
    s->out_size = (size_t)(p - s->request);
    await(s, STEP_REPLY, 2);
}

size_t socks_output(const struct socks *s, const uint8_t **bytes)
{
    *bytes = s->out;
    return s->out_size;
}

void socks_sent(struct socks *s, size_t n)
{
    s->out += n;
    s->out_size -= n;
}

/* --- what the proxy says --- */

static void take_method(struct socks *s)
{
    if (s->head[0] != VERSION) {
        fail(s, SOCKS_PROXY, "it does not speak SOCKS5");
    } else if (s->head[1] == METHOD_NONE) {
        ask(s);
    } else if (s->head[1] == METHOD_LOGIN && s->login) {
        s->out = s->login->request;
        s->out_size = s->login->size;
        await(s, STEP_LOGIN, 2);
    } else if (s->head[1] == METHOD_REFUSED) {
        fail(s, SOCKS_PROXY,
             s->login ? "it takes no user name and password" : "it wants a user name and a password");
    } else {
        fail(s, SOCKS_PROXY, "it chose a way to log in that it was not offered");
    }
}

static void take_login(struct socks *s)
{
    if (s->head[0] != LOGIN_VERSION) {
        fail(s, SOCKS_PROXY, "its answer to the password is none");
    } else if (s->head[1] != 0) {
        fail(s, SOCKS_PROXY, "it refuses the user name or the password");
    } else {
        ask(s);
    }
}

/* RFC 1928, section 6. A general failure is of "the SOCKS server", and a network that it cannot reach is its
 * own: peers must not pay for that. What it is not allowed to reach stays so. */
static void take_failure(struct socks *s)
{
    static const struct {
        enum socks_fault fault;
        const char *text;
    } failures[] = {
        [1] = {SOCKS_PROXY, "it says: general failure"},
        [2] = {SOCKS_PEER, "it says: not allowed by its rules"},
        [3] = {SOCKS_PROXY, "it says: network unreachable"},
        [4] = {SOCKS_PEER, "it says: host unreachable"},
        [5] = {SOCKS_PEER, "it says: connection refused"},
        [6] = {SOCKS_PEER, "it says: time to live expired"},
        [7] = {SOCKS_PROXY, "it says: command not supported"},
        [8] = {SOCKS_PROXY, "it says: type of address not supported"},
    };
    uint8_t code = s->head[1];
    if (code < sizeof failures / sizeof failures[0]) {
        fail(s, failures[code].fault, failures[code].text);
    } else {
        fail(s, SOCKS_PEER, "it says: a failure that SOCKS5 does not know");
    }
}

static void take_reply(struct socks *s)
{
    if (s->head[0] != VERSION) {
        fail(s, SOCKS_PROXY, "it does not speak SOCKS5");
    } else if (s->head[1] != 0) {
        take_failure(s);
    } else {
        await(s, STEP_TYPE, 2);
    }
}

static void take_type(struct socks *s)
{
    switch (s->head[1]) {
    case TYPE_V4:
        await(s, STEP_ADDRESS, 4 + 2);
        break;
    case TYPE_V6:
        await(s, STEP_ADDRESS, 16 + 2);
        break;
    case TYPE_NAME:
        await(s, STEP_LENGTH, 1);
        break;
    default:
        fail(s, SOCKS_PROXY, "its answer has an address of no known type");
    }
}

static void take_answer(struct socks *s)
{
    switch ((enum step)s->step) {
    case STEP_METHOD:
        take_method(s);
        break;
    case STEP_LOGIN:
        take_login(s);
        break;
    case STEP_REPLY:
        take_reply(s);
        break;
    case STEP_TYPE:
        take_type(s);
        break;
    case STEP_LENGTH:
        await(s, STEP_ADDRESS, (size_t)s->head[1] + 2);
        break;
    case STEP_ADDRESS:
        s->state = SOCKS_CONNECTED;
        break;
    }
}

size_t socks_wants(const struct socks *s)
{
    return s->out_size > 0 ? 0 : s->wants;
}

/* The head is the last two bytes: of the address, which is longer, nobody looks at them. */
void socks_received(struct socks *s, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->head[0] = s->head[1];
        s->head[1] = bytes[i];
    }
    s->wants -= n;
    if (n > 0 && s->wants == 0) {
        take_answer(s);
    }
}

void socks_cut(struct socks *s)
{
    if (s->state == SOCKS_RUNS) {
        fail(s, SOCKS_PROXY, "it has closed the connection");
    }
}

bool socks_is_asked(const struct socks *s)
{
    return s->state == SOCKS_RUNS && s->step >= STEP_REPLY;
}
