/* Lines of bounded length from a descriptor: standard input, or a client of the control socket. Each belongs
 * to one thread. */
#ifndef KITH_APP_LINES_H
#define KITH_APP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    int fd;         /* the caller's */
    size_t longest; /* bytes of a line, the newline not counted */
    size_t kept;    /* an empty buffer is not kept if it is larger */
    char *text;
    size_t start, end, capacity;
    size_t looked; /* bytes from start that hold no newline */
    bool begun;    /* past the place of a byte order mark */
    bool skipping; /* in a line that was too long */
    bool refused;  /* by the last read */
    bool ended;
};

/* The longest line: of a message of so many bytes. */
uint64_t lines_longest(uint64_t message, bool as_json);

/* The most memory of the lines. */
uint64_t lines_most(uint64_t message, bool as_json);

void lines_init(struct lines *l, int fd, size_t longest);
void lines_fini(struct lines *l);

/* One read, which does not block if poll has said that there is input. If memory is short or reading fails,
 * input has ended. But if the terminal has gone to another job since that poll, one refused read is not the
 * end. */
void lines_read(struct lines *l);

enum lines_result { LINES_NONE, LINES_LINE, LINES_TOO_LONG };

/* The next whole line, NUL-terminated, without its newline and without a carriage return before that; valid
 * until the next call of this or of lines_read. A byte order mark before the first line is passed over. A
 * last line without a newline counts once input has ended. LINES_TOO_LONG once for each line over the limit,
 * which is skipped: then *line and *size are its beginning, without a NUL. */
enum lines_result lines_next(struct lines *l, char **line, size_t *size);

#endif
