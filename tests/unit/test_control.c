/* The places of the control socket, and the answers to those who have left theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/control.h"
#include "app/frontend.h"
#include "tests/unit/no_desk.h"

enum { CLIENTS = 64, SENDS = 64, OWED_MOST = 512, OWED_MS = 30000, NOW_MS = 100000 };

struct fixture {
    struct options options;
    struct control *control;
    char folder[64];
};

static struct desk_guest guest; /* the control socket, as the desk knows it */

/* --- in place of the program's --- */

/* A request that never is answered: its number waits. */
struct request {
    size_t waiting;
    uint64_t ids, answered;
};

static uint64_t last_ids;

static enum frontend_result line(struct frontend *f, char *text, size_t size)
{
    (void)text;
    (void)size;
    struct request *r = f->state;
    r->waiting++;
    return FRONTEND_DONE;
}

static struct frontend_waiting waiting(const struct frontend *f)
{
    const struct request *r = f->state;
    return (struct frontend_waiting){.sends = r->waiting};
}

/* It is for this client: the upper bits of its number tell. */
static void event(struct frontend *f, const struct kith_event *e)
{
    struct request *r = f->state;
    assert_int_equal(e->id >> 32, r->ids >> 32);
    assert_true(r->waiting > 0);
    r->waiting--;
}

static void close_frontend(struct frontend *f)
{
    free(f->state);
}

bool json_frontend(struct frontend *f)
{
    struct request *r = calloc(1, sizeof *r);
    assert_non_null(r);
    last_ids = r->ids = f->ids;
    f->state = r;
    f->line = line;
    f->waiting = waiting;
    f->event = event;
    f->close = close_frontend;
    return true;
}

uint64_t json_request_memory(void)
{
    return 0;
}

unsigned desk_add(struct desk *d, const struct desk_guest *g)
{
    (void)d;
    guest = *g;
    return 0;
}

struct kith *desk_node(const struct desk *d)
{
    (void)d;
    return NULL;
}

void desk_want_parcels(struct desk *d, unsigned number, bool on)
{
    (void)d;
    (void)number;
    (void)on;
}

/* --- */

static void quiet(void *context, enum log_level level, const char *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static int begin(void **state)
{
    static struct fixture f;
    static const struct log_sink sink = {.line = quiet};
    char error[OPTIONS_ERROR_MAX];
    options_init(&f.options);
    snprintf(f.folder, sizeof f.folder, "/tmp/kith-test-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    char path[80];
    snprintf(path, sizeof path, "%s/c", f.folder);
    assert_int_equal(options_set(&f.options, "network", "LOCAL", error, sizeof error), 0);
    assert_int_equal(options_set(&f.options, "control", path, error, sizeof error), 0);
    assert_int_equal(options_finish(&f.options, error, sizeof error), 0);
    assert_int_equal(control_open(&f.control, &f.options, &sink, error, sizeof error), 0);
    control_join(f.control, NULL);
    *state = &f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    char lock[80];
    control_close(f->control);
    options_free(&f->options);
    snprintf(lock, sizeof lock, "%s/c.lock", f->folder);
    unlink(lock);
    rmdir(f->folder);
    return 0;
}

static int come(const struct fixture *f)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/c", f->folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void serve(int64_t now_ms)
{
    for (int i = 0; i < 10; i++) {
        guest.serve(guest.self, now_ms);
    }
}

static void answer(uint64_t ids)
{
    const struct kith_event e = {.type = KITH_SENT, .id = ids | 1, .text = "", .address = ""};
    guest.answer(guest.self, &e);
}

/* A client that asks as much as it may without being answered, and goes. True if it had a place. */
static bool come_and_go(const struct fixture *f, int64_t now_ms)
{
    uint64_t before = last_ids;
    int fd = come(f);
    for (int i = 0; i < SENDS - 1; i++) {
        assert_int_equal(write(fd, "x\n", 2), 2);
    }
    close(fd);
    serve(now_ms);
    return last_ids != before;
}

static void no_more_answers_are_under_way_than_the_watch_has_room_for(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;
    while (n < 1000 && come_and_go(f, NOW_MS)) {
        n++;
    }
    assert_int_equal(n, CLIENTS + OWED_MOST / (SENDS - 1)); /* those of some were given on */
    assert_true(n * (SENDS - 1) + 256 <= WATCH_ANSWERS);
    uint64_t newest = last_ids;
    serve(NOW_MS);
    assert_int_equal(last_ids, newest);
    for (int i = 0; i < SENDS - 1; i++) {
        answer(desk_id(0, (uint64_t)1 << 32)); /* to the first, whose place was given on */
    }
    serve(NOW_MS);
    assert_int_not_equal(last_ids, newest); /* it was waiting for a place */
}

/* Memory may have been short for it. */
static void a_place_is_not_kept_for_ever_for_an_answer_that_never_comes(void **state)
{
    struct fixture *f = *state;
    while (come_and_go(f, NOW_MS)) {
    }
    uint64_t newest = last_ids;
    serve(NOW_MS + OWED_MS - 1);
    assert_int_equal(last_ids, newest);
    serve(NOW_MS + OWED_MS);
    serve(NOW_MS + OWED_MS);
    assert_int_not_equal(last_ids, newest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_more_answers_are_under_way_than_the_watch_has_room_for, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_place_is_not_kept_for_ever_for_an_answer_that_never_comes, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
