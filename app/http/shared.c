#include "app/http/shared.h"

#include <stdlib.h>

struct shared *shared_new(char *bytes, size_t size)
{
    struct shared *s = bytes ? malloc(sizeof *s) : NULL;
    if (!s) {
        free(bytes);
        return NULL;
    }
    *s = (struct shared){.references = 1, .size = size, .bytes = bytes};
    return s;
}

struct shared *shared_keep(struct shared *s)
{
    if (s) {
        s->references++;
    }
    return s;
}

void shared_release(struct shared *s)
{
    if (s && --s->references == 0) {
        free(s->bytes);
        free(s);
    }
}
