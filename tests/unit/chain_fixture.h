/* A chain's database without its thread, and blocks and transactions for it. */
#ifndef KITH_TESTS_CHAIN_FIXTURE_H
#define KITH_TESTS_CHAIN_FIXTURE_H

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "chain/request.h"

#define NOW_S INT64_C(1700000000)

static int64_t fixture_now_s = NOW_S;

static int64_t fixture_wall_ms(void)
{
    return fixture_now_s * 1000;
}

/* --- asking --- */

static inline void *chain_open_at(const char *path, const char *network, char *error, size_t size)
{
    const struct store_place place = {.path = path, .network = network, .wall_ms = fixture_wall_ms};
    void *d = calloc(1, chain_schema.size);
    if (chain_schema.open(d, &place, error, size)) {
        return d;
    }
    free(d);
    return NULL;
}

static inline void *chain_open(const char *path)
{
    char error[200] = "";
    void *d = chain_open_at(path, "LOCAL", error, sizeof error);
    assert_string_equal(error, "");
    return d;
}

static inline void chain_close(void *d)
{
    chain_schema.close(d);
    free(d);
}

/* Takes the reference of the request's parcel. */
static inline struct store_answer chain_ask(void *d, enum chain_request kind, struct parcel *parcel)
{
    const struct store_request q = {.token = 7, .kind = kind, .parcel = parcel};
    struct store_answer a = {.token = 7};
    chain_schema.answer(d, &q, &a);
    parcel_release(parcel);
    return a;
}

static inline struct chain_state chain_look(void *d)
{
    struct store_answer a = chain_ask(d, CHAIN_GET_STATE, NULL);
    assert_int_equal(a.kind, CHAIN_STATE);
    struct chain_state state;
    memcpy(&state, a.parcel->bytes, sizeof state);
    parcel_release(a.parcel);
    return state;
}

static inline const struct chain_added *added_of(const struct store_answer *a)
{
    assert_int_equal(a->kind, CHAIN_ADDED);
    return (const void *)a->parcel->bytes;
}

static inline void assert_parcel_text(const struct store_answer *a, enum chain_answer kind, const char *text)
{
    assert_int_equal(a->kind, kind);
    char *copy = strndup((const char *)a->parcel->bytes, a->parcel->size);
    assert_string_equal(copy, text);
    free(copy);
    parcel_release(a->parcel);
}

/* Adds the items and returns the answer's parcel. */
static inline const struct chain_added *
chain_add(void *d, enum chain_request kind, const struct chain_item *items, size_t n, struct parcel **parcel)
{
    struct chain_pack pack = {0};
    for (size_t i = 0; i < n; i++) {
        chain_pack_add(&pack, &items[i]);
    }
    struct store_answer a = chain_ask(d, kind, chain_pack_end(&pack));
    *parcel = a.parcel;
    const struct chain_added *added = added_of(&a);
    assert_int_equal(added->n, n);
    assert_int_equal(chain_added_pack(a.parcel), a.parcel->size);
    return added;
}

/* The same of one: its verdict. */
static inline enum chain_verdict chain_add_one(void *d, enum chain_request kind,
                                               const struct chain_item *item)
{
    struct parcel *parcel;
    enum chain_verdict verdict = chain_add(d, kind, item, 1, &parcel)->verdicts[0];
    parcel_release(parcel);
    return verdict;
}

static inline enum chain_verdict add_block(void *d, const struct chain_item *block)
{
    return chain_add_one(d, CHAIN_ADD_BLOCKS, block);
}

static inline enum chain_verdict add_transaction(void *d, const struct chain_item *transaction)
{
    return chain_add_one(d, CHAIN_ADD_TRANSACTIONS, transaction);
}

/* --- items; the caller frees each --- */

static inline struct chain_item genesis_block(void)
{
    struct chain_item genesis;
    assert_true(chain_genesis("LOCAL", &genesis));
    return genesis;
}

/* The transaction whose message is that number, and text of so many bytes. */
static inline struct chain_item make_transaction(int number, size_t length)
{
    struct chain_item item;
    const char *why;
    char *text = malloc(length + 1);
    memset(text, 'x', length);
    text[length] = '\0';
    json_t *value =
        json_pack("{s:s,s:s,s:[i,s]}", "sender", "abababababababababababababababababababab", "receiver",
                  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "message", number, text);
    free(text);
    assert_true(chain_transaction_read(value, &item, &why));
    json_decref(value);
    return item;
}

/* The block on `prev` with those transactions. */
static inline struct chain_item make_block(const struct chain_item *prev, int64_t time_s,
                                           const struct chain_item *transactions, size_t n)
{
    struct chain_item block;
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        size += transactions[i].size + 1;
    }
    char *list = malloc(size + 1), *at = list;
    for (size_t i = 0; i < n; i++) {
        at = mempcpy(at, transactions[i].text, transactions[i].size);
        *at++ = ',';
    }
    assert_true(chain_block_make(prev, time_s, list, size - (n > 0), &block));
    free(list);
    return block;
}

/* n blocks on `prev`, a second from each to the next, each with the transaction of number `first` and on. */
static inline void make_branch(const struct chain_item *prev, int64_t time_s, int first, size_t n,
                               struct chain_item *blocks)
{
    for (size_t i = 0; i < n; i++) {
        struct chain_item transaction = make_transaction(first + (int)i, 0);
        blocks[i] = make_block(i == 0 ? prev : &blocks[i - 1], time_s + (int64_t)i, &transaction, 1);
        chain_item_free(&transaction);
    }
}

static inline void free_items(struct chain_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        chain_item_free(&items[i]);
    }
}

/* --- what is in the chain --- */

static inline bool knows_transaction(void *d, const struct chain_item *wanted)
{
    struct store_answer a = chain_ask(d, CHAIN_GET_TRANSACTION, parcel_new(&wanted->id, sizeof wanted->id));
    assert_int_equal(a.kind, CHAIN_TRANSACTION);
    if (!a.parcel) {
        return false;
    }
    struct chain_item item;
    size_t at = 0;
    assert_true(chain_pack_next(a.parcel, &at, &item));
    assert_true(chain_hash_equal(&item.id, &wanted->id));
    assert_int_equal(item.size, wanted->size);
    assert_memory_equal(item.text, wanted->text, item.size);
    assert_int_equal(item.weight, wanted->weight);
    parcel_release(a.parcel);
    return true;
}

static inline struct parcel *list_hashes(void *d, int64_t from, int64_t count)
{
    const struct chain_range range = {.from = from, .count = count};
    struct store_answer a = chain_ask(d, CHAIN_GET_HASHES, parcel_new(&range, sizeof range));
    assert_int_equal(a.kind, CHAIN_HASHES);
    return a.parcel;
}

/* Main has those blocks from the number of the first on, and none behind. */
static inline void assert_main(void *d, const struct chain_item *blocks, size_t n)
{
    struct parcel *parcel = list_hashes(d, blocks[0].number, CHAIN_LIST_MAX);
    const struct chain_hashes *list = (const void *)parcel->bytes;
    assert_int_equal(list->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(chain_hash_equal(&list->hashes[i], &blocks[i].id));
    }
    parcel_release(parcel);
    const struct chain_state state = chain_look(d);
    assert_int_equal(state.height, blocks[n - 1].number);
    assert_true(chain_hash_equal(&state.tip, &blocks[n - 1].id));
    assert_int_equal(state.tip_time_s, blocks[n - 1].time_s);
}

/* --- the disk --- */

/* A full disk: no file grows beyond so many bytes. RLIM_INFINITY: as before. */
static inline void limit_files(rlim_t bytes)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
