#include "app/operators.h"

#include "app/text.h"

bool operators_wanted(const struct options *o)
{
    return o->control[0] || o->http[0];
}

void operators_bounds(struct bounds *b, const struct options *o, uint64_t places)
{
    control_bounds(b, o);
    web_bounds(b, o, places);
}

/* Each guest opens what it listens on, and is added to the desk. */
static int add_guests(struct operators *p, const struct options *o, const struct own_log *log, char *error,
                      size_t error_size)
{
    if (control_open(&p->control, o, log->sink, error, error_size) != 0) {
        return -1;
    }
    if (p->control) {
        control_join(p->control, p->desk);
    }
    return web_open(&p->web, p->desk, o, log, error, error_size);
}

int operators_open(struct operators *p, struct options *o, const struct own_log *log, char *error,
                   size_t error_size)
{
    *p = (struct operators){.desk = desk_new()};
    if (!p->desk) {
        return text_fail(error, error_size, "out of memory");
    }
    service_open(&p->service, p->desk, o);
    int failed = add_guests(p, o, log, error, error_size);
    if (failed || !desk_has_guests(p->desk)) {
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
    control_close(p->control);
    web_close(p->web);
    p->desk = NULL;
    p->web = NULL;
    p->control = NULL;
}
