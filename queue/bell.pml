/* The steps by which threads sleep and wake without a lock, as models for spin. Three of them, chosen by macro:
 *
 *   MODEL_BELL   queue/bell.c and queue/worker.c: two producers put and ring; the owner of the bell sleeps, as
 *                worker_sleep does. worker_stop is such a producer too: what it puts is the flag, and the look of
 *                worker_sleep at the flag is the owner's look at that producer's place.
 *   MODEL_READY  queue/queue.c: two writers post into one queue and list it; its reader sleeps on the list.
 *   MODEL_ROOM   queue/queue.c: one writer sleeps until its reader has made room.
 *
 * Stores go through a buffer per processor, first in first out, as on x86: a processor sees its own at once, the others
 * see them later. So a fence that is missing shows as an error. Each thread ends when all messages have come through;
 * one that sleeps for ever, with a message waiting or with room, is an invalid end state.
 *
 * Every other macro takes one step away, and must lead to an error. tests/check_bell_model.py runs them all. (Only the
 * writer that waits for room could lie down without a fence of its own: posting in vain has one.) */

#if defined(MODEL_BELL)
#define CPUS  3
#define PLACES 3
#define PUT(p) (p)
#define ASLEEP 2
#elif defined(MODEL_READY)
#define CPUS  3
#define PLACES 5
#define PUT(p) (p)
#define ASLEEP 2
#define LISTED 3
#define TAIL   4
#else
#define CPUS  2
#define PLACES 5
#define PUT(p) 0
#define TAIL   1
#define ASLEEP 2
#define DONE   3
#define WANTS  4
#endif

#define EACH 2 /* messages per producer */

/* --- memory --- */

byte memory[PLACES];
chan buffer[CPUS] = [3] of { byte, byte };
byte waiting[CPUS * PLACES]; /* stores of that processor to that place that are still in its buffer */
byte newest[CPUS * PLACES];  /* the last of them */

#define load(cpu, place) (waiting[(cpu) * PLACES + (place)] > 0 -> newest[(cpu) * PLACES + (place)] : memory[place])

inline store(cpu, place, value)
{
    atomic {
        nfull(buffer[cpu]);
        buffer[cpu]!place, value;
        newest[(cpu) * PLACES + (place)] = value;
        waiting[(cpu) * PLACES + (place)]++
    }
}

inline fence(cpu)
{
    empty(buffer[cpu])
}

inline exchange(cpu, place, value, old)
{
    atomic {
        empty(buffer[cpu]);
        old = memory[place];
        memory[place] = value
    }
}

inline arrive(cpu, place, value)
{
    memory[place] = value;
    waiting[(cpu) * PLACES + (place)]--;
    if
    :: waiting[(cpu) * PLACES + (place)] == 0 -> newest[(cpu) * PLACES + (place)] = 0
    :: else
    fi
}

active proctype memory_bus()
{
    byte place, value;
end:
    do
    :: atomic { buffer[0]?place, value -> arrive(0, place, value); place = 0; value = 0 }
    :: atomic { buffer[1]?place, value -> arrive(1, place, value); place = 0; value = 0 }
#if CPUS > 2
    :: atomic { buffer[2]?place, value -> arrive(2, place, value); place = 0; value = 0 }
#endif
    od
}

/* --- the bell --- */

bool readable; /* its descriptor */

inline bell_ring(cpu, was)
{
#ifndef NO_RING_FENCE
    fence(cpu);
#endif
    if
    :: load(cpu, ASLEEP) ->
        exchange(cpu, ASLEEP, 0, was);
        if
        :: was -> readable = true
        :: else
        fi;
        was = 0
    :: else
    fi
}

inline bell_lie_down(cpu)
{
    store(cpu, ASLEEP, 1);
#ifndef NO_SLEEP_FENCE
    fence(cpu)
#endif
}

inline poll()
{
    readable
}

inline bell_get_up(cpu)
{
    store(cpu, ASLEEP, 0);
    readable = false
}

#ifdef MODEL_BELL

#define OWNER 2

proctype producer(byte cpu)
{
    byte was, n;
    do
    :: n < EACH ->
        n++;
#ifdef RING_BEFORE_PUT
        bell_ring(cpu, was);
        store(cpu, PUT(cpu), n)
#else
        store(cpu, PUT(cpu), n);
        bell_ring(cpu, was)
#endif
    :: else -> break
    od
}

proctype owner()
{
    byte got[2];
    do
    :: got[0] == EACH && got[1] == EACH -> break
    :: else ->
        got[0] = load(OWNER, PUT(0));
        got[1] = load(OWNER, PUT(1));
        bell_lie_down(OWNER);
        if
#ifndef NO_LAST_LOOK
        :: got[0] != load(OWNER, PUT(0)) || got[1] != load(OWNER, PUT(1)) || (got[0] == EACH && got[1] == EACH)
#else
        :: got[0] == EACH && got[1] == EACH
#endif
        :: else -> poll()
        fi;
        bell_get_up(OWNER)
    od
}

