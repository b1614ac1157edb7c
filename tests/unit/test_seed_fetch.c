#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/clock.h"
#include "seed/backoff.h"
#include "seed/disk.h"
#include "seed/fetch.h"
#include "seed/fetcher.h"
#include "seed/lookup.h"
#include "tests/unit/fake_names.h"
#include "tests/unit/hanging_file.h"
#include "tests/unit/promise.h"
#include "tests/unit/seed_server.h"

#define PATIENCE     5000 /* ms; reached by failures only */
#define STOP_MS      300  /* a stop takes at most so long */
#define STOP_TRIES   8
#define LENGTH(list) (sizeof(list) / sizeof(list)[0])

static void ignore_line(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static void count_line(void *context, enum log_level level, const char *text)
{
    unsigned *lines = context;
    (void)level;
    (void)text;
    ++*lines;
}

static const struct log_sink silence = {.line = ignore_line, .level = LOG_LEVEL_DEBUG};

static const struct seed_config usual = {
    .connect_timeout_ms = 2000, .total_timeout_ms = PATIENCE, .log = &silence};

static void assert_endpoint(const struct endpoint *e, const char *text)
{
    struct endpoint wanted;
    assert_true(endpoint_parse(&wanted, text));
    assert_memory_equal(e->ip.bytes, wanted.ip.bytes, sizeof wanted.ip.bytes);
    assert_int_equal(e->port, wanted.port);
}

/* Fetches once from a server that has one answer for everybody. */
static int fetch_answer(const struct seed_answer *a, const struct seed_config *config,
                        struct seed_result *result)
{
    struct seed_server *server = seed_server_start(a, 1);
    *result = (struct seed_result){0};
    int failed = seed_fetch(seed_server_url(server), config, result);
    seed_server_stop(server);
    return failed;
}

static void assert_fails(const struct seed_answer *a, const char *why)
{
    struct seed_result result;
    assert_int_equal(fetch_answer(a, &usual, &result), -1);
    assert_int_equal(result.n, 0);
    assert_null(result.endpoints);
    if (!strstr(result.error, why)) {
        fail_msg("\"%s\" does not say \"%s\"", result.error, why);
    }
    seed_result_free(&result);
}

static void a_list_is_fetched(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK, .body = "1.2.3.4:8108\r\n\r\n [2001:db8::1]:8109 \r\n"};
    struct seed_result result;

    assert_int_equal(fetch_answer(&a, &usual, &result), 0);
    assert_string_equal(result.error, "");
    assert_int_equal(result.n, 2);
    assert_endpoint(&result.endpoints[0], "1.2.3.4:8108");
    assert_endpoint(&result.endpoints[1], "[2001:db8::1]:8109");
    assert_int_equal(result.bad_lines, 0);
    seed_result_free(&result);
    seed_result_free(&result);
}

static void bad_lines_do_not_spoil_the_rest(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK, .body = "rubbish\n1.2.3.4:8108\n! no\n1.2.3.5:8108"};
    struct seed_result result;
    unsigned lines = 0;
    const struct log_sink count = {.line = count_line, .context = &lines, .level = LOG_LEVEL_WARNING};
    struct seed_config config = usual;

    config.log = &count;
    assert_int_equal(fetch_answer(&a, &config, &result), 0);
    assert_int_equal(result.n, 2);
    assert_int_equal(result.bad_lines, 2);
    assert_int_equal(lines, 2);
    seed_result_free(&result);
}

static void bad_lines_do_not_flood_the_log(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK, .body = "1.2.3.4:8108\nx\n", .repeat = 1000};
    struct seed_result result;
    unsigned lines = 0;
    const struct log_sink count = {.line = count_line, .context = &lines, .level = LOG_LEVEL_WARNING};
    struct seed_config config = usual;

    config.log = &count;
    assert_int_equal(fetch_answer(&a, &config, &result), 0);
    assert_int_equal(result.bad_lines, 1000);
    assert_int_equal(lines, SEED_BAD_LINES_LOGGED + 1);
    seed_result_free(&result);
}

static void an_empty_body_is_an_empty_list(void **state)
{
    (void)state;
    const struct seed_answer answers[] = {{.head = SEED_OK}, {.head = SEED_OK, .body = "\r\n\n  \n"}};
    for (size_t i = 0; i < LENGTH(answers); i++) {
        struct seed_result result;
        assert_int_equal(fetch_answer(&answers[i], &usual, &result), 0);
        assert_int_equal(result.n, 0);
        seed_result_free(&result);
    }
}

static void any_status_but_200_fails(void **state)
{
    (void)state;
    const struct {
        const char *head, *why;
    } cases[] = {
        {"HTTP/1.1 404 Not Found\r\nConnection: close", "404"},
        {"HTTP/1.1 500 Broken\r\nConnection: close", "500"},
        {"HTTP/1.1 203 Changed\r\nConnection: close", "203"},
        {"HTTP/1.1 302 Nowhere\r\nConnection: close", "302"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const struct seed_answer a = {.head = cases[i].head, .body = "1.2.3.4:8108\n"};
        assert_fails(&a, cases[i].why);
    }
}

static void an_error_page_is_no_list(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK, .body = "<html>\n<h1>Sign in</h1>\n</html>\n"};
    assert_fails(&a, "not one of 3 lines");
}

