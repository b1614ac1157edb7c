/* A mailbox: a bounded queue of messages with one reader.
 *
 * It has two lanes. The data lane carries parcels and is bounded in parcels and in bytes; the control lane
 * carries commands, is bounded in messages and is never behind parcels. Both are Concurrency Kit rings of
 * messages by value.
 *
 * The one rule of queues, "progress waits, stall drops", lives in struct outlet (queue/outlet.h): who writes
 * into a full mailbox waits while its reader makes progress; once the reader has made none for the stall
 * time, the oldest parcels of that mailbox make room, each handed back to the writer, who counts it.
 *
 * The budget is held from mailbox_post until mailbox_done, not until mailbox_take: what the reader has taken
 * but not yet finished with (bytes that the socket has not accepted) still counts. A parcel larger than the
 * whole byte budget is accepted by an empty mailbox, so that no payload is impossible to send. */
#ifndef KITH_QUEUE_MAILBOX_H
#define KITH_QUEUE_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

#include "queue/bell.h"
#include "queue/message.h"

struct mailbox;
struct ready;

#define MAILBOX_MOST      ((uint32_t)1 << 24)
#define MAILBOX_BYTES_MAX ((uint64_t)1 << 37)

struct mailbox_terms {
    uint32_t parcels;         /* data lane: at most so many messages, 1 .. MAILBOX_MOST */
    uint64_t bytes;           /* data lane: at most so many payload bytes, up to MAILBOX_BYTES_MAX */
    uint32_t controls;        /* control lane: so many messages, up to MAILBOX_MOST; 0 for no such lane */
    bool many_writers;        /* false: one thread at a time posts on a lane, which is cheaper */
    struct bell *reader_bell; /* rung by mailbox_wake; outlives the mailbox */
    struct bell *writer_bell; /* rung when a writer that met it full should look again; NULL for none */
    struct ready *ready;      /* where the mailbox lists itself when it is not empty; NULL for none */
    struct peer_ref name;     /* the name that it lists itself under */
};

/* How to wait for room. The owner of writer_bell that got MAILBOX_FULL may sleep on that bell, if it posts
 * once more between bell_lie_down and poll and gets MAILBOX_FULL again. The bell rings when half of the lane
 * that was full is free, or at the first room that is made once the writer has waited for 10 ms. So a writer
 * that must not miss the step of a slow reader also tries again by itself, as outlet_deadline says. The bell
 * does not say which mailbox has room, nor that the message will fit: the owner tries again whenever it is
 * up. Several writers of one mailbox share the one bell, so only its owner may wait in this way. */
enum mailbox_result {
    MAILBOX_OK,   /* the mailbox owns the message */
    MAILBOX_FULL, /* the message is still the caller's; writer_bell rings when there is room again */
};

/* Any thread; does not block. Copies *terms; the bells and the ready list in it outlive the mailbox. NULL
 * if memory is short or the terms are out of their limits. */
struct mailbox *mailbox_new(const struct mailbox_terms *terms);

/* One thread, when no other uses it any more; does not block. Every message still inside goes to `discard`
 * (which may be NULL: parcels are released, what control messages point at is freed with free). NULL is
 * allowed. */
void mailbox_free(struct mailbox *m, void (*discard)(void *context, struct message *message), void *context);

/* --- writers --- */

/* A writer's thread; never blocks. Does not wake the reader: after a batch, call mailbox_wake once. */
enum mailbox_result mailbox_post(struct mailbox *m, const struct message *message);

/* A writer's thread; never blocks; wakes the reader. Without a control lane always MAILBOX_FULL, and no bell
 * rings. */
enum mailbox_result mailbox_post_control(struct mailbox *m, const struct message *message);

/* A writer's thread; never blocks. Lists the mailbox as ready and wakes its reader if that sleeps. */
void mailbox_wake(struct mailbox *m);

/* The thread of the only writer; never blocks. For one that has nothing to post for a while: gives the memory
 * of the data lane back to the system. False, and nothing is done, if that lane is not empty: to be tried
 * again later. Of a mailbox with many writers nothing is ever given back. */
