#include "protocol/mintlayer/message.h"

#include <string.h>

enum {
    LOCATOR_MAX = 101, /* ids of a HeaderListRequest */
    HEADERS_MAX = 2000,
    BLOCKS_MAX = 500, /* ids of a BlockListRequest */
};

static const struct mintlayer_row rows[MINTLAYER_KINDS] = {
    [MINTLAYER_HANDSHAKE] = {.name = "Handshake", .body = BODY_HELLO},
    [MINTLAYER_PING_REQUEST] = {.name = "PingRequest", .body = BODY_NONCE},
    [MINTLAYER_PING_RESPONSE] = {.name = "PingResponse", .body = BODY_NONCE},
    [MINTLAYER_NEW_TRANSACTION] = {.name = "NewTransaction",
                                   .body = BODY_ID,
                                   .is_payload = true,
                                   .service = MINTLAYER_TRANSACTIONS,
                                   .without = MINTLAYER_FAULT},
    [MINTLAYER_HEADER_LIST_REQUEST] = {.name = "HeaderListRequest",
                                       .body = BODY_IDS,
                                       .is_payload = true,
                                       .service = MINTLAYER_BLOCKS,
                                       .most = LOCATOR_MAX},
    [MINTLAYER_HEADER_LIST] = {.name = "HeaderList",
                               .body = BODY_LIST,
                               .is_payload = true,
                               .service = MINTLAYER_BLOCKS,
                               .most = HEADERS_MAX},
    [MINTLAYER_BLOCK_LIST_REQUEST] = {.name = "BlockListRequest",
                                      .body = BODY_IDS,
                                      .is_payload = true,
                                      .service = MINTLAYER_BLOCKS,
                                      .least = 1,
                                      .most = BLOCKS_MAX},
    [MINTLAYER_BLOCK_RESPONSE] = {.name = "BlockResponse",
                                  .body = BODY_OPAQUE,
                                  .is_payload = true,
                                  .service = MINTLAYER_BLOCKS,
                                  .without = MINTLAYER_FAULT},
    [MINTLAYER_ANNOUNCE_ADDR_REQUEST] = {.name = "AnnounceAddrRequest", .body = BODY_ADDRESS},
    [MINTLAYER_ADDR_LIST_REQUEST] = {.name = "AddrListRequest", .body = BODY_NONE},
    [MINTLAYER_ADDR_LIST_RESPONSE] = {.name = "AddrListResponse", .body = BODY_ADDRESSES},
    [MINTLAYER_TRANSACTION_REQUEST] = {.name = "TransactionRequest",
                                       .body = BODY_ID,
                                       .is_payload = true,
                                       .service = MINTLAYER_TRANSACTIONS,
                                       .without = MINTLAYER_FAULT},
    [MINTLAYER_TRANSACTION_RESPONSE] = {.name = "TransactionResponse",
                                        .body = BODY_FOUND,
                                        .is_payload = true,
                                        .service = MINTLAYER_TRANSACTIONS},
    [MINTLAYER_WILL_DISCONNECT] = {.name = "WillDisconnect", .body = BODY_TEXT},
};

const struct mintlayer_row *mintlayer_row(uint32_t kind)
{
    return kind < MINTLAYER_KINDS ? &rows[kind] : NULL;
}

/* --- reading --- */

enum mintlayer_framing mintlayer_frame_read(struct bytes in, size_t most, struct bytes *body)
{
    struct scale_reader r = scale_reader(in);
    uint64_t size = scale_take_uint(&r, MINTLAYER_LENGTH_BYTES);
    if (r.failed) {
        return FRAME_PART;
    }
    if (size > most) {
        return FRAME_LONG;
    }
    *body = (struct bytes){.data = scale_take(&r, size), .size = size};
    return r.failed ? FRAME_PART : FRAME_WHOLE;
}

static void take_rest(struct scale_reader *r, size_t least)
{
    size_t n = r->failed ? 0 : (size_t)(r->end - r->at);
    if (n < least) {
        scale_fail(r);
    }
    scale_take(r, n);
}

