#include <sodium.h>
#include <string.h>

#include "protocol/protocol.h"

uint32_t protocol_custom_id(const char *name)
{
    uint8_t h[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(h, (const unsigned char *)name, strlen(name));
    return (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
}