static void an_oversized_body_fails(void **state)
{
    (void)state;
    const struct seed_answer fits = {
        .head = SEED_OK, .body = "1.2.3.4:8108   \n", .repeat = SEED_BODY_MAX / 16};
    const struct seed_answer over = {
        .head = SEED_OK, .body = "1.2.3.4:8108   \n", .repeat = SEED_BODY_MAX / 16 + 1};
    struct seed_result result;

    assert_int_equal(fetch_answer(&fits, &usual, &result), 0);
    assert_int_equal(result.n, 10000);
    seed_result_free(&result);
    assert_fails(&over, "longer than 1048576 bytes");
}

static void a_body_cut_short_fails(void **state)
{
    (void)state;
    const struct seed_answer by_length = {.head = "HTTP/1.1 200 OK\r\nContent-Length: 100",
                                          .body = "1.2.3.4:8108\n"};
    const struct seed_answer by_chunk = {.head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
                                         .body = "d\r\n1.2.3.4:8108\n\r\n"};
    assert_fails(&by_length, "");
    assert_fails(&by_chunk, "");
}

/* "1.2.3.4:8108\n" */
#define GZIPPED                                                                                              \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x33\xd4\x33\xd2\x33\xd6\x33\xb1\xb2\x30\x34\xb0\xe0\x02\x00"   \
    "\x7f\x4e\x63\x0d\x0d\x00\x00\x00"
#define DEFLATED "\x78\x9c\x33\xd4\x33\xd2\x33\xd6\x33\xb1\xb2\x30\x34\xb0\xe0\x02\x00\x11\x8d\x02\x6a"

static void a_compressed_list_is_decoded(void **state)
{
    (void)state;
    static const char *const encodings[] = {"gzip", "x-gzip", "deflate"};
    for (size_t i = 0; i < LENGTH(encodings); i++) {
        char head[128];
        snprintf(head, sizeof head, SEED_OK "\r\nContent-Encoding: %s", encodings[i]);
        const struct seed_answer a = {
            .head = head,
            .body = i < 2 ? GZIPPED : DEFLATED,
            .body_size = i < 2 ? sizeof GZIPPED - 1 : sizeof DEFLATED - 1,
        };
        struct seed_result result;
        assert_int_equal(fetch_answer(&a, &usual, &result), 0);
        assert_int_equal(result.n, 1);
        assert_endpoint(&result.endpoints[0], "1.2.3.4:8108");
        seed_result_free(&result);
    }
}

static void a_compressed_body_that_makes_no_sense_fails(void **state)
{
    (void)state;
    const struct seed_answer plain = {.head = SEED_OK "\r\nContent-Encoding: gzip", .body = "1.2.3.4:8108\n"};
    const struct seed_answer cut = {.head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 33",
                                    .body = GZIPPED,
                                    .body_size = sizeof GZIPPED - 9};
    const struct seed_answer other = {.head = SEED_OK "\r\nContent-Encoding: morse",
                                      .body = "1.2.3.4:8108\n"};
    assert_fails(&plain, "");
    assert_fails(&cut, "");
    assert_fails(&other, "");
}

#define BOMB_HEAD    "\x1f\x8b\x08\0\0\0\0\0\0\x03"
#define BOMB_MATCHES ((size_t)130000) /* of 258 bytes: 32 MiB */
#define BOMB_BITS    (3 + 8 + 13 * BOMB_MATCHES + 7)

/* RFC 1951: bits go into each byte from the low end. */
static void put_bits(char *bytes, size_t *at, const char *bits)
{
    for (; *bits; bits++, ++*at) {
        bytes[*at / 8] = (char)(bytes[*at / 8] | (*bits == '1') << *at % 8);
    }
}

/* A newline, and then again and again "258 bytes as the one before", in 13 bits each. */
static void a_body_that_swells_is_stopped_at_the_limit(void **state)
{
    (void)state;
    const size_t size = sizeof BOMB_HEAD - 1 + BOMB_BITS / 8 + 1;
    char *bomb = calloc(1, size);
    size_t at = 8 * (sizeof BOMB_HEAD - 1);

    assert_non_null(bomb);
    memcpy(bomb, BOMB_HEAD, sizeof BOMB_HEAD - 1);
    put_bits(bomb, &at, "110" /* the last block, with the fixed codes */ "00111010");
    for (size_t i = 0; i < BOMB_MATCHES; i++) {
        put_bits(bomb, &at,
                 "11000101"
                 "00000");
    }
    put_bits(bomb, &at, "0000000");
    const struct seed_answer a = {
        .head = SEED_OK "\r\nContent-Encoding: gzip", .body = bomb, .body_size = size};
    assert_true(size < SEED_BODY_MAX / 4);
    assert_fails(&a, "longer than 1048576 bytes");
    free(bomb);
}