static void take_body(struct scale_reader *r, struct mintlayer_message *m)
{
    switch (m->row->body) {
    case BODY_NONE:
        break;
    case BODY_HELLO:
        m->hello = mintlayer_take_hello(r);
        break;
    case BODY_NONCE:
        m->nonce = scale_take_uint(r, 8);
        break;
    case BODY_TEXT:
        m->text = scale_take_string(r);
        break;
    case BODY_ADDRESS:
        m->address = mintlayer_take_address(r);
        break;
    case BODY_ADDRESSES:
        m->addresses = mintlayer_take_addresses(r);
        break;
    case BODY_ID:
        scale_take(r, MINTLAYER_ID_BYTES);
        break;
    case BODY_IDS:
        m->n = scale_take_count(r, MINTLAYER_ID_BYTES);
        m->ids = scale_take(r, m->n * MINTLAYER_ID_BYTES);
        break;
    case BODY_LIST:
        m->n = scale_take_count(r, 1);
        if (m->n > 0) { /* of none nothing follows */
            take_rest(r, m->n);
        }
        break;
    case BODY_FOUND:
        if (scale_take_some(r)) {
            take_rest(r, 1);
        } else {
            scale_take(r, MINTLAYER_ID_BYTES);
        }
        break;
    case BODY_OPAQUE:
        take_rest(r, 1);
        break;
    }
}

static bool body_read(struct scale_reader *r, uint32_t kind, struct mintlayer_message *m)
{
    m->kind = kind;
    m->row = mintlayer_row(kind);
    if (r->failed || !m->row) {
        return false;
    }
    m->body = (struct bytes){.data = r->at, .size = (size_t)(r->end - r->at)};
    take_body(r, m);
    return scale_is_read(r);
}

bool mintlayer_message_read(struct bytes body, struct mintlayer_message *m)
{
    struct scale_reader r = scale_reader(body);
    uint32_t kind = (uint32_t)scale_take_uint(&r, MINTLAYER_KIND_BYTES);
    return body_read(&r, kind, m);
}

bool mintlayer_is_within_bounds(const struct mintlayer_message *m)
{
    if (m->row->body != BODY_IDS && m->row->body != BODY_LIST) {
        return true;
    }
    return m->n >= m->row->least && (m->row->most == 0 || m->n <= m->row->most);
}

bool mintlayer_payload_read(uint32_t kind, struct bytes payload, struct mintlayer_message *m)
{
    struct scale_reader r = scale_reader(payload);
    return body_read(&r, kind, m) && mintlayer_is_within_bounds(m);
}

/* --- writing --- */

void mintlayer_frame_head(struct buffer *out, uint32_t kind, size_t payload_size)
{
    scale_put_uint(out, MINTLAYER_KIND_BYTES + payload_size, MINTLAYER_LENGTH_BYTES);
    scale_put_uint(out, kind, MINTLAYER_KIND_BYTES);
}

static void put_frame(struct buffer *out, enum mintlayer_kind kind, struct buffer *body)
{
    mintlayer_frame_head(out, kind, body->used);
    buffer_add(out, body->data, body->used);
    out->failed |= body->failed;
    buffer_fini(body);
}

void mintlayer_put_nonce(struct buffer *out, enum mintlayer_kind kind, uint64_t nonce)
{
    mintlayer_frame_head(out, kind, sizeof nonce);
    scale_put_uint(out, nonce, sizeof nonce);
}

void mintlayer_put_bare(struct buffer *out, enum mintlayer_kind kind)
{
    mintlayer_frame_head(out, kind, 0);
}

void mintlayer_put_text(struct buffer *out, const char *text)
{
    struct buffer body = {0};
    scale_put_vec(&body, (struct bytes){.data = (const uint8_t *)text, .size = strlen(text)});
    put_frame(out, MINTLAYER_WILL_DISCONNECT, &body);
}

void mintlayer_put_handshake(struct buffer *out, const struct mintlayer_hello *h)
{
    struct buffer body = {0};
    mintlayer_put_hello(&body, h);
    put_frame(out, MINTLAYER_HANDSHAKE, &body);
}

void mintlayer_put_announcement(struct buffer *out, const struct mintlayer_address *a)
{
    struct buffer body = {0};
    mintlayer_put_address(&body, a);
    put_frame(out, MINTLAYER_ANNOUNCE_ADDR_REQUEST, &body);
}

void mintlayer_put_list(struct buffer *out, const struct known_peers *peers)
{
    struct buffer body = {0};
    mintlayer_put_addresses(&body, peers);
    put_frame(out, MINTLAYER_ADDR_LIST_RESPONSE, &body);
}
