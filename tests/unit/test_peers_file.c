#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time_text.h"
#include "peers/file.h"
#include "tests/unit/parsed.h"
#include "tests/unit/promise.h"

#define NOW   INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define DAY   INT64_C(86400000)
#define LOCAL UINT32_C(0x00beaded)

/* --- a disk that fails: these stand in front of the system's calls --- */

enum call { CALL_NONE, CALL_FSYNC, CALL_CLOSE, CALL_RENAME };

/* What fails, with what, while `n` is above 0; a close closes all the same. */
static struct {
    enum call call;
    int error;
    unsigned after, n;
} fault;

static bool busy; /* no file can be renamed: each is mounted alone */

static bool fails(enum call call)
{
    if (fault.call != call || fault.n == 0) {
        return false;
    }
    if (fault.after > 0) {
        fault.after--;
        return false;
    }
    fault.n--;
    errno = fault.error;
    return true;
}

static void *real(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol) {
        abort();
    }
    return symbol;
}

int fsync(int fd)
{
    int (*call)(int);
    void *symbol = real("fsync");
    memcpy(&call, &symbol, sizeof call);
    return fails(CALL_FSYNC) ? -1 : call(fd);
}

int close(int fd)
{
    int (*call)(int);
    void *symbol = real("close");
    memcpy(&call, &symbol, sizeof call);
    bool failed = fails(CALL_CLOSE);
    int why = errno;
    int result = call(fd);
    errno = failed ? why : errno;
    return failed ? -1 : result;
}

int renameat(int from, const char *old, int to, const char *new)
{
    int (*call)(int, const char *, int, const char *);
    void *symbol = real("renameat");
    memcpy(&call, &symbol, sizeof call);
    if (busy) {
        errno = EBUSY;
        return -1;
    }
    return fails(CALL_RENAME) ? -1 : call(from, old, to, new);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    int (*call)(int, const char *, int, const char *, unsigned);
    void *symbol = real("renameat2");
    memcpy(&call, &symbol, sizeof call);
    return fails(CALL_RENAME) ? -1 : call(from, old, to, new, flags);
}

/* Each test works in a folder of its own. */
struct place {
    char folder[64];
    char path[96];
    char own[112]; /* "<path>.kith" */
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    strcpy(p->folder, "/tmp/kith-peers-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/peers.json", p->folder);
    snprintf(p->own, sizeof p->own, "%s.kith", p->path);
    *state = p;
    return 0;
}

/* Calls `see` for each name in the folder. */
static void list(const struct place *p, void (*see)(const struct place *p, const char *name, void *context),
                 void *context)
{
    DIR *d = opendir(p->folder);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] != '.') {
            see(p, e->d_name, context);
        }
    }
    closedir(d);
}

static void remove_one(const struct place *p, const char *name, void *context)
{
    (void)context;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", p->folder, name);
    remove(path);
}

static void count_one(const struct place *p, const char *name, void *context)
{
    (void)p, (void)name;
    (*(size_t *)context)++;
}

static size_t files(const struct place *p)
{
    size_t n = 0;
    list(p, count_one, &n);
    return n;
}

static int tear_down(void **state)
{
    fault.n = 0;
    busy = false;
    struct place *p = *state;
    list(p, remove_one, NULL);
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void assert_content(const char *path, const char *text)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char buf[4096];
    size_t n = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[n] = '\0';
    assert_string_equal(buf, text);
}

/* What a read gave. */
struct got {
    enum peers_file_result result;
    struct book_snapshot *s;
    char message[PEERS_FILE_MESSAGE_MAX];
};

static struct got get(const char *path)
{
    struct got g;
    g.result = peers_file_read(path, "LOCAL", LOCAL, &g.s, g.message, sizeof g.message, NOW);
    assert_int_equal(g.s != NULL, g.result == PEERS_FILE_READ || g.result == PEERS_FILE_IMPORTED);
    return g;
}

/* A read that must give nothing. */
static void assert_refused(const char *path, enum peers_file_result result, const char *in_message)
{
    struct got g = get(path);
    assert_int_equal(g.result, result);
    if (!strstr(g.message, in_message)) {
        fail_msg("\"%s\" does not say \"%s\"", g.message, in_message);
    }
}

