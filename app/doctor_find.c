/* The node that runs: by the lock in its home, or, if no home is named, as it has the port. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "app/doctor_ask.h"
#include "app/doctor_checks.h"
#include "app/doctor_holder.h"
#include "app/option.h"

#define SERVICES "/run/kith/*/control.sock" /* kith@.service: one for each name */

/* --- by its lock --- */

/* To try the lock would be in the way of a node that starts just now: the kernel's list tells without. */
static bool is_locked(const struct stat *file)
{
    char line[256];
    bool found = false;
    FILE *locks = fopen("/proc/locks", "re");
    while (locks && !found && fgets(line, sizeof line, locks)) {
        unsigned device_major, device_minor;
        unsigned long long inode;
        found =
            sscanf(line, "%*d: FLOCK %*s WRITE %*d %x:%x:%llu", &device_major, &device_minor, &inode) == 3 &&
            inode == file->st_ino && device_major == major(file->st_dev) &&
            device_minor == minor(file->st_dev);
    }
    if (locks) {
        fclose(locks);
    }
    return found;
}

long doctor_find_locker(const char *path)
{
    char text[32] = "";
    struct stat s;
    long process = 0;
    FILE *file = stat(path, &s) == 0 && S_ISREG(s.st_mode) ? fopen(path, "re") : NULL;
    if (!file) {
        return 0;
    }
    if (is_locked(&s) && fgets(text, sizeof text, file)) {
        process = strtol(text, NULL, 10);
    }
    fclose(file);
    return process;
}

/* --- by its port --- */

struct search {
    uint16_t port;
    long holder; /* who has the port; 0 if this user may not see it */
    long found;
    char path[CONTROL_PATH_MAX];
};

/* The port that the node at the other end says it has; 0 for another answer. */
static json_int_t port_of(int fd)
{
    json_t *status = doctor_ask_status(fd);
    const char *event = json_string_value(json_object_get(status, "event"));
    json_int_t port =
        event && strcmp(event, "status") == 0 ? json_integer_value(json_object_get(status, "port")) : 0;
    json_decref(status);
    return port;
}

static bool try_socket(void *context, const char *path)
{
    struct search *s = context;
    int fd = strlen(path) < sizeof s->path ? doctor_connect(path) : -1;
    if (fd < 0) {
        return false;
    }
    long process = doctor_listener(fd);
    if (process > 0 && (s->holder == 0 || s->holder == process) && port_of(fd) == s->port) {
        s->found = process;
        snprintf(s->path, sizeof s->path, "%s", path);
    }
    close(fd);
    return s->found > 0;
}

static void try_services(struct search *s)
{
    glob_t paths;
    if (glob(SERVICES, GLOB_NOSORT, NULL, &paths) == 0) {
        for (size_t i = 0; i < paths.gl_pathc && !try_socket(s, paths.gl_pathv[i]); i++) {
        }
        globfree(&paths);
    }
}

static bool is_given(const struct options *o, const char *name)
{
    return option_setting(o, option_find(name));
}

/* From here on the options are those of that node, as far as its files and its socket go. */
static bool take_over(struct doctor *d, struct options *o, const struct search *s)
{
    char home[CONFIG_PATH_MAX], error[OPTIONS_ERROR_MAX] = "";
    d->running = s->found;
    d->has_port = true;
    d->hides_home = !doctor_home_of(s->found, home);
    if ((!d->hides_home && options_set(o, "home", home, error, sizeof error) != 0) ||
        options_set(o, "control", s->path, error, sizeof error) != 0 ||
        options_finish(o, error, sizeof error) != 0) {
        doctor_say(d, DOCTOR_BAD, "home", NULL, "%s", error);
        return false;
    }
    return true;
}

/* Who names a home means a node of that home, and no other that has its port. */
static bool look_by_port(struct doctor *d, struct options *o)
{
    const struct config *c = &o->config;
    struct search s = {.port = c->node.listen_port};
    if (is_given(o, "home") || c->hidden || s.port == 0) {
        return true;
    }
    struct doctor_holder holder = doctor_find_holder(c->has_bind ? &c->bind : NULL, s.port);
    s.holder = holder.process;
    if (!holder.is_taken) {
        return true;
    }
    bool found = o->control[0] && try_socket(&s, o->control);
    if (!found && s.holder > 0) {
        found = doctor_try_sockets(s.holder, try_socket, &s);
    }
    if (!found) {
        try_services(&s);
    }
    return s.found == 0 || take_over(d, o, &s);
}

bool doctor_look_for_node(struct doctor *d, struct options *o)
{
    char path[CONFIG_PATH_MAX + sizeof "/kith.lock"];
    snprintf(path, sizeof path, "%s/kith.lock", o->home);
    d->running = doctor_find_locker(path);
    return d->running != 0 || look_by_port(d, o);
}
