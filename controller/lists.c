#include "controller/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/ids.h"
#include "controller/report.h"
#include "controller/slots.h"
#include "peers/ids.h"

_Static_assert(sizeof((struct kith_ban){0}.subject) >= PEER_ID_TEXT_MAX &&
                   sizeof((struct kith_ban){0}.subject) >= IP_TEXT_MAX,
               "every subject has room");
_Static_assert(sizeof((struct kith_known){0}.address) >= IP_TEXT_MAX + sizeof "[]:65535",
               "every address has room");
_Static_assert(sizeof((struct kith_known){0}.id) >= PEER_ID_TEXT_MAX, "every id has room");
_Static_assert(sizeof((struct kith_score){0}.address) >= IP_TEXT_MAX, "every IP address has room");
_Static_assert(sizeof((struct kith_score){0}.id) >= PEER_ID_TEXT_MAX, "every id has room");

/* An event and its list are one block. */
struct bans_event {
    struct node_event event;
    struct kith_ban bans[];
};

struct known_event {
    struct node_event event;
    struct kith_known known[];
};

struct score_event {
    struct node_event event;
    struct kith_score score;
};

static void tell_none(struct controller *c, enum kith_event_type type, uint64_t id)
{
    report_event(c, id, node_event_new(type, id, 0));
}

/* --- bans --- */

/* The next of the list; nothing if the ban is over. */
static struct kith_ban *add_ban(struct controller *c, struct bans_event *e, const struct book_score *score)
{
    int64_t left = score->banned_until - book_time(c);
    if (left <= 0) {
        return NULL;
    }
    struct kith_ban *b = &e->bans[e->event.public.count++];
    *b = (struct kith_ban){.size = sizeof *b, .until_ms = c->now.wall_ms + left, .left_ms = left};
    return b;
}

static void fill_bans(struct controller *c, struct bans_event *e, const struct book_snapshot *s)
{
    for (size_t i = 0; i < s->n_scores; i++) {
        struct kith_ban *b = add_ban(c, e, &s->scores[i]);
        if (b) {
            ip_format(&s->scores[i].ip, b->subject, sizeof b->subject);
        }
    }
    for (size_t i = 0; i < s->n_ids; i++) {
        struct kith_ban *b = add_ban(c, e, &s->ids[i].score);
        if (b) {
            peer_id_format(&s->ids[i].id, b->subject, sizeof b->subject);
            b->is_id = true;
        }
    }
}

void lists_bans(struct controller *c, uint64_t id)
{
    struct book_snapshot *s = book_snapshot(c->book);
    size_t most = book_ban_count(c->book, book_time(c));
    struct bans_event *e = s ? node_event_block(KITH_BANS, id, sizeof *e + most * sizeof e->bans[0]) : NULL;
    if (e) {
        fill_bans(c, e, s);
        e->event.public.bans = e->bans;
        c->act->tell(c->host, &e->event);
    } else {
        tell_none(c, KITH_BANS, id);
    }
    book_snapshot_free(s);
}

/* --- addresses --- */

static const enum kith_source sources[SOURCE_COUNT] = {
    [SOURCE_FILE] = KITH_FROM_FILE,         [SOURCE_SEED] = KITH_FROM_SEED,
    [SOURCE_PEER] = KITH_FROM_PEER,         [SOURCE_INCOMING] = KITH_FROM_INCOMING,
    [SOURCE_OPERATOR] = KITH_FROM_OPERATOR,
};

static int later_first(const void *a, const void *b)
{
    const struct book_entry *x = a, *y = b;
    if (x->heard_ms != y->heard_ms) {
        return x->heard_ms < y->heard_ms ? 1 : -1;
    }
    return memcmp(&x->endpoint, &y->endpoint, sizeof x->endpoint); /* the order is always the same */
}

static void describe(struct controller *c, const struct book_entry *from, struct kith_known *to)
{
    int64_t now_ms = book_time(c);
    *to = (struct kith_known){
        .size = sizeof *to,
        .quality = book_quality(c->book, &from->endpoint.ip, now_ms),
        .failures = from->failures,
        .source = sources[from->source],
        .tried = from->tried,
        .banned = book_is_banned(c->book, &from->endpoint.ip, now_ms),
        .self = from->self,
        .heard_ms = from->heard_ms,
        .answered_ms = from->answered_ms,
        .dialed_ms = from->dialed_ms,
        .learned_ms = from->learned_ms,
    };
    char text[ENDPOINT_TEXT_MAX];
    snprintf(to->address, sizeof to->address, "%s", endpoint_format(&from->endpoint, text, sizeof text));
    peer_id_format(&from->id, to->id, sizeof to->id);
}

void lists_known(struct controller *c, size_t most, uint64_t id)
{
    struct book_snapshot *s = book_snapshot(c->book);
    size_t n = s ? s->n_entries : 0;
    n = most > 0 && most < n ? most : n;
    struct known_event *e = s ? node_event_block(KITH_KNOWN, id, sizeof *e + n * sizeof e->known[0]) : NULL;
    if (!e) {
        book_snapshot_free(s);
        tell_none(c, KITH_KNOWN, id);
        return;
    }
    qsort(s->entries, s->n_entries, sizeof *s->entries, later_first);
    book_snapshot_shift(s, c->now.wall_ms - book_time(c));
    for (size_t i = 0; i < n; i++) {
        describe(c, &s->entries[i], &e->known[i]);
    }
    e->event.public.known = e->known;
    e->event.public.count = n;
    c->act->tell(c->host, &e->event);
    book_snapshot_free(s);
}

/* --- a score --- */

static void score_ip(struct controller *c, const struct ip *ip, struct kith_score *to)
{
    int64_t now_ms = book_time(c);
    ip_format(ip, to->address, sizeof to->address);
    to->quality = book_quality(c->book, ip, now_ms);
    to->standing = book_standing(c->book, ip, now_ms);
    to->banned = book_is_banned(c->book, ip, now_ms);
    to->discouraged = book_is_discouraged(c->book, ip, now_ms);
    to->refused = book_refuses(c->book, ip, now_ms);
}

static void score_id(struct controller *c, const struct peer_id *id, const struct ip *ip,
                     struct kith_score *to)
{
    peer_id_format(id, to->id, sizeof to->id);
    to->id_quality = book_id_quality(c->book, id, book_time(c));
    to->banned |= book_id_is_banned(c->book, id, book_time(c));
    to->refused |= book_id_refuses(c->book, id, ip, book_time(c));
}

static bool find_score(struct controller *c, const struct command *command, struct kith_score *to)
{
    if (command->id.size > 0) {
        score_id(c, &command->id, NULL, to);
        return true;
    }
    if (!command->peer.generation) {
        score_ip(c, &command->ip, to);
        return true;
    }
    const struct slot *s = slot_find(c, command->peer);
    if (!s) {
        return false;
    }
    if (s->remote.port) {
        score_ip(c, &s->remote.ip, to);
    }
    if (id_of(c, s)) {
        score_id(c, id_of(c, s), s->remote.port ? &s->remote.ip : NULL, to);
    }
    return true;
}

void lists_score(struct controller *c, const struct command *command, uint64_t id)
{
    struct kith_score found = {.size = sizeof found};
    if (!find_score(c, command, &found)) {
        report_answer(c, id, KITH_FAIL_NO_PEER, "score: no such peer");
        return;
    }
    struct score_event *e = node_event_block(KITH_SCORE, id, sizeof *e);
    if (!e) {
        tell_none(c, KITH_SCORE, id);
        return;
    }
    e->score = found;
    e->event.public.score = &e->score;
    c->act->tell(c->host, &e->event);
}
