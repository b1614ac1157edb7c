#include "protocol/infnote/identity.h"

#include <sodium.h>

_Static_assert(INFNOTE_SECRET_BYTES == crypto_sign_SEEDBYTES, "");
_Static_assert(INFNOTE_ID_BYTES == crypto_hash_sha512_BYTES, "");
_Static_assert((int)INFNOTE_ID_BYTES <= PEER_ID_MAX, "");

enum { STACK_BYTES = 16 * 1024 }; /* that making a key pair uses at most */

bool infnote_identity(const uint8_t *secret, struct peer_id *id)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(public_key, secret_key, secret);
    sodium_memzero(secret_key, sizeof secret_key);
    sodium_stackzero(STACK_BYTES);
    *id = (struct peer_id){.size = INFNOTE_ID_BYTES};
    crypto_hash_sha512(id->bytes, public_key, sizeof public_key);
    return true;
}
