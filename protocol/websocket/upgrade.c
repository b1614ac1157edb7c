#include "protocol/websocket/upgrade.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <sodium.h>

enum { SHA1 = 20, KEY_BYTES = 16 };

enum field {
    FIELD_UPGRADE,
    FIELD_CONNECTION,
    FIELD_HOST,
    FIELD_VERSION,
    FIELD_KEY,
    FIELD_ACCEPT,
    FIELD_EXTENSIONS,
    FIELD_PROTOCOL,
    FIELD_LENGTH,
    FIELD_ENCODING,
    FIELDS,
};

static const char *const field_names[FIELDS] = {
    [FIELD_UPGRADE] = "Upgrade",
    [FIELD_CONNECTION] = "Connection",
    [FIELD_HOST] = "Host",
    [FIELD_VERSION] = "Sec-WebSocket-Version",
    [FIELD_KEY] = "Sec-WebSocket-Key",
    [FIELD_ACCEPT] = "Sec-WebSocket-Accept",
    [FIELD_EXTENSIONS] = "Sec-WebSocket-Extensions",
    [FIELD_PROTOCOL] = "Sec-WebSocket-Protocol",
    [FIELD_LENGTH] = "Content-Length",
    [FIELD_ENCODING] = "Transfer-Encoding",
};

struct head {
    struct bytes first; /* line */
    bool upgrades;      /* Upgrade: websocket */
    bool connects;      /* Connection: upgrade */
    struct {
        unsigned n; /* how often it came */
        struct bytes value;
    } fields[FIELDS];
};

/* --- the digest of a key --- */

/* The library's description of SHA-1, held until the process ends, as noise/cipher_openssl.c holds that of
 * its cipher. */
static _Atomic(EVP_MD *) digest;

static EVP_MD *find_digest(void)
{
    EVP_MD *found = atomic_load_explicit(&digest, memory_order_acquire);
    if (found) {
        return found;
    }
    EVP_MD *mine = EVP_MD_fetch(NULL, "SHA1", NULL);
    /* Two threads may both have looked it up: with a plain store one description would be lost. Without
     * release here and acquire above, a thread might use one whose bytes it does not see yet. */
    if (mine && !atomic_compare_exchange_strong_explicit(&digest, &found, mine, memory_order_acq_rel,
                                                         memory_order_acquire)) {
        EVP_MD_free(mine);
        return found;
    }
    return mine;
}

bool upgrade_prepare(void)
{
    return find_digest();
}

/* False if memory is short. */
static bool accept_of(const char key[UPGRADE_KEY], char accept[UPGRADE_ACCEPT])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[UPGRADE_KEY + sizeof guid], base64[UPGRADE_ACCEPT + 1];
    uint8_t sum[SHA1];
    memcpy(text, key, UPGRADE_KEY);
    memcpy(text + UPGRADE_KEY, guid, sizeof guid);
    if (EVP_Digest(text, sizeof text - 1, sum, NULL, find_digest(), NULL) != 1) {
        return false;
    }
    sodium_bin2base64(base64, sizeof base64, sum, sizeof sum, sodium_base64_VARIANT_ORIGINAL);
    memcpy(accept, base64, UPGRADE_ACCEPT);
    return true;
}

/* --- reading a head --- */

size_t upgrade_find_end(struct bytes in, size_t *searched)
{
    const uint8_t *b = in.data;
    for (size_t i = *searched; i < in.size; i++) {
        /* A line that ends without '\r' is found to be wrong later. */
        if (b[i] == '\n' && i >= 2 && (b[i - 1] == '\n' || (b[i - 1] == '\r' && b[i - 2] == '\n'))) {
            return i + 1;
        }
    }
    *searched = in.size;
    return 0;
}

static bool equal(struct bytes b, const char *text)
{
    return b.size == strlen(text) && memcmp(b.data, text, b.size) == 0;
}

static bool equal_in_any_case(struct bytes b, const char *text)
{
    return b.size == strlen(text) && strncasecmp((const char *)b.data, text, b.size) == 0;
}

static struct bytes trimmed(struct bytes b)
{
    while (b.size > 0 && (b.data[0] == ' ' || b.data[0] == '\t')) {
        b.data++;
        b.size--;
    }
    while (b.size > 0 && (b.data[b.size - 1] == ' ' || b.data[b.size - 1] == '\t')) {
        b.size--;
    }
    return b;
}

/* Cuts what comes before the first `end` off; all of it if there is none. */
static struct bytes cut(struct bytes *rest, uint8_t end)
{
    const uint8_t *at = memchr(rest->data, end, rest->size);
    size_t n = at ? (size_t)(at - rest->data) : rest->size, gone = at ? n + 1 : n;
    struct bytes first = {.data = rest->data, .size = n};
    rest->data += gone;
    rest->size -= gone;
    return first;
}

/* Of a list with commas. */
static bool has_token(struct bytes list, const char *token)
{
    while (list.size > 0) {
        if (equal_in_any_case(trimmed(cut(&list, ',')), token)) {
            return true;
        }
    }
    return false;
}

