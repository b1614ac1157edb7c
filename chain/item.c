/* Reading and making blocks and transactions. */
#include "chain/item.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_DIGITS = 40 }; /* of sender and receiver */

/* What comes before what is hashed: canonical text has "hash" first. */
#define HASH_BEFORE "{\"hash\":\""
#define HASH_BEHIND "\","
enum {
    HASH_AT = sizeof HASH_BEFORE - 1,
    HASHED_FROM = HASH_AT + CHAIN_HASH_TEXT_MAX - 1 + sizeof HASH_BEHIND - 1,
};
#define LIST_BEFORE    "\"transactions\":["
#define WRITTEN_BEFORE "\"number\":%" PRId64 ",\"prev\":\"%s\",\"time\":%" PRId64 "," LIST_BEFORE

_Static_assert((int)CHAIN_HASH_BYTES == (int)crypto_hash_sha256_BYTES, "it is SHA-256");

void chain_item_free(struct chain_item *item)
{
    free((void *)(uintptr_t)item->text);
    item->text = NULL;
}

static void hash_text(const char *text, size_t size, struct chain_hash *hash)
{
    crypto_hash_sha256(hash->bytes, (const unsigned char *)text, size);
}

/* --- transactions --- */

static bool is_hex(const json_t *value, size_t digits)
{
    const char *text = json_string_value(value); /* NULL for what is no string */
    return text && json_string_length(value) == digits && strspn(text, "0123456789abcdefABCDEF") == digits;
}

static bool has_fields_of_transaction(const json_t *value, const char **why)
{
    if (!json_is_object(value)) {
        *why = "a transaction that is no object";
    } else if (!is_hex(json_object_get(value, "sender"), ADDRESS_DIGITS)) {
        *why = "a transaction whose sender is not 40 hex digits";
    } else if (!is_hex(json_object_get(value, "receiver"), ADDRESS_DIGITS)) {
        *why = "a transaction whose receiver is not 40 hex digits";
    } else if (!json_is_array(json_object_get(value, "message"))) {
        *why = "a transaction whose message is no array";
    } else if (json_object_size(value) != 3) {
        *why = "a transaction with an unknown field";
    } else {
        return true;
    }
    return false;
}

static bool transaction_fits(const char *text, size_t size, const char **why)
{
    const struct json_shape shape = json_measure(text, size);
    if (size > CHAIN_TRANSACTION_MAX) {
        *why = "a transaction that is too long";
    } else if (shape.weight > CHAIN_TRANSACTION_WEIGHT_MAX) {
        *why = "a transaction of too many values";
    } else if (shape.nesting > CHAIN_TRANSACTION_NESTING_MAX) {
        *why = "a transaction that nests too deep";
    } else {
        return true;
    }
    return false;
}

void chain_transaction_weigh(struct chain_item *transaction)
{
    transaction->weight = (uint32_t)json_measure(transaction->text, transaction->size).weight;
}

static void make_transaction(const char *text, size_t size, struct chain_item *item)
{
    *item = (struct chain_item){.text = text, .size = size};
    hash_text(text, size, &item->id);
}

/* Canonical text cannot be made for want of memory, which is hardly ever so, or of such a number. */
static bool make_text(const json_t *value, char **text, size_t *size, const char **why)
{
    *why = "a number that is no integer";
    return json_canonical(value, text, size);
}

bool chain_transaction_read(const json_t *value, struct chain_item *item, const char **why)
{
    char *text;
    size_t size;
    if (!has_fields_of_transaction(value, why) || !make_text(value, &text, &size, why)) {
        return false;
    }
    if (!transaction_fits(text, size, why)) {
        free(text);
        return false;
    }
    make_transaction(text, size, item);
    chain_transaction_weigh(item);
    return true;
}

/* --- the transactions in a block's text, which is canonical --- */

