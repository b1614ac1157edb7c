/* The word for so many: plural(n, "peer", "peers"). */
#ifndef KITH_BASE_PLURAL_H
#define KITH_BASE_PLURAL_H

#include <stdint.h>

static inline const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

#endif