static struct book_snapshot *two_peers(void)
{
    struct book_snapshot *s = book_snapshot_new(2, 2, 1);
    assert_non_null(s);
    s->entries[s->n_entries++] = (struct book_entry){.endpoint = at("1.2.3.4:8108"),
                                                     .heard_ms = NOW - 1,
                                                     .learned_ms = NOW - 2,
                                                     .dialed_ms = NOW - 3,
                                                     .answered_ms = NOW - 2,
                                                     .since_ms = NOW - 9,
                                                     .told_by = UINT64_C(4) << 32 | 258,
                                                     .tried = true,
                                                     .anchor = true,
                                                     .failures = UINT32_MAX,
                                                     .source = SOURCE_INCOMING};
    s->entries[s->n_entries++] = (struct book_entry){
        .endpoint = at("[2a00::1]:1"), .learned_ms = 7, .source = SOURCE_OPERATOR, .self = true};
    s->entries[0].id_proved = true;
    s->entries[0].id = (struct peer_id){.size = 3, .bytes = {0, 0xab, 0xff}};
    s->scores[s->n_scores++] = (struct book_score){
        .ip = ip_of("1.2.3.4"), .quality = QUALITY_MIN, .standing = -3, .quality_ms = NOW - 4};
    s->has_key = true;
    memset(s->key, 0xab, sizeof s->key);
    s->scores[s->n_scores++] = (struct book_score){.ip = ip_of("::5"), .banned_until = INT64_MAX};
    s->ids[s->n_ids] = (struct book_id_score){
        .id.size = PEER_ID_MAX,
        .score = {.ip = ip_of("1.2.3.4"), .quality = -9, .quality_ms = NOW - 4, .banned_until = NOW + DAY}};
    memset(s->ids[s->n_ids++].id.bytes, 0xcd, PEER_ID_MAX);
    return s;
}

static void test_round_trip(void **state)
{
    const struct place *p = *state;
    struct book_snapshot *s = two_peers();
    assert_int_equal(peers_file_write(p->path, "LOCAL", s, NOW), 0);
    assert_int_equal(peers_file_write(p->path, "LOCAL", s, NOW), 0);
    assert_int_equal(files(p), 1);
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_READ);
    assert_string_equal(g.message, "");
    assert_int_equal(g.s->n_entries, 2);
    assert_int_equal(g.s->n_scores, 2);
    assert_true(g.s->has_key);
    assert_memory_equal(g.s->key, s->key, sizeof s->key);
    for (size_t i = 0; i < 2; i++) {
        const struct book_entry *a = &s->entries[i], *b = &g.s->entries[i];
        assert_true(endpoint_equal(&a->endpoint, &b->endpoint));
        assert_int_equal(a->heard_ms, b->heard_ms);
        assert_int_equal(a->answered_ms, b->answered_ms);
        assert_int_equal(a->since_ms, b->since_ms);
        assert_int_equal(a->told_by, b->told_by);
        assert_true(a->tried == b->tried && a->anchor == b->anchor);
        assert_int_equal(a->learned_ms, b->learned_ms);
        assert_int_equal(a->dialed_ms, b->dialed_ms);
        assert_int_equal(a->failures, b->failures);
        assert_int_equal(a->source, b->source);
        assert_false(b->self); /* is not kept: the node may move */
        assert_true(peer_id_equal(&a->id, &b->id) && a->id_proved == b->id_proved);
        const struct book_score *x = &s->scores[i], *y = &g.s->scores[i];
        assert_true(ip_equal(&x->ip, &y->ip));
        assert_int_equal(x->quality, y->quality);
        assert_int_equal(x->standing, y->standing);
        assert_int_equal(x->quality_ms, y->quality_ms);
        assert_int_equal(x->banned_until, y->banned_until);
    }
    assert_int_equal(g.s->n_ids, 1);
    assert_memory_equal(&g.s->ids[0], &s->ids[0], sizeof s->ids[0]);
    book_snapshot_free(s);
    book_snapshot_free(g.s);
}

static void test_missing(void **state)
{
    const struct place *p = *state;
    assert_refused(p->path, PEERS_FILE_MISSING, "");
    assert_refused("/nowhere/at/all/peers.json", PEERS_FILE_MISSING, "");
    assert_int_equal(files(p), 0);
}

#define FRAME(peers, scores)                                                                                 \
    "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":[" peers "],\"scores\":[" scores "]}"

static void test_tolerance(void **state)
{
    const struct place *p = *state;
    put(p->path,
        FRAME("{\"address\":\"1.2.3.4:1\"},"
              "{\"address\":\"1.2.3.4:2\",\"new\":[{}],\"source\":\"magic\",\"heard\":5},"
              "{\"address\":\"1.2.3.4:0\"},{\"address\":\"host:1\"},{\"address\":7},{},7,null,"
              "{\"address\":\"1.2.3.4:3\",\"heard\":-1},{\"address\":\"1.2.3.4:3\",\"heard\":1.5},"
              "{\"address\":\"1.2.3.4:3\",\"failures\":4294967296},{\"address\":\"1.2.3.4:3\",\"dialed\":"
              "\"1\"},"
              "{\"address\":\"1.2.3.4:3\",\"learned\":null}",
              "{\"ip\":\"1.2.3.4\",\"quality\":-7,\"future\":0},{\"ip\":\"1.2.3\"},{\"ip\":null},[],"
              "{\"ip\":\"::1\",\"quality\":2147483001},{\"ip\":\"::1\",\"quality\":-9223372036854775808},"
              "{\"ip\":\"::1\",\"banned_until\":-1},{\"ip\":\"::1\",\"at\":true}"));
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_READ);
    assert_int_equal(g.s->n_entries, 2);
    assert_int_equal(g.s->entries[1].heard_ms, 5);
    assert_int_equal(g.s->entries[1].source, SOURCE_FILE);
    assert_int_equal(g.s->n_scores, 1);
    assert_int_equal(g.s->scores[0].quality, -7);
    assert_non_null(strstr(g.message, "left out 18 malformed entries"));
    book_snapshot_free(g.s);
}

