/* The peer book: the endpoints that the node knows, a score of each IP address, and the bans.
 *
 * Single-threaded: its owner (the controller's core) alone touches it. It reads no clock, does no I/O and
 * never blocks. now_ms is in milliseconds since 1970: the wall clock as it was at the start, going on evenly
 * from there (book_snapshot_shift). Random numbers come from the function that the caller passes; only the
 * secret key of the hash tables does not, and it influences nothing that can be seen from outside. Endpoints,
 * IPs and arrays that are passed stay the caller's. Every table is bounded. Rules: docs/protocols/factom.md,
 * "Behaviour and defaults". */
#ifndef KITH_PEERS_BOOK_H
#define KITH_PEERS_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

#define QUALITY_MIN (-2147483000)
#define QUALITY_MAX 2147483000

struct book;

struct book_config {
    size_t most_endpoints; /* the most that are kept; the worst make room */
    size_t most_ips;       /* the same for the table of scores and bans */
    size_t most_per_ip; /* the most endpoints of one IP address, so that nobody fills the book with ports; 0
                           for no limit (256) */
    int64_t forget_ms; /* an endpoint is forgotten after this time without a sign of it, unless it is special;
                          0 for never (7 days) */
    int64_t decay_ms;  /* scores lose a tenth, toward zero, once in this time; 0 for never (1 hour) */
    int64_t redial_ms; /* an endpoint is no candidate for this time after a dial (2 minutes) */
    int64_t retry_ms;  /* the same if that dial failed, and it is not shared either; seeds are exempt; 0 for
                          redial_ms (0) */
    uint32_t give_up;  /* failures in a row after which it is not dialed until it is heard of again; 0 for
                          never (5) */
    int32_t quality_refuse; /* below this, an IP is neither dialed nor accepted, special peers excepted (-200)
                             */
    int32_t quality_banned; /* what book_quality returns for a banned IP (-2147000000) */
};

enum endpoint_source {
    SOURCE_FILE,     /* the peers file */
    SOURCE_SEED,     /* a seed list or DNS seed */
    SOURCE_PEER,     /* shared by a peer */
    SOURCE_INCOMING, /* it connected to us */
};

/* One endpoint, as the peers file keeps it. Times are wall-clock milliseconds, 0 for never. */
struct book_entry {
    struct endpoint endpoint;
    int64_t heard_ms;   /* a handshake with it, or a parcel from it */
    int64_t learned_ms; /* when it came into the book */
    int64_t dialed_ms;  /* the last dial */
    uint32_t failures;  /* dials that failed since one succeeded */
    uint8_t source;     /* enum endpoint_source */
    bool self;          /* it is ourselves: never dialed, never shared */
    bool seed;          /* a seed list has named it since the start; not in the peers file */
    struct peer_id id;  /* who is there, as far as known */
    bool id_proved;     /* the id is not hearsay: see book_identify */
};

/* The score of one IP address. */
struct book_score {
    struct ip ip;
    int32_t quality;      /* as it was at quality_ms */
    int64_t quality_ms;   /* when it last decayed; of one that is banned, when the ban began */
    int64_t banned_until; /* 0 for not banned */
};

/* Copies *config. sodium_init must have been called. NULL if memory is short. */
struct book *book_new(const struct book_config *config);
void book_free(struct book *b); /* NULL is allowed */

/* --- endpoints --- */

/* Adds an endpoint or, if it is known, sets its source; an endpoint that was given up gets one more dial. It
 * does not count as heard from.
 *
 * In a full book, endpoints that were never heard from, or are given up, make room: those of negative quality
 * first, then those that have been silent longest. In a large book the worst sixty-fourth of all goes at
 * once, so that a flood of addresses is cheap. An endpoint that was heard from never makes room for one that
 * was not. The same holds among the endpoints of one IP address, but only one makes room. Returns false if
 * the endpoint was refused: port 0, a link-local address (its scope would be wrong tomorrow, and for
 * everybody else), nothing that could make room, a full book for an IP of negative quality, no memory. */
bool book_learn(struct book *b, const struct endpoint *e, enum endpoint_source source, int64_t now_ms);

/* What happened to an endpoint. All but book_self do nothing if the endpoint is not in the book. */
void book_dialed(struct book *b, const struct endpoint *e, int64_t now_ms); /* a dial begins */
void book_failed(struct book *b, const struct endpoint *e);                 /* the dial failed */
/* A handshake with it succeeded, or a parcel came from it: that also ends the run of failures. */
void book_heard(struct book *b, const struct endpoint *e, int64_t now_ms);
/* The dial never left this system, and says nothing of who is there. The endpoint may be dialed again at
 * at_ms, or after the usual time between two dials, whichever comes first. */
void book_retry_later(struct book *b, const struct endpoint *e, int64_t at_ms, int64_t now_ms);
/* The endpoint is ourselves. If it is not in the book it is entered; in a full book the worst of all
 * endpoints makes room for it. */
void book_self(struct book *b, const struct endpoint *e, int64_t now_ms);
bool book_is_self(const struct book *b, const struct endpoint *e);
/* When any endpoint of that IP address was dialed last; 0 for never, or if none is known. */
int64_t book_ip_dialed_ms(const struct book *b, const struct ip *ip);

/* Says which peer is at the endpoint. `proved`: the peer itself has proved it when we dialed it, or the
 * operator says so. Not proved: hearsay, which replaces no id that is known. Ignored if the endpoint is not
 * in the book. */
void book_identify(struct book *b, const struct endpoint *e, const struct peer_id *id, bool proved);

/* Another peer than the known one was found at the endpoint. Returns true if the known id was only hearsay:
 * the id is then forgotten, and the dial should not count against the endpoint. */