static void redirects_are_followed(void **state)
{
    (void)state;
    const struct seed_answer answers[] = {
        {.head = "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /elsewhere"},
        {.head = SEED_OK, .body = "1.2.3.4:8108\n"},
    };
    struct seed_server *server = seed_server_start(answers, LENGTH(answers));
    struct seed_result result = {0};

    assert_int_equal(seed_fetch(seed_server_url(server), &usual, &result), 0);
    assert_int_equal(result.n, 1);
    assert_int_equal(seed_server_requests(server), 2);
    seed_result_free(&result);
    seed_server_stop(server);
}

static void redirects_end(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /again"};
    struct seed_server *server = seed_server_start(&a, 1);
    struct seed_result result = {0};

    assert_int_equal(seed_fetch(seed_server_url(server), &usual, &result), -1);
    assert_int_equal(seed_server_requests(server), 6);
    seed_server_stop(server);
}

/* A file with a good list, gone with close_list. */
struct list_file {
    char path[64];
    char url[80];
};

static void open_list(struct list_file *file, const char *text)
{
    strcpy(file->path, "/tmp/kith-seed-XXXXXX");
    int fd = mkstemp(file->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    snprintf(file->url, sizeof file->url, "file://%s", file->path);
}

static void a_redirect_to_a_file_is_refused(void **state)
{
    (void)state;
    struct list_file file;
    char head[160];

    open_list(&file, "1.2.3.4:8108\n");
    snprintf(head, sizeof head, "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: %s", file.url);
    const struct seed_answer a = {.head = head};
    assert_fails(&a, "rotocol");
    unlink(file.path);
}

static void assert_url_fails(const char *url, const char *why)
{
    struct seed_result result = {0};
    assert_int_equal(seed_fetch(url, &usual, &result), -1);
    assert_string_not_equal(result.error, "");
    if (!strstr(result.error, why)) {
        fail_msg("%s: \"%s\" does not say \"%s\"", url, result.error, why);
    }
}

static void files_are_read(void **state)
{
    (void)state;
    struct list_file file;
    struct seed_result result = {0};

    open_list(&file, "1.2.3.4:8108\nx\n");
    assert_int_equal(seed_fetch(file.url, &usual, &result), 0);
    assert_int_equal(result.n, 1);
    assert_int_equal(result.bad_lines, 1);
    seed_result_free(&result);
    unlink(file.path);
    assert_url_fails(file.url, "");
}

static void a_path_may_be_escaped(void **state)
{
    (void)state;
    struct list_file file;
    struct seed_result result = {0};
    char url[192];

    open_list(&file, "1.2.3.4:8108\n");
    snprintf(url, sizeof url, "FILE://localhost/%%74%%6dp/%s", file.path + strlen("/tmp/"));
    assert_int_equal(seed_fetch(url, &usual, &result), 0);
    assert_int_equal(result.n, 1);
    seed_result_free(&result);
    unlink(file.path);
    assert_url_fails("file:///tmp/%00", "no path");
    assert_url_fails("file://elsewhere.test/etc/hosts", "");
}

static void an_oversized_file_fails(void **state)
{
    (void)state;
    struct list_file file;
    struct seed_result result = {0};

    open_list(&file, "1.2.3.4:8108\n#");
    assert_int_equal(truncate(file.path, SEED_BODY_MAX), 0);
    assert_int_equal(seed_fetch(file.url, &usual, &result), 0);
    assert_int_equal(result.n, 1);
    seed_result_free(&result);
    assert_int_equal(truncate(file.path, SEED_BODY_MAX + 1), 0);
    assert_url_fails(file.url, "longer than 1048576 bytes");
    unlink(file.path);
}

/* A fifo that nobody writes into blocks whoever opens it, and a device may never end. */
static void what_is_no_regular_file_is_refused_at_once(void **state)
{
    (void)state;
    char path[] = "/tmp/kith-seed-XXXXXX", url[64];
    int64_t start = clock_ms();

    close(mkstemp(path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(url, sizeof url, "file://%s", path);
    assert_url_fails(url, "not a regular file");
    unlink(path);
    assert_url_fails("file:///dev/zero", "not a regular file");
    assert_url_fails("file:///dev/tty", "");
    assert_true(clock_ms() - start < PATIENCE);
}

static void a_folder_is_no_empty_list(void **state)
{
    (void)state;
    char folder[] = "/tmp/kith-seed-XXXXXX";
    char url[64];

    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "file://%s", folder);
    assert_url_fails(url, "not a regular file");
    rmdir(folder);
}

/* The kernel promises a page for such a file and has four bytes. */
static void a_file_that_ends_too_early_fails(void **state)
{
    (void)state;
    if (access("/sys/kernel/uevent_seqnum", R_OK) != 0) {
        skip();
    }
    assert_url_fails("file:///sys/kernel/uevent_seqnum", "cut short");
}

static void other_schemes_are_refused(void **state)
{
    (void)state;
    assert_url_fails("ftp://127.0.0.1/seed.txt", "rotocol");
    assert_url_fails("gopher://127.0.0.1/1", "rotocol");
    assert_url_fails("dict://127.0.0.1/x", "rotocol");
    assert_url_fails("", "");
    assert_url_fails("://", "");
}

static void a_refused_connection_fails(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK};
    struct seed_server *server = seed_server_start(&a, 1);
    char url[64];
    struct seed_result result = {0};

    snprintf(url, sizeof url, "%s", seed_server_url(server));
    seed_server_stop(server);
    assert_int_equal(seed_fetch(url, &usual, &result), -1);
    assert_string_not_equal(result.error, "");
}

static void a_silent_server_is_given_up(void **state)
{
    (void)state;
    const struct seed_answer silent = {.head = NULL};
    struct seed_config config = usual;
    struct seed_result result;

    config.total_timeout_ms = 300;
    int64_t start = clock_ms();
    assert_int_equal(fetch_answer(&silent, &config, &result), -1);
    int64_t took = clock_ms() - start;
    assert_true(took >= 290);
    assert_true(took < 1500);
    assert_string_not_equal(result.error, "");
}

/* Sets a flag a little later. */
struct late_stop {
    pthread_t thread;
    _Atomic bool flag;
    _Atomic int64_t at;
};

static void *stop_later(void *argument)
{
    struct late_stop *s = argument;
    usleep(150000);
    atomic_store(&s->at, clock_ms());
    atomic_store(&s->flag, true);
    return NULL;
}

static void start_late_stop(struct late_stop *s)
{
    atomic_init(&s->flag, false);
    atomic_init(&s->at, INT64_MAX);
    assert_int_equal(pthread_create(&s->thread, NULL, stop_later, s), 0);
}

/* How long it took. */
static int64_t assert_stopped(struct late_stop *s, const struct seed_result *result)
{
    int64_t now = clock_ms();
    pthread_join(s->thread, NULL);
    assert_true(now >= atomic_load(&s->at));
    assert_string_equal(result->error, "stopped");
    assert_int_equal(result->n, 0);
    return now - atomic_load(&s->at);
}

/* stop_once() stops something and returns how long that took. A busy machine may make it last any time, but
 * not every time: one try within the bound shows that it is kept. */
static void assert_stops_in_time(int64_t (*stop_once)(void))
{
    int64_t took = INT64_MAX;
    for (unsigned i = 0; i < STOP_TRIES && took > STOP_MS; i++) {
        took = stop_once();
    }
    assert_true(took <= STOP_MS);
}

static int64_t stop_a_transfer(void)
{
    const struct seed_answer silent = {.head = NULL};
    struct seed_server *server = seed_server_start(&silent, 1);
    struct seed_config config = usual;
    struct seed_result result = {0};
    struct late_stop stop;
    start_late_stop(&stop);
    config.stop = &stop.flag;
    assert_int_equal(seed_fetch(seed_server_url(server), &config, &result), -1);
    int64_t took = assert_stopped(&stop, &result);
    seed_server_stop(server);
    return took;
}

static void a_transfer_is_stopped(void **state)
{
    (void)state;
    assert_stops_in_time(stop_a_transfer);
}

static int64_t stop_a_read_that_hangs(void)
{
    struct seed_config config = usual;
    struct seed_result result = {0};
    struct late_stop stop;
    start_late_stop(&stop);
    config.stop = &stop.flag;
    assert_int_equal(seed_fetch("file:///tmp/" HANGING_FILE, &config, &result), -1);
    int64_t took = assert_stopped(&stop, &result);
    hanging_file_release();
    return took;
}

static void a_read_that_hangs_is_stopped(void **state)
{
    (void)state;
    assert_stops_in_time(stop_a_read_that_hangs);
}

static void a_read_that_hangs_is_given_up_and_more_are_bounded(void **state)
{
    (void)state;
    struct seed_config config = usual;
    struct seed_result result = {0};

    config.total_timeout_ms = 50;
    for (unsigned i = 0; i < SEED_DISK_LIVE_MAX; i++) {
        assert_int_equal(seed_fetch("file:///tmp/" HANGING_FILE, &config, &result), -1);
        assert_string_equal(result.error, "no answer in time");
    }
    assert_url_fails("file:///tmp/" HANGING_FILE, "8 earlier reads of a file still hang");
    hanging_file_release();
    /* The threads that were let go need a moment to end. */
    for (unsigned i = 0;
         i < PATIENCE && seed_fetch("file:///", &usual, &result) < 0 && strstr(result.error, "hang"); i++) {
        usleep(1000);
    }
    assert_url_fails("file:///", "not a regular file");
}

/* libcurl's own look-up of the server's name. */
static int64_t stop_a_look_up_of_the_server(void)
{
    struct seed_config config = usual;
    struct seed_result result = {0};
    struct late_stop stop;
    start_late_stop(&stop);
    config.stop = &stop.flag;
    assert_int_equal(seed_fetch("http://slow.test/seed.txt", &config, &result), -1);
    int64_t took = assert_stopped(&stop, &result);
    fake_names_release();
    return took;
}

static void a_look_up_of_the_server_is_stopped(void **state)
{
    (void)state;
    assert_stops_in_time(stop_a_look_up_of_the_server);
}

static void host_names_in_a_list_are_looked_up(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK, .body = "one.test:8108\nnone.test:8108\n1.2.3.4:8109\n"};
    struct seed_result result;

    assert_int_equal(fetch_answer(&a, &usual, &result), 0);
    assert_int_equal(result.n, 3);
    assert_int_equal(result.unresolved, 1);
    assert_endpoint(&result.endpoints[0], "1.2.3.4:8109");
    assert_endpoint(&result.endpoints[1], "192.0.2.1:8108");
    assert_endpoint(&result.endpoints[2], "[2001:db8::1]:8108");
    seed_result_free(&result);
}

