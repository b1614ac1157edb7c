#include "chain/sql.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x6b697468, /* "kith" */
    SCHEMA_VERSION = 1,
};

/* main: the chain, by number. found: where in which block of main a transaction's text lies, up to the block
 * about.indexed; its mark is made with about.key (chain/found.h). side: the blocks
 * beside main; each one's parent is in main or in side, and children counts those in side. pool: what waits.
 * Rows have their text last, so that who wants the rest does not read it. */
static const char tables[] =
    "CREATE TABLE about(network TEXT NOT NULL, key BLOB NOT NULL, indexed INTEGER NOT NULL);"
    "CREATE TABLE main(number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, time INTEGER NOT NULL,"
    " n INTEGER NOT NULL, weight INTEGER NOT NULL, text BLOB NOT NULL);"
    "CREATE TABLE found(mark INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,"
    " size INTEGER NOT NULL, PRIMARY KEY(mark, number)) WITHOUT ROWID;"
    "CREATE TABLE side(seq INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, prev BLOB NOT NULL,"
    " number INTEGER NOT NULL, time INTEGER NOT NULL, n INTEGER NOT NULL, weight INTEGER NOT NULL,"
    " children INTEGER NOT NULL, text BLOB NOT NULL);"
    "CREATE INDEX side_prev ON side(prev);"
    "CREATE INDEX side_ends ON side(seq) WHERE children = 0;"
    "CREATE TABLE pool(seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, weight INTEGER NOT NULL,"
    " text BLOB NOT NULL);";

static const char *const texts[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_ABOUT] = "SELECT key, indexed FROM about",
    [SQL_ABOUT_INDEXED] = "UPDATE about SET indexed = ?1",
    [SQL_MAIN_ADD] = "INSERT INTO main(number, hash, time, n, weight, text) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_MAIN_REMOVE] = "DELETE FROM main WHERE number = ?1",
    [SQL_MAIN_AT] = "SELECT hash, (SELECT hash FROM main WHERE number = ?1 - 1), time, n, weight, text"
                    " FROM main WHERE number = ?1",
    [SQL_MAIN_FIND] = "SELECT number FROM main WHERE hash = ?1",
    [SQL_MAIN_LAST] = "SELECT number FROM main ORDER BY number DESC LIMIT 1",
    [SQL_MAIN_HASHES] = "SELECT hash FROM main WHERE number >= ?1 ORDER BY number LIMIT ?2",
    [SQL_FOUND_ADD] = "INSERT OR IGNORE INTO found(mark, number, at, size) VALUES(?1, ?2, ?3, ?4)",
    [SQL_FOUND_REMOVE] = "DELETE FROM found WHERE mark = ?1 AND number = ?2",
    [SQL_FOUND_FIND] = "SELECT number, at, size FROM found WHERE mark = ?1 LIMIT 1",
    [SQL_FOUND_TEXT] = "SELECT substr(text, ?2 + 1, ?3) FROM main WHERE number = ?1",
    [SQL_SIDE_ADD] = "INSERT INTO side(hash, prev, number, time, n, weight, children, text)"
                     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, (SELECT count(*) FROM side WHERE prev = ?1), ?7)",
    [SQL_SIDE_REMOVE] = "DELETE FROM side WHERE hash = ?1",
    [SQL_SIDE_FIND] = "SELECT prev, number, time, n, weight, text FROM side WHERE hash = ?1",
    [SQL_SIDE_CHILDREN] = "UPDATE side SET children = children + ?2 WHERE hash = ?1",
    [SQL_SIDE_OLDEST] = "SELECT hash, prev, length(text) FROM side WHERE children = 0 AND hash <> ?1"
                        " ORDER BY seq LIMIT 1",
    [SQL_SIDE_SUM] = "SELECT count(*), coalesce(sum(length(text)), 0) FROM side",
    [SQL_POOL_ADD] = "INSERT INTO pool(id, weight, text) VALUES(?1, ?2, ?3)",
    [SQL_POOL_REMOVE] = "DELETE FROM pool WHERE id = ?1 RETURNING length(text)",
    [SQL_POOL_FIND] = "SELECT weight, text FROM pool WHERE id = ?1",
    [SQL_POOL_ALL] = "SELECT weight, text FROM pool ORDER BY seq",
    [SQL_POOL_SUM] = "SELECT count(*), coalesce(sum(length(text)), 0) FROM pool",
};

