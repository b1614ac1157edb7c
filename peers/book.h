/* The peer book: the endpoints that the node knows, a score of each IP address, and the bans.
 *
 * Single-threaded: its owner (the controller's core) alone touches it. It reads no clock, does no I/O and
 * never blocks. now_ms is in milliseconds since 1970: the wall clock as it was at the start, going on evenly
 * from there (book_snapshot_shift). Random numbers come from the function that the caller passes. Endpoints,
 * IPs and arrays that are passed stay the caller's. Every table is bounded.
 *
 * Strangers tell us addresses, and some of them want us to know none but theirs. So an endpoint lies in one
 * of four rooms, and in one place of it, however many tell of it. Each room has buckets of 32 places:
 *
 * - NEW, 256 buckets: what peers have told, in a share, a refusal or a handshake. What one network group has
 *   told lies in 16 buckets at most (512 places), and what it has told of one other group in four of them.
 * - TRIED, 64 buckets: where a dial of ours was answered. One network group has four buckets.
 * - SEEDS, 64 buckets: what seed lists, DNS seeds and the operator name, and no peer can put there.
 * - SELF, one bucket: ourselves.
 *
 * A secret key decides which buckets those are, so that nobody outside can tell. It is kept in the peers
 * file.
 *
 * Whoever comes into a full bucket of NEW takes the place of one that has failed or been silent for long; or
 * else of one whose teller has more than one place more there than the newcomer's. So nobody's flood can keep
 * the others out, a teller's own flood replaces nothing, and the cost is that of one bucket, whatever the
 * flood. (Bitcoin Core gives each address one place by key, and leaves whoever lies there. Then a flood that
 * fills a bucket keeps honest newcomers out of it; by tellers it cannot.) Into a full bucket of TRIED nobody
 * comes before the occupant was dialed and did not answer (book_feeler). In SEEDS, the operator's replace the
 * lists', and what is named replaces what the peers file says was named once; what finds no room there is
 * NEW. */
#ifndef KITH_PEERS_BOOK_H
#define KITH_PEERS_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bounds.h"
#include "base/endpoint.h"

#define QUALITY_MIN (-2147483000)
#define QUALITY_MAX 2147483000

enum {
    BOOK_KEY_BYTES = 16,
    BOOK_PLACES = 32, /* of a bucket */
    BOOK_NEW_BUCKETS = 256,
    BOOK_TRIED_BUCKETS = 64,
    BOOK_SEED_BUCKETS = 64,
    BOOK_BUCKETS_OF_TELLER = 16, /* of NEW */
    BOOK_BUCKETS_OF_GROUP = 4,   /* of TRIED; in NEW, of those of one teller */
    BOOK_MOST = (BOOK_NEW_BUCKETS + BOOK_TRIED_BUCKETS + BOOK_SEED_BUCKETS + 1) * BOOK_PLACES, /* 12,320 */
    BOOK_TESTS = 16, /* occupants of TRIED that wait to be dialed, so that they stay or make room */
};

struct book;

struct book_config {
    uint8_t key[BOOK_KEY_BYTES]; /* random and secret; a peers file that has one goes before */
    size_t most_ips;             /* the most that the table of scores and bans keeps */
    size_t most_ids;             /* the same of node ids (peers/ids.h); 0 if none are rated */
    size_t most_per_ip; /* the most endpoints of one IP address (IPv6: of one /64), so that nobody fills the
                           book with ports; 0 for no limit (256) */
    int64_t forget_ms; /* an endpoint is forgotten after this time without a sign of it, unless it is special;
                          0 for never (7 days) */
    int64_t decay_ms;  /* scores lose a tenth, toward zero, once in this time; 0 for never (1 hour) */
    int64_t redial_ms; /* an endpoint is no candidate for this time after a dial (2 minutes) */
    int64_t retry_ms;  /* the same if that dial failed, and it is not shared either; seeds are exempt; 0 for
                          redial_ms (0) */
    int64_t retry_first_ms; /* after the first failure in a row it is so long, and twice as long after each
                               further one, up to retry_ms; each time by a factor that nobody can foresee, one
                               on average, and no less than half of redial_ms; 0 for retry_ms at once (0) */
    int64_t shelve_ms; /* an endpoint that never answered is not dialed after a failure, and forgotten after
                          so long; one that is given up is forgotten; seeds are exempt; 0 for neither (0) */
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
    SOURCE_INCOMING, /* it connected to us, and says that it listens there */
    SOURCE_OPERATOR, /* -bootstrap */
    SOURCE_COUNT,
};

