/* Log lines: where they go, and that nobody waits for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "queue/log_tail.h"
#include "queue/log_writer.h"
#include "queue/parcel.h"
#include "tests/unit/kith_fixture.h"

enum { LINES = 4000, PIPE_BYTES = 4096 };

/* A pipe that holds little. */
static void small_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES);
}

static void add_lines(struct log_writer *w, int n)
{
    for (int i = 0; i < n; i++) {
        log_writer_line(w, LOG_LEVEL_INFO, "a line");
    }
}

/* Reads to the end; how many lines end so, and the sum of the counts of lines that were not written. */
static void read_lines(int fd, int *whole, int *lost)
{
    FILE *f = fdopen(fd, "r");
    *whole = *lost = 0;
    char line[LOG_LINE_MAX];
    char *what;
    while (fgets(line, sizeof line, f)) {
        *whole += strstr(line, "Z info: a line\n") != NULL;
        what = strstr(line, "Z warning: log: ");
        *lost += what ? atoi(what + strlen("Z warning: log: ")) : 0;
        assert_true(strchr(line, '\n'));
    }
    fclose(f);
}

/* --- the writer --- */

static void a_line_bears_the_date_in_utc(void **state)
{
    int ends[2], year, month, day, hour, minute, second, ms, n = 0;
    char text[200] = "", level[20];
    (void)state;
    small_pipe(ends);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = ends[1]});
    assert_non_null(w);
    log_writer_line(w, LOG_LEVEL_WARNING, "what happened");
    log_writer_end(w, WAIT_MS);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %19[a-z]: what happened%n", &year, &month,
                            &day, &hour, &minute, &second, &ms, level, &n),
                     8);
    assert_string_equal(text + n, "\n");
    assert_string_equal(level, "warning");
    close(ends[0]);
    close(ends[1]);
}

static void *read_all(void *argument)
{
    int *counts = argument;
    read_lines(counts[2], &counts[0], &counts[1]);
    return NULL;
}

static void lines_that_find_no_room_are_counted_and_told_later(void **state)
{
    int64_t before_ms = now_ms();
    (void)state;
    int ends[2];
    small_pipe(ends);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = ends[1]});
    add_lines(w, LINES);
    assert_true(now_ms() - before_ms < WAIT_MS / 4); /* nobody has read anything */
    int counts[3];
    counts[2] = ends[0];
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_all, counts), 0);
    log_writer_end(w, WAIT_MS);
    close(ends[1]);
    pthread_join(reader, NULL);
    assert_true(counts[0] >= LOG_WRITER_LINES && counts[1] > 0);
    assert_int_equal(counts[0] + counts[1], LINES);
}

static void the_end_does_not_wait_for_whom_nobody_reads(void **state)
{
    (void)state;
    int ends[2];
    small_pipe(ends);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = ends[1]});
    add_lines(w, LINES);
    int64_t before_ms = now_ms();
    log_writer_end(w, 50);
    assert_true(now_ms() - before_ms < 1000);
    /* Others who share the pipe still find it as they made it. */
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    close(ends[1]);
}

static void a_descriptor_that_somebody_made_non_blocking_gets_all_lines(void **state)
{
    (void)state;
    int ends[2];
    small_pipe(ends);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = ends[1]});
    add_lines(w, LOG_WRITER_LINES);
    int counts[3];
    counts[2] = ends[0];
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_all, counts), 0);
    log_writer_end(w, WAIT_MS);
    close(ends[1]);
    pthread_join(reader, NULL);
    assert_int_equal(counts[0], LOG_WRITER_LINES);
}

/* A full disk that has room again. */
static void lines_that_were_refused_are_told_with_the_next_that_is_not(void **state)
{
    char path[] = "/tmp/kith-log-XXXXXX";
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), file = mkstemp(path), whole, lost;
    int fd = dup(full);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = fd});
    (void)state;
    add_lines(w, 3);
    for (int64_t by = now_ms() + WAIT_MS; log_writer_lost(w) < 3 && now_ms() < by;) {
        usleep(1000);
    }
    assert_true(dup2(file, fd) == fd);
    add_lines(w, 1);
    log_writer_end(w, WAIT_MS);
    close(full);
    close(fd);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    read_lines(file, &whole, &lost);
    assert_int_equal(whole, 1);
    assert_int_equal(lost, 3);
    unlink(path);
}

/* --- the other reader --- */