/* A program that rated no node ids wrote no "ids". */
static void scores_of_ids_are_checked_and_may_be_missing(void **state)
{
    const struct place *p = *state;
    put(p->path, FRAME("", ""));
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_READ);
    assert_string_equal(g.message, "");
    assert_int_equal(g.s->n_ids, 0);
    book_snapshot_free(g.s);
    put(p->path, "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":[],\"scores\":[],\"ids\":["
                 "{\"id\":\"00ff\",\"ip\":\"1.2.3.4\",\"quality\":-7,\"new\":[]},"
                 "{\"id\":\"00ff\"},{\"ip\":\"1.2.3.4\"},{\"id\":\"\",\"ip\":\"1.2.3.4\"},"
                 "{\"id\":\"0\",\"ip\":\"1.2.3.4\"},{\"id\":\"0g\",\"ip\":\"1.2.3.4\"},"
                 "{\"id\":7,\"ip\":\"1.2.3.4\"},{\"id\":\"00\",\"ip\":\"host\"},7,null,[],"
                 "{\"id\":\"00\",\"ip\":\"1.2.3.4\",\"quality\":2147483001},"
                 "{\"id\":\"00\",\"ip\":\"1.2.3.4\",\"at\":-1}]}");
    g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_READ);
    assert_int_equal(g.s->n_ids, 1);
    assert_int_equal(g.s->ids[0].id.size, 2);
    assert_int_equal(g.s->ids[0].score.quality, -7);
    assert_non_null(strstr(g.message, "left out 12 malformed entries"));
    book_snapshot_free(g.s);
}

/* As the versions before wrote it: who answered us is tried, as far as the file can tell. */
static void test_a_file_without_rooms(void **state)
{
    const struct place *p = *state;
    static const bool tried[] = {true, false, false, false, false};
    put(p->path,
        FRAME("{\"address\":\"1.2.3.4:1\",\"heard\":50,\"learned\":9,\"dialed\":40,\"source\":\"seed\"},"
              "{\"address\":\"1.2.3.4:2\",\"heard\":50,\"source\":\"incoming\"},"
              "{\"address\":\"1.2.3.4:3\",\"heard\":50,\"dialed\":60,\"failures\":1},"
              "{\"address\":\"1.2.3.4:4\",\"heard\":50,\"dialed\":60},"
              "{\"address\":\"1.2.3.4:5\",\"dialed\":60}",
              "{\"ip\":\"2001:db8::7\",\"quality\":-7}"));
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_READ);
    assert_false(g.s->has_key);
    assert_int_equal(g.s->n_entries, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct book_entry *e = &g.s->entries[i];
        assert_int_equal(e->tried, tried[i]);
        assert_int_equal(e->answered_ms, tried[i] ? 50 : 0);
        assert_int_equal(e->since_ms, tried[i] ? 9 : 0);
    }
    const struct book_config config = {.most_ips = 10, .quality_refuse = -200};
    struct book *b = book_new(&config);
    assert_non_null(b);
    assert_int_equal(book_restore(b, g.s, NOW), 0);
    assert_int_equal(book_count(b), 5);
    assert_int_equal(book_count_tried(b), 1);
    struct ip ip = ip_of("2001:db8::8"); /* of the same /64 */
    assert_int_equal(book_quality(b, &ip, NOW), -7);
    book_free(b);
    book_snapshot_free(g.s);
}

/* A key that makes no sense is none; the entries are put anew. */
static void test_a_bad_key(void **state)
{
    const struct place *p = *state;
    static const char *const keys[] = {"\"\"", "7", "\"5b1c\"", "\"zb1c0e7a9d3f4b2286e1c7d05f90a3b4\"",
                                       "\"5b1c0e7a9d3f4b2286e1c7d05f90a3b4ff\""};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"kith_peers\":1,\"network\":\"LOCAL\",\"key\":%s,\"peers\":[],\"scores\":[]}", keys[i]);
        put(p->path, text);
        struct got g = get(p->path);
        assert_int_equal(g.result, PEERS_FILE_READ);
        assert_false(g.s->has_key);
        book_snapshot_free(g.s);
    }
}

