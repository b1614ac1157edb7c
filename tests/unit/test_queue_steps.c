/* Queues, one side of which is interrupted after each of its instructions in turn, while the other side takes
 * its whole step: what breaks if a look or a flag comes at the wrong place. The processor traps after each
 * instruction, and the other side runs in the signal handler. That two processors may see stores late is not
 * tried here, but in test_queue_stress.c and in queue/bell.pml. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <x86intrin.h>

#include "queue/bell.h"
#include "queue/nonempty_list.h"
#include "queue/queue.h"

#define TRAP_FLAG ((unsigned long long)1 << 8)
#define FEWEST    20 /* instructions in any of the steps: else nothing was tried */

struct rig {
    struct queue *queue;
    struct nonempty_list *list;
    struct bell reader_bell, writer_bell;
    bool posted;
    bool taken, is_certain; /* what the reader's last look found */
};

static struct rig rig;

/* --- one step in the middle of another --- */

static void (*other_step)(void);
static volatile uint32_t instructions, interrupt_at;

static void trapped(int signal)
{
    (void)signal;
    if (++instructions == interrupt_at) {
        other_step();
    }
}

/* Runs `step`, and `other` after the instruction of that number. False if `step` has fewer: then `other` has
 * not run. */
static bool interrupt(void (*step)(void), void (*other)(void), uint32_t at)
{
    instructions = 0;
    interrupt_at = at;
    other_step = other;
    /* The compiler knows of no handler: without these fences it may write late what that reads, and read
     * early what that writes. */
    atomic_signal_fence(memory_order_seq_cst);
    __writeeflags(__readeflags() | TRAP_FLAG);
    step();
    __writeeflags(__readeflags() & ~TRAP_FLAG);
    atomic_signal_fence(memory_order_seq_cst);
    return instructions >= at;
}

static void interrupt_everywhere(void (*prepare)(void), void (*step)(void), void (*other)(void),
                                 void (*judge)(void))
{
    bool more = true;
    uint32_t at = 1;
    for (; more; at++) {
        prepare();
        more = interrupt(step, other, at);
        if (!more) {
            other();
        }
        judge();
    }
    assert_true(at > FEWEST);
}

static int open_rig(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = trapped};
    rig = (struct rig){.list = nonempty_list_new(2)};
    assert_int_equal(bell_init(&rig.reader_bell), 0);
    assert_int_equal(bell_init(&rig.writer_bell), 0);
    assert_non_null(rig.list);
    rig.queue = queue_new(&(struct queue_config){
        .messages = 1, .reader_bell = &rig.reader_bell, .writer_bell = &rig.writer_bell, .list = rig.list});
    assert_non_null(rig.queue);
    return sigaction(SIGTRAP, &action, NULL);
}

static int close_rig(void **state)
{
    (void)state;
    queue_free(rig.queue, NULL, NULL);
    nonempty_list_free(rig.list);
    bell_fini(&rig.writer_bell);
    bell_fini(&rig.reader_bell);
    return 0;
}

static void post(void)
{
    rig.posted = queue_post(rig.queue, &(struct message){.id = 1});
}

static void take(void)
{
    struct message m;
    while (queue_take_one(rig.queue, &m)) {
    }
}

/* --- room --- */

static void fill_up(void)
{
    post();
    assert_true(rig.posted);
    bell_lie_down(&rig.writer_bell);
}

static void is_posted_or_called(void)
{
    struct pollfd p = {.fd = rig.writer_bell.fd, .events = POLLIN};
    assert_true(rig.posted || poll(&p, 1, 0) == 1);
    bell_get_up(&rig.writer_bell);
    take();
}

static void room_that_is_made_during_a_post_is_found(void **state)
{
    (void)state;
    interrupt_everywhere(fill_up, post, take, is_posted_or_called);
}

static void a_post_while_room_is_made_is_called(void **state)
{
    (void)state;
    interrupt_everywhere(fill_up, take, post, is_posted_or_called);
}

/* --- the list of nonempty queues --- */

/* The reader has taken the queue's entry off the list. */
static void take_the_entry(void)
{
    struct peer_ref ref;
    queue_wake(rig.queue);
    assert_int_equal(nonempty_list_take(rig.list, &ref, 1), 1);
}

/* Something is in it, and it is on no list. */
static void post_and_unlist(void)
{
    post();
    take_the_entry();
    queue_unlist(rig.queue);
}

static void post_and_wake(void)
{
    post();
    queue_wake(rig.queue);
}

static void unlist_and_take(void)
{
    queue_unlist(rig.queue);
    take();
}

static void wake(void)
{
    queue_wake(rig.queue);
}

static void is_taken_or_listed_once(void)
{
    struct peer_ref refs[2];
    size_t n = nonempty_list_take(rig.list, refs, 2);
    assert_true(rig.posted);
    assert_true(n == 1 || (n == 0 && queue_empty(rig.queue)));
    unlist_and_take();
}

static void a_message_that_comes_during_the_last_look_is_listed(void **state)
{
    (void)state;
    interrupt_everywhere(take_the_entry, unlist_and_take, post_and_wake, is_taken_or_listed_once);
}

static void a_look_while_a_message_comes_is_not_the_last(void **state)
{
    (void)state;
    interrupt_everywhere(take_the_entry, post_and_wake, unlist_and_take, is_taken_or_listed_once);
}

static void two_writers_list_a_queue_once(void **state)
{
    (void)state;
    interrupt_everywhere(post_and_unlist, wake, wake, is_taken_or_listed_once);
}

/* --- claims --- */

static struct message claimed;
static size_t n_claimed;

static void post_one(void)
{
    post();
    assert_true(rig.posted);
    rig.taken = false;
}

static void claim(void)
{
    n_claimed = queue_claim(rig.queue, &claimed);
}

static void put_back(void)
{
    queue_put_back(rig.queue, &claimed, n_claimed);
}

static void claim_and_put_back(void)
{
    claim();
    put_back();
}

/* As a reader does that must know if the queue is empty. */
static void look(void)
{
    struct message m;
    uint32_t claims = queue_claims(rig.queue);
    rig.taken = queue_take_one(rig.queue, &m);
    rig.is_certain = rig.taken || (claims % 2 == 0 && claims == queue_claims(rig.queue));
}

static void is_not_taken_for_empty(void)
{
    struct message m;
    assert_true(rig.taken || !rig.is_certain);
    assert_int_equal(queue_take_one(rig.queue, &m), !rig.taken);
}

static void put_back_and_judge(void)
{
    put_back();
    is_not_taken_for_empty();
}

static void a_look_during_a_claim_does_not_take_the_queue_for_empty(void **state)
{
    (void)state;
    interrupt_everywhere(post_one, claim_and_put_back, look, is_not_taken_for_empty);
}

static void a_claim_during_a_look_is_noticed(void **state)
{
    (void)state;
    interrupt_everywhere(post_one, look, claim_and_put_back, is_not_taken_for_empty);
}

static void a_claim_that_begins_during_a_look_is_noticed(void **state)
{
    (void)state;
    interrupt_everywhere(post_one, look, claim, put_back_and_judge);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(room_that_is_made_during_a_post_is_found),
        TEST(a_post_while_room_is_made_is_called),
        TEST(a_message_that_comes_during_the_last_look_is_listed),
        TEST(a_look_while_a_message_comes_is_not_the_last),
        TEST(two_writers_list_a_queue_once),
        TEST(a_look_during_a_claim_does_not_take_the_queue_for_empty),
        TEST(a_claim_during_a_look_is_noticed),
        TEST(a_claim_that_begins_during_a_look_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
