/* The peers file: the peer book on disk, as JSON. docs/peers-file.md describes the format.
 *
 * Writing is atomic, but for files that cannot be replaced (peers/place.h): a reader sees the whole old
 * version or the whole new one, whenever the process dies. One node at a time may use a peers file. A
 * symbolic link is followed: the file that it leads to is read, replaced and set aside, in its own folder.
 * These functions block on the disk: they belong to the keeper's thread, or to the start of the program. */
#ifndef KITH_PEERS_FILE_H
#define KITH_PEERS_FILE_H

#include "peers/book.h"

#define PEERS_FILE_MESSAGE_MAX 1024

enum peers_file_result {
    PEERS_FILE_READ,     /* kith's own format */
    PEERS_FILE_IMPORTED, /* one of the two older formats; the file itself is never written to */
    PEERS_FILE_MISSING,  /* there is none: a first start */
    PEERS_FILE_CORRUPT,  /* it made no sense; it was renamed to NAME.corrupt-TIME (UTC, 20260131T235959Z, with
                          * -2, -3 ... if that exists), or copied there and emptied; the message names it */
    PEERS_FILE_UNREADABLE, /* neither read nor set aside, the message says why; it must not be overwritten */
};

/* The book as a node finds it at its start. */
struct peers_file_start {
    enum peers_file_result result;
    struct book_snapshot *snapshot; /* to be restored; NULL: nothing */
    char *write_path; /* the file that the book is written to from now on; NULL for UNREADABLE */
    char message[PEERS_FILE_MESSAGE_MAX]; /* for the log: which file was imported, set aside, or not read
                                             whole; "" if none */
};

/* Blocks. Finds the book that belongs to `path`, reads it and chooses write_path. Usually that is `path`. It
 * is "<path>.kith" if `path` holds an older format, or if "<path>.kith" exists and `path` does not hold
 * kith's own format; then "<path>.kith" is read in preference. If "<path>.kith" was corrupt, the older file
 * is imported once more (result CORRUPT, with a snapshot). `network` and `network_id` as below. Clear the
 * result with peers_file_start_clear. */
void peers_file_start(struct peers_file_start *start, const char *path, const char *network,
                      uint32_t network_id, int64_t now_ms);

/* Blocks; changes nothing. The write_path that peers_file_start would choose now, if it did not refuse the
 * file. From malloc; NULL if memory is short. */
char *peers_file_written(const char *path);

/* Any thread; does not block. Frees the members. If the caller has taken one for itself, it has set that
 * member to NULL. Idempotent. */
void peers_file_start_clear(struct peers_file_start *start);

/* Blocks. Reads that one file. *s is set for READ and IMPORTED (the caller frees it), else NULL. `message`
 * (NUL-terminated, at most message_size) is as above. `network` is the network's name and `network_id` its
 * number: entries of another network in a generation-1 file are left out; a file of kith's own that names
 * another network, or a newer version of the format, is UNREADABLE, as is a file above 64 MiB. Removes
 * temporary files of a writer that was killed. */
enum peers_file_result peers_file_read(const char *path, const char *network, uint32_t network_id,
                                       struct book_snapshot **s, char *message, size_t message_size,
                                       int64_t now_ms);

/* Blocks; changes nothing. As peers_file_read, but a corrupt file stays where it is, and so do temporary
 * files. */
enum peers_file_result peers_file_look(const char *path, const char *network, uint32_t network_id,
                                       struct book_snapshot **s, char *message, size_t message_size,
                                       int64_t now_ms);

/* Blocks. Writes the snapshot to `path`, as place_write does, and removes temporary files of a writer that
 * was killed. 0, or -1 with errno: then the file is as it was, whole, and the temporary file is gone. Only if
 * the folder could not be synced, the new version is in place already. sodium_init must have been called. */
int peers_file_write(const char *path, const char *network, const struct book_snapshot *s, int64_t now_ms);

#endif
