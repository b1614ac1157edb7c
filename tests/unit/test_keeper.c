#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>

#include "node/keeper.h"
#include "peers/file.h"
#include "tests/unit/hanging_disk.h"

#define NETWORK  "LOCAL"
#define PATIENCE 5000 /* ms; reached by failures only */

/* The keeper's thread writes the fields before it raises the counter that goes with them. */
struct scene {
    char folder[64], path[80];
    struct log_sink log;
    char line[512]; /* the last of its kind */
    char info[512];
    _Atomic int n_lines;
    bool failed;
    pthread_t saved_on;
    _Atomic int n_saved;
    int gate; /* `saved` takes one from it where gated: the keeper is held as if the disk were slow */
    bool gated;
};

static struct scene *scene;

static void on_line(void *context, enum log_level level, const char *text)
{
    struct scene *s = context;
    if (level == LOG_LEVEL_WARNING) {
        snprintf(s->line, sizeof s->line, "%s", text);
    }
    if (level == LOG_LEVEL_INFO) {
        snprintf(s->info, sizeof s->info, "%s", text);
    }
    atomic_fetch_add(&s->n_lines, 1);
}

static void take_from_gate(int fd)
{
    uint64_t one;
    if (read(fd, &one, sizeof one) != sizeof one) {
        abort();
    }
}

static void open_gate(uint64_t times)
{
    assert_int_equal(write(scene->gate, &times, sizeof times), sizeof times);
}

static void on_saved(void *context, bool failed)
{
    struct scene *s = context;
    s->failed = failed;
    s->saved_on = pthread_self();
    atomic_fetch_add(&s->n_saved, 1);
    if (s->gated) {
        take_from_gate(s->gate);
    }
}

static int set_up(void **state)
{
    (void)state;
    scene = calloc(1, sizeof *scene);
    if (!scene || sodium_init() < 0) {
        return -1;
    }
    snprintf(scene->folder, sizeof scene->folder, "/tmp/kith-test-keeper-XXXXXX");
    if (!mkdtemp(scene->folder)) {
        return -1;
    }
    snprintf(scene->path, sizeof scene->path, "%s/peers.json", scene->folder);
    scene->log = (struct log_sink){.line = on_line, .context = scene, .level = LOG_LEVEL_DEBUG};
    scene->gate = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    return scene->gate < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(scene->gate);
    unlink(scene->path);
    int result = rmdir(scene->folder); /* fails where a temporary file was left */
    free(scene);
    return result;
}

static struct keeper *start(const char *path)
{
    struct keeper_config config = {
        .path = path, .network = NETWORK, .saved = on_saved, .context = scene, .log = &scene->log};
    struct keeper *k = keeper_start(&config);
    assert_non_null(k);
    return k;
}

/* A book of one endpoint, that of the given port. */
static struct book_snapshot *snapshot_of(uint16_t port)
{
    struct book_snapshot *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->entries = calloc(1, sizeof *s->entries);
    assert_non_null(s->entries);
    s->n_entries = 1;
    assert_true(ip_parse(&s->entries->endpoint.ip, "8.8.4.4"));
    s->entries->endpoint.port = port;
    s->entries->learned_ms = 1;
    return s;
}

static uint16_t port_on_disk(void)
{
    struct book_snapshot *s = NULL;
    char message[PEERS_FILE_MESSAGE_MAX];
    enum peers_file_result result =
        peers_file_read(scene->path, NETWORK, 0, &s, message, sizeof message, INT64_C(1700000000000));
    assert_int_equal(result, PEERS_FILE_READ);
    assert_int_equal(s->n_entries, 1);
    uint16_t port = s->entries->endpoint.port;
    book_snapshot_free(s);
    return port;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_for_saved(int n)
{
    int64_t until = now_ms() + PATIENCE;
    while (atomic_load(&scene->n_saved) < n && now_ms() < until) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(&scene->n_saved), n);
}

static void a_snapshot_is_written_on_the_keepers_thread(void **state)
{
    (void)state;
    struct keeper *k = start(scene->path);
    assert_true(keeper_save(k, snapshot_of(1001)));
    wait_for_saved(1);
    assert_false(scene->failed);
    assert_false(pthread_equal(scene->saved_on, pthread_self()));
    assert_int_equal(port_on_disk(), 1001);
    assert_true(keeper_save(k, snapshot_of(1002)));
    wait_for_saved(2);
    assert_int_equal(port_on_disk(), 1002);
    keeper_stop(k, PATIENCE);
    assert_int_equal(scene->n_lines, 0);
}

static void the_terms_texts_are_copied(void **state)
{
    (void)state;
    char path[sizeof scene->path];
    snprintf(path, sizeof path, "%s", scene->path);
    struct keeper *k = start(path);
    memset(path, 'x', sizeof path - 1);
    assert_true(keeper_save(k, snapshot_of(1001)));
    keeper_stop(k, PATIENCE);
    assert_int_equal(port_on_disk(), 1001);
}

static void save_and_wait(struct keeper *k, int nth, bool fails)
{
    assert_true(keeper_save(k, snapshot_of(1001)));
    wait_for_saved(nth);
    assert_int_equal(scene->failed, fails);
}

