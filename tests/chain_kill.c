/* Adds to a chain over and over, until somebody kills it: check_chain_kill.py does.
 *
 * Main grows by packs of blocks and now and then gives way to a longer branch; transactions come into the
 * pool, and blocks are made of them. After each answer it prints "block HASH" with main's last block, or
 * "transaction ID" with one that waits. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chain/request.h"

enum { PACK = 20, DEEP = 6 };

static void *chain;

static int64_t wall_ms(void)
{
    return time(NULL) * INT64_C(1000);
}

/* Another one each time. */
static struct chain_item draw_transaction(void)
{
    char text[48];
    struct chain_item item = {0};
    const char *why;
    snprintf(text, sizeof text, "%08x%08x", randombytes_random(), randombytes_random());
    json_t *value = json_pack("{s:s,s:s,s:[s]}", "sender", "abababababababababababababababababababab",
                              "receiver", "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "message", text);
    if (!chain_transaction_read(value, &item, &why)) {
        exit(EXIT_FAILURE);
    }
    json_decref(value);
    return item;
}

/* Takes the parcel's reference, and returns the answer's, which is none of a failure. */
static struct parcel *ask(enum chain_request kind, struct parcel *parcel, enum chain_answer wanted)
{
    const struct store_request q = {.kind = kind, .parcel = parcel};
    struct store_answer a = {0};
    chain_schema.answer(chain, &q, &a);
    parcel_release(parcel);
    if (a.kind != wanted || !a.parcel) {
        fprintf(stderr, "request %d: answer %u: %.*s\n", (int)kind, a.kind,
                a.parcel ? (int)a.parcel->size : 0, a.parcel ? (const char *)a.parcel->bytes : "");
        exit(EXIT_FAILURE);
    }
    return a.parcel;
}

static void say(const char *what, const struct chain_hash *hash)
{
    char text[CHAIN_HASH_TEXT_MAX];
    printf("%s %s\n", what, chain_hash_format(hash, text, sizeof text));
    fflush(stdout);
}

static void say_tip(struct parcel *added)
{
    say("block", &((const struct chain_added *)(const void *)added->bytes)->state.tip);
    parcel_release(added);
}

static void add_transactions(void)
{
    struct chain_pack pack = {0};
    struct chain_item t = {0};
    for (int i = 0; i < 5; i++) {
        chain_item_free(&t);
        t = draw_transaction();
        chain_pack_add(&pack, &t);
    }
    parcel_release(ask(CHAIN_ADD_TRANSACTIONS, chain_pack_end(&pack), CHAIN_ADDED));
    say("transaction", &t.id);
    chain_item_free(&t);
}

/* A pack of blocks on main's block `back` before its last. */
static void add_blocks(int64_t back)
{
    struct parcel *state = ask(CHAIN_GET_STATE, NULL, CHAIN_STATE);
    const struct chain_state *s = (const void *)state->bytes;
    back = back > s->height ? s->height : back;
    struct chain_wanted *wanted = calloc(1, sizeof *wanted + sizeof wanted->items[0]);
    wanted->n = 1;
    wanted->items[0].number = s->height - back;
    struct parcel *found =
        ask(CHAIN_GET_BLOCKS, parcel_new(wanted, sizeof *wanted + sizeof wanted->items[0]), CHAIN_BLOCKS);
    struct chain_item prev, block;
    size_t at = chain_found_pack(found);
    struct chain_pack pack = {0};
    bool good = chain_pack_next(found, &at, &prev);
    for (int i = 0; i < PACK && good; i++) {
        struct chain_item t = draw_transaction();
        good = chain_block_make(&prev, prev.time_s, t.text, t.size, &block);
        chain_item_free(&t);
        if (i > 0) {
            chain_item_free(&prev);
        }
        chain_pack_add(&pack, &block);
        prev = block;
    }
    chain_item_free(&prev);
    say_tip(ask(CHAIN_ADD_BLOCKS, chain_pack_end(&pack), CHAIN_ADDED));
    parcel_release(found);
    parcel_release(state);
    free(wanted);
}

int main(int argc, char **argv)
{
    char error[300] = "usage: chain_kill FILE";
    const struct store_place place = {.path = argv[1], .network = "LOCAL", .wall_ms = wall_ms};
    chain = calloc(1, chain_schema.size);
    if (argc != 2 || sodium_init() < 0 || !chain_schema.open(chain, &place, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        return EXIT_FAILURE;
    }
    puts("open");
    fflush(stdout);
    for (unsigned i = 0;; i++) {
        add_transactions();
        add_blocks(i % 3 == 2 ? DEEP : 0);
        if (i % 4 == 3) {
            say_tip(ask(CHAIN_MAKE_BLOCK, NULL, CHAIN_ADDED));
        }
    }
}
