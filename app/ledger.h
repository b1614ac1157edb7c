/* Transactions and blocks as people write and read them. Main thread only; nothing blocks. */
#ifndef KITH_APP_LEDGER_H
#define KITH_APP_LEDGER_H

#include <stdbool.h>

#include "app/output.h"
#include "kith.h"

#define LEDGER_TRANSACTION "Transaction" /* the kind's name in protocols that keep a chain */
#define LEDGER_BLOCK       "Block"

/* The text of a transaction with those words as its message, from malloc; NULL with a line in *why if it is
 * none: an address is not 40 hex digits, there is no word, or one is not UTF-8. */
char *ledger_transaction(const char *sender, const char *receiver, char *const *words, size_t n,
                         const char **why);

/* Writes one line about a transaction or block that has come; false, and nothing is written, if it is of
 * another kind, or no such thing. Long messages are cut. */
bool ledger_show(struct output *out, const struct kith_parcel *p);

#endif