/* A line that ends as it must, without control characters. */
static bool cut_line(struct bytes *rest, struct bytes *line)
{
    *line = cut(rest, '\n');
    if (line->size == 0 || line->data[line->size - 1] != '\r') {
        return false;
    }
    line->size--;
    for (size_t i = 0; i < line->size; i++) {
        uint8_t c = line->data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_name(struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        if (b.data[i] <= ' ' || b.data[i] >= 0x80) {
            return false;
        }
    }
    return b.size > 0;
}

/* "Name: value". A line that begins with white space, which once went on with the line before, is none. */
static bool take_field(struct head *h, struct bytes line)
{
    struct bytes value = line, name = cut(&value, ':');
    if (!is_name(name) || name.size == line.size) {
        return false;
    }
    value = trimmed(value);
    for (int i = 0; i < FIELDS; i++) {
        if (equal_in_any_case(name, field_names[i])) {
            h->fields[i].n++;
            h->fields[i].value = value;
            h->upgrades |= i == FIELD_UPGRADE && has_token(value, "websocket");
            h->connects |= i == FIELD_CONNECTION && has_token(value, "upgrade");
        }
    }
    return true;
}

static bool read_head(struct head *h, struct bytes all)
{
    struct bytes line;
    *h = (struct head){.upgrades = false};
    if (!cut_line(&all, &h->first)) {
        return false;
    }
    while (cut_line(&all, &line)) {
        if (line.size == 0) {
            return all.size == 0;
        }
        if (!take_field(h, line)) {
            return false;
        }
    }
    return false;
}

/* --- a request that came --- */

enum status { GOOD, BAD_REQUEST, NOT_FOUND, OTHER_VERSION };

static bool has_body(const struct head *h)
{
    return h->fields[FIELD_ENCODING].n > 0 ||
           (h->fields[FIELD_LENGTH].n > 0 && !equal(h->fields[FIELD_LENGTH].value, "0"));
}

/* Exactly one, of 16 bytes. */
static bool has_key(const struct head *h)
{
    struct bytes key = h->fields[FIELD_KEY].value;
    uint8_t bytes[KEY_BYTES + 2];
    size_t n;
    return h->fields[FIELD_KEY].n == 1 && key.size == UPGRADE_KEY &&
           sodium_base642bin(bytes, sizeof bytes, (const char *)key.data, key.size, NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == KEY_BYTES;
}

static enum status judge(const struct head *h, const char **why)
{
    struct bytes rest = h->first, method = cut(&rest, ' '), path = cut(&rest, ' ');
    *why = "an HTTP request that is no upgrade to WebSocket";
    if (!equal(method, "GET") || !equal(rest, "HTTP/1.1") || h->fields[FIELD_HOST].n != 1 || has_body(h)) {
        return BAD_REQUEST;
    }
    if (!equal(path, "/")) {
        *why = "a request for a path that is not here";
        return NOT_FOUND;
    }
    if (h->fields[FIELD_VERSION].n == 1 && !equal(h->fields[FIELD_VERSION].value, "13")) {
        *why = "a request for another version of WebSocket";
        return OTHER_VERSION;
    }
    return h->upgrades && h->connects && h->fields[FIELD_VERSION].n == 1 && has_key(h) ? GOOD : BAD_REQUEST;
}

static void add_text(struct buffer *out, const char *text)
{
    buffer_add(out, text, strlen(text));
}

static void refuse(struct buffer *out, enum status status)
{
    static const char *const lines[] = {
        [BAD_REQUEST] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n",
        [NOT_FOUND] = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n",
        [OTHER_VERSION] =
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
            "Sec-WebSocket-Version: 13\r\n"};
    add_text(out, lines[status]);
    add_text(out, "Content-Length: 0\r\n\r\n");
}

const char *upgrade_refuse_long(struct buffer *out)
{
    refuse(out, BAD_REQUEST);
    return "an HTTP request that is too long";
}

const char *upgrade_answer(struct bytes bytes, struct buffer *out)
{
    struct head h;
    const char *why = "no HTTP request";
    char accept[UPGRADE_ACCEPT];
    enum status status = read_head(&h, bytes) ? judge(&h, &why) : BAD_REQUEST;
    if (status != GOOD) {
        refuse(out, status);
        return why;
    }
    if (!accept_of((const char *)h.fields[FIELD_KEY].value.data, accept)) {
        out->failed = true;
        return NULL;
    }
    add_text(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: ");
    buffer_add(out, accept, sizeof accept);
    add_text(out, "\r\n\r\n");
    return NULL;
}

/* --- a request of ours --- */

void upgrade_request(const struct stream_config *config, char accept[UPGRADE_ACCEPT], struct buffer *out)
{
    uint64_t numbers[] = {config->random(config->context), config->random(config->context)};
    _Static_assert(sizeof numbers == KEY_BYTES, "a key is of two numbers");
    char key[UPGRADE_KEY + 1], host[ENDPOINT_TEXT_MAX];
    sodium_bin2base64(key, sizeof key, (const uint8_t *)numbers, sizeof numbers,
                      sodium_base64_VARIANT_ORIGINAL);
    if (!accept_of(key, accept)) {
        out->failed = true;
    }
    add_text(out, "GET / HTTP/1.1\r\nHost: ");
    add_text(out, address_format_place(config->dialed, host, sizeof host));
    add_text(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: ");
    add_text(out, key);
    add_text(out, "\r\n\r\n");
}

const char *upgrade_check(struct bytes bytes, const char accept[UPGRADE_ACCEPT])
{
    struct head h;
    if (!read_head(&h, bytes)) {
        return "no HTTP response";
    }
    struct bytes rest = h.first, version = cut(&rest, ' '), status = cut(&rest, ' ');
    if (!equal(version, "HTTP/1.1") || !equal(status, "101") || !h.upgrades || !h.connects) {
        return "it does not speak WebSocket there";
    }
    struct bytes value = h.fields[FIELD_ACCEPT].value;
    if (h.fields[FIELD_ACCEPT].n != 1 || value.size != UPGRADE_ACCEPT ||
        memcmp(value.data, accept, UPGRADE_ACCEPT) != 0) {
        return "its answer is to another request";
    }
    if (h.fields[FIELD_EXTENSIONS].n > 0 || h.fields[FIELD_PROTOCOL].n > 0) {
        return "it chose an extension or a subprotocol that was not offered";
    }
    return NULL;
}