static void a_list_of_dead_names_is_not_an_empty_list(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK, .body = "none.test:8108\nnone.test:8109\n"};
    assert_fails(&a, "not one of 2 host names");
}

static struct address name(const char *text)
{
    struct address a;
    assert_true(address_parse(&a, text, strlen(text)));
    return a;
}

static void look_ups_are_bounded(void **state)
{
    (void)state;
    const unsigned more = 5;
    struct address names[SEED_NAMES_MAX + 5];
    struct seed_result result = {0};
    unsigned before = fake_names_asked();

    for (size_t i = 0; i < LENGTH(names); i++) {
        names[i] = name("one.test:8108");
    }
    assert_int_equal(seed_lookup(names, LENGTH(names), &usual, &result), 0);
    assert_int_equal(result.n, 2 * SEED_NAMES_MAX);
    assert_int_equal(result.unresolved, more);
    assert_int_equal(fake_names_asked() - before, SEED_NAMES_MAX);
    seed_result_free(&result);
}

/* The proxy would not be asked for them. */
static void with_a_proxy_no_name_is_looked_up(void **state)
{
    (void)state;
    const struct proxy proxy = {.at = name("127.0.0.1:1080")};
    const struct address names[] = {name("one.test:1"), name("1.2.3.4:2"), name("one.test:3")};
    struct seed_config config = usual;
    struct seed_result result = {0};
    unsigned before = fake_names_asked();

    config.proxy = &proxy;
    assert_int_equal(seed_lookup(names, LENGTH(names), &config, &result), 0);
    assert_int_equal(result.n, 1);
    assert_int_equal(result.unresolved, 2);
    assert_int_equal(fake_names_asked(), before);
    seed_result_free(&result);
}

