/* A mailbox: a bounded queue of messages with one reader.
 *
 * It has two lanes. The data lane carries parcels and is bounded in parcels and in bytes; the control lane
 * carries commands, is bounded in messages and is never behind parcels. Both are Concurrency Kit rings of
 * messages by value.
 *
 * The one rule of queues, "progress waits, stall drops", lives in struct outlet below: who writes into a full
 * mailbox waits while its reader makes progress; once the reader has made none for the stall time, the oldest
 * parcels of that mailbox make room, each handed back to the writer, who counts it.
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
 * where memory is short or the terms are out of their limits. */
struct mailbox *mailbox_new(const struct mailbox_terms *terms);

/* One thread, when no other uses it any more; does not block. Every message still inside goes to `discard`
 * (which may be NULL: parcels are released, control bodies freed with free). NULL is allowed. */
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
 * of the data lane back to the system. False, and nothing is done, where that lane is not empty: to be tried
 * again later. Of a mailbox with many writers nothing is ever given back. */
bool mailbox_rest(struct mailbox *m);

/* A writer's thread; never blocks. Takes the oldest message out of the data lane, as the reader would, and
 * gives its budget back. The caller owns the message. False where nothing is left in it (the reader may still
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

/* The reader's thread. True where neither lane holds a message. */
bool mailbox_empty(const struct mailbox *m);

/* Any thread; a snapshot. True where the control lane holds none. */
bool mailbox_empty_control(const struct mailbox *m);

/* --- the list of mailboxes that have something: one reader, any number of mailboxes --- */

/* `most` (1 .. MAILBOX_MOST): how many names the list holds at least. Between two calls
 * of mailbox_unlist each mailbox lists itself at most once, and the name of one that was freed counts until
 * it is taken: a list for twice as many as there are mailboxes does not overflow. On a list that is full all
 * the same a mailbox stays unlisted until its next mailbox_wake. Any thread; does not block. NULL where
 * memory is short or `most` is out of its limits. */
struct ready *ready_new(uint32_t most);
void ready_free(struct ready *r); /* when no mailbox uses it any more; NULL is allowed */

/* The reader's thread; never blocks. Takes up to `most` names off the list. A mailbox whose name was taken
 * lists itself again on its next mailbox_wake; so the reader calls mailbox_unlist BEFORE it drains that
 * mailbox, and mailbox_wake on it if it left something inside. */
size_t ready_take(struct ready *r, struct peer_ref *names, size_t most);
bool ready_empty(const struct ready *r);
void mailbox_unlist(struct mailbox *m);

/* --- a writer's view of one mailbox, with the rule --- */

/* A new one has its mailbox, maybe a least rate, and all else is zero. */
struct outlet {
    struct mailbox *mailbox;
    uint64_t least_rate; /* steps a second; below that a full mailbox counts as stalled; 0: none */
    uint64_t seen;       /* progress and signs when it last met a full mailbox */
    int64_t since_ms;    /* when that was first seen with the mailbox full */
    uint64_t taken;      /* progress alone, then */
    int64_t taken_ms;    /* when that last changed */
    uint64_t paced;      /* progress when the measuring of its rate began */
    int64_t paced_ms;    /* when that was */
    int64_t tried_ms;    /* the last post that met a full mailbox */
    int64_t pause_ms;    /* the longest pause of the reader of late, with the mailbox full */
    bool full;           /* the last post met a full mailbox and was told to wait */
    bool moved;   /* and the reader got on, as this post or another with the same now_ms was first to see */
    bool stalled; /* no progress for the stall time: posting drops the oldest until the reader moves */
    bool slow;    /* below the least rate: likewise, until it is measured again */
};

enum outlet_result {
    OUTLET_POSTED, /* the mailbox owns the message; older ones may have been dropped for it */
    OUTLET_WAIT, /* still the caller's; to be tried again when the writer's bell rings, or at outlet_deadline
                  */
    OUTLET_DROPPED, /* stalled, and nothing older to drop: the message itself went to `dropped` */
};

/* The single writer's thread; never blocks. Posts, or says wait, or, where the reader has made no progress
 * for stall_ms since it was first met with a full mailbox, drops the oldest ones until there is room: each
 * goes to `dropped`, which owns it and must not use the outlet. From then on each post drops just what it
 * needs, without waiting, until the reader moves. A reader that stood still before and went on is given twice
 * its longest pause of late, if that is more than stall_ms, up to OUTLET_PATIENCE times stall_ms: TCP shows
 * the progress of a slow one in large steps. A reader whose progress over a stall time is below least_rate,
 * while its mailbox is full again and again, is treated in the same way. now_ms is of a clock that never goes
 * back. Does not wake the reader: after a batch, call mailbox_wake. */
enum outlet_result outlet_post(struct outlet *o, const struct message *message, int64_t now_ms,
                               int64_t stall_ms, void (*dropped)(void *context, struct message *message),
                               void *context);

#define OUTLET_PATIENCE 4

/* So many stall times after the last progress of the reader itself, its signs no longer show others that it
 * moves: nodes that relay each other's messages in a ring could otherwise keep each other waiting by signs
 * alone, for ever. */
#define OUTLET_SIGNS_LAST 20

/* The single writer's thread; never blocks. When a writer that was told to wait must try again at the latest;
 * INT64_MAX if it was not. That is after OUTLET_AGAIN_MS, though no bell may ring before half of the mailbox
 * is free: so what a slow reader does is passed on to whoever waits behind the writer. */
#define OUTLET_AGAIN_MS 50
int64_t outlet_deadline(const struct outlet *o, int64_t stall_ms);

#endif
