#include "node/replies.h"

static void begin_span(struct replies *r, int64_t now_ms)
{
    if (r->bytes + r->bytes_before > 0) {
        budget_progress(&r->account, now_ms);
    }
    r->bytes_before = r->bytes;
    r->bytes = 0;
    r->mark = r->posted;
}

static uint64_t to_pay(const struct replies *r, uint64_t more)
{
    uint64_t all = r->bytes + r->bytes_before + more;
    return all > REPLIES_FREE ? all - REPLIES_FREE : 0;
}

static uint64_t paid(const struct replies *r)
{
    return (uint64_t)budget_held(&r->account);
}

void replies_settle(struct replies *r, const struct queue *outbound, int64_t now_ms)
{
    uint32_t left;
    uint64_t bytes;
    queue_fill(outbound, &left, &bytes);
    if (r->posted - left >= r->mark) {
        begin_span(r, now_ms);
    }
    if (left == 0) {
        r->bytes_before = 0;
    }
    if (paid(r) > to_pay(r, 0)) {
        budget_give(&r->account, paid(r) - to_pay(r, 0));
    }
}

bool replies_may_post(struct replies *r, const struct queue *outbound, uint64_t bytes, int64_t now_ms)
{
    replies_settle(r, outbound, now_ms);
    bool is_only = r->bytes + r->bytes_before == 0;
    uint64_t wanted = to_pay(r, bytes), more = wanted > paid(r) ? wanted - paid(r) : 0;
    if (is_only) {
        bool has_room = budget_take(&r->account, now_ms, more);
        budget_ask(&r->account, has_room ? 0 : more);
        return has_room;
    }
    return r->bytes + r->bytes_before + bytes <= REPLIES_MOST && budget_take_spare(&r->account, now_ms, more);
}