static void a_slow_name_does_not_hold_up_the_others(void **state)
{
    (void)state;
    const struct address names[] = {name("slow.test:1"), name("one.test:2"), name("slow.test:3")};
    struct seed_config config = usual;
    struct seed_result result = {0};

    config.total_timeout_ms = 1000;
    assert_int_equal(seed_lookup(names, LENGTH(names), &config, &result), 0);
    assert_int_equal(result.n, 2);
    assert_int_equal(result.unresolved, 2);
    seed_result_free(&result);
    fake_names_release();
}

static int64_t stop_look_ups(void)
{
    const struct address names[] = {name("slow.test:1"), name("1.2.3.4:2")};
    struct seed_config config = usual;
    struct seed_result result = {0};
    struct late_stop stop;
    start_late_stop(&stop);
    config.stop = &stop.flag;
    assert_int_equal(seed_lookup(names, LENGTH(names), &config, &result), -1);
    int64_t took = assert_stopped(&stop, &result);
    fake_names_release();
    return took;
}

static void look_ups_are_stopped(void **state)
{
    (void)state;
    assert_stops_in_time(stop_look_ups);
}

static void errors_are_printable(void **state)
{
    (void)state;
    struct seed_result result = {0};
    assert_int_equal(seed_result_fail(&result, "a\x1b[2J%s", "\xff\n"), -1);
    assert_string_equal(result.error, "a?[2J??");
}

static void back_off_grows_to_its_end(void **state)
{
    (void)state;
    assert_int_equal(seed_backoff_ms(0, 12345), 0);
    int64_t middle = 2000;
    for (uint32_t failures = 1; failures < 40; failures++) {
        int64_t half = middle / 2;
        assert_int_equal(seed_backoff_ms(failures, 0), half);
        assert_int_equal(seed_backoff_ms(failures, (uint64_t)half), middle);
        assert_int_equal(seed_backoff_ms(failures, (uint64_t)middle), middle + half);
        for (unsigned i = 0; i < 100; i++) {
            uint64_t random;
            randombytes_buf(&random, sizeof random);
            assert_in_range(seed_backoff_ms(failures, random), half, middle + half);
        }
        middle = middle * 2 < 600000 ? middle * 2 : 600000;
    }
    assert_int_equal(seed_backoff_ms(UINT32_MAX, 0), 300000);
}

/* --- the actor --- */

/* Reports come out of a pipe, as pointers. */
static int reports[2];

static void pass_on(void *context, struct seed_report *report)
{
    (void)context;
    if (write(reports[1], &report, sizeof report) != sizeof report) {
        abort();
    }
}

/* NULL if none comes in that time. */
static struct seed_report *next_report(int timeout_ms)
{
    struct pollfd p = {.fd = reports[0], .events = POLLIN};
    if (poll(&p, 1, timeout_ms) != 1) {
        return NULL;
    }
    struct seed_report *report;
    assert_int_equal(read(reports[0], &report, sizeof report), sizeof report);
    return report;
}

static struct seed_report *wait_report(void)
{
    struct seed_report *report = next_report(PATIENCE);
    assert_non_null(report);
    return report;
}

