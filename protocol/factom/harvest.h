/* Addresses as they are read from payloads of any version, and ports. Any thread; nothing blocks or
 * allocates. */
#ifndef KITH_PROTOCOL_FACTOM_HARVEST_H
#define KITH_PROTOCOL_FACTOM_HARVEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

/* The addresses read so far. Of more than `most`, so many are drawn if `dice` is not 0; else those past it
 * are counted only. A host name is a valid address, but it is not taken: looking up any name that strangers
 * tell us would make us their tool. */
struct harvest {
    struct endpoint *to; /* the caller's, with room for `most` */
    size_t most, n;
    size_t left_out;
    uint64_t dice; /* any number that the sender does not know */
};

/* False if the two do not make an address. */
bool factom_harvest_add(struct harvest *h, const char *host, size_t host_length, const char *port,
                        size_t port_length);

/* A port by itself, with the same rules as in an address; 0 if the text is none. */
uint16_t factom_harvest_port(const void *text, size_t size);

#endif