/* Who told of an endpoint: the network group of a peer (ip_group), or one of these. */
#define TELLER_FILE  UINT64_C(1) /* not known any more */
#define TELLER_SEEDS UINT64_C(2) /* the seed lists and the operator */

/* One endpoint, as the peers file keeps it. Times are wall-clock milliseconds, 0 for never. */
struct book_entry {
    struct endpoint endpoint;
    int64_t heard_ms;    /* a handshake with it, or a parcel from it, whoever had dialed */
    int64_t answered_ms; /* the same over a connection that we dialed */
    int64_t since_ms;    /* when it first answered a dial of ours, since it was given up last */
    int64_t learned_ms;  /* when it came into the book */
    int64_t dialed_ms;   /* the last dial */
    uint64_t told_by;    /* the teller whose place it has */
    uint32_t failures;   /* dials that failed since one succeeded */
    uint32_t mute; /* connections in a row that were lost without a word of the peer; not in the peers file */
    uint8_t source;    /* enum endpoint_source */
    bool tried;        /* it is in TRIED */
    bool anchor;       /* an outgoing ordinary connection with it stood last: book_set_anchor */
    bool self;         /* it is ourselves: never dialed, never shared */
    bool seed;         /* a seed list has named it since the start; not in the peers file */
    struct peer_id id; /* who is there, as far as known */
    bool id_proved;    /* it is not hearsay */
};

/* The score of one IP address, or of one /64 of IPv6. */
struct book_score {
    struct ip ip;              /* as ip_holder gives it */
    int32_t quality;           /* as it was at quality_ms */
    int32_t standing;          /* likewise, but of what was earned on connections that we dialed */
    int64_t quality_ms;        /* when they last decayed; of one that is banned, when the ban began */
    int64_t earned_ms;         /* when it last earned something; 0 for never, or not since the start */
    int64_t banned_until;      /* 0 for not banned */
    int64_t discouraged_until; /* the same of book_discourage */
};

/* The score of one node id. */
struct book_id_score {
    struct peer_id id;       /* bytes beyond its size are 0 */
    struct book_score score; /* ip: of whom it was first rated for; standing: 0 */
};

/* Copies *config. sodium_init must have been called. NULL if memory is short. */
struct book *book_new(const struct book_config *config);
void book_free(struct book *b); /* NULL is allowed */

/* --- endpoints --- */

/* Adds an endpoint to SEEDS (SOURCE_SEED, SOURCE_OPERATOR, which need no told_by) or to NEW. One that is
 * known keeps its place, and its source, unless it is in NEW and a seed list or the operator names it; if it
 * was given up it gets one more dial. It does not count as heard from. False if it was refused: port 0, a
 * link-local address (its scope would be wrong tomorrow, and for everybody else), no room, no memory. */
bool book_learn(struct book *b, const struct endpoint *e, enum endpoint_source source, uint64_t told_by,
                int64_t now_ms);

/* A dial begins; it failed. Ignored for an endpoint that is not in the book. */
void book_dialed(struct book *b, const struct endpoint *e, int64_t now_ms);
void book_failed(struct book *b, const struct endpoint *e, int64_t now_ms);

/* Our own dial was answered by a handshake, or such a connection goes on: this, and nothing that others say
 * or do, makes an endpoint *tried*. Enters one that is not in the book. It stays where it was if its bucket
 * of TRIED is full, until the occupant was tested. */