static void the_tail_has_the_lines_while_nobody_reads_the_log(void **state)
{
    (void)state;
    int ends[2];
    char filler[PIPE_BYTES] = "";
    small_pipe(ends);
    assert_int_equal(write(ends[1], filler, sizeof filler), sizeof filler);
    struct log_tail *t = log_tail_new();
    assert_non_null(t);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = ends[1], .tail = t});
    struct pollfd fd = {.fd = log_tail_fd(t), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 0), 0);
    log_writer_line(w, LOG_LEVEL_WARNING, "first");
    log_writer_plain(w, "second");
    assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
    assert_int_equal(log_tail_take(t), 2);
    assert_int_equal(poll(&fd, 1, 0), 0);
    struct log_record r;
    assert_true(log_tail_line(t, 1, &r));
    assert_int_equal(r.level, LOG_LEVEL_WARNING);
    assert_string_equal(r.text, "first");
    assert_true(llabs(r.time_ms - clock_wall_ms()) < WAIT_MS);
    assert_true(log_tail_line(t, 2, &r));
    assert_int_equal(r.level, LOG_LEVEL_SILENT);
    assert_string_equal(r.text, "second");
    assert_false(log_tail_line(t, 0, &r) || log_tail_line(t, 3, &r));
    log_writer_end(w, 50);
    log_tail_free(t);
    close(ends[0]);
    close(ends[1]);
}

static void the_tail_keeps_the_last_lines_and_counts_those_that_found_no_room(void **state)
{
    (void)state;
    struct log_tail *t = log_tail_new();
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = null, .tail = t});
    char text[32];
    struct log_record r;
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i <= 100; i++) {
            snprintf(text, sizeof text, "line %d", round * 100 + i);
            log_writer_line(w, LOG_LEVEL_INFO, text);
        }
        assert_int_equal(log_tail_take(t), (round + 1) * 100);
    }
    assert_false(log_tail_line(t, 300 - LOG_TAIL_LINES, &r));
    assert_true(log_tail_line(t, 301 - LOG_TAIL_LINES, &r));
    assert_string_equal(r.text, "line 45");
    assert_int_equal(log_tail_missed(t), 0);
    add_lines(w, LINES);
    uint64_t taken = log_tail_take(t);
    assert_true(taken > 300 && log_tail_missed(t) > 0);
    assert_int_equal(taken + log_tail_missed(t), 300 + LINES);
    add_lines(w, 1);
    assert_int_equal(log_tail_take(t), taken + 1);
    log_writer_end(w, WAIT_MS);
    log_tail_free(t);
    close(null);
}

enum { LOGGERS = 4 };

static void *log_much(void *writer)
{
    add_lines(writer, LINES / LOGGERS);
    return NULL;
}

/* Under the thread sanitizer: several log while one reads. */
static void the_tail_is_read_while_several_log(void **state)
{
    (void)state;
    struct log_tail *t = log_tail_new();
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = null, .tail = t});
    pthread_t loggers[LOGGERS];
    for (int i = 0; i < LOGGERS; i++) {
        assert_int_equal(pthread_create(&loggers[i], NULL, log_much, w), 0);
    }
    struct pollfd fd = {.fd = log_tail_fd(t), .events = POLLIN};
    for (uint64_t taken = 0; taken + log_tail_missed(t) < LINES; taken = log_tail_take(t)) {
        struct log_record r;
        assert_true(taken == 0 || (log_tail_line(t, taken, &r) && strcmp(r.text, "a line") == 0));
        poll(&fd, 1, 100); /* a line that was missed rings too, but its count may come after the ring */
    }
    for (int i = 0; i < LOGGERS; i++) {
        pthread_join(loggers[i], NULL);
    }
    log_writer_end(w, WAIT_MS);
    log_tail_free(t);
    close(null);
}

/* --- its form --- */

static const char *as_json(const char *text, size_t size)
{
    static char out[LOG_LINE_MAX];
    const struct log_record r = {
        .time_ms = 951782399007, .level = LOG_LEVEL_INFO, .text = text, .peer = "", .ip = ""};
    size_t n = log_record_write(&r, LOG_FORMAT_JSON, out, size);
    assert_true(n <= size && n < sizeof out);
    out[n] = '\0';
    return out;
}

#define JSON_START "{\"time\":\"2000-02-28T23:59:59.007Z\",\"level\":\"info\",\"message\":\""

static void a_line_is_one_object_whatever_it_says(void **state)
{
    (void)state;
    assert_string_equal(as_json("it said \"hi\\\"", 500), JSON_START "it said \\\"hi\\\\\\\"\"}\n");
    assert_string_equal(as_json("a\nb\x1b caf\xc3\xa9\xff", 500),
                        JSON_START "a\\u000ab\\u001b caf\xc3\xa9\\ufffd\"}\n");
    /* Cut between characters, never within one or within what stands for one. */
    char text[LOG_LINE_MAX] = "";
    for (size_t size = LOG_RECORD_LEAST; size < LOG_RECORD_LEAST + 20; size++) {
        memset(text, '"', 200);
        const char *out = as_json(text, size);
        size_t quotes = (size - strlen(JSON_START "\"}\n")) / 2;
        assert_int_equal(strlen(out), strlen(JSON_START "\"}\n") + 2 * quotes);
        assert_string_equal(out + strlen(out) - 5, "\\\"\"}\n");
    }
}