static void test_not_to_be_touched(void **state)
{
    const struct place *p = *state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{\"kith_peers\":2,\"peers\":{}}", "version 2"},
        {"{\"kith_peers\":1,\"network\":\"MAIN\",\"peers\":[],\"scores\":[]}", "\"MAIN\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(p->path, cases[i].text);
        assert_refused(p->path, PEERS_FILE_UNREADABLE, cases[i].why);
        assert_content(p->path, cases[i].text);
        assert_int_equal(files(p), 1);
    }
    assert_refused(p->folder, PEERS_FILE_UNREADABLE, "Not a regular file");
    char slash[80];
    snprintf(slash, sizeof slash, "%s/", p->folder);
    assert_refused(slash, PEERS_FILE_UNREADABLE, "directory");
    assert_int_equal(remove(p->path), 0);
    assert_int_equal(mkfifo(p->path, 0600), 0);
    assert_refused(p->path, PEERS_FILE_UNREADABLE, "Not a regular file");
    assert_int_equal(remove(p->path), 0);
    assert_int_equal(symlink("peers.json", p->path), 0);
    assert_refused(p->path, PEERS_FILE_UNREADABLE, "symbolic links");
}

static void test_too_long(void **state)
{
    const struct place *p = *state;
    /* Sixty-four MiB of white space after a value that is good, and one byte. */
    int fd = open(p->path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    char blank[1 << 16];
    memset(blank, ' ', sizeof blank);
    for (int i = 0; i < 1024; i++) {
        assert_int_equal(write(fd, blank, sizeof blank), sizeof blank);
    }
    assert_int_equal(pwrite(fd, "{}", 2, 0), 2);
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_IMPORTED);
    book_snapshot_free(g.s);
    assert_int_equal(write(fd, " ", 1), 1);
    close(fd);
    assert_refused(p->path, PEERS_FILE_UNREADABLE, "too large");
    assert_true(exists(p->path));
}

static void test_corrupt_is_set_aside(void **state)
{
    const struct place *p = *state;
    static const char *const cases[] = {
        "\n",
        "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":[{\"addr",
        "[]",
        "7",
        "{\"kith_peers\":\"1\"}",
        "{\"kith_peers\":0,\"network\":\"LOCAL\",\"peers\":[],\"scores\":[]}",
        "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":{},\"scores\":[]}",
        "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":[]}",
        "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":[],\"scores\":[],\"ids\":{}}",
        "{\"kith_peers\":1,\"peers\":[],\"scores\":[]}",
        "{\"bans\":[]}",
        "{\"peers\":7}",
        "{\"1.2.3.4:8108\":{\"Address\":7}}",
        "{} x",
        "{\"a\":\"\xff\"}",
    };
    size_t n = sizeof cases / sizeof cases[0];
    char name[256];
    for (size_t i = 0; i < n; i++) {
        put(p->path, cases[i]);
        snprintf(name, sizeof name, "renamed to peers.json.corrupt-20260101T000000Z");
        if (i > 0) {
            snprintf(name, sizeof name, "renamed to peers.json.corrupt-20260101T000000Z-%zu", i + 1);
        }
        assert_refused(p->path, PEERS_FILE_CORRUPT, name);
        assert_false(exists(p->path));
        snprintf(name, sizeof name, "%s.corrupt-20260101T000000Z%c%zu", p->path, '-', i + 1);
        name[i == 0 ? strlen(name) - 2 : strlen(name)] = '\0';
        assert_content(name, cases[i]);
    }
    assert_int_equal(files(p), n);
}

/* A node id has 64 bits there. */
static void import_generation_1(const struct place *p, const char *node_id)
{
    char text[2048];
    snprintf(text, sizeof text,
             "{\"1.2.3.4:8108\":{\"QualityScore\":20,\"Address\":\"1.2.3.4\",\"Port\":"
             "\"8108\",\"NodeID\":%s,\"Hash\":\"1.2.3.4\","
             "\"Location\":16909060,\"Network\":12496365,\"Type\":0,\"Connections\":1,"
             "\"LastContact\":\"2025-12-31T23:59:58.123456789+01:00\",\"Source\":{}},"
             "\"1.2.3.4:8109\":{\"QualityScore\":-300,\"Address\":\"1.2.3.4\",\"Port\":"
             "\"8109\",\"Network\":12496365,"
             "\"LastContact\":\"0001-01-01T00:00:00Z\"},"
             "\"1.2.3.4:8110\":{\"QualityScore\":-9999999999,\"Address\":\"5.6.7.8\","
             "\"Port\":\"8110\",\"Network\":12496365},"
             "\"a\":{\"Address\":\"9.9.9.9\",\"Port\":\"1\",\"Network\":4276993775},"
             "\"b\":{\"Address\":\"host\",\"Port\":\"1\",\"Network\":12496365},"
             "\"c\":{\"Address\":\"9.9.9.9\",\"Port\":\"0\",\"Network\":12496365},"
             "\"d\":{\"Address\":\"9.9.9.9\",\"Port\":1,\"Network\":12496365},"
             "\"e\":{\"Address\":\"9.9.9.9\",\"Port\":\"1\"},\"f\":[]}",
             node_id);
    put(p->path, text);
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_IMPORTED);
    assert_content(p->path, text);
    assert_int_equal(g.s->n_entries, 3);
    struct endpoint first = at("1.2.3.4:8108");
    bool found = false;
    for (size_t i = 0; i < 3; i++) {
        const struct book_entry *e = &g.s->entries[i];
        bool is_first = endpoint_equal(&e->endpoint, &first);
        found = found || is_first;
        assert_int_equal(e->heard_ms, is_first ? NOW - 3600000 - 2000 + 123 : 0);
        assert_int_equal(e->learned_ms, NOW);
    }
    assert_true(found);
    assert_int_equal(g.s->n_scores, 2);
    assert_int_equal(g.s->scores[0].quality, -300);
    assert_int_equal(g.s->scores[1].quality, QUALITY_MIN);
    assert_int_equal(g.s->scores[0].quality_ms, NOW);
    assert_non_null(strstr(g.message,
                           "imported 3 peers and 2 scores or bans from a file of generation 1; left out: "
                           "1 of another network, 1 host names, 4 malformed"));
    book_snapshot_free(g.s);
}