void book_answered(struct book *b, const struct endpoint *e, int64_t now_ms);

/* A connection that we dialed has ended; `spoke`: the peer had said something after the handshake. With
 * retry_first_ms so many in a row that say nothing count as so many failures in a row, if that is more. */
void book_conversed(struct book *b, const struct endpoint *e, bool spoke);

/* Somebody who dialed us says that he listens there, and goes on to be heard. He may say so of any port of
 * his IP. So it keeps the endpoint from being forgotten, and gives one that was given up one more dial;
 * nothing more. Ignored for an endpoint that is not in the book. */
void book_heard(struct book *b, const struct endpoint *e, int64_t now_ms);

/* The dial never left this system, and says nothing of who is there: it may be dialed again at at_ms, or
 * after the usual time between two dials, if that is less. */
void book_retry_later(struct book *b, const struct endpoint *e, int64_t at_ms, int64_t now_ms);

/* It is ourselves. Enters it if it is not in the book; in place of the oldest of SELF if need be. */
void book_self(struct book *b, const struct endpoint *e, int64_t now_ms);
bool book_is_self(const struct book *b, const struct endpoint *e);

/* Whether an outgoing ordinary connection stands with it. Those are dialed first after the next start.
 * Ignored for an endpoint that is not in the book. */
void book_set_anchor(struct book *b, const struct endpoint *e, bool stands);

/* When any endpoint of that IP address (IPv6: of its /64) was dialed last; 0 for never, or if none is known.
 */
int64_t book_ip_dialed_ms(const struct book *b, const struct ip *ip);

/* Says which peer is at the endpoint. `told_by`: the IP address of who says so; NULL if the peer itself has
 * proved it when we dialed it, or the operator says so. What is told replaces no id that is known, and is not
 * believed after a lie. Ignored if the endpoint is not in the book. */
void book_identify(struct book *b, const struct endpoint *e, const struct peer_id *id,
                   const struct ip *told_by);

/* Another peer than the known one was found at the endpoint. Returns true if the known id was only told: it
 * is then forgotten, and the dial should not count against the endpoint. *told_by is then who told of it, or
 * all zero if that is not known. */
bool book_was_hearsay(struct book *b, const struct endpoint *e, struct ip *told_by);

/* The entry of that endpoint; NULL if it is not known. Valid until the next call that changes the book. */
const struct book_entry *book_find(const struct book *b, const struct endpoint *e);
size_t book_count(const struct book *b);
size_t book_count_tried(const struct book *b); /* looks at every endpoint */

/* Of the endpoints that peers told of: how many there are, and how many the same teller has told. Looks at
 * every endpoint. Zeros if memory is short. */
struct book_told {
    size_t n, most;
};
struct book_told book_told(const struct book *b);

/* --- choosing --- */

struct book_choice {
    /* True for an endpoint that the caller does not want: connected already, being dialed, special. NULL: all
     * are wanted. */
    bool (*skip)(void *context, const struct endpoint *e);
    uint32_t (*group_use)(void *context,
                          uint64_t group); /* connections of that group there are; NULL: none */
    uint64_t (*random)(void *context);
    void *context;
    /* For book_candidates: how many may be strangers (TRUST_NEW), and how many no more than acquaintances,
     * while there are others. */
    size_t most_new, most_unfamiliar;
    bool only_anchors; /* nobody else */
};

/* What is known of an endpoint by our own dials. Who floods us can make his addresses acquaintances, by
 * answering our feelers; he becomes familiar if he is there for a day. */
enum book_trust {
    TRUST_NEW,          /* in NEW: it never answered */
    TRUST_ACQUAINTANCE, /* in TRIED */
    TRUST_FAMILIAR,     /* it answered first a day ago or longer; or a seed list or the operator names it */
};

struct book_pick {
    struct endpoint endpoint;
    enum book_trust trust;
};

