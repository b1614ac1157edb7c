/* Standard output that never blocks the program: text is kept and written while the other end takes it. Main
 * thread only. */
#ifndef KITH_APP_OUTPUT_H
#define KITH_APP_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* With so many bytes unwritten, output_is_full: nothing further is taken from the node, which then slows its
 * peers down. */
#define OUTPUT_ENOUGH ((size_t)1 << 20)

struct output {
    int fd; /* the caller's */
    char *text;
    size_t start, end, capacity; /* text[start .. end) is not written yet */
    size_t chunk;                /* most bytes of one write that poll's word allows not to block */
    bool broken; /* nobody reads any more, or memory was short: all further text is thrown away */
};

void output_init(struct output *o, int fd);
void output_fini(struct output *o);
void output_add(struct output *o, const char *text, size_t size); /* a copy */

/* Cut to 8191 bytes. */
void output_printf(struct output *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t output_size(const struct output *o); /* bytes not yet written */
bool output_is_full(const struct output *o);
bool output_wants(const struct output *o); /* poll for POLLOUT */
void output_write(struct output *o);       /* after POLLOUT: one write */

#endif
