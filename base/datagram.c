#include "base/datagram.h"

#include <stdlib.h>
#include <string.h>

struct datagram *datagram_new(const struct endpoint *remote, const void *bytes, size_t size)
{
    struct datagram *d = malloc(sizeof *d + size);
    if (d) {
        d->remote = *remote;
        d->size = size;
        memcpy(d->bytes, bytes, size);
    }
    return d;
}