/* It is there whole, or not at all if the message needs its room; a name is a peer's choice. */
static void a_line_names_whom_it_is_about(void **state)
{
    char name[LOG_RECORD_ABOUT + 1] = "", out[LOG_LINE_MAX];
    (void)state;
    const struct log_about about = {.peer = "10.1.1.1:8110 \"\xff\n", .ip = "10.1.1.1"};
    struct parcel *p = log_record_new(LOG_LEVEL_INFO, &about, "it came");
    assert_non_null(p);
    struct log_record r = log_record_of(p);
    out[log_record_write(&r, LOG_FORMAT_JSON, out, sizeof out)] = '\0';
    assert_non_null(strstr(
        out, "\"info\",\"peer\":\"10.1.1.1:8110 \\\"??\",\"ip\":\"10.1.1.1\",\"message\":\"it came\"}\n"));
    out[log_record_write(&r, LOG_FORMAT_TEXT, out, sizeof out)] = '\0';
    assert_non_null(strstr(out, "Z info: it came\n"));
    r.text = "a message that is longer than there is room for, with its end cut off";
    size_t n = log_record_write(&r, LOG_FORMAT_JSON, out, LOG_RECORD_LEAST);
    assert_int_equal(n, LOG_RECORD_LEAST);
    out[n] = '\0';
    assert_null(strstr(out, "10.1.1.1"));
    assert_non_null(strstr(out, "\"message\":\"a message that is"));
    parcel_release(p);
    memset(name, 'x', LOG_RECORD_ABOUT);
    p = log_record_new(LOG_LEVEL_INFO, &(struct log_about){.peer = name}, "it came");
    assert_non_null(p);
    assert_string_equal(log_record_of(p).peer, "");
    parcel_release(p);
}

static enum log_level sent[3];
static char sent_text[3][32];
static int n_sent;

static int send_line(const struct log_record *line)
{
    sent[n_sent] = line->level;
    snprintf(sent_text[n_sent++], sizeof sent_text[0], "%s", line->text);
    return n_sent == 1 ? EIO : 0;
}

static void lines_may_be_sent_by_a_function_and_its_failures_are_told(void **state)
{
    (void)state;
    struct log_writer *w = log_writer_start(&(struct log_output){.fd = -1, .send = send_line});
    log_writer_line(w, LOG_LEVEL_DEBUG, "refused");
    log_writer_plain(w, "why");
    log_writer_end(w, WAIT_MS);
    assert_int_equal(n_sent, 3);
    assert_string_equal(sent_text[0], "refused");
    assert_int_equal(sent[1], LOG_LEVEL_SILENT);
    assert_string_equal(sent_text[1], "why");
    assert_int_equal(sent[2], LOG_LEVEL_WARNING);
    assert_string_equal(sent_text[2], "log: 1 lines were not written");
}

/* --- the library's own --- */

static void a_library_s_node_does_not_write_to_the_journal(void **state)
{
    (void)state;
    struct kith_config *c = kith_config_new();
    char error[KITH_ERROR_MAX];
    assert_int_equal(kith_config_set(c, "bind", "127.0.77.9", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "networkPort", "0", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "peersFile", "", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "logFormat", "journal", error, sizeof error), 0);
    assert_null(kith_open(c, NULL, NULL, error, sizeof error));
    assert_string_equal(error, "-logFormat: the program kith alone writes to the journal");
    kith_config_free(c);
}

/* What the library logs by itself goes to stderr, and nobody reads that. */
static void a_node_goes_on_and_ends_while_nobody_reads_stderr(void **state)
{
    int ends[2], kept = dup(STDERR_FILENO);
    struct kith_config *c = kith_config_new();
    char error[KITH_ERROR_MAX], filler[PIPE_BYTES] = "";
    (void)state;
    small_pipe(ends);
    assert_int_equal(write(ends[1], filler, sizeof filler), sizeof filler);
    assert_true(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    assert_int_equal(kith_config_set(c, "bind", "127.0.77.9", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "networkPort", "0", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "peersFile", "", error, sizeof error), 0);
    assert_int_equal(kith_config_set(c, "seedURL", "file:///nowhere", error, sizeof error), 0);
    struct kith *node = kith_open(c, NULL, NULL, error, sizeof error);
    assert_non_null(node);
    kith_config_free(c);
    struct kith_item item;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(kith_ask_status(node, 7), KITH_OK);
        next_event(node, KITH_STATUS, &item);
    }
    int64_t before_ms = now_ms();
    kith_close(node);
    assert_true(now_ms() - before_ms < 3000);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[0]);
    close(ends[1]);
}