static int open_reports(void **state)
{
    (void)state;
    return pipe2(reports, O_CLOEXEC);
}

/* A test has taken every report that it expects: one that is left over is one too many. */
static int close_reports(void **state)
{
    (void)state;
    struct seed_report *report = next_report(0);
    free(report);
    close(reports[0]);
    close(reports[1]);
    return report ? -1 : 0;
}

static struct seed_fetcher *start_with(const char *url, const struct address *dns, size_t n_dns,
                                       uint32_t percent)
{
    const struct seed_fetcher_config config = {
        .url = url,
        .dns = dns,
        .n_dns = n_dns,
        .connect_timeout_ms = 2000,
        .total_timeout_ms = PATIENCE,
        .backoff_percent = percent,
        .found = pass_on,
        .log = silence,
    };
    struct seed_fetcher *f = seed_fetcher_start(&config);
    assert_non_null(f);
    return f;
}

/* How long it took; INT64_MAX if the stop itself did, which must not block. */
static int64_t end(struct seed_fetcher *f)
{
    int64_t start = clock_ms();
    seed_fetcher_stop(f);
    int64_t called = clock_ms();
    seed_fetcher_join(f);
    return called - start < 100 ? clock_ms() - start : INT64_MAX;
}

static void wait_requests(const struct seed_server *server, unsigned n)
{
    for (unsigned i = 0; i < PATIENCE && seed_server_requests(server) < n; i++) {
        usleep(1000);
    }
    assert_int_equal(seed_server_requests(server), n);
}

static void it_does_nothing_unasked(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK};
    struct seed_server *server = seed_server_start(&a, 1);
    struct seed_fetcher *f = start_with(seed_server_url(server), NULL, 0, 1);

    assert_null(next_report(100));
    assert_int_equal(seed_server_requests(server), 0);
    end(f);
    seed_server_stop(server);
}

static void it_reports_both_sources(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = SEED_OK, .body = "1.2.3.4:8108\nrubbish\n"};
    const struct address dns[] = {name("one.test:8109"), name("none.test:8109")};
    struct seed_server *server = seed_server_start(&a, 1);
    struct seed_fetcher *f = start_with(seed_server_url(server), dns, LENGTH(dns), 100);

    seed_fetcher_ask(f);
    struct seed_report *report = wait_report();
    assert_int_equal(report->n, 3);
    assert_endpoint(&report->endpoints[0], "1.2.3.4:8108");
    assert_endpoint(&report->endpoints[1], "192.0.2.1:8109");
    assert_endpoint(&report->endpoints[2], "[2001:db8::1]:8109");
    assert_int_equal(report->bad_lines, 1);
    assert_int_equal(report->unresolved, 1);
    assert_int_equal(report->next_try_ms, 0);
    assert_string_equal(report->error, "");
    free(report);
    end(f);
    seed_server_stop(server);
}

static void it_retries_until_it_succeeds(void **state)
{
    (void)state;
    const struct seed_answer answers[] = {
        {.head = "HTTP/1.1 404 Not Found\r\nConnection: close"},
        {.head = SEED_OK, .body = "<html>\n"},
        {.head = SEED_OK, .body = "1.2.3.4:8108\n"},
    };
    struct seed_server *server = seed_server_start(answers, LENGTH(answers));
    struct seed_fetcher *f = start_with(seed_server_url(server), NULL, 0, 1);

    seed_fetcher_ask(f);
    for (unsigned i = 0; i < 2; i++) {
        struct seed_report *report = wait_report();
        assert_int_equal(report->n, 0);
        assert_true(report->next_try_ms > 0);
        assert_string_not_equal(report->error, "");
        free(report);
    }
    struct seed_report *report = wait_report();
    assert_int_equal(report->n, 1);
    assert_int_equal(report->next_try_ms, 0);
    free(report);
    assert_null(next_report(200));
    assert_int_equal(seed_server_requests(server), 3);
    end(f);
    seed_server_stop(server);
}

static void it_backs_off_from_the_start_after_a_success(void **state)
{
    (void)state;
    const struct seed_answer answers[] = {
        {.head = "HTTP/1.1 404 Not Found\r\nConnection: close"},
        {.head = "HTTP/1.1 404 Not Found\r\nConnection: close"},
        {.head = SEED_OK},
        {.head = "HTTP/1.1 404 Not Found\r\nConnection: close"},
        {.head = SEED_OK},
    };
    struct seed_server *server = seed_server_start(answers, LENGTH(answers));
    struct seed_fetcher *f = start_with(seed_server_url(server), NULL, 0, 1);
    int64_t waits[LENGTH(answers)];

    for (size_t i = 0; i < LENGTH(answers); i++) {
        if (i == 0 || i == 3) {
            seed_fetcher_ask(f);
        }
        struct seed_report *report = wait_report();
        waits[i] = report->next_try_ms;
        free(report);
    }
    assert_in_range(waits[0], 10, 30);
    assert_in_range(waits[1], 20, 60);
    assert_int_equal(waits[2], 0);
    assert_in_range(waits[3], 10, 30);
    assert_int_equal(waits[4], 0);
    end(f);
    seed_server_stop(server);
}