/* Chooses up to `most` endpoints to dial, in the order to dial them: not ourselves, neither banned nor
 * discouraged, quality not below quality_refuse, not dialed within redial_ms (retry_ms), not given up, and
 * not refused by `skip`.
 *
 * First come the anchors. Each of the others is drawn from those of the highest trust that there are: TRIED
 * goes before SEEDS there. But with a chance of one in four it is drawn from those of less trust, as long as
 * most_new and most_unfamiliar allow it. An endpoint of TRIED that has failed for the first time counts as if
 * it were there for redial_ms: a short break of the network is no reason to go over to strangers.
 *
 * Among those of one trust, the groups with the fewest connections come first, those chosen in this call
 * included. Among them, two groups are drawn (in NEW: two buckets) and one endpoint of each; the one of the
 * better standing is taken or, if that is equal, the one that has answered for longer. So each group is as
 * likely as any other, however many endpoints it has, and merit helps, but decides nothing. The functions
 * must not change the book. 0 also if memory is short. */
size_t book_candidates(const struct book *b, const struct book_choice *choice, struct book_pick *out,
                       size_t most, int64_t now_ms);

/* Chooses whom to dial only to see if anybody answers: the occupant of a full bucket of TRIED, if another
 * wants his place; else one that never answered, by the rules of book_candidates. False if there is none. */
bool book_feeler(const struct book *b, const struct book_choice *choice, struct endpoint *out,
                 int64_t now_ms);

/* Every endpoint that was given up may be dialed once more: for a node that was cut off so long that it gave
 * up all that it knew. Looks at every endpoint. */
void book_forget_failures(struct book *b);

/* The earliest time at which an endpoint becomes a candidate that is none now, since it, or one of TRIED, was
 * dialed lately; INT64_MAX for none. Looks at every endpoint. */
int64_t book_next_candidate(const struct book *b, int64_t now_ms);

/* Chooses up to `most` endpoints to share, at random: heard from, not ourselves, neither banned nor
 * discouraged, not waiting for retry_ms, not refused by choice->skip (special peers, the asker); and either
 * of a quality above `quality_above`, or once answered and not below a tenth of quality_refuse. group_use is
 * not used. 0 also if memory is short. */
size_t book_shareable(const struct book *b, const struct book_choice *choice, int32_t quality_above,
                      struct endpoint *out, size_t most, int64_t now_ms);

/* Whether an endpoint may be shared now, choice->skip aside. Looks at that one alone. */
bool book_may_share(const struct book *b, const struct endpoint *e, int32_t quality_above, int64_t now_ms);

/* --- scores and bans, per IP (IPv6: per /64) --- */

/* Points for having been useful: they count once in EARN_MS, whatever the number of connections, so that
 * merit grows with time, and not with bytes. `dialed`: on a connection that we dialed; only those count in
 * standing, and so in whom we dial. As book_merit in all else. */
#define EARN_MS INT64_C(60000)
void book_earn(struct book *b, const struct ip *ip, int32_t points, bool dialed, int64_t now_ms);

/* Adds merit (or, negative, demerit, which counts in standing as well) after the decay that is due; clamped
 * to QUALITY_MIN .. QUALITY_MAX. Nothing is added while the IP is banned. In a full table one row of the next
 * 32 makes room: one of a score of zero, or else, of the network groups that have most of those rows if the
 * newcomer is counted, the one nearest to zero. So who floods the table from one group gets one row of 32
 * from the others, and then replaces himself. Bans stay until they end, unless there is nothing else in 256
 * rows: then the one of them that ends first makes room. */
void book_merit(struct book *b, const struct ip *ip, int32_t merit, int64_t now_ms);
int32_t book_quality(const struct book *b, const struct ip *ip, int64_t now_ms);  /* decayed; 0 for unknown */
int32_t book_standing(const struct book *b, const struct ip *ip, int64_t now_ms); /* likewise */

/* Bans an IP until until_ms, whatever the end of its ban was before; ignored if that is not after now_ms.
 * When the ban ends, the quality starts again at 0. */
