/* Blocks, transactions and packs, beside what Python makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/item.h"

static json_t *vectors;

static int load(void **state)
{
    (void)state;
    vectors = json_load_file(KITH_VECTORS_DIR "/chain.json", 0, NULL);
    return vectors && sodium_init() >= 0 ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static const char *text_of(const json_t *vector, const char *name)
{
    return json_string_value(json_object_get(vector, name));
}

static void assert_hash(const struct chain_hash *hash, const char *text)
{
    char shown[CHAIN_HASH_TEXT_MAX];
    assert_string_equal(chain_hash_format(hash, shown, sizeof shown), text);
}

static void assert_text(const struct chain_item *item, const char *text)
{
    assert_int_equal(item->size, strlen(text));
    assert_memory_equal(item->text, text, item->size);
    assert_int_equal(item->weight, json_measure(text, strlen(text)).weight);
}

static void hashes_are_64_digits(void **state)
{
    (void)state;
    static const char lower[] = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    static const char upper[] = "00112233445566778899AABBCCDDEEFF0F1E2D3C4B5A69788796A5B4C3D2E1F0";
    struct chain_hash a, b = {{7}}, untouched = b;
    assert_true(chain_hash_parse(&a, lower, 64));
    assert_hash(&a, lower);
    assert_false(chain_hash_equal(&a, &b));
    static const char *const bad[] = {"",
                                      "0",
                                      "g0112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                                      "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f ",
                                      "0x112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                                      "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f",
                                      "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f00",
                                      "@0112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(chain_hash_parse(&b, bad[i], strlen(bad[i])));
        assert_true(chain_hash_equal(&b, &untouched));
    }
    assert_true(chain_hash_parse(&b, upper, 64));
    assert_true(chain_hash_equal(&a, &b));
}

static void each_network_has_its_genesis(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "genesis"), i, vector)
    {
        struct chain_item made, read;
        struct chain_hash hash;
        assert_true(chain_genesis(text_of(vector, "network"), &made));
        assert_text(&made, text_of(vector, "text"));
        assert_hash(&made.id, text_of(vector, "hash"));
        assert_int_equal(made.number, 0);
        assert_int_equal(made.n_transactions, 1);
        assert_true(chain_genesis_hash(text_of(vector, "network"), &hash));
        assert_true(chain_hash_equal(&hash, &made.id));

        const char *why;
        json_t *value = json_read(made.text, made.size, &why);
        assert_true(chain_block_read(value, &read, &why));
        assert_true(chain_hash_equal(&read.id, &made.id));
        json_decref(value);
        chain_item_free(&read);
        chain_item_free(&made);
    }
    struct chain_item none;
    assert_false(chain_genesis("\xff", &none));
    assert_int_equal(i, 5);
}

static void transactions_have_the_ids_that_python_makes(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "transactions"), i, vector)
    {
        struct chain_item item;
        const char *why;
        assert_true(chain_transaction_read(json_object_get(vector, "value"), &item, &why));
        assert_hash(&item.id, text_of(vector, "id"));
        assert_text(&item, text_of(vector, "text"));
        chain_item_free(&item);
        chain_item_free(&item);
    }
    assert_int_equal(i, 5);
}

static void blocks_have_the_hashes_that_python_makes(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "blocks"), i, vector)
    {
        struct chain_item item, transaction;
        const char *why;
        json_t *value = json_object_get(vector, "value"), *ids = json_object_get(vector, "ids");
        assert_true(chain_block_read(value, &item, &why));
        assert_hash(&item.id, text_of(vector, "hash"));
        assert_text(&item, text_of(vector, "text"));
        assert_int_equal(item.number, json_integer_value(json_object_get(value, "number")));
        assert_int_equal(item.time_s, json_integer_value(json_object_get(value, "time")));
        assert_int_equal(item.n_transactions, json_array_size(ids));

        size_t at = 0, n = 0;
        for (; chain_block_transaction(&item, &at, &transaction); n++) {
            assert_hash(&transaction.id, json_string_value(json_array_get(ids, n)));
        }
        assert_int_equal(n, item.n_transactions);
        chain_item_free(&item);
    }
    assert_int_equal(i, 6);
}

static void a_hash_in_capitals_is_the_same_block(void **state)
{
    (void)state;
    json_t *vector = json_array_get(json_object_get(vectors, "blocks"), 1);
    json_t *value = json_deep_copy(json_object_get(vector, "value"));
    char capitals[CHAIN_HASH_TEXT_MAX] = "";
    for (size_t i = 0; i < CHAIN_HASH_TEXT_MAX - 1; i++) {
        char c = text_of(vector, "hash")[i];
        capitals[i] = (char)(c >= 'a' ? c - 32 : c);
    }
    json_object_set_new(value, "hash", json_string(capitals));
    struct chain_item item;
    const char *why;
    assert_true(chain_block_read(value, &item, &why));
    assert_text(&item, text_of(vector, "text"));
    chain_item_free(&item);
    json_decref(value);
}

static void assert_all_refused(const char *which,
                               bool (*read)(const json_t *, struct chain_item *, const char **), size_t least)
{
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, which), i, vector)
    {
        struct chain_item item = {.number = -7};
        const char *why = NULL;
        if (read(json_object_get(vector, "value"), &item, &why)) {
            print_error("accepted: %s\n", text_of(vector, "name"));
            fail();
        }
        assert_non_null(why);
        assert_int_equal(item.number, -7);
    }
    assert_true(i > least);
}

static void malformed_transactions_are_refused(void **state)
{
    (void)state;
    assert_all_refused("bad_transactions", chain_transaction_read, 30);
}

static void malformed_blocks_are_refused(void **state)
{
    (void)state;
    assert_all_refused("bad_blocks", chain_block_read, 90);
}

static json_t *transaction_of(json_t *message)
{
    static const char address[] = "abababababababababababababababababababab";
    return json_pack("{s:s,s:s,s:o}", "sender", address, "receiver", address, "message", message);
}

static json_t *long_transaction(size_t size)
{
    json_t *t = transaction_of(json_pack("[s]", ""));
    char *text;
    size_t least;
    assert_true(json_canonical(t, &text, &least));
    free(text);
    text = malloc(size);
    memset(text, 'x', size);
    json_array_set_new(json_object_get(t, "message"), 0, json_stringn(text, size - least));
    free(text);
    return t;
}

static bool is_transaction(json_t *value, const char *wanted)
{
    struct chain_item item;
    const char *why = "";
    bool good = chain_transaction_read(value, &item, &why);
    if (good) {
        chain_item_free(&item);
    } else {
        assert_string_equal(why, wanted);
    }
    json_decref(value);
    return good;
}

static json_t *numbers(size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_integer(1));
    }
    return array;
}

static void a_transaction_has_maxima(void **state)
{
    (void)state;
    static const char too_long[] = "a transaction that is too long",
                      many[] = "a transaction of too many values";
    assert_true(is_transaction(long_transaction(CHAIN_TRANSACTION_MAX), ""));
    assert_false(is_transaction(long_transaction(CHAIN_TRANSACTION_MAX + 1), too_long));
    enum { REST = 11 }; /* an object, three names, two strings, an array */
    assert_true(is_transaction(transaction_of(numbers(CHAIN_TRANSACTION_WEIGHT_MAX - REST)), ""));
    assert_false(is_transaction(transaction_of(numbers(CHAIN_TRANSACTION_WEIGHT_MAX - REST + 1)), many));
}