/* Where the value ends that begins at `at`: an object. */
static size_t behind_object(const char *text, size_t size, size_t at)
{
    int open = 0;
    while (at < size) {
        char c = text[at];
        if (c == '"') {
            at = json_behind_string(text, size, at);
            continue;
        }
        at++;
        open += c == '{';
        if (c == '}' && --open == 0) {
            return at;
        }
    }
    return size;
}

static bool next_text(const struct chain_item *block, size_t *at, const char **text, size_t *size)
{
    if (*at == 0) {
        /* Nothing before it has quotes of its own: hashes and numbers. */
        const char *list = memmem(block->text, block->size, LIST_BEFORE, sizeof LIST_BEFORE - 1);
        *at = list ? (size_t)(list - block->text) + sizeof LIST_BEFORE - 1 : block->size;
    } else if (*at < block->size && block->text[*at] == ',') {
        ++*at;
    }
    if (*at >= block->size || block->text[*at] != '{') {
        return false;
    }
    size_t end = behind_object(block->text, block->size, *at);
    *text = block->text + *at;
    *size = end - *at;
    *at = end;
    return true;
}

bool chain_block_transaction(const struct chain_item *block, size_t *at, struct chain_item *transaction)
{
    const char *text;
    size_t size;
    if (!next_text(block, at, &text, &size)) {
        return false;
    }
    make_transaction(text, size, transaction);
    return true;
}

/* --- blocks --- */

static bool read_number(const json_t *object, const char *name, int64_t *number)
{
    const json_t *value = json_object_get(object, name);
    *number = json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
    return *number >= 0 && *number <= CHAIN_NUMBER_MAX;
}

static bool read_hash(const json_t *object, const char *name, struct chain_hash *hash)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) &&
           chain_hash_parse(hash, json_string_value(value), json_string_length(value));
}

static bool has_fields_of_block(const json_t *value, struct chain_item *item, const char **why)
{
    const json_t *list = json_object_get(value, "transactions"); /* NULL if value is no object */
    if (!json_is_object(value)) {
        *why = "a block that is no object";
    } else if (!read_number(value, "number", &item->number)) {
        *why = "a block whose number is no integer from 0 to 2^53 - 1";
    } else if (!read_number(value, "time", &item->time_s)) {
        *why = "a block whose time is no integer from 0 to 2^53 - 1";
    } else if (!read_hash(value, "prev", &item->prev)) {
        *why = "a block whose prev is not 64 hex digits";
    } else if (!read_hash(value, "hash", &item->id)) {
        *why = "a block whose hash is not 64 hex digits";
    } else if (!json_is_array(list)) {
        *why = "a block whose transactions are no array";
    } else if (json_object_size(value) != 5) {
        *why = "a block with an unknown field";
    } else if (json_array_size(list) > CHAIN_TRANSACTIONS_OF_BLOCK_MAX) {
        *why = "a block of too many transactions";
    } else {
        item->n_transactions = (uint32_t)json_array_size(list);
        return true;
    }
    return false;
}

static bool block_fits(const struct chain_item *item, const char **why)
{
    if (item->size > CHAIN_BLOCK_MAX) {
        *why = "a block that is too long";
        return false;
    }
    if (item->weight > CHAIN_BLOCK_WEIGHT_MAX) {
        *why = "a block of too many values";
        return false;
    }
    const char *text;
    size_t size;
    for (size_t at = 0; next_text(item, &at, &text, &size);) {
        if (!transaction_fits(text, size, why)) {
            return false;
        }
    }
    return true;
}

/* SHA-256 of the text without "hash" and its value. */
static void hash_block(const char *text, size_t size, struct chain_hash *hash)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)"{", 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)text + HASHED_FROM, size - HASHED_FROM);
    crypto_hash_sha256_final(&state, hash->bytes);
}

static bool hash_is_right(const struct chain_item *item, const char **why)
{
    struct chain_hash hash;
    hash_block(item->text, item->size, &hash);
    *why = "a block whose hash is another's";
    return chain_hash_equal(&hash, &item->id);
}

