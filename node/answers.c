#include "node/answers.h"

#include <assert.h>

/* Acquire: a thread that sees the flag also sees in the queues what was sent before the quit. With a relaxed
 * load the controller could find the queues empty, and drop what is in them. A flag set before bell_ring is
 * seen by the owner's look once its bell is armed. */
bool node_is_closing(const struct node *n)
{
    return atomic_load_explicit(&n->closing, memory_order_acquire);
}

bool node_on_accepted(void *context, struct accepted *accepted)
{
    struct node *n = context;
    struct message m = {.type = MSG_ACCEPTED, .accepted = accepted};
    return !node_is_closing(n) && queue_post_and_wake(n->control, &m);
}

void node_answer(struct node *n, const struct message *m)
{
    bool posted = queue_post_and_wake(n->control, m);
    /* The core waits for each answer: if one were lost, the core would never save again, or never end. */
    assert(posted);
    (void)posted;
}

void node_on_seeds(void *context, struct seed_report *report)
{
    struct message m = {.type = MSG_SEEDS, .seeds = report};
    node_answer(context, &m);
}

void node_on_names(void *context, struct names_found *answer)
{
    struct message m = {.type = MSG_NAMES, .names = answer};
    node_answer(context, &m);
}

void node_on_saved(void *context, bool failed)
{
    struct message m = {.type = MSG_SAVED, .failed = failed};
    node_answer(context, &m);
}
