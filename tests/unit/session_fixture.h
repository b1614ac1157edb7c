/* What sessions that talk in memory share. It is included behind `struct side`, which has the members
 * protocol, session, in, out, now_ms and over; side_event() is the includer's. */
#ifndef KITH_TESTS_SESSION_FIXTURE_H
#define KITH_TESTS_SESSION_FIXTURE_H

/* Counts what the event tells, and keeps it as the last one unless it tells nothing. */
static inline void side_event(struct side *s, const struct session_event *ev);

static inline void side_open(struct side *s, const struct session_config *config)
{
    assert_int_equal(s->protocol->session->open(&s->session, config, s->now_ms, &s->out), 0);
}

/* Lets the session read what s->in holds, as a connection does. Each time the bytes lie in memory that ends
 * where they do. */
static inline void side_read(struct side *s)
{
    while (!s->over) {
        size_t size = buffer_left(&s->in);
        uint8_t *exact = malloc(size > 0 ? size : 1);
        if (size > 0) {
            memcpy(exact, s->in.data + s->in.data_sent, size);
        }
        struct bytes in = {.data = exact, .size = size};
        struct session_event ev;
        session_event_clear(&ev);
        size_t used = s->protocol->session->read(&s->session, s->now_ms, in, &ev, &s->out);
        free(exact);
        assert_true(used <= size);
        buffer_consume(&s->in, used);
        side_event(s, &ev);
        if (used == 0 && (ev.type == SESSION_NOTHING || ev.type == SESSION_STARVED)) {
            return;
        }
    }
}

static inline void side_feed(struct side *s, const void *bytes, size_t n)
{
    buffer_add(&s->in, bytes, n);
    side_read(s);
}

static inline void side_feed_hex(struct side *s, const char *hex)
{
    add_hex(&s->in, hex);
    side_read(s);
}

/* Each byte on its own. */
static inline void side_dribble(struct side *s, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n && !s->over; i++) {
        side_feed(s, bytes + i, 1);
    }
}

static inline void side_tick(struct side *s, unsigned marks)
{
    struct session_event ev;
    session_event_clear(&ev);
    s->protocol->session->tick(&s->session, s->now_ms, marks, &ev, &s->out);
    side_event(s, &ev);
}

/* Moves up to `most` bytes of what one side wrote to the other. */
static inline bool carry(struct side *from, struct side *to, size_t most)
{
    size_t size;
    uint8_t *flat = flatten(&from->out, &size);
    size_t n = size < most ? size : most;
    side_feed(to, flat, n);
    buffer_consume(&from->out, n);
    free(flat);
    return n > 0;
}

static inline void converse(struct side *a, struct side *b, size_t most)
{
    while (carry(a, b, most) || carry(b, a, most)) {
    }
}

#endif