static void fill_block(char *text, size_t size, struct chain_item *item)
{
    char hash[CHAIN_HASH_TEXT_MAX];
    memcpy(text + HASH_AT, chain_hash_format(&item->id, hash, sizeof hash), CHAIN_HASH_TEXT_MAX - 1);
    item->text = text;
    item->size = size;
    item->weight = (uint32_t)json_measure(text, size).weight;
}

bool chain_block_read(const json_t *value, struct chain_item *item, const char **why)
{
    struct chain_item read = {0};
    bool good = has_fields_of_block(value, &read, why);
    const json_t *list = json_object_get(value, "transactions");
    for (size_t i = 0; i < json_array_size(list) && good; i++) {
        good = has_fields_of_transaction(json_array_get(list, i), why);
    }
    char *text = NULL;
    size_t size;
    good = good && make_text(value, &text, &size, why);
    if (good) {
        fill_block(text, size, &read);
        good = block_fits(&read, why) && hash_is_right(&read, why);
    }
    if (good) {
        *item = read;
    } else {
        free(text);
    }
    return good;
}

/* The text without its hash, which is written where 64 zeros stand. False if memory is short. */
static bool write_block(const struct chain_item *item, const char *transactions, size_t size, char **text,
                        size_t *written)
{
    char prev[CHAIN_HASH_TEXT_MAX];
    size_t room = HASHED_FROM + sizeof WRITTEN_BEFORE + 2 * CHAIN_HASH_TEXT_MAX + 2 * 20 + size + sizeof "]}";
    *text = malloc(room);
    if (!*text) {
        return false;
    }
    size_t n = (size_t)snprintf(*text, room, HASH_BEFORE "%064d" HASH_BEHIND WRITTEN_BEFORE, 0, item->number,
                                chain_hash_format(&item->prev, prev, sizeof prev), item->time_s);
    memcpy(*text + n, size > 0 ? transactions : "", size);
    memcpy(*text + n + size, "]}", 2);
    *written = n + size + 2;
    return true;
}

static bool count_transactions(struct chain_item *item)
{
    const char *text;
    size_t size;
    for (size_t at = 0; next_text(item, &at, &text, &size);) {
        item->n_transactions++;
    }
    return item->n_transactions <= CHAIN_TRANSACTIONS_OF_BLOCK_MAX;
}

bool chain_block_make(const struct chain_item *prev, int64_t time_s, const char *transactions, size_t size,
                      struct chain_item *item)
{
    struct chain_item made = {0};
    if (prev) {
        made.prev = prev->id;
        made.number = prev->number + 1;
        made.time_s = time_s;
    }
    char *text = NULL;
    size_t written;
    const char *why;
    bool good = size <= CHAIN_BLOCK_MAX && made.number <= CHAIN_NUMBER_MAX && made.time_s >= 0 &&
                made.time_s <= CHAIN_NUMBER_MAX && write_block(&made, transactions, size, &text, &written);
    if (good) {
        hash_block(text, written, &made.id);
        fill_block(text, written, &made);
        good = count_transactions(&made) && block_fits(&made, &why);
    }
    if (good) {
        *item = made;
    } else {
        free(text);
    }
    return good;
}

bool chain_genesis(const char *network, struct chain_item *item)
{
    static const char nobody[] = "0000000000000000000000000000000000000000";
    json_t *value =
        json_pack("{s:[s,s],s:s,s:s}", "message", "genesis", network, "receiver", nobody, "sender", nobody);
    char *text;
    size_t size;
    bool good = value && json_canonical(value, &text, &size);
    json_decref(value);
    if (good) {
        good = chain_block_make(NULL, 0, text, size, item);
        free(text);
    }
    return good;
}

bool chain_genesis_hash(const char *network, struct chain_hash *hash)
{
    struct chain_item genesis;
    if (!chain_genesis(network, &genesis)) {
        return false;
    }
    *hash = genesis.id;
    chain_item_free(&genesis);
    return true;
}
