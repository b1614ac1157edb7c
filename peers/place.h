/* The place of a file that is replaced again and again: a folder held open, and a name in it. Moving the
 * folder does no harm.
 *
 * These functions block on the disk: they belong to the keeper's thread, or to the start of the program. */
#ifndef KITH_PEERS_PLACE_H
#define KITH_PEERS_PLACE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

struct place {
    int folder;
    char *path;       /* of the file itself, with symbolic links at the end of the given path followed */
    const char *name; /* within `path` */
};

/* Blocks. The file need not exist, nor the target of a link; their folder must. 0, and the caller calls
 * place_close; or -1 with errno: ELOOP for links in a circle, EISDIR for a path that ends with a slash,
 * EACCES also for a link that the system forbids to follow. */
int place_open(struct place *p, const char *path);

/* Any thread; does not block. Keeps errno. */
void place_close(struct place *p);

/* Blocks. Makes `size` bytes the new content, which is text: white space at its end means nothing. They are
 * written to a temporary file in the same folder, which then takes the file's name; both are synced. A reader
 * sees the whole old version or the whole new one. A new file has mode 0600; an old one's mode, owner and
 * group are kept, as far as the process may: a group that cannot be kept loses its rights.
 *
 * A file that cannot be replaced, since it is mounted alone or its folder is not for us to write in, is
 * written over: the space is reserved first, and a write that fails is undone. If the machine stops in
 * the midst of that, the file may be a mixture.
 *
 * 0, or -1 with errno: then the file is as it was and the temporary file is gone. Only if the folder could
 * not be synced, the new version is in place. sodium_init must have been called. */
int place_write(const struct place *p, const char *bytes, size_t size);

/* Blocks. Removes temporary files of a writer that was killed. If that fails, they take up space and nothing
 * else. */
void place_remove_stale(const struct place *p);

/* Blocks. Renames the file to "NAME.corrupt-TIME" (UTC), or, if that exists, with "-2", "-3" ... after it; a
 * file that cannot be renamed is copied there and emptied. Gives the new name. 0, or -1 with errno. */
int place_set_aside(const struct place *p, char new_name[NAME_MAX + 1], int64_t now_ms);

#endif
