#include "peers/ids.h"

#include "peers/book_state.h"

/* An id falls no lower. It is below quality_refuse, whatever that is. */
static int32_t lowest(const struct book *b)
{
    int64_t refuse = b->config.quality_refuse;
    int64_t low = refuse < 0 ? 2 * refuse : refuse - 1;
    return (int32_t)(low < QUALITY_MIN ? QUALITY_MIN : low);
}

static bool is_rated(const struct book *b, const struct peer_id *id)
{
    return b->ids.most > 0 && id->size > 0 && id->size <= PEER_ID_MAX;
}

void book_id_merit(struct book *b, const struct peer_id *id, const struct ip *from, int32_t merit,
                   int64_t now_ms)
{
    if (is_rated(b, id)) {
        struct subject s = subject_id(id, from);
        subject_merit(b, &s, merit, lowest(b), now_ms);
    }
}

void book_id_earn(struct book *b, const struct peer_id *id, const struct ip *from, int32_t points,
                  int64_t now_ms)
{
    if (is_rated(b, id)) {
        struct subject s = subject_id(id, from);
        subject_earn(b, &s, points, now_ms);
    }
}

int32_t book_id_quality(const struct book *b, const struct peer_id *id, int64_t now_ms)
{
    struct subject s = subject_id(id, NULL);
    return is_rated(b, id) ? subject_quality(b, &s, now_ms) : 0;
}

void book_id_ban(struct book *b, const struct peer_id *id, const struct ip *from, int64_t until_ms,
                 int64_t now_ms)
{
    if (is_rated(b, id)) {
        struct subject s = subject_id(id, from);
        subject_ban(b, &s, until_ms, now_ms);
    }
}

bool book_id_unban(struct book *b, const struct peer_id *id)
{
    struct subject s = subject_id(id, NULL);
    return is_rated(b, id) && subject_unban(b, &s);
}

bool book_id_is_banned(const struct book *b, const struct peer_id *id, int64_t now_ms)
{
    struct subject s = subject_id(id, NULL);
    return is_rated(b, id) && subject_is_banned(b, &s, now_ms);
}

bool book_id_refuses(const struct book *b, const struct peer_id *id, const struct ip *ip, int64_t now_ms)
{
    if (!is_rated(b, id)) {
        return false;
    }
    return book_id_is_banned(b, id, now_ms) || (book_id_quality(b, id, now_ms) < b->config.quality_refuse &&
                                                !(ip && book_quality(b, ip, now_ms) > 0));
}
