#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/doctor_checks.h"
#include "app/doctor_holder.h"
#include "base/endpoint.h"

/* --- who has it --- */

void doctor_tell_holder(struct doctor *d, const char *about, const char *option, const struct ip *at,
                        uint16_t port)
{
    char remedy[96], name[DOCTOR_NAME_MAX];
    snprintf(remedy, sizeof remedy, "end that program, or choose another port: %s", option);
    long holder = doctor_find_holder(at, port).process;
    if (holder > 0 && holder == d->running) {
        doctor_say(d, DOCTOR_OK, about, NULL, "%u: the node that runs has it (process %ld)", port, holder);
    } else if (holder > 0) {
        doctor_name_of(holder, name);
        doctor_say(d, DOCTOR_BAD, about, remedy, "%u is taken by %s (process %ld)", port, name, holder);
    } else if (d->running) {
        doctor_say(d, DOCTOR_NOTE, about, NULL,
                   "%u is taken, perhaps by the node that runs (process %ld): that cannot be seen", port,
                   d->running);
    } else {
        doctor_say(d, DOCTOR_BAD, about, remedy,
                   "%u is taken, and this user may not see by whom: root may, by kith -doctor or ss -ltnp",
                   port);
    }
}

/* --- whether it can be had --- */

/* As the listener binds it, but without listening. 0, or an error number. */
static int try_bind(const struct endpoint *e)
{
    struct sockaddr_storage to;
    socklen_t size = endpoint_to_sockaddr(e, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, error = 0;
    if (fd < 0) {
        return errno == EAFNOSUPPORT ? 0 : errno; /* a system without IPv6 */
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (to.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, (const struct sockaddr *)&to, size) != 0) {
        error = errno;
    } else if (listen(fd, 1) != 0) { /* with SO_REUSEADDR this alone tells of another listener */
        error = errno;
    }
    close(fd);
    return error;
}

static int try_all(const struct config *c)
{
    static const struct ip any_v6 = {{0}};
    struct endpoint e = {c->has_bind ? c->bind : ip_any_v4, c->node.listen_port};
    int error = try_bind(&e);
    if (error == 0 && !c->has_bind) {
        e.ip = any_v6;
        error = try_bind(&e);
        error = error == EADDRNOTAVAIL ? 0 : error; /* a system without IPv6 */
    }
    return error;
}

static void tell_failure(struct doctor *d, int error)
{
    uint16_t port = d->o->config.node.listen_port;
    char bind[64] = "";
    ip_format(&d->o->config.bind, bind, sizeof bind);
    switch (error) {
    case EADDRINUSE:
        if (d->has_port) {
            doctor_say(d, DOCTOR_OK, "port", NULL, "%u: the node that runs has it (process %ld)", port,
                       d->running);
            break;
        }
        doctor_tell_holder(d, "port", "-networkPort", d->o->config.has_bind ? &d->o->config.bind : NULL,
                           port);
        break;
    case EACCES:
        doctor_say(d, DOCTOR_BAD, "port",
                   "choose one from 1024 on, or give the right: AmbientCapabilities=CAP_NET_BIND_SERVICE",
                   "%u: this user may not listen on it", port);
        break;
    case EADDRNOTAVAIL:
        doctor_say(d, DOCTOR_BAD, "port", "ip address shows which there are; or leave -bind out",
                   "-bind: this computer has no address %s", bind);
        break;
    default:
        doctor_say(d, DOCTOR_BAD, "port", NULL, "%u cannot be listened on: %s", port, strerror(error));
        break;
    }
}

void doctor_check_port(struct doctor *d)
{
    const struct config *c = &d->o->config;
    if (c->hidden) {
        doctor_say(d, DOCTOR_OK, "port", NULL, "the node listens nowhere, as it uses a proxy");
        return;
    }
    if (c->node.listen_port == 0) {
        doctor_say(d, DOCTOR_OK, "port", NULL, "any that is free");
        return;
    }
    int error = try_all(c);
    if (error) {
        tell_failure(d, error);
    } else {
        doctor_say(d, DOCTOR_OK, "port", NULL, "%u is free", c->node.listen_port);
    }
}
