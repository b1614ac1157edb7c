/* A program that forks while it has nodes open. Children end by _exit: the test's own state is the parent's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/kith_fixture.h"

#if defined(__SANITIZE_THREAD__)
#define THREADS_AFTER_FORK false /* its run-time does not take them */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREADS_AFTER_FORK false
#endif
#endif
#ifndef THREADS_AFTER_FORK
#define THREADS_AFTER_FORK true
#endif

enum { ADDRESS = 300, NAME = 200, DESCRIPTORS = 1024 };

/* Which descriptors below DESCRIPTORS are open. */
struct open_set {
    bool is_open[DESCRIPTORS];
};

static struct open_set look(void)
{
    struct open_set s;
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        s.is_open[fd] = fcntl(fd, F_GETFD) >= 0;
    }
    return s;
}

/* How many are open now and were not then. */
static int more_than(const struct open_set *then)
{
    struct open_set now = look();
    int n = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        n += now.is_open[fd] && !then->is_open[fd];
    }
    return n;
}

static bool is_network(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    return getsockname(fd, (struct sockaddr *)&name, &size) == 0 &&
           (name.ss_family == AF_INET || name.ss_family == AF_INET6);
}

/* What the function, run in a child, returns. */
static int in_child(int (*run)(void *context), void *context)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(WAIT_MS / 1000);
        _exit(run(context));
    }
    assert_true(child > 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int count_more(void *then)
{
    return more_than(then);
}

static void a_child_has_no_descriptor_of_the_nodes(void **state)
{
    struct open_set before = look();
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[NAME];
    open_pair(&a, &b, name, sizeof name);
    assert_true(more_than(&before) > 8);
    assert_int_equal(in_child(count_more, &before), 0);
    kith_close(a);
    kith_close(b);
    assert_int_equal(more_than(&before), 0);
}

struct pair {
    struct kith *a, *b;
    char name_of_b[NAME];
};

static int call_everything(void *context)
{
    struct pair *p = context;
    struct kith_item item;
    char error[KITH_ERROR_MAX] = "";
    bool good =
        kith_send(p->a, p->name_of_b, "x", 1, 1) == KITH_CLOSED &&
        kith_send_wait(p->a, p->name_of_b, "x", 1, 1, -1) == KITH_CLOSED &&
        kith_ask_peers(p->a, 2) == KITH_CLOSED && kith_ask_status(p->a, 3) == KITH_CLOSED &&
        kith_ban(p->a, p->name_of_b, 0, 4) == KITH_CLOSED && kith_unban(p->a, "10.0.0.1", 5) == KITH_CLOSED &&
        kith_disconnect(p->a, p->name_of_b, 6) == KITH_CLOSED &&
        kith_set_special(p->a, "", 7) == KITH_CLOSED && kith_special_add(p->a, "", 7) == KITH_CLOSED &&
        kith_special_remove(p->a, "", 7) == KITH_CLOSED && kith_ask_bans(p->a, 7) == KITH_CLOSED &&
        kith_verdict(p->a, 1, KITH_ACCEPT) == KITH_CLOSED &&
        kith_dial(p->a, "10.0.0.1:1", 7) == KITH_CLOSED && kith_ask_known(p->a, 0, 7) == KITH_CLOSED &&
        kith_ask_score(p->a, "10.0.0.1", 7) == KITH_CLOSED &&
        kith_report(p->a, p->name_of_b, 1, 7) == KITH_CLOSED &&
        kith_reload(p->a, 8, error, sizeof error) == KITH_CLOSED && error[0] &&
        kith_receive(p->a, &item) == KITH_NOTHING && !kith_kind(p->a, 0) && kith_fd(p->a) == -1 &&
        kith_room_fd(p->a) == -1 && kith_command_fd(p->a) == -1;
    kith_quit(p->a);
    return good ? 0 : 1;
}

/* The numbers of the node's descriptors are the child's to use: closing the node must not close its files. */
static int close_beside_files(void *context)
{
    struct pair *p = context;
    for (int i = 0; i < 100; i++) {
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) {
            return 1;
        }
    }
    struct open_set files = look();
    kith_close(p->a);
    kith_close(p->b);
    struct open_set after = look();
    return memcmp(&files, &after, sizeof files) == 0 ? 0 : 1;
}