static void failed_writes_are_told_and_each_cause_is_logged_once(void **state)
{
    (void)state;
    char folder[96], path[128];
    snprintf(folder, sizeof folder, "%s/missing", scene->folder);
    snprintf(path, sizeof path, "%s/peers.json", folder);
    struct keeper *k = start(path);
    for (int i = 1; i <= 5; i++) {
        save_and_wait(k, i, true);
    }
    assert_int_equal(scene->n_lines, 1);
    assert_non_null(strstr(scene->line, path));
    assert_non_null(strstr(scene->line, strerror(ENOENT)));
    /* Another cause. */
    assert_int_equal(symlink("missing", folder), 0);
    save_and_wait(k, 6, true);
    assert_int_equal(scene->n_lines, 2);
    assert_non_null(strstr(scene->line, strerror(ELOOP)));
    assert_non_null(strstr(scene->line, "failures: 6"));
    /* And an end of it, which starts the count anew. */
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    save_and_wait(k, 7, false);
    assert_int_equal(scene->n_lines, 3);
    assert_non_null(strstr(scene->info, "is written again, after 6 failures"));
    save_and_wait(k, 8, false);
    assert_int_equal(scene->n_lines, 3);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    save_and_wait(k, 9, true);
    assert_int_equal(scene->n_lines, 4);
    assert_non_null(strstr(scene->line, "failures: 1"));
    keeper_stop(k, PATIENCE);
}

static void one_waits_while_one_is_written_and_a_third_is_refused(void **state)
{
    (void)state;
    scene->gated = true;
    struct keeper *k = start(scene->path);
    assert_true(keeper_save(k, snapshot_of(1001)));
    wait_for_saved(1); /* and is held there */
    assert_true(keeper_save(k, snapshot_of(1002)));
    assert_false(keeper_save(k, snapshot_of(1003)));
    open_gate(2);
    wait_for_saved(2);
    keeper_stop(k, PATIENCE);
    assert_int_equal(scene->n_saved, 2);
    assert_int_equal(port_on_disk(), 1002);
}

static void stopping_writes_what_waits(void **state)
{
    (void)state;
    scene->gated = true;
    struct keeper *k = start(scene->path);
    assert_true(keeper_save(k, snapshot_of(1001)));
    wait_for_saved(1);
    assert_true(keeper_save(k, snapshot_of(1002)));
    open_gate(2);
    keeper_stop(k, PATIENCE);
    assert_int_equal(scene->n_saved, 2);
    assert_int_equal(port_on_disk(), 1002);
}

static void many_saves_and_stops_lose_none(void **state)
{
    (void)state;
    for (uint16_t i = 1; i <= 50; i++) {
        struct keeper *k = start(scene->path);
        assert_true(keeper_save(k, snapshot_of(i)));
        keeper_stop(k, PATIENCE);
        assert_int_equal(scene->n_saved, i);
        assert_int_equal(port_on_disk(), i);
    }
}

static void stopping_an_idle_keeper_writes_nothing(void **state)
{
    (void)state;
    struct keeper *k = start(scene->path);
    poll(NULL, 0, 20);
    keeper_stop(k, PATIENCE);
    assert_int_equal(scene->n_saved, 0);
    assert_int_equal(access(scene->path, F_OK), -1);
    keeper_stop(NULL, 0);
}

static void wait_for_disk(int threads)
{
    for (int ms = 0; atomic_load(&waiting_for_disk) != threads; ms++) {
        assert_true(ms < PATIENCE);
        poll(NULL, 0, 1);
    }
}

/* It goes on when the disk answers, and tells nobody: who would be told may be gone. */
static void the_stop_does_not_wait_for_a_disk_that_hangs(void **state)
{
    (void)state;
    struct keeper *k = start(scene->path);
    atomic_store(&disk_hangs, true);
    assert_true(keeper_save(k, snapshot_of(1001)));
    wait_for_disk(1);
    assert_true(keeper_save(k, snapshot_of(1002)));
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    keeper_stop(k, 20);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_in_range(after.tv_sec - before.tv_sec, 0, PATIENCE / 2000);
    assert_int_equal(waiting_for_disk, 1);
    atomic_store(&disk_hangs, false);
    for (int ms = 0; access(scene->path, F_OK) != 0; ms++) {
        assert_true(ms < PATIENCE);
        poll(NULL, 0, 1);
    }
    wait_for_disk(0);
    poll(NULL, 0, 50);
    assert_int_equal(port_on_disk(), 1001); /* and what waited is not written */
    assert_int_equal(scene->n_saved, 0);
    assert_int_equal(scene->n_lines, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_snapshot_is_written_on_the_keepers_thread),
        TEST(the_terms_texts_are_copied),
        TEST(failed_writes_are_told_and_each_cause_is_logged_once),
        TEST(one_waits_while_one_is_written_and_a_third_is_refused),
        TEST(stopping_writes_what_waits),
        TEST(many_saves_and_stops_lose_none),
        TEST(stopping_an_idle_keeper_writes_nothing),
        TEST(the_stop_does_not_wait_for_a_disk_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