/* What they draw is in whole milliseconds, of which 2001 are there: that all of six get the same happens once
 * in 10^16 runs. */
static void those_that_fail_together_do_not_come_back_together(void **state)
{
    (void)state;
    struct seed_fetcher *fleet[6];
    int64_t first = INT64_MAX, last = 0;

    for (size_t i = 0; i < LENGTH(fleet); i++) {
        fleet[i] = start_with("http://127.0.0.1:1/", NULL, 0, 100);
        seed_fetcher_ask(fleet[i]);
        struct seed_report *report = wait_report();
        first = report->next_try_ms < first ? report->next_try_ms : first;
        last = report->next_try_ms > last ? report->next_try_ms : last;
        free(report);
    }
    assert_true(first < last);
    for (size_t i = 0; i < LENGTH(fleet); i++) {
        end(fleet[i]);
    }
}

static void an_ask_ends_the_back_off(void **state)
{
    (void)state;
    const struct seed_answer answers[] = {
        {.head = "HTTP/1.1 404 Not Found\r\nConnection: close"},
        {.head = SEED_OK, .body = "1.2.3.4:8108\n"},
    };
    struct seed_server *server = seed_server_start(answers, LENGTH(answers));
    struct seed_fetcher *f = start_with(seed_server_url(server), NULL, 0, 100);

    seed_fetcher_ask(f);
    struct seed_report *report = wait_report();
    assert_in_range(report->next_try_ms, 1000, 3000);
    free(report);
    seed_fetcher_ask(f);
    report = next_report(900);
    assert_non_null(report);
    assert_int_equal(report->n, 1);
    free(report);
    end(f);
    seed_server_stop(server);
}

static void asks_while_it_fetches_are_one(void **state)
{
    (void)state;
    _Atomic bool asked_enough = false;
    const struct seed_answer slow = {.head = SEED_OK, .body = "1.2.3.4:8108\n", .once = &asked_enough};
    struct seed_server *server = seed_server_start(&slow, 1);
    struct seed_fetcher *f = start_with(seed_server_url(server), NULL, 0, 1);

    seed_fetcher_ask(f);
    wait_requests(server, 1);
    for (unsigned i = 0; i < 20; i++) {
        seed_fetcher_ask(f);
    }
    atomic_store(&asked_enough, true);
    free(wait_report());
    assert_null(next_report(400));
    assert_int_equal(seed_server_requests(server), 1);

    seed_fetcher_ask(f);
    free(wait_report());
    assert_int_equal(seed_server_requests(server), 2);
    end(f);
    seed_server_stop(server);
}

/* A lost wake-up shows as a report that never comes. */
static void every_ask_is_answered(void **state)
{
    (void)state;
    struct seed_fetcher *f = start_with(NULL, NULL, 0, 1);

    for (unsigned i = 0; i < 20000; i++) {
        /* Waits a little longer each time, so that asks fall on every step of its going to sleep. */
        for (volatile unsigned spin = 0; spin < i % 1000; spin++)
            ;
        seed_fetcher_ask(f);
        struct seed_report *report = wait_report();
        assert_int_equal(report->n, 0);
        assert_int_equal(report->next_try_ms, 0);
        assert_string_equal(report->error, "");
        free(report);
    }
    end(f);
}

static void dns_alone_is_enough(void **state)
{
    (void)state;
    const struct seed_answer a = {.head = "HTTP/1.1 404 Not Found\r\nConnection: close"};
    const struct address dns = name("one.test:8109");
    struct seed_server *server = seed_server_start(&a, 1);
    struct seed_fetcher *f = start_with(seed_server_url(server), &dns, 1, 100);

    seed_fetcher_ask(f);
    struct seed_report *report = wait_report();
    assert_int_equal(report->n, 2);
    assert_int_equal(report->next_try_ms, 0);
    assert_non_null(strstr(report->error, "seed URL: HTTP status 404"));
    free(report);
    end(f);
    seed_server_stop(server);
}

static void dead_names_are_a_failure(void **state)
{
    (void)state;
    const struct address dns[] = {name("none.test:8109"), name("none.test:8110")};
    struct seed_fetcher *f = start_with("http://127.0.0.1:1/", dns, LENGTH(dns), 100);

    seed_fetcher_ask(f);
    struct seed_report *report = wait_report();
    assert_int_equal(report->n, 0);
    assert_int_equal(report->unresolved, 2);
    assert_in_range(report->next_try_ms, 1000, 3000);
    assert_non_null(strstr(report->error, "seed URL: "));
    assert_non_null(strstr(report->error, "DNS seeds: not one of 2 names"));
    free(report);
    end(f);
}

static int64_t stop_an_idle_one(void)
{
    return end(start_with(NULL, NULL, 0, 100));
}

static int64_t stop_in_the_back_off(void)
{
    struct seed_fetcher *f = start_with("http://127.0.0.1:1/", NULL, 0, 100);
    seed_fetcher_ask(f);
    free(wait_report());
    return end(f);
}

static void it_stops_while_it_sleeps(void **state)
{
    (void)state;
    assert_stops_in_time(stop_an_idle_one);
    assert_stops_in_time(stop_in_the_back_off);
}