/* A block's text with those transactions, made by chain_block_make, which takes them as they are. */
static bool is_block(json_t *transactions)
{
    char *list;
    size_t size;
    assert_true(json_canonical(transactions, &list, &size));
    struct chain_item made = {0}, item;
    const struct chain_item prev = {.number = 4};
    bool makes = chain_block_make(&prev, 1, list + 1, size - 2, &made);
    free(list);
    if (!makes) {
        json_decref(transactions);
        return false;
    }
    const char *why;
    json_t *value = json_read(made.text, made.size, &why);
    assert_non_null(value);
    assert_true(json_equal(json_object_get(value, "transactions"), transactions));
    assert_true(chain_block_read(value, &item, &why));
    assert_int_equal(item.number, 5);
    assert_int_equal(item.n_transactions, made.n_transactions);
    assert_int_equal(item.weight, made.weight);
    assert_memory_equal(item.text, made.text, made.size);
    chain_item_free(&item);
    chain_item_free(&made);
    json_decref(value);
    json_decref(transactions);
    return true;
}

static json_t *many(json_t *each, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append(array, each);
    }
    json_decref(each);
    return array;
}

static void a_block_that_is_made_can_be_read(void **state)
{
    (void)state;
    assert_true(is_block(json_array()));
    assert_true(is_block(many(transaction_of(json_pack("[s]", "}],\"")), 3)));
    assert_true(is_block(many(transaction_of(json_array()), CHAIN_TRANSACTIONS_OF_BLOCK_MAX)));
    assert_false(is_block(many(transaction_of(json_array()), CHAIN_TRANSACTIONS_OF_BLOCK_MAX + 1)));
    assert_true(is_block(many(long_transaction(CHAIN_TRANSACTION_MAX - 512), 4)));
    assert_false(is_block(many(long_transaction(CHAIN_TRANSACTION_MAX), 4)));
    assert_true(is_block(many(transaction_of(numbers(CHAIN_TRANSACTION_WEIGHT_MAX - 300)), 4)));
    assert_false(is_block(many(transaction_of(numbers(CHAIN_TRANSACTION_WEIGHT_MAX - 20)), 4)));
    assert_false(is_block(many(long_transaction(CHAIN_TRANSACTION_MAX + 1), 1)));
}