/* --- failures --- */

void sql_fail(struct sql *s, const char *why)
{
    if (!sql_failed(s)) {
        snprintf(s->failure, sizeof s->failure, "%s", why);
    }
}

static void fail_by(struct sql *s, int code)
{
    switch (code & 0xff) { /* the rest of the code says more */
    case SQLITE_NOTADB:
        sql_fail(s, "it is no SQLite database");
        break;
    case SQLITE_CORRUPT:
        sql_fail(s, "it is damaged");
        break;
    case SQLITE_BUSY:
        sql_fail(s, "another program has it open");
        break;
    default:
        sql_fail(s, sqlite3_errmsg(s->db));
    }
}

/* --- statements --- */

sqlite3_stmt *sql_get(struct sql *s, enum sql_statement which)
{
    sqlite3_stmt *st = s->statements[which];
    sqlite3_reset(st); /* its code is that of the last failure, which was noted */
    return st;
}

static void check_bound(struct sql *s, int code)
{
    if (code != SQLITE_OK) {
        fail_by(s, code);
    }
}

void sql_bind_number(struct sql *s, sqlite3_stmt *st, int at, int64_t number)
{
    check_bound(s, sqlite3_bind_int64(st, at, number));
}

void sql_bind_bytes(struct sql *s, sqlite3_stmt *st, int at, const void *bytes, size_t size)
{
    check_bound(s, sqlite3_bind_blob64(st, at, bytes, size, SQLITE_STATIC));
}

void sql_bind_hash(struct sql *s, sqlite3_stmt *st, int at, const struct chain_hash *hash)
{
    sql_bind_bytes(s, st, at, hash->bytes, sizeof hash->bytes);
}

bool sql_row(struct sql *s, sqlite3_stmt *st)
{
    int code = sql_failed(s) ? SQLITE_DONE : sqlite3_step(st);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        fail_by(s, code);
    }
    if (code != SQLITE_ROW) {
        sqlite3_reset(st);
    }
    return code == SQLITE_ROW;
}

void sql_run(struct sql *s, sqlite3_stmt *st)
{
    while (sql_row(s, st)) {
    }
}

void sql_end_rows(sqlite3_stmt *st)
{
    sqlite3_reset(st);
}

bool sql_hash(struct sql *s, sqlite3_stmt *st, int column, struct chain_hash *hash)
{
    const void *bytes = sqlite3_column_blob(st, column);
    if (!bytes || sqlite3_column_bytes(st, column) != CHAIN_HASH_BYTES) {
        sql_fail(s, "it is damaged");
        return false;
    }
    memcpy(hash->bytes, bytes, sizeof hash->bytes);
    return true;
}

/* --- transactions --- */

static void end_all_rows(struct sql *s)
{
    for (size_t i = 0; i < SQL_STATEMENTS; i++) {
        sqlite3_reset(s->statements[i]);
    }
}

static void take_back(struct sql *s)
{
    end_all_rows(s);
    /* Of some failures SQLite has taken all back by itself. */
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite3_step(s->statements[SQL_ROLLBACK]);
        sqlite3_reset(s->statements[SQL_ROLLBACK]);
    }
}

void sql_begin(struct sql *s)
{
    s->failure[0] = '\0';
    take_back(s); /* if that failed the last time */
    sql_run(s, sql_get(s, SQL_BEGIN));
}

bool sql_end(struct sql *s)
{
    end_all_rows(s); /* a row that is looked at would keep the log from going into the file */
    sql_run(s, sql_get(s, SQL_COMMIT));
    if (sql_failed(s)) {
        take_back(s);
    }
    return !sql_failed(s);
}

/* --- opening --- */

static bool run_text(struct sql *s, const char *text)
{
    int code = sql_failed(s) ? SQLITE_OK : sqlite3_exec(s->db, text, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        fail_by(s, code);
    }
    return !sql_failed(s);
}

/* The first column of its only row; 0 or "" if there is none. */
static int64_t ask(struct sql *s, const char *text, char *answer, size_t size)
{
    sqlite3_stmt *st = NULL;
    int64_t number = 0;
    int code = sql_failed(s) ? SQLITE_OK : sqlite3_prepare_v2(s->db, text, -1, &st, NULL);
    if (code != SQLITE_OK) {
        fail_by(s, code);
    }
    snprintf(answer, size, "%s", "");
    if (st && sql_row(s, st)) {
        number = sqlite3_column_int64(st, 0);
        const unsigned char *read = sqlite3_column_text(st, 0);
        snprintf(answer, size, "%s", read ? (const char *)read : "");
    }
    sqlite3_finalize(st);
    return number;
}