bool book_was_hearsay(struct book *b, const struct endpoint *e);

/* The entry of that endpoint; NULL if it is not known. Valid until the next call that changes the book. */
const struct book_entry *book_find(const struct book *b, const struct endpoint *e);
size_t book_count(const struct book *b);

/* What the caller adds to a choice. The functions must not change the book. */
struct book_choice {
    /* True for an endpoint that is not wanted: connected already, being dialed, special. NULL: all are. */
    bool (*skip)(void *context, const struct endpoint *e);
    uint32_t (*group_use)(void *context, uint64_t group); /* connections of an ip_group; NULL: none */
    uint64_t (*random)(void *context);
    void *context;
};

/* Chooses up to `most` endpoints to dial, best first, and returns how many. They are not ourselves, not
 * banned, of no quality below quality_refuse, not dialed within redial_ms (retry_ms), not given up, and not
 * skipped. Network groups with the fewest connections come first, those counted that this call has chosen.
 * Within that the higher quality comes first; equals come in random order. 0 also if memory is short. */
size_t book_candidates(const struct book *b, const struct book_choice *choice, struct endpoint *out,
                       size_t most, int64_t now_ms);

/* Every endpoint that was given up may be dialed once more: for a node that was cut off so long that it gave
 * up all that it knew. Looks at every endpoint. */
void book_forget_failures(struct book *b);

/* The earliest time at which an endpoint that was dialed lately becomes a candidate again; INT64_MAX for
 * none. Looks at every endpoint. */
int64_t book_next_candidate(const struct book *b, int64_t now_ms);

/* Chooses up to `most` endpoints to share, at random, and returns how many. They are of quality above
 * `quality_above`, heard from, not ourselves, not banned, not waiting for retry_ms, and not skipped (special
 * peers, the asker). group_use is not called. 0 also if memory is short. */
size_t book_shareable(const struct book *b, const struct book_choice *choice, int32_t quality_above,
                      struct endpoint *out, size_t most, int64_t now_ms);

/* --- scores and bans, per IP --- */

/* Adds merit (or, negative, demerit) after the decay that is due; clamped to QUALITY_MIN .. QUALITY_MAX.
 * Nothing is added while the IP is banned. In a full table the scores nearest to zero make room (a
 * sixty-fourth at once, as above); bans stay until they end, unless there is nothing but bans: then the one
 * that ends first makes room. */
void book_merit(struct book *b, const struct ip *ip, int32_t merit, int64_t now_ms);
int32_t book_quality(const struct book *b, const struct ip *ip, int64_t now_ms); /* decayed; 0 for unknown */

/* Bans an IP until until_ms, whatever the end of its ban was before; ignored if that is not after now_ms.
 * When the ban ends, the quality starts again at 0. */
void book_ban(struct book *b, const struct ip *ip, int64_t until_ms, int64_t now_ms);
bool book_unban(struct book *b,
                const struct ip *ip); /* false if it was not banned; its quality starts at 0 */
bool book_is_banned(const struct book *b, const struct ip *ip, int64_t now_ms);
size_t book_ban_count(const struct book *b, int64_t now_ms);

/* True if the node neither dials nor accepts an ordinary peer of that IP: it is banned, or its quality is
 * below quality_refuse. Special peers are kept out by a ban alone. */
bool book_refuses(const struct book *b, const struct ip *ip, int64_t now_ms);

/* --- upkeep and the peers file --- */

/* Forgets endpoints without a sign for forget_ms, scores that have decayed to nothing, and bans that are
 * over. Cheap enough to be called once a minute. `keep` returns true for an endpoint that must stay
 * (special); NULL: none must. */
void book_expire(struct book *b, bool (*keep)(void *context, const struct endpoint *e), void *context,
                 int64_t now_ms);

/* How often the bounds cost something since book_new. */
struct book_losses {
    uint64_t endpoints_refused; /* book_learn or book_self found no room or memory */
    uint64_t endpoints_evicted; /* made room for others */
    uint64_t scores_evicted;    /* the same, bans included */
    uint64_t scores_refused;    /* merits and bans that found neither room nor memory */
};
struct book_losses book_losses(const struct book *b);

/* A number that grows with each call that changes something that the peers file keeps. */
uint64_t book_version(const struct book *b);

/* book_snapshot makes a copy of the whole book, for the keeper's thread. The caller frees it with
 * book_snapshot_free, on any thread, also after the book is gone. NULL if memory is short. */
struct book_snapshot {
    size_t n_entries, n_scores;
    struct book_entry *entries; /* from malloc */
    struct book_score *scores;
};
struct book_snapshot *book_snapshot(const struct book *b);

/* Adds by_ms to all its times, to turn them from the book's clock into the wall clock's. Any thread. */
void book_snapshot_shift(struct book_snapshot *s, int64_t by_ms);

/* An empty one with room for these numbers of entries and scores; any thread. NULL if memory is short. */
struct book_snapshot *book_snapshot_new(size_t most_entries, size_t most_scores);
void book_snapshot_free(struct book_snapshot *s); /* NULL is allowed */

/* Adds the content of a snapshot to the book, at the start of a node. `self` is not restored: the node may
 * have moved, and another node may be there. Entries are checked as if they were hostile: those out of range,
 * or in the book already, are left out. The wall clock may have leapt since: times in the future count as
 * now, and so do those of a clock that began in 1970 (before 2020), if it is later now; the end of a ban
 * moves with its beginning. If there is not room for all, those that would make room for others last are
 * kept. The snapshot stays the caller's. Returns how many entries and scores were left out. */
size_t book_restore(struct book *b, const struct book_snapshot *s, int64_t now_ms);

#endif
