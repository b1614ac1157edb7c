#include "controller/ids.h"

#include "peers/ids.h"

const struct peer_id *id_of(const struct controller *c, const struct slot *s)
{
    return c->config->protocol->rates_ids && s->info.id.size > 0 ? &s->info.id : NULL;
}

const struct peer_id *id_charged(const struct controller *c, const struct slot *s)
{
    const struct peer_id *id = s->was_online ? id_of(c, s) : NULL;
    for (size_t i = 0; id && i < c->n_online; i++) {
        const struct slot *other = &c->slots[c->online[i]];
        if (other->number < s->number && peer_id_equal(&other->info.id, id)) {
            return NULL;
        }
    }
    return id;
}

int32_t slot_quality(const struct controller *c, const struct slot *s)
{
    const struct peer_id *id = id_of(c, s);
    int32_t of_ip = s->remote.port ? book_quality(c->book, &s->remote.ip, book_time(c)) : INT32_MAX;
    int32_t of_id = id ? book_id_quality(c->book, id, book_time(c)) : INT32_MAX;
    int32_t lower = of_ip < of_id ? of_ip : of_id;
    return s->remote.port || id ? lower : 0;
}

bool id_is_refused(const struct controller *c, const struct slot *s)
{
    const struct peer_id *id = id_of(c, s);
    return id && book_id_refuses(c->book, id, s->remote.port ? &s->remote.ip : NULL, book_time(c));
}

bool id_is_banned(const struct controller *c, const struct slot *s)
{
    const struct peer_id *id = id_of(c, s);
    return id && book_id_is_banned(c->book, id, book_time(c));
}
