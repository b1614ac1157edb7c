/* Numbers that look random and are the same in each run. */
#ifndef KITH_TESTS_DICE_H
#define KITH_TESTS_DICE_H

#include <string.h>

#include "protocol/buffer.h"

/* The next state. Its low bits repeat soon: callers take the high ones. */
static inline uint64_t dice_throw(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state;
}

/* 64 bits for keys and nonces: the next of `secrets`, or thrown if none is left. */
static inline uint64_t dice_secret(uint64_t *state, struct buffer *secrets)
{
    uint64_t n = dice_throw(state);
    n = n >> 11 ^ n << 40;
    if (buffer_left(secrets) >= sizeof n) {
        memcpy(&n, secrets->data + secrets->data_sent, sizeof n);
        buffer_consume(secrets, sizeof n);
    }
    return n;
}

#endif
