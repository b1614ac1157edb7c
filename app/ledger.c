#include "app/ledger.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/pieces.h"
#include "base/plural.h"
#include "chain/item.h"

enum {
    ADDRESS_DIGITS = 40,
    DIGITS_SHOWN = 16, /* of a hash, and of a peer's name that is longer than PEER_SHOWN */
    PEER_SHOWN = 60,
    MESSAGE_SHOWN = 400, /* bytes */
};

/* --- to write one --- */

static bool is_address(const char *text)
{
    return strlen(text) == ADDRESS_DIGITS && strspn(text, "0123456789abcdefABCDEF") == ADDRESS_DIGITS;
}

static json_t *message_of(char *const *words, size_t n)
{
    json_t *message = json_array();
    for (size_t i = 0; message && i < n; i++) {
        if (json_array_append_new(message, json_string(words[i])) < 0) {
            json_decref(message);
            return NULL;
        }
    }
    return message;
}

char *ledger_transaction(const char *sender, const char *receiver, char *const *words, size_t n,
                         const char **why)
{
    *why = "sender and receiver are 40 hex digits each";
    if (!is_address(sender) || !is_address(receiver)) {
        return NULL;
    }
    *why = "a message has at least one word";
    if (n == 0) {
        return NULL;
    }
    *why = "a word is not UTF-8"; /* or memory is short */
    json_t *message = message_of(words, n);
    json_t *all =
        message ? json_pack("{ss ss so}", "sender", sender, "receiver", receiver, "message", message) : NULL;
    char *text = json_dumps(all, JSON_COMPACT); /* NULL of NULL */
    json_decref(all);
    return text;
}

/* --- to read one --- */

/* No control sequence reaches the terminal. */
static void add_safely(struct output *out, const char *text, size_t size)
{
    char piece[PIECE_BYTES];
    size_t shown = size < MESSAGE_SHOWN ? size : MESSAGE_SHOWN;
    while (shown < size && shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80) {
        shown--; /* no character is cut */
    }
    struct pieces p = {.bytes = text, .size = shown};
    for (size_t n; (n = pieces_harmless(&p, piece)) > 0;) {
        output_add(out, piece, n);
    }
    output_printf(out, shown < size ? "..." : "");
}

static void show_head(struct output *out, const char *peer, const char *what, const struct chain_hash *id)
{
    char text[CHAIN_HASH_TEXT_MAX];
    bool is_short = strlen(peer) <= PEER_SHOWN;
    chain_hash_format(id, text, sizeof text);
    output_printf(out, "[%.*s%s] %s %.*s", is_short ? PEER_SHOWN : DIGITS_SHOWN, peer, is_short ? "" : "...",
                  what, DIGITS_SHOWN, text);
}

static bool show_transaction(struct output *out, const char *peer, const json_t *value)
{
    struct chain_item item;
    const char *why;
    if (!chain_transaction_read(value, &item, &why)) {
        return false;
    }
    chain_item_free(&item);
    show_head(out, peer, "transaction", &item.id);
    output_printf(out, " from %s to %s: ", json_string_value(json_object_get(value, "sender")),
                  json_string_value(json_object_get(value, "receiver")));
    char *message = json_dumps(json_object_get(value, "message"), JSON_COMPACT);
    add_safely(out, message ? message : "", message ? strlen(message) : 0);
    output_add(out, "\n", 1);
    free(message);
    return true;
}

static bool show_block(struct output *out, const char *peer, const json_t *value)
{
    struct chain_item item;
    const char *why;
    struct tm at;
    char when[32] = "at no time";
    if (!chain_block_read(value, &item, &why)) {
        return false;
    }
    chain_item_free(&item);
    show_head(out, peer, "block", &item.id);
    time_t t = (time_t)item.time_s;
    if (gmtime_r(&t, &at)) {
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &at);
    }
    output_printf(out, ", number %lld, %u %s, made %s\n", (long long)item.number, item.n_transactions,
                  plural(item.n_transactions, "transaction", "transactions"), when);
    return true;
}

bool ledger_show(struct output *out, const struct kith_parcel *p)
{
    const char *why;
    bool is_block = strcmp(p->kind, LEDGER_BLOCK) == 0;
    if (!is_block && strcmp(p->kind, LEDGER_TRANSACTION) != 0) {
        return false;
    }
    json_t *value = json_read(p->bytes, p->size, &why);
    bool is_shown = value && (is_block ? show_block : show_transaction)(out, p->peer, value);
    json_decref(value);
    return is_shown;
}