static int64_t ask_number(struct sql *s, const char *text)
{
    char unused[8];
    return ask(s, text, unused, sizeof unused);
}

/* Nothing is written before it is known whose file it is. */
static void look_whose(struct sql *s, const char *network, bool *is_new)
{
    char other[80], why[96];
    int64_t id = ask_number(s, "PRAGMA application_id");
    int64_t version = ask_number(s, "PRAGMA user_version");
    *is_new = id == 0 && version == 0 && ask_number(s, "SELECT count(*) FROM sqlite_schema") == 0;
    if (*is_new || sql_failed(s)) {
        return;
    }
    if (id != APPLICATION_ID) {
        sql_fail(s, "it is another program's database");
    } else if (version != SCHEMA_VERSION) {
        snprintf(why, sizeof why, "it has version %d, and this kith knows version %d", (int)version,
                 SCHEMA_VERSION);
        sql_fail(s, why);
    } else {
        ask(s, "SELECT network FROM about", other, sizeof other);
        if (strcmp(other, network) != 0) {
            snprintf(why, sizeof why, "it is of the network %.40s", other);
            sql_fail(s, why);
        }
    }
}

static void set_up(struct sql *s, bool has_path)
{
    char text[128], mode[16];
    snprintf(text, sizeof text,
             "PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=%d; PRAGMA journal_size_limit=%d",
             SQL_CACHE_BYTES / 1024, SQL_WAL_PAGES, 4 * SQL_WAL_PAGES * 4096);
    if (has_path) {
        /* Written to the end of the log and synced there: a commit that returned is kept. */
        ask(s, "PRAGMA journal_mode=WAL", mode, sizeof mode);
        if (!sql_failed(s) && strcmp(mode, "wal") != 0) {
            sql_fail(s, "its file system cannot keep a log beside it");
        }
        run_text(s, "PRAGMA synchronous=FULL");
    }
    run_text(s, text);
}

static void make_tables(struct sql *s, const char *network)
{
    char version[96];
    snprintf(version, sizeof version, "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
             SCHEMA_VERSION);
    sqlite3_stmt *st = NULL;
    if (!run_text(s, "BEGIN IMMEDIATE") || !run_text(s, tables) || !run_text(s, version)) {
        return;
    }
    int code = sqlite3_prepare_v2(
        s->db, "INSERT INTO about(network, key, indexed) VALUES(?1, randomblob(16), -1)", -1, &st, NULL);
    code = code == SQLITE_OK ? sqlite3_bind_text(st, 1, network, -1, SQLITE_STATIC) : code;
    if (code == SQLITE_OK) {
        sql_run(s, st);
    } else {
        fail_by(s, code);
    }
    sqlite3_finalize(st);
}

static void prepare(struct sql *s)
{
    for (size_t i = 0; i < SQL_STATEMENTS && !sql_failed(s); i++) {
        int code =
            sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);
        if (code != SQLITE_OK) {
            fail_by(s, code);
        }
    }
}

/* A file that is not there yet is made by us, as SQLite would have others read it. SQLite tells what fails.
 */
static void make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd >= 0) {
        close(fd);
    }
}

bool sql_open(struct sql *s, const char *path, const char *network, bool *is_new)
{
    *is_new = false;
    if (path[0]) {
        make_file(path);
    }
    /* One thread at a time uses it. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &s->db, flags, NULL);
    if (code != SQLITE_OK) {
        fail_by(s, code); /* s->db is NULL if memory is short; the message then says that */
        return false;
    }
    /* One node alone has it; so no index of the log need be shared. */
    run_text(s, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
    look_whose(s, network, is_new);
    set_up(s, path[0]);
    if (*is_new) {
        make_tables(s, network);
    }
    prepare(s);
    return !sql_failed(s);
}

void sql_close(struct sql *s)
{
    for (size_t i = 0; i < SQL_STATEMENTS; i++) {
        sqlite3_finalize(s->statements[i]);
        s->statements[i] = NULL;
    }
    sqlite3_close(s->db); /* takes back what was not committed */
    s->db = NULL;
}
