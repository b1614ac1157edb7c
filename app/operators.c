#include "app/operators.h"

#include "app/text.h"

/* Each guest opens what it listens on, and is added to the desk. */
static int add_guests(struct desk *d, const struct options *o, unsigned *n, char *error, size_t error_size)
{
    (void)d;
    (void)o;
    (void)error;
    (void)error_size;
    *n = 0;
    return 0;
}

int operators_open(struct operators *p, struct options *o, char *error, size_t error_size)
{
    unsigned n = 0;
    *p = (struct operators){.desk = desk_new()};
    if (!p->desk) {
        return text_fail(error, error_size, "out of memory");
    }
    int failed = add_guests(p->desk, o, &n, error, error_size);
    n += failed == 0 && service_open(&p->service, p->desk, o);
    if (failed || n == 0) {
        operators_end(p);
    }
    o->config.is_watched = p->desk;
    return failed;
}

bool operators_start(struct operators *p, struct kith *node, const struct options *o)
{
    return !p->desk || desk_start(p->desk, node, &o->config) == 0;
}

void operators_end(struct operators *p)
{
    desk_end(p->desk);
    service_close(&p->service);
    p->desk = NULL;
}