static void test_generation_1(void **state)
{
    const struct place *p = *state;
    import_generation_1(p, "1");
    import_generation_1(p, "18446744073709551615");
    put(p->path,
        "{\"kith_peers\":1,\"network\":\"LOCAL\",\"peers\":[],\"scores\":[],\"x\":18446744073709551615}");
    assert_int_equal(get(p->path).result, PEERS_FILE_CORRUPT);
}

static void test_generation_2(void **state)
{
    const struct place *p = *state;
    put(p->path, "{\"bans\":{\"1.1.1.1\":\"2026-01-02T00:00:00Z\",\"2.2.2.2:8108\":\"2026-01-03T00:00:00Z\","
                 "\"::7\":\"2025-12-31T23:59:59Z\",\"x\":\"2026-01-02T00:00:00Z\",\"3.3.3.3\":7,\"4.4.4.4\":"
                 "\"never\"},"
                 "\"peers\":[{\"ip\":\"1.2.3.4\",\"port\":\"8108\"},{\"ip\":\"::9\",\"port\":\"1\"},"
                 "{\"ip\":\"some.host\",\"port\":\"1\"},{\"ip\":\"1.2.3.4\",\"port\":\"65536\"},{},null]}");
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_IMPORTED);
    assert_int_equal(g.s->n_entries, 2);
    struct endpoint second = at("[::9]:1");
    assert_true(endpoint_equal(&g.s->entries[1].endpoint, &second));
    assert_int_equal(g.s->entries[1].learned_ms, NOW);
    assert_int_equal(g.s->n_scores, 2);
    int64_t sum = 0;
    for (size_t i = 0; i < 2; i++) {
        sum += g.s->scores[i].banned_until - NOW;
    }
    assert_int_equal(sum, 3 * DAY);
    assert_non_null(
        strstr(g.message, "generation 2; left out: 0 of another network, 1 host names, 6 malformed"));
    book_snapshot_free(g.s);

    put(p->path, "{\"bans\":null,\"peers\":null}");
    g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_IMPORTED);
    assert_int_equal(g.s->n_entries, 0);
    book_snapshot_free(g.s);
}

static struct peers_file_start start_at(const struct place *p)
{
    struct peers_file_start start;
    peers_file_start(&start, p->path, "LOCAL", LOCAL, NOW);
    return start;
}

static void assert_start(const struct place *p, enum peers_file_result result, const char *write_path,
                         size_t n_peers)
{
    struct peers_file_start start = start_at(p);
    assert_int_equal(start.result, result);
    if (!write_path) {
        assert_null(start.write_path);
    } else {
        assert_string_equal(start.write_path, write_path);
    }
    assert_int_equal(!start.snapshot ? 0 : start.snapshot->n_entries, n_peers);
    peers_file_start_clear(&start);
    assert_null(start.snapshot);
    assert_null(start.write_path);
}

#define OLDER "{\"bans\":{},\"peers\":[{\"ip\":\"1.2.3.4\",\"port\":\"1\"}]}"
#define OWN   FRAME("{\"address\":\"1.2.3.4:1\"},{\"address\":\"1.2.3.4:2\"}", "")

static void test_start_without_older_file(void **state)
{
    const struct place *p = *state;
    assert_start(p, PEERS_FILE_MISSING, p->path, 0);
    put(p->path, OWN);
    assert_start(p, PEERS_FILE_READ, p->path, 2);
    put(p->path, "nonsense");
    assert_start(p, PEERS_FILE_CORRUPT, p->path, 0);
    put(p->path, "{\"kith_peers\":9}");
    assert_start(p, PEERS_FILE_UNREADABLE, NULL, 0);
}