/* And the parent's node notices nothing of it. */
static void in_a_child_calls_on_a_node_do_nothing(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p.a, &p.b, p.name_of_b, sizeof p.name_of_b);
    assert_int_equal(in_child(call_everything, &p), 0);
    assert_int_equal(in_child(close_beside_files, &p), 0);
    assert_int_equal(kith_send(p.a, p.name_of_b, "hello", 5, 9), KITH_OK);
    struct kith_item item;
    assert_int_equal(next(p.b, &item), KITH_PARCEL);
    assert_memory_equal(item.parcel.bytes, "hello", 5);
    next_event(p.a, KITH_SENT, &item);
    assert_int_equal(item.event.id, 9);
    kith_close(p.a);
    kith_close(p.b);
}

static void port_and_connections_end_with_the_parent_s_node(void **state)
{
    (void)state;
    struct kith *a;
    struct kith *b;
    char name[NAME];
    open_pair(&a, &b, name, sizeof name);
    char port[ADDRESS];
    snprintf(port, sizeof port, "%.*s", (int)strcspn(strrchr(name, ':') + 1, " "), strrchr(name, ':') + 1);
    int end[2];
    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        close(end[1]);
        _exit((int)read(end[0], &(char){0}, 1)); /* lives until the parent lets it go */
    }
    assert_true(child > 0);
    kith_close(b);
    struct kith_item item;
    next_event(a, KITH_OFFLINE, &item);
    b = open_set("127.0.77.2", NULL, (struct given_setting[]){{"networkPort", port}, {NULL, NULL}});
    kith_close(a);
    kith_close(b);
    close(end[1]);
    assert_int_equal(waitpid(child, &(int){0}, 0), child);
    close(end[0]);
}

/* As where a program opens a node, and is made a daemon afterwards. */
static int open_another(void *address)
{
    struct kith *node = open_set("127.0.77.3", address, NULL);
    struct kith_item item;
    int status = 1;
    next_event(node, KITH_ONLINE, &item);
    if (kith_send(node, KITH_FULL_BROADCAST, "from the child", 14, 0) == KITH_OK) {
        status = 0;
    }
    kith_close(node);
    return status;
}

static void a_child_may_open_nodes_of_its_own(void **state)
{
    (void)state;
    if (!THREADS_AFTER_FORK) {
        skip();
    }
    struct kith *node = open_set("127.0.77.2", NULL, NULL);
    struct kith_item item;
    next_event(node, KITH_LISTENING, &item);
    char address[ADDRESS];
    snprintf(address, sizeof address, "%s", item.event.address);
    assert_int_equal(in_child(open_another, address), 0);
    while (next(node, &item) != KITH_PARCEL)
        ;
    assert_memory_equal(item.parcel.bytes, "from the child", 14);
    kith_close(node);
}

/* A server of a seed list that never answers, so that the node's transfer stays. */
static int listen_silently(char *url, size_t size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f004d09)}};
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
    snprintf(url, size, "http://127.0.77.9:%u/seeds", (unsigned)ntohs(at.sin_port));
    return fd;
}

static int count_network(void *unused)
{
    int n = 0;
    (void)unused;
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        n += is_network(fd);
    }
    return n;
}

static void every_socket_is_closed_by_exec_and_by_fork(void **state)
{
    char url[ADDRESS];
    int server = listen_silently(url, sizeof url), accepted;
    struct kith *node = open_set(
        "127.0.77.2", NULL, (struct given_setting[]){{"seedURL", url}, {"exclusive", "false"}, {NULL, NULL}});
    (void)state;
    accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(count_network(NULL), 4); /* the two of here, the listener's, and the transfer's */
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        if (is_network(fd)) {
            assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        }
    }
    assert_int_equal(in_child(count_network, NULL), 2);
    kith_close(node);
    close(accepted);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_no_descriptor_of_the_nodes),
        cmocka_unit_test(in_a_child_calls_on_a_node_do_nothing),
        cmocka_unit_test(port_and_connections_end_with_the_parent_s_node),
        cmocka_unit_test(a_child_may_open_nodes_of_its_own),
        cmocka_unit_test(every_socket_is_closed_by_exec_and_by_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