bool mailbox_rest(struct mailbox *m);

/* A writer's thread; never blocks. Takes the oldest message out of the data lane, as the reader would, and
 * gives its budget back. The caller owns the message. False if nothing is left in it (the reader may still
 * hold some). */
bool mailbox_drop_oldest(struct mailbox *m, struct message *oldest);

/* Any thread; never blocks. How much of the data lane's budget is used now. A snapshot: it may be out of date
 * when it is returned, but it is never above the terms (save for the bytes of one parcel larger than all of
 * them). */
void mailbox_fill(const struct mailbox *m, uint32_t *parcels, uint64_t *bytes);

/* Any thread; never blocks. A number, never 0, that grows whenever the reader makes progress: by one with
 * mailbox_done, by the steps of mailbox_getting_on; not with mailbox_take, and not when a writer drops. */
uint64_t mailbox_progress(const struct mailbox *m);

/* --- the reader: none of its functions blocks --- */

/* The reader's thread; none blocks. Takes up to `most` messages of that lane, oldest first; returns how many.
 * The caller owns them. What is taken from the data lane counts until mailbox_done; the control lane's count
 * ends here. */
size_t mailbox_take(struct mailbox *m, struct message *messages, size_t most);
size_t mailbox_take_control(struct mailbox *m, struct message *messages, size_t most);

/* The reader's thread; never blocks. So many of the taken parcels, with so many payload bytes, are dealt
 * with: the budget is free again, and a writer that waits for room is woken as said above. Never more than
 * was taken. */
void mailbox_done(struct mailbox *m, uint32_t parcels, uint64_t bytes);

/* The reader's thread, once; of a mailbox with many writers. Nothing more finds room in the data lane: what
 * is still taken from it was let in before, and when mailbox_fill says 0 that was all. writer_bell rings. */
void mailbox_close(struct mailbox *m);

/* The reader's thread. It has not finished a parcel but has got on by so many steps, 1 or more (bytes that
 * went to the socket). */
void mailbox_getting_on(struct mailbox *m, uint64_t steps);

/* The reader's thread. It has done nothing itself, but whoever it passes the parcels on to has said that it
 * gets on. */
void mailbox_sign(struct mailbox *m);

/* Any thread; never blocks. How often mailbox_sign was called. */
uint64_t mailbox_signs(const struct mailbox *m);

/* Any thread; a snapshot. True while a writer waits for room in the data lane: a reader that gives budget
 * back for several parcels at once gives it back earlier then. */
bool mailbox_wants_room(const struct mailbox *m);

/* The reader's thread. True if neither lane holds a message. */
bool mailbox_empty(const struct mailbox *m);

/* Any thread; a snapshot. True if the control lane holds none. */
bool mailbox_empty_control(const struct mailbox *m);

/* --- the list of mailboxes that have something: one reader, any number of mailboxes --- */

/* `most` (1 .. MAILBOX_MOST): how many names the list holds at least. Between two calls
 * of mailbox_unlist each mailbox lists itself at most once, and the name of one that was freed counts until
 * it is taken: a list for twice as many as there are mailboxes does not overflow. On a list that is full all
 * the same a mailbox stays unlisted until its next mailbox_wake. Any thread; does not block. NULL if
 * memory is short or `most` is out of its limits. */
struct ready *ready_new(uint32_t most);
void ready_free(struct ready *r); /* when no mailbox uses it any more; NULL is allowed */

/* The reader's thread; never blocks. Takes up to `most` names off the list. A mailbox whose name was taken
 * lists itself again on its next mailbox_wake; so the reader calls mailbox_unlist BEFORE it drains that
 * mailbox, and mailbox_wake on it if it left something inside. */
size_t ready_take(struct ready *r, struct peer_ref *names, size_t most);
bool ready_empty(const struct ready *r);
void mailbox_unlist(struct mailbox *m);

#endif