static void test_start_with_older_file(void **state)
{
    const struct place *p = *state;
    put(p->path, OLDER);
    assert_start(p, PEERS_FILE_IMPORTED, p->own, 1);
    put(p->own, OWN);
    assert_start(p, PEERS_FILE_READ, p->own, 2);
    put(p->own, "nonsense");
    assert_start(p, PEERS_FILE_CORRUPT, p->own, 1);
    assert_false(exists(p->own));
    put(p->own, "{\"kith_peers\":9}");
    assert_start(p, PEERS_FILE_UNREADABLE, NULL, 0);
    put(p->own, OLDER);
    assert_start(p, PEERS_FILE_UNREADABLE, NULL, 0);
    assert_content(p->path, OLDER);
}

static void test_start_when_older_file_has_gone(void **state)
{
    const struct place *p = *state;
    put(p->own, OWN);
    assert_start(p, PEERS_FILE_READ, p->own, 2);
    put(p->path, "nonsense");
    struct peers_file_start start = start_at(p);
    assert_int_equal(start.result, PEERS_FILE_READ);
    assert_non_null(strstr(start.message, "is corrupt"));
    assert_string_equal(start.write_path, p->own);
    peers_file_start_clear(&start);
    /* kith's own in the place itself goes before the other. */
    put(p->path, FRAME("", ""));
    assert_start(p, PEERS_FILE_READ, p->path, 0);
}

static void test_stale_files_are_removed(void **state)
{
    const struct place *p = *state;
    static const char *const names[] = {
        "peers.json.tmp-0123456789abcdef",  "peers.json.tmp-0123456789abcde",
        "peers.json.tmp-0123456789abcdefg", "peers.json.tmp-0123456789abcdeF",
        "others.json.tmp-0123456789abcdef", "peers.json.corrupt-0123456789abcd",
    };
    char path[256];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 6; i++) {
            snprintf(path, sizeof path, "%s/%s", p->folder, names[i]);
            put(path, "x");
        }
        if (round == 0) {
            assert_refused(p->path, PEERS_FILE_MISSING, "");
        } else {
            struct book_snapshot none = {.n_entries = 0};
            assert_int_equal(peers_file_write(p->path, "LOCAL", &none, NOW), 0);
        }
        for (size_t i = 0; i < 6; i++) {
            snprintf(path, sizeof path, "%s/%s", p->folder, names[i]);
            assert_int_equal(exists(path), i != 0);
        }
    }
}

static void test_failed_write_leaves_the_old(void **state)
{
    const struct place *p = *state;
    struct book_snapshot *s = two_peers();
    assert_int_equal(peers_file_write(p->path, "LOCAL", s, NOW), 0);
    struct book_snapshot *larger = book_snapshot_new(1000, 0, 0);
    assert_non_null(larger);
    for (; larger->n_entries < 1000; larger->n_entries++) {
        larger->entries[larger->n_entries].endpoint = at("1.2.3.4:1");
    }
    /* A full disk, as far as this process can make one; SIGXFSZ would end it. */
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = peers_file_write(p->path, "LOCAL", larger, NOW);
    int why = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(result, -1);
    assert_int_equal(why, EFBIG);
    assert_int_equal(files(p), 1);
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_READ);
    assert_int_equal(g.s->n_entries, 2);
    book_snapshot_free(g.s);

    assert_int_equal(peers_file_write("/nowhere/at/all/peers.json", "LOCAL", s, NOW), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(peers_file_write(p->folder, "LOCAL", s, NOW), -1);
    assert_int_equal(errno, EISDIR);
    book_snapshot_free(larger);
    book_snapshot_free(s);
}

/* How many entries the file has; -1 if it cannot be read. */
static int entries_in(const char *path)
{
    struct got g = get(path);
    int n = g.result == PEERS_FILE_READ ? (int)g.s->n_entries : -1;
    book_snapshot_free(g.s);
    return n;
}

static int write_to(const char *path)
{
    struct book_snapshot *s = two_peers();
    int result = peers_file_write(path, "LOCAL", s, NOW);
    int why = errno;
    book_snapshot_free(s);
    errno = why;
    return result;
}