/* --- what a line holds --- */

static char seen[LOG_LINE_MAX];

static void keep(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    snprintf(seen, sizeof seen, "%s", text);
}

static void what_a_peer_said_is_one_harmless_line(void **state)
{
    const struct log_sink sink = {.line = keep, .level = LOG_LEVEL_INFO};
    (void)state;
    log_line(&sink, LOG_LEVEL_INFO, "it said %s", "caf\xc3\xa9\n\x1b[2J\xc2\x9b\xff\x7f\xe2\x98\x83");
    assert_string_equal(seen, "it said caf\xc3\xa9??[2J????\xe2\x98\x83");
    log_line(&sink, LOG_LEVEL_DEBUG, "unwanted");
    assert_string_equal(seen, "it said caf\xc3\xa9??[2J????\xe2\x98\x83");
    char longer[3 * LOG_LINE_MAX];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    log_line(&sink, LOG_LEVEL_INFO, "%s", longer);
    assert_int_equal(strlen(seen), LOG_LINE_MAX - 1);
}

static void what_utf8_is(void **state)
{
    static const struct {
        const char *text;
        size_t length, harmless;
    } cases[] = {
        {"a", 1, 1},
        {"\x1b", 1, 0},
        {"\x7f", 1, 0},
        {"\xc2\x80", 2, 0},
        {"\xc2\x9f", 2, 0},
        {"\xc2\xa0", 2, 2},
        {"\xc3\xa9", 2, 2},
        {"\xe2\x98\x83", 3, 3},
        {"\xe2\x80\xa9", 3, 3},
        {"\xe2\x80\xaa", 3, 0}, /* turns the order of what follows */
        {"\xe2\x80\xae", 3, 0},
        {"\xe2\x80\xaf", 3, 3},
        {"\xe2\x81\xa5", 3, 3},
        {"\xe2\x81\xa6", 3, 0},
        {"\xe2\x81\xa9", 3, 0},
        {"\xe2\x81\xaa", 3, 3},
        {"\xf0\x9f\x99\x82", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"", 0, 0},
        {"\x80", 0, 0},
        {"\xe9", 0, 0},
        {"\xc3", 0, 0},
        {"\xc3"
         "a",
         0, 0},
        {"\xe2\x98", 0, 0},
        {"\xc0\x80", 0, 0},         /* longer than need be */
        {"\xe0\x9f\xbf", 0, 0},     /* likewise */
        {"\xf0\x8f\xbf\xbf", 0, 0}, /* likewise */
        {"\xed\xa0\x80", 0, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0, 0}, /* past the last */
        {"\xff", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = strlen(cases[i].text);
        assert_int_equal(utf8_character(cases[i].text, size), cases[i].length);
        assert_int_equal(utf8_harmless(cases[i].text, size), cases[i].harmless);
        assert_int_equal(utf8_is_valid(cases[i].text, size), size == 0 || cases[i].length > 0);
    }
    assert_true(utf8_is_valid("a\0b", 3));
    assert_false(utf8_is_valid("caf\xe9", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_bears_the_date_in_utc),
        cmocka_unit_test(lines_that_find_no_room_are_counted_and_told_later),
        cmocka_unit_test(the_end_does_not_wait_for_whom_nobody_reads),
        cmocka_unit_test(a_descriptor_that_somebody_made_non_blocking_gets_all_lines),
        cmocka_unit_test(lines_that_were_refused_are_told_with_the_next_that_is_not),
        cmocka_unit_test(the_tail_has_the_lines_while_nobody_reads_the_log),
        cmocka_unit_test(the_tail_keeps_the_last_lines_and_counts_those_that_found_no_room),
        cmocka_unit_test(the_tail_is_read_while_several_log),
        cmocka_unit_test(a_line_is_one_object_whatever_it_says),
        cmocka_unit_test(a_line_names_whom_it_is_about),
        cmocka_unit_test(lines_may_be_sent_by_a_function_and_its_failures_are_told),
        cmocka_unit_test(a_library_s_node_does_not_write_to_the_journal),
        cmocka_unit_test(a_node_goes_on_and_ends_while_nobody_reads_stderr),
        cmocka_unit_test(what_a_peer_said_is_one_harmless_line),
        cmocka_unit_test(what_utf8_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