void book_ban(struct book *b, const struct ip *ip, int64_t until_ms, int64_t now_ms);
bool book_unban(struct book *b,
                const struct ip *ip); /* false if it was not banned; its quality starts at 0 */
bool book_is_banned(const struct book *b, const struct ip *ip, int64_t now_ms);

/* Discourages an IP until until_ms: it is neither dialed nor shared, and who comes from there is the first to
 * give up its place. It may still come. Never shortens what was said before. An unban or ban ends it. */
void book_discourage(struct book *b, const struct ip *ip, int64_t until_ms, int64_t now_ms);
bool book_is_discouraged(const struct book *b, const struct ip *ip, int64_t now_ms);
size_t book_ban_count(const struct book *b, int64_t now_ms); /* of node ids, too */

/* True if the node neither dials nor accepts an ordinary peer of that IP: it is banned, or its quality is
 * below quality_refuse. Special peers are kept out by a ban alone. */
bool book_refuses(const struct book *b, const struct ip *ip, int64_t now_ms);

/* --- upkeep and the peers file --- */

/* The rows of a book of that configuration, and of a snapshot that is being written to the peers file. Any
 * thread. */
void book_bounds(struct bounds *b, const struct book_config *config);

/* Forgets endpoints without a sign for forget_ms, those that shelve_ms speaks of, scores that have decayed to
 * nothing, and bans that are over. Cheap enough to be called once a minute. `keep` returns true for an
 * endpoint that must stay (special); NULL: none must. */
void book_expire(struct book *b, bool (*keep)(void *context, const struct endpoint *e), void *context,
                 int64_t now_ms);

/* What the bounds cost since book_new. */
struct book_losses {
    uint64_t endpoints_refused; /* book_learn found no room or memory */
    uint64_t endpoints_evicted; /* made room for others */
    uint64_t scores_evicted;    /* the same, bans included */
    uint64_t scores_refused;    /* merits and bans that found neither room nor memory */
    uint64_t places_looked_at;  /* in search of room: the work that all that took */
};
struct book_losses book_losses(const struct book *b);

/* A number that grows with each call that changes something that the peers file keeps. */
uint64_t book_version(const struct book *b);

/* book_snapshot makes a copy of the whole book, for the keeper's thread. The caller frees it with
 * book_snapshot_free, on any thread, also after the book is gone. NULL if memory is short. */
struct book_snapshot {
    bool has_key; /* false: from a file of a program that had no rooms */
    uint8_t key[BOOK_KEY_BYTES];
    size_t n_entries, n_scores, n_ids;
    struct book_entry *entries; /* from malloc, as the others are */
    struct book_score *scores;
    struct book_id_score *ids;
};
struct book_snapshot *book_snapshot(const struct book *b);

/* Adds by_ms to all its times, to turn them from the book's clock into the wall clock's. Any thread. */
void book_snapshot_shift(struct book_snapshot *s, int64_t by_ms);

/* An empty one with room for these numbers of entries, and scores of IPs and node ids; any thread. NULL if
 * memory is short. */
struct book_snapshot *book_snapshot_new(size_t most_entries, size_t most_scores, size_t most_ids);
void book_snapshot_free(struct book_snapshot *s); /* NULL is allowed */

/* Adds the content of a snapshot to the book, at the start of a node, when the book is empty. `self` is not
 * restored: the node may have moved, and another node may be there. Entries are checked as if they were
 * hostile: those out of range, or in the book already, are left out. The wall clock may have leapt since:
 * times in the future count as now, and so do those of a clock that began in 1970 (before 2020), if it is
 * later now; the end of a ban moves with its beginning. If there is not room for all, the best are kept:
 * tried ones, then those heard from last. The snapshot stays the caller's. Returns how many entries and
 * scores were left out. */
size_t book_restore(struct book *b, const struct book_snapshot *s, int64_t now_ms);

#endif