static int64_t stop_during_a_transfer(void)
{
    const struct seed_answer silent = {.head = NULL};
    struct seed_server *server = seed_server_start(&silent, 1);
    struct seed_fetcher *f = start_with(seed_server_url(server), NULL, 0, 100);
    seed_fetcher_ask(f);
    wait_requests(server, 1);
    int64_t took = end(f);
    seed_server_stop(server);
    return took;
}

static void it_stops_during_a_transfer(void **state)
{
    (void)state;
    assert_stops_in_time(stop_during_a_transfer);
}

static int64_t stop_during_a_look_up(void)
{
    const struct address dns = name("slow.test:8109");
    unsigned before = fake_names_asked();
    struct seed_fetcher *f = start_with(NULL, &dns, 1, 100);
    seed_fetcher_ask(f);
    for (unsigned i = 0; i < PATIENCE && fake_names_asked() == before; i++) {
        usleep(1000);
    }
    int64_t took = end(f);
    fake_names_release();
    return took;
}

static void it_stops_during_a_look_up(void **state)
{
    (void)state;
    assert_stops_in_time(stop_during_a_look_up);
}

static void too_many_dns_seeds_are_refused(void **state)
{
    (void)state;
    struct address dns[SEED_NAMES_MAX + 1];
    const struct seed_fetcher_config config = {
        .dns = dns, .n_dns = LENGTH(dns), .found = pass_on, .log = silence, .backoff_percent = 100};

    for (size_t i = 0; i < LENGTH(dns); i++) {
        dns[i] = name("one.test:8109");
    }
    assert_null(seed_fetcher_start(&config));
}

/* What a test's own thread needs that is not the fetcher's: no SIGPIPE, and no proxy between it and its
 * server. */
static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    setenv("no_proxy", "*", 1);
    if (seed_fetch_global_init() < 0 || seed_fetch_global_init() < 0) {
        return -1;
    }
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
#define ACTOR(name) cmocka_unit_test_setup_teardown(name, open_reports, close_reports)
    const struct CMUnitTest tests[] = {
        promise_test("F4", a_list_is_fetched),
        promise_test("F27", bad_lines_do_not_spoil_the_rest),
        cmocka_unit_test(bad_lines_do_not_flood_the_log),
        cmocka_unit_test(an_empty_body_is_an_empty_list),
        cmocka_unit_test(any_status_but_200_fails),
        cmocka_unit_test(an_error_page_is_no_list),
        cmocka_unit_test(an_oversized_body_fails),
        cmocka_unit_test(a_body_cut_short_fails),
        cmocka_unit_test(a_compressed_list_is_decoded),
        cmocka_unit_test(a_compressed_body_that_makes_no_sense_fails),
        cmocka_unit_test(a_body_that_swells_is_stopped_at_the_limit),
        cmocka_unit_test(redirects_are_followed),
        cmocka_unit_test(redirects_end),
        cmocka_unit_test(a_redirect_to_a_file_is_refused),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(a_path_may_be_escaped),
        cmocka_unit_test(an_oversized_file_fails),
        cmocka_unit_test(what_is_no_regular_file_is_refused_at_once),
        cmocka_unit_test(a_read_that_hangs_is_stopped),
        cmocka_unit_test(a_read_that_hangs_is_given_up_and_more_are_bounded),
        cmocka_unit_test(a_folder_is_no_empty_list),
        cmocka_unit_test(a_file_that_ends_too_early_fails),
        cmocka_unit_test(other_schemes_are_refused),
        cmocka_unit_test(a_refused_connection_fails),
        promise_test("P19", a_silent_server_is_given_up),
        cmocka_unit_test(a_transfer_is_stopped),
        cmocka_unit_test(a_look_up_of_the_server_is_stopped),
        cmocka_unit_test(host_names_in_a_list_are_looked_up),
        cmocka_unit_test(a_list_of_dead_names_is_not_an_empty_list),
        cmocka_unit_test(look_ups_are_bounded),
        cmocka_unit_test(with_a_proxy_no_name_is_looked_up),
        cmocka_unit_test(a_slow_name_does_not_hold_up_the_others),
        cmocka_unit_test(look_ups_are_stopped),
        cmocka_unit_test(errors_are_printable),
        cmocka_unit_test(back_off_grows_to_its_end),
        ACTOR(it_does_nothing_unasked),
        ACTOR(it_reports_both_sources),
        ACTOR(it_retries_until_it_succeeds),
        ACTOR(it_backs_off_from_the_start_after_a_success),
        ACTOR(those_that_fail_together_do_not_come_back_together),
        ACTOR(an_ask_ends_the_back_off),
        ACTOR(asks_while_it_fetches_are_one),
        ACTOR(every_ask_is_answered),
        ACTOR(dns_alone_is_enough),
        ACTOR(dead_names_are_a_failure),
        ACTOR(it_stops_while_it_sleeps),
        ACTOR(it_stops_during_a_transfer),
        ACTOR(it_stops_during_a_look_up),
        ACTOR(too_many_dns_seeds_are_refused),
    };
    return cmocka_run_group_tests_name("seed fetch", tests, set_up, NULL);
}