init
{
    atomic { run producer(0); run producer(1); run owner() }
}

#endif

#ifdef MODEL_READY

#define READER 2

byte reserved; /* the ring's head: slots are reserved in one step and published in their order */

inline ready_put(cpu, ticket)
{
    atomic { empty(buffer[cpu]); ticket = reserved; reserved++ };
    load(cpu, TAIL) == ticket;
    store(cpu, TAIL, ticket + 1);
    ticket = 0
}

inline list_once(cpu, was, ticket)
{
#ifdef LIST_BY_LOAD
    was = load(cpu, LISTED);
    if
    :: was
    :: else -> store(cpu, LISTED, 1)
    fi;
#else
    exchange(cpu, LISTED, 1, was);
#endif
    if
    :: was
    :: else -> ready_put(cpu, ticket)
    fi;
    was = 0
}

proctype writer(byte cpu)
{
    byte was, ticket, n;
    do
    :: n < EACH ->
        n++;
        store(cpu, PUT(cpu), n);
#ifdef RING_BEFORE_LIST
        bell_ring(cpu, was);
        list_once(cpu, was, ticket)
#else
        list_once(cpu, was, ticket);
        bell_ring(cpu, was)
#endif
    :: else -> break
    od
}

inline unlist()
{
#ifdef UNLIST_BY_STORE
    store(READER, LISTED, 0)
#else
    exchange(READER, LISTED, 0, was);
    was = 0
#endif
}

inline drain()
{
    got[0] = load(READER, PUT(0));
    got[1] = load(READER, PUT(1))
}

proctype reader()
{
    byte got[2];
    byte taken, was;
    do
    :: got[0] == EACH && got[1] == EACH -> break
    :: else ->
        if
        :: load(READER, TAIL) != taken ->
            assert(load(READER, TAIL) - taken == 1); /* one queue: never on the list twice */
            taken++;
#ifdef UNLIST_AFTER_DRAIN
            drain();
            unlist()
#else
            unlist();
            drain()
#endif
        :: else ->
            bell_lie_down(READER);
            if
            :: load(READER, TAIL) != taken
            :: else -> poll()
            fi;
            bell_get_up(READER)
        fi
    od
}

init
{
    atomic { run writer(0); run writer(1); run reader() }
}

#endif

#ifdef MODEL_ROOM

#define WRITER 0
#define READER 1
#define BOUND  4
#define PARCELS 5

/* Sizes such that each way to be full is met: at the bound, below half with a parcel that does not fit, and with one
 * that only an empty queue takes. */
byte size[PARCELS];

inline reserve(parcel, fits)
{
    used = put - load(WRITER, DONE);
    fits = (used == 0 || used + size[parcel] <= BOUND);
    used = 0
}

/* Leaves in `posted` whether the queue took it. */
inline post(parcel, posted)
{
    reserve(parcel, posted);
    if
    :: posted
    :: else ->
        store(WRITER, WANTS, 1);
#ifndef NO_WANT_FENCE
        fence(WRITER);
#endif
#ifndef NO_SECOND_LOOK
        reserve(parcel, posted)
#endif
    fi;
    if
    :: posted ->
        put = put + size[parcel];
        store(WRITER, PUT(0), put);
        store(WRITER, TAIL, parcel + 1)
    :: else
    fi
}

proctype writer()
{
    byte put, used, n;
    bool posted;
    do
    :: n == PARCELS -> break
    :: else ->
        post(n, posted);
        if
        :: posted
        :: else ->
            bell_lie_down(WRITER);
#ifndef NO_POST_AGAIN
            post(n, posted);
#endif
            if
            :: posted
            :: else -> poll()
            fi;
            bell_get_up(WRITER)
        fi;
        n = n + posted;
        posted = false
    od
}

inline call_writer()
{
#ifndef NO_ROOM_FENCE
    fence(READER);
#endif
    if
    :: load(READER, WANTS) ->
        if
        :: load(READER, PUT(0)) - done <= BOUND / 2 ->
#ifdef LOWER_AFTER_RING
            bell_ring(READER, was);
            store(READER, WANTS, 0)
#else
            store(READER, WANTS, 0);
            bell_ring(READER, was)
#endif
        :: else
        fi
    :: else
    fi
}

/* Takes one parcel at a time, and gives back the room of one or of several at once. */
proctype reader()
{
    byte done, taken, held, was;
    do
    :: taken == PARCELS && held == 0 -> break
    :: load(READER, TAIL) != taken ->
        held = held + size[taken];
        taken++
    :: held > 0 ->
        done = done + held;
        held = 0;
        store(READER, DONE, done);
        call_writer()
    od
}

init
{
    atomic {
        size[0] = 2; size[1] = 1; size[2] = 3; size[3] = 6; size[4] = 1;
        run writer();
        run reader()
    }
}

#endif
