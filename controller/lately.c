#include "controller/lately.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "controller/state.h"

/* Under a key, so that nobody can choose addresses that push out another's cell. */
static uint64_t hash_of(const struct controller *c, const struct ip *ip)
{
    struct ip holder = ip_holder(ip);
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t hash;
    crypto_shorthash(out, holder.bytes, sizeof holder.bytes, c->lesson_key);
    memcpy(&hash, out, sizeof hash);
    return hash;
}

void lately_dialed(struct controller *c, const struct ip *ip)
{
    if (!c->lately) {
        c->lately = calloc(LATELY_CELLS, sizeof *c->lately);
    }
    if (c->lately) {
        uint64_t hash = hash_of(c, ip);
        c->lately[hash % LATELY_CELLS] =
            (struct lately){.hash = hash, .again_ms = c->now.ms + c->config->node.timings.redial};
    }
}

/* NULL for none. */
static struct lately *find(const struct controller *c, const struct ip *ip)
{
    uint64_t hash = c->lately ? hash_of(c, ip) : 0;
    struct lately *cell = c->lately ? &c->lately[hash % LATELY_CELLS] : NULL;
    return cell && cell->hash == hash ? cell : NULL;
}

void lately_forget(struct controller *c, const struct ip *ip)
{
    struct lately *cell = find(c, ip);
    if (cell) {
        *cell = (struct lately){0};
    }
}

bool lately_has(const struct controller *c, const struct ip *ip)
{
    const struct lately *cell = find(c, ip);
    return cell && c->now.ms < cell->again_ms;
}

void lately_free(struct controller *c)
{
    free(c->lately);
}
