/* The chain's file: an SQLite database with its statements prepared, of which one transaction at a time is
 * under way. A failure is sticky until the next begin: statements that follow do nothing, so that whoever
 * runs several looks once.
 *
 * One thread at a time. Functions that run a statement block on the disk. */
#ifndef KITH_CHAIN_SQL_H
#define KITH_CHAIN_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/hash.h"

enum {
    SQL_CACHE_BYTES = 16 << 20, /* of pages in memory */
    SQL_WAL_PAGES = 4096,       /* the log goes into the file after so many pages: 16 MiB */
};

/* The comments in sql.c say what is bound and what comes back. */
enum sql_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_ABOUT,
    SQL_ABOUT_INDEXED,
    SQL_MAIN_ADD,
    SQL_MAIN_REMOVE,
    SQL_MAIN_AT,
    SQL_MAIN_FIND,
    SQL_MAIN_LAST,
    SQL_MAIN_HASHES,
    SQL_FOUND_ADD,
    SQL_FOUND_REMOVE,
    SQL_FOUND_FIND,
    SQL_FOUND_TEXT,
    SQL_SIDE_ADD,
    SQL_SIDE_REMOVE,
    SQL_SIDE_FIND,
    SQL_SIDE_CHILDREN,
    SQL_SIDE_OLDEST,
    SQL_SIDE_SUM,
    SQL_POOL_ADD,
    SQL_POOL_REMOVE,
    SQL_POOL_FIND,
    SQL_POOL_ALL,
    SQL_POOL_SUM,
    SQL_STATEMENTS,
};

/* All zero before sql_open. */
struct sql {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS];
    char failure[96]; /* the first of this transaction, or "" */
};

/* Opens the file, or a temporary one that is gone at the end if path is "". *is_new: it has its tables and no
 * rows, and a transaction is under way. False with the reason in s->failure: it is not this network's or not
 * ours, its schema is newer, it is damaged, another program has it, or the disk failed. Then it must be
 * closed, too. */
bool sql_open(struct sql *s, const char *path, const char *network, bool *is_new);
void sql_close(struct sql *s); /* idempotent */

/* Begins a transaction, and forgets what failed before. sql_end keeps what was done since; or if something
 * has failed takes all of it back, and returns false. */
void sql_begin(struct sql *s);
bool sql_end(struct sql *s);

/* The statement, ready to have its parameters bound. */
sqlite3_stmt *sql_get(struct sql *s, enum sql_statement which);
void sql_bind_number(struct sql *s, sqlite3_stmt *st, int at, int64_t number);
/* Bytes stay where they are until the statement has run. */
void sql_bind_bytes(struct sql *s, sqlite3_stmt *st, int at, const void *bytes, size_t size);
void sql_bind_hash(struct sql *s, sqlite3_stmt *st, int at, const struct chain_hash *hash);

/* True: the next row, whose columns are valid until the statement runs again or is ended. */
bool sql_row(struct sql *s, sqlite3_stmt *st);
/* Runs one that has no rows. */
void sql_run(struct sql *s, sqlite3_stmt *st);
/* Frees what a statement holds whose rows were not read to the end. */
void sql_end_rows(sqlite3_stmt *st);
/* False, and the failure is noted, if the column does not hold a hash: the file was damaged. */
bool sql_hash(struct sql *s, sqlite3_stmt *st, int column, struct chain_hash *hash);

/* Notes a failure that is not SQLite's; the first stays. */
void sql_fail(struct sql *s, const char *why);
static inline bool sql_failed(const struct sql *s)
{
    return s->failure[0] != '\0';
}

#endif
