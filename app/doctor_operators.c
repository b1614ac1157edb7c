/* What the operators reach the node by: the port of -http, the socket of -control, and the log. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "app/control_socket.h"
#include "app/doctor_checks.h"
#include "app/journal.h"
#include "app/option.h"
#include "app/web.h"

static void check_http(struct doctor *d)
{
    char why[OPTIONS_ERROR_MAX];
    struct ip ip;
    bool has_ip;
    uint16_t port;
    if (web_check(d->o, why, sizeof why) < 0) {
        doctor_say(d, DOCTOR_BAD, "http", "mend the option, or leave it out: -http", "%s", why);
        return;
    }
    int error = web_try(d->o, &ip, &has_ip, &port, why, sizeof why);
    if (error == EADDRINUSE) {
        doctor_tell_holder(d, "http", "-http", has_ip ? &ip : NULL, port);
    } else if (error) {
        doctor_say(d, DOCTOR_BAD, "http", "choose another address or port: -http", "%s", why);
    } else if (port > 0) {
        doctor_say(d, DOCTOR_OK, "http", NULL, "%u is free", port);
    }
}

/* The node of this home is asked by it (doctor_check_node). */
static void check_control(struct doctor *d)
{
    static const char remedy[] = "end that node, or choose another path: -control";
    const char *path = d->o->control;
    char lock[CONTROL_PATH_MAX + sizeof ".lock"];
    struct stat s;
    if (!path[0] || d->running) {
        return;
    }
    snprintf(lock, sizeof lock, "%s.lock", path);
    long holder = doctor_find_locker(lock);
    bool is_there = lstat(path, &s) == 0;
    /* A node that was not told of a path goes without one. */
    enum doctor_level level = option_setting(d->o, option_find("control")) ? DOCTOR_BAD : DOCTOR_WARN;
    if (holder) {
        doctor_say(d, level, "control", remedy, "another node (process %ld) has %s", holder, path);
    } else if (is_there && !S_ISSOCK(s.st_mode)) {
        doctor_say(d, level, "control", "remove it, or choose another path: -control",
                   "%s is there, and is no socket", path);
    } else if (is_there && control_socket_is_used(path)) {
        doctor_say(d, level, "control", remedy, "another program listens at %s", path);
    } else {
        doctor_say(d, DOCTOR_OK, "control", NULL, "%s %s", path,
                   is_there ? "is left of a node that has died: it will be replaced" : "is free");
    }
}

static void check_log(struct doctor *d)
{
    char why[OPTIONS_ERROR_MAX];
    struct log_output to;
    if (journal_choose(d->o, &to, why, sizeof why) < 0) {
        doctor_say(d, DOCTOR_BAD, "log", "choose another place: -logFormat", "%s", why);
    }
}

void doctor_check_operators(struct doctor *d)
{
    check_http(d);
    check_control(d);
    check_log(d);
}
