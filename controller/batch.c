/* Messages taken from a mailbox together. */
#include "controller/actor_private.h"
#include "queue/pool.h"

#define BATCH_BYTES (BATCH_MAX * sizeof(struct message))

static uint32_t payload_of(const struct message *m)
{
    return m->parcel ? m->parcel->size : 0;
}

bool batch_open(struct batch *b)
{
    if (!b->messages)
        b->messages = pool_take(BATCH_BYTES);
    return b->messages != NULL;
}

static bool fill(struct batch *b, struct mailbox *from)
{
    if (!batch_open(b))
        return false;
    b->at = 0;
    b->n = (uint32_t)mailbox_take(from, b->messages, BATCH_MAX);
    b->bytes = 0;
    for (uint32_t i = 0; i < b->n; i++)
        b->bytes += payload_of(&b->messages[i]);
    return b->n > 0;
}

bool batch_is_empty(const struct batch *b)
{
    return b->at == b->n;
}

struct message *batch_look(struct batch *b, struct mailbox *from)
{
    return !batch_is_empty(b) || fill(b, from) ? &b->messages[b->at] : NULL;
}

void batch_pass(struct batch *b, struct mailbox *from)
{
    b->at++;
    if (batch_is_empty(b))
        mailbox_done(from, b->n, b->bytes);
    else
        mailbox_getting_on(from);
}

void batch_rest(struct batch *b)
{
    if (b->messages)
        pool_give(b->messages, BATCH_BYTES);
    *b = (struct batch){0};
}

void batch_fini(struct batch *b, void (*discard)(void *context, struct message *m), void *context)
{
    for (; b->at < b->n; b->at++)
        discard(context, &b->messages[b->at]);
    batch_rest(b);
}