static void every_step_of_a_write_may_fail(void **state)
{
    const struct place *p = *state;
    static const struct {
        enum call call;
        int error;
    } cases[] = {{CALL_FSYNC, EIO},    {CALL_FSYNC, EDQUOT}, {CALL_CLOSE, ENOSPC},
                 {CALL_CLOSE, EDQUOT}, {CALL_RENAME, EIO},   {CALL_RENAME, ENOSPC}};
    put(p->path, FRAME("{\"address\":\"1.2.3.4:1\"}", ""));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* The first close is of the look whether a link may be followed. */
        fault.after = cases[i].call == CALL_CLOSE ? 1 : 0;
        fault.call = cases[i].call;
        fault.error = cases[i].error;
        fault.n = 1;
        assert_int_equal(write_to(p->path), -1);
        assert_int_equal(errno, cases[i].error);
        assert_int_equal(fault.n, 0);
        assert_int_equal(files(p), 1);
        assert_int_equal(entries_in(p->path), 1);
    }
    assert_int_equal(write_to(p->path), 0);
    assert_int_equal(entries_in(p->path), 2);
}

static void a_link_is_followed_and_what_it_leads_to_is_replaced(void **state)
{
    const struct place *p = *state;
    char inner[96];
    snprintf(inner, sizeof inner, "%s/volume", p->folder);
    char target[160];
    snprintf(target, sizeof target, "%s/real.json", inner);
    char link[96];
    snprintf(link, sizeof link, "%s/link.json", p->folder);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(symlink("volume/real.json", link), 0);
    assert_int_equal(symlink(link, p->path), 0);
    /* At first it leads nowhere. */
    assert_refused(p->path, PEERS_FILE_MISSING, "");
    assert_int_equal(write_to(p->path), 0);
    assert_int_equal(entries_in(target), 2);
    struct stat before;
    assert_int_equal(lstat(target, &before), 0);
    assert_int_equal(write_to(p->path), 0);
    struct stat after;
    assert_int_equal(lstat(target, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    assert_int_equal(lstat(p->path, &after), 0);
    assert_true(S_ISLNK(after.st_mode));
    assert_int_equal(entries_in(p->path), 2);
    put(target, "nonsense");
    assert_refused(p->path, PEERS_FILE_CORRUPT, "/volume/real.json is corrupt");
    assert_false(exists(target));
    assert_int_equal(lstat(p->path, &after), 0);
    assert_int_equal(write_to(p->path), 0);
    assert_int_equal(unlink(target), 0);
    snprintf(target, sizeof target, "%s/real.json.corrupt-20260101T000000Z", inner);
    assert_content(target, "nonsense");
    assert_int_equal(unlink(target), 0);
    assert_int_equal(rmdir(inner), 0);
    /* Now it leads into a folder that is not there. */
    assert_int_equal(write_to(p->path), -1);
    assert_int_equal(errno, ENOENT);
}

static void the_rights_of_a_file_are_kept(void **state)
{
    const struct place *p = *state;
    put(p->path, FRAME("", ""));
    assert_int_equal(chmod(p->path, 0640), 0);
    bool is_root = geteuid() == 0;
    if (is_root) {
        assert_int_equal(chown(p->path, 12345, 23456), 0);
    }
    assert_int_equal(write_to(p->path), 0);
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_uid, is_root ? 12345 : geteuid());
    assert_int_equal(st.st_gid, is_root ? 23456 : getegid());
}

/* Fails `n` renames, as of a file that is mounted alone. */
static void let_renames_fail(int error, unsigned n)
{
    fault.call = CALL_RENAME;
    fault.error = error;
    fault.after = 0;
    fault.n = n;
}

static void a_file_that_cannot_be_replaced_is_written_over(void **state)
{
    const struct place *p = *state;
    static const int errors[] = {EBUSY, EXDEV, EPERM, EACCES};
    struct book_snapshot none = {.n_entries = 0};
    struct stat before, after;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        put(p->path, FRAME("{\"address\":\"1.2.3.4:1\"}", ""));
        assert_int_equal(stat(p->path, &before), 0);
        let_renames_fail(errors[i], 2);
        assert_int_equal(write_to(p->path), 0);
        assert_int_equal(entries_in(p->path), 2);
        /* A shorter one leaves nothing of the longer one behind. */
        assert_int_equal(peers_file_write(p->path, "LOCAL", &none, NOW), 0);
        assert_int_equal(entries_in(p->path), 0);
        assert_int_equal(fault.n, 0);
        assert_int_equal(stat(p->path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_true(after.st_size < 200);
        assert_int_equal(files(p), 1);
    }
    assert_int_equal(unlink(p->path), 0);
    let_renames_fail(EBUSY, 1);
    assert_int_equal(write_to(p->path), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(files(p), 0);
}

static void what_cannot_be_written_over_is_undone(void **state)
{
    const struct place *p = *state;
    static const char old[] = FRAME("{\"address\":\"1.2.3.4:1\"}", "");
    put(p->path, old);
    /* Of the syncs the first is the temporary file's. */
    for (unsigned nth = 1; nth <= 2; nth++) {
        busy = true;
        fault.call = CALL_FSYNC;
        fault.error = EIO;
        fault.after = nth;
        fault.n = 1;
        assert_int_equal(write_to(p->path), -1);
        assert_int_equal(errno, EIO);
        assert_int_equal(fault.n, 0);
        assert_content(p->path, old);
        assert_int_equal(files(p), 1);
    }
}

static void what_cannot_be_renamed_is_copied_aside(void **state)
{
    const struct place *p = *state;
    put(p->path, "nonsense");
    let_renames_fail(EBUSY, 1);
    assert_refused(p->path, PEERS_FILE_CORRUPT, "renamed to peers.json.corrupt-20260101T000000Z");
    char aside[128];
    snprintf(aside, sizeof aside, "%s.corrupt-20260101T000000Z", p->path);
    assert_content(aside, "nonsense");
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_size, 0);
    /* The next one must not take the place of the first. */
    put(p->path, "more");
    let_renames_fail(EINVAL, 2);
    assert_refused(p->path, PEERS_FILE_CORRUPT, "renamed to peers.json.corrupt-20260101T000000Z-2");
    assert_content(aside, "nonsense");
}

/* As a crash may have left it: what remains of it is kept. */
static void an_empty_file_is_set_aside(void **state)
{
    const struct place *p = *state;
    put(p->path, "");
    assert_refused(p->path, PEERS_FILE_CORRUPT, "renamed to peers.json.corrupt-20260101T000000Z");
    assert_int_equal(access(p->path, F_OK), -1);
}

static void a_byte_order_mark_and_crlf_are_tolerated(void **state)
{
    const struct place *p = *state;
    put(p->path, "\xef\xbb\xbf{\r\n\"kith_peers\":1,\r\n\"network\":\"LOCAL\",\r\n\"peers\":["
                 "{\"address\":\"1.2.3.4:1\"}],\r\n\"scores\":[]}\r\n");
    assert_int_equal(entries_in(p->path), 1);
    put(p->path,
        "\xef\xbb\xbf{\"1.2.3.4:8108\":{\"Address\":\"1.2.3.4\",\"Port\":\"8108\",\"Network\":12496365,"
        "\"NodeID\":18446744073709551615}}");
    struct got g = get(p->path);
    assert_int_equal(g.result, PEERS_FILE_IMPORTED);
    book_snapshot_free(g.s);
    put(p->path, "\xef\xbb");
    assert_refused(p->path, PEERS_FILE_CORRUPT, "");
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00.5z", 500},
        {"1970-01-01T00:00:00.0019999Z", 1},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T23:00:00-01:00", 0},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59Z", 253402300799000},
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(time_parse(&ms, good[i].text));
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-01-01",
                                      "2026-01-01T00:00:00",
                                      "2026-01-01T00:00:00ZZ",
                                      "2026-13-01T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:61Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00+1:00",
                                      "2026-01-01T00:00:00+24:00",
                                      "-026-01-01T00:00:00Z",
                                      "2026-1-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(time_parse(&ms, bad[i]));
    }
    char text[TIME_TEXT_MAX];
    assert_string_equal(time_format(NOW + 1999, text), "2026-01-01T00:00:01Z");
    assert_string_equal(time_format(-1, text), "1970-01-01T00:00:00Z");
    assert_string_equal(time_format(INT64_MAX, text), "9999-12-31T23:59:59Z");
    assert_string_equal(time_format_name(NOW, text), "20260101T000000Z");
}

