/* Text on its way out, which never blocks who writes it. Standard output has a thread of its own that writes
 * the text. Of a client of the control socket the text waits here, and its owner writes it. Each output
 * belongs to one thread. */
#ifndef KITH_APP_OUTPUT_H
#define KITH_APP_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* If this many bytes are unwritten, output_is_full is true. The program then takes nothing from the node,
 * which slows its peers down. */
#define OUTPUT_ENOUGH ((size_t)1 << 20)

/* A reader that takes nothing for so long has stalled. A busy machine may keep one that reads from the
 * processor for a few tenths of a second. */
#define OUTPUT_STILL_MS 500

/* For text that is worth no longer wait. */
#define OUTPUT_SHORTLY_MS 150

struct output_thread;

struct output {
    struct output_thread *thread; /* NULL: the owner writes */
    char *text;                   /* not yet passed to the thread */
    size_t size, capacity;
    size_t start;  /* without a thread: of the text, what is written already */
    size_t enough; /* this many unwritten bytes leave no room for a piece */
    bool is_terminal;
    bool in_pieces; /* a text is being added in pieces */
    char *aside;    /* other text, which comes after it */
    size_t aside_size, aside_capacity;
    uint64_t passed;               /* bytes that the thread was ever given */
    size_t left;                   /* after output_fini: bytes that nobody took */
    void (*before)(void *context); /* called before text is added; may add some itself; NULL for none */
    void *before_context;
    int error; /* the errno of the write that failed; all further text is thrown away; 0 for none */
};

uint64_t output_most(void); /* memory of it */

/* `fd` stays the caller's, and its mode is not changed. False if memory or a thread is short. */
bool output_init(struct output *o, int fd);

/* Without a thread and a descriptor: output_text is the unwritten text, in one piece, which is valid until
 * something is added. The owner says by output_took how much of it has been written. `enough` unwritten bytes
 * leave no room for a piece. output_drop frees the memory. output_taken, output_write, output_sleep_* and
 * output_fini are not for it. */
void output_init_text(struct output *o, size_t enough);
const char *output_text(const struct output *o, size_t *size);
void output_took(struct output *o, size_t size);
void output_drop(struct output *o);

/* Waits for the text that is left while the other end goes on taking it, until by_ms (of clock_ms) at most,
 * and gives up after OUTPUT_STILL_MS in which it took nothing. Only `error` and `left` remain. */
void output_fini(struct output *o, int64_t by_ms);

void output_add(struct output *o, const char *text, size_t size); /* a copy */

/* A text of any length is added in pieces while there is room. Between begin and end, text that is added
 * otherwise waits, and comes behind it. */
void output_pieces_begin(struct output *o);
bool output_has_room(const struct output *o); /* for a piece; always after an error */
void output_add_piece(struct output *o, const char *text, size_t size);
void output_pieces_end(struct output *o);

/* Cut to 8191 bytes. */
void output_printf(struct output *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t output_size(const struct output *o);    /* bytes not yet written */
uint64_t output_taken(const struct output *o); /* bytes that were ever written: they show progress */
bool output_is_full(const struct output *o);

/* True if the error means that nobody reads any more: the other end is closed. */
bool output_has_no_reader(const struct output *o);

/* Blocks until the text is written or time by_ms (of clock_ms) has come, and gives up after OUTPUT_STILL_MS
 * in which the other end took nothing. */
void output_flush(struct output *o, int64_t by_ms);

/* Passes the text to the thread if that has written all it had, and takes over the result of its writes. */
void output_write(struct output *o);

/* Around a poll: begin returns a descriptor to poll for POLLIN, which becomes readable if the thread makes
 * progress; -1: something has changed already, do not sleep. end is called after the poll. */
int output_sleep_begin(struct output *o);
void output_sleep_end(struct output *o);

#endif
