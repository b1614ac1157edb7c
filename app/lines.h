/* Lines of bounded length from a descriptor: standard input, or a client of the control socket. Each belongs
 * to one thread. */
#ifndef KITH_APP_LINES_H
#define KITH_APP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/options.h"

/* The bytes behind a line that belong to it. */
struct following {
    enum {
        FOLLOWING_WHOLE,    /* all are there; perhaps none */
        FOLLOWING_TOO_MANY, /* more than may: they are passed over */
        FOLLOWING_CUT,      /* input has ended before the last of them */
        FOLLOWING_UNKNOWN,  /* the line does not tell how many they are: input ends here */
    } state;
    const char *bytes; /* valid as long as the line; so is the size if all are there */
    size_t size;
};

struct lines {
    int fd; /* the caller's */
    /* How many bytes follow a line; negative: it does not tell. NULL if none ever do. */
    int64_t (*follow)(const char *line, size_t size);
    size_t most_following;
    struct following following; /* of the line that lines_next gave last */
    uint64_t passing;           /* bytes that are still to be passed over */
    size_t longest;             /* bytes of a line, the newline not counted */
    size_t kept;                /* an empty buffer is not kept if it is larger */
    char *text;
    size_t start, end, capacity;
    size_t looked; /* bytes from start that hold no newline */
    bool begun;    /* past the place of a byte order mark */
    bool skipping; /* in a line that was too long */
    bool refused;  /* by the last read */
    bool ended;
};

/* The longest line: of a message of so many bytes. */
uint64_t lines_longest(uint64_t message, enum json_mode mode);

/* The most memory of the lines. */
uint64_t lines_most(uint64_t message, enum json_mode mode);

void lines_init(struct lines *l, int fd, size_t longest);
void lines_fini(struct lines *l);

/* From the start on: bytes may follow a line, at most so many. Then a line that is too long is the end of
 * input, too: bytes of a message must not be taken for lines. */
void lines_may_be_followed(struct lines *l, int64_t (*follow)(const char *line, size_t size), size_t most);

/* One read, which does not block if poll has said that there is input. If memory is short or reading fails,
 * input has ended. But if the terminal has gone to another job since that poll, one refused read is not the
 * end. */
void lines_read(struct lines *l);

enum lines_result { LINES_NONE, LINES_LINE, LINES_TOO_LONG };

/* The next whole line, NUL-terminated, without its newline and without a carriage return before that; valid
 * until the next call of this or of lines_read. A byte order mark before the first line is passed over. A
 * last line without a newline counts once input has ended. LINES_TOO_LONG once for each line over the limit,
 * which is skipped: then *line and *size are its beginning, without a NUL. A line that bytes follow comes
 * with them, in l->following. */
enum lines_result lines_next(struct lines *l, char **line, size_t *size);

#endif