/* What chain_block_make refuses is refused also of others, who make the hash themselves. */
static void a_block_has_maxima(void **state)
{
    (void)state;
    static const struct {
        size_t n, length;
        const char *why;
    } cases[] = {{CHAIN_TRANSACTIONS_OF_BLOCK_MAX + 1, 200, "a block of too many transactions"},
                 {4, CHAIN_TRANSACTION_MAX, "a block that is too long"},
                 {1, CHAIN_TRANSACTION_MAX + 1, "a transaction that is too long"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *block =
            json_deep_copy(json_object_get(json_array_get(json_object_get(vectors, "blocks"), 1), "value"));
        json_object_set_new(block, "transactions", many(long_transaction(cases[i].length), cases[i].n));
        struct chain_item item;
        const char *why = "";
        assert_false(chain_block_read(block, &item, &why));
        assert_string_equal(why, cases[i].why);
        json_decref(block);
    }
}

static void a_block_after_the_last_number_cannot_be_made(void **state)
{
    (void)state;
    struct chain_item made, prev = {.number = CHAIN_NUMBER_MAX - 1};
    assert_true(chain_block_make(&prev, CHAIN_NUMBER_MAX, "", 0, &made));
    chain_item_free(&made);
    assert_false(chain_block_make(&prev, CHAIN_NUMBER_MAX + 1, NULL, 0, &made));
    assert_false(chain_block_make(&prev, -1, NULL, 0, &made));
    prev.number++;
    assert_false(chain_block_make(&prev, 1, NULL, 0, &made));
}

static void a_pack_holds_what_was_added(void **state)
{
    (void)state;
    struct chain_pack pack = {0};
    struct chain_item items[3] = {{.number = 1, .text = "first", .size = 5, .weight = 9},
                                  {.time_s = 2, .text = "", .size = 0},
                                  {.n_transactions = 3, .text = "the third", .size = 9}};
    for (int i = 0; i < 300; i++) {
        chain_pack_add(&pack, &items[i % 3]);
    }
    struct parcel *p = chain_pack_end(&pack);
    assert_non_null(p);
    struct chain_item item;
    size_t at = 0;
    for (int i = 0; i < 300; i++) {
        assert_true(chain_pack_next(p, &at, &item));
        const struct chain_item *wanted = &items[i % 3];
        assert_int_equal(item.number, wanted->number);
        assert_int_equal(item.time_s, wanted->time_s);
        assert_int_equal(item.n_transactions, wanted->n_transactions);
        assert_int_equal(item.weight, wanted->weight);
        assert_int_equal(item.size, wanted->size);
        assert_memory_equal(item.text, wanted->text, wanted->size);
    }
    assert_false(chain_pack_next(p, &at, &item));
    parcel_release(p);

    p = chain_pack_one(&items[2]);
    at = 0;
    assert_true(chain_pack_next(p, &at, &item));
    assert_memory_equal(item.text, "the third", 9);
    assert_false(chain_pack_next(p, &at, &item));
    parcel_release(p);

    p = chain_pack_end(&pack);
    assert_int_equal(p->size, 0);
    at = 0;
    assert_false(chain_pack_next(p, &at, &item));
    parcel_release(p);
}

static void a_pack_that_grows_too_large_fails(void **state)
{
    (void)state;
    struct chain_pack pack = {0};
    char *text = calloc(1, PARCEL_MAX / 4);
    const struct chain_item item = {.text = text, .size = PARCEL_MAX / 4};
    for (int i = 0; i < 4; i++) {
        assert_false(pack.failed);
        chain_pack_add(&pack, &item);
    }
    assert_true(pack.failed);
    assert_null(chain_pack_end(&pack));
    assert_false(pack.failed);
    chain_pack_free(&pack);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_64_digits),
        cmocka_unit_test(each_network_has_its_genesis),
        cmocka_unit_test(transactions_have_the_ids_that_python_makes),
        cmocka_unit_test(blocks_have_the_hashes_that_python_makes),
        cmocka_unit_test(a_hash_in_capitals_is_the_same_block),
        cmocka_unit_test(malformed_transactions_are_refused),
        cmocka_unit_test(malformed_blocks_are_refused),
        cmocka_unit_test(a_transaction_has_maxima),
        cmocka_unit_test(a_block_that_is_made_can_be_read),
        cmocka_unit_test(a_block_has_maxima),
        cmocka_unit_test(a_block_after_the_last_number_cannot_be_made),
        cmocka_unit_test(a_pack_holds_what_was_added),
        cmocka_unit_test(a_pack_that_grows_too_large_fails),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