/* A test that has a folder. */
#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        promise_test_setup_teardown("F25", test_round_trip, set_up, tear_down),
        FOLDER_TEST(test_missing),
        FOLDER_TEST(test_tolerance),
        FOLDER_TEST(scores_of_ids_are_checked_and_may_be_missing),
        FOLDER_TEST(test_a_file_without_rooms),
        FOLDER_TEST(test_a_bad_key),
        FOLDER_TEST(test_not_to_be_touched),
        FOLDER_TEST(test_too_long),
        FOLDER_TEST(test_corrupt_is_set_aside),
        FOLDER_TEST(test_generation_1),
        FOLDER_TEST(test_generation_2),
        FOLDER_TEST(test_start_without_older_file),
        FOLDER_TEST(test_start_with_older_file),
        FOLDER_TEST(test_start_when_older_file_has_gone),
        FOLDER_TEST(test_stale_files_are_removed),
        FOLDER_TEST(every_step_of_a_write_may_fail),
        FOLDER_TEST(a_link_is_followed_and_what_it_leads_to_is_replaced),
        FOLDER_TEST(the_rights_of_a_file_are_kept),
        FOLDER_TEST(a_file_that_cannot_be_replaced_is_written_over),
        FOLDER_TEST(what_cannot_be_written_over_is_undone),
        FOLDER_TEST(what_cannot_be_renamed_is_copied_aside),
        FOLDER_TEST(an_empty_file_is_set_aside),
        FOLDER_TEST(a_byte_order_mark_and_crlf_are_tolerated),
        promise_test_setup_teardown("P24", test_failed_write_leaves_the_old, set_up, tear_down),
        cmocka_unit_test(test_times),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
