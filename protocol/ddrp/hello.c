#include "protocol/ddrp/hello.h"

#include <string.h>

#include "protocol/ddrp/sign.h"

bool ddrp_hello_read(const struct ddrp_revision *r, struct bytes message, struct ddrp_hello *h)
{
    struct ddrp_reader in = ddrp_reader(r, message);
    *h = (struct ddrp_hello){.version = ddrp_take_uint(&in, 4)};
    h->local_nonce = ddrp_take(&in, DDRP_NONCE_BYTES);
    h->remote_nonce = ddrp_take(&in, DDRP_NONCE_BYTES);
    h->public_key = ddrp_take(&in, DDRP_PUBLIC_KEY_BYTES);
    if (r->hello_has_endpoint) {
        const uint8_t *ip = ddrp_take(&in, sizeof h->external_ip);
        if (ip) {
            memcpy(&h->external_ip, ip, sizeof h->external_ip);
        }
        h->external_port = (uint16_t)ddrp_take_uint(&in, 2);
    }
    ddrp_take_string(&in); /* the user agent says nothing that matters */
    return ddrp_is_read(&in) && ddrp_is_public_key(h->public_key);
}

void ddrp_hello_write(const struct ddrp_revision *r, const struct ddrp_hello *h, const char *user_agent,
                      struct buffer *out)
{
    ddrp_put_uint(out, h->version, 4);
    buffer_add(out, h->local_nonce, DDRP_NONCE_BYTES);
    buffer_add(out, h->remote_nonce, DDRP_NONCE_BYTES);
    buffer_add(out, h->public_key, DDRP_PUBLIC_KEY_BYTES);
    if (r->hello_has_endpoint) {
        buffer_add(out, &h->external_ip, sizeof h->external_ip);
        ddrp_put_uint(out, h->external_port, 2);
    }
    ddrp_put_string(out, user_agent);
}
