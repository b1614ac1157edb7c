/* The node that runs in this home, if one does: its lock tells of it, and its control socket what it says. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "app/doctor_checks.h"
#include "base/clock.h"

enum { ANSWER_MS = 3000, ANSWER_MOST = 1 << 20, CAUSES_SHOWN = 6 };

/* --- its lock --- */

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

void doctor_look_for_node(struct doctor *d)
{
    char path[CONFIG_PATH_MAX + sizeof "/kith.lock"];
    snprintf(path, sizeof path, "%s/kith.lock", d->o->home);
    d->running = doctor_find_locker(path);
}

/* --- what it says --- */

static int connect_to(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* The line that answers, as JSON; NULL if none comes in time. */
static json_t *ask(int fd, const char *request)
{
    int64_t by = clock_ms() + ANSWER_MS, left = ANSWER_MS;
    size_t size = 0;
    json_t *answer = NULL;
    char *text = malloc(ANSWER_MOST);
    if (!text || send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
        free(text);
        return NULL;
    }
    while (!answer && left > 0 && size < ANSWER_MOST &&
           poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)left) > 0) {
        ssize_t n = read(fd, text + size, ANSWER_MOST - size);
        if (n <= 0) {
            break;
        }
        size += (size_t)n;
        char *end = memchr(text, '\n', size);
        answer = end ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
        left = by - clock_ms();
    }
    free(text);
    return answer;
}

static uint64_t number(const json_t *status, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(status, name));
    return n > 0 ? (uint64_t)n : 0;
}

/* The causes that occurred, the most frequent first: "closed by peer 4, banned 1". False if there are none.
 */
static bool list_causes(const json_t *counts, char *text, size_t text_size)
{
    bool any = false;
    json_int_t below = INT64_MAX;
    text[0] = '\0';
    for (int shown = 0; shown < CAUSES_SHOWN;) {
        json_int_t most = 0;
        const char *cause;
        json_t *count;
        json_object_foreach((json_t *)(uintptr_t)counts, cause, count)
        {
            json_int_t n = json_integer_value(count);
            most = n > most && n < below ? n : most;
        }
        if (most == 0) {
            break;
        }
        json_object_foreach((json_t *)(uintptr_t)counts, cause, count)
        {
            if (json_integer_value(count) == most && shown++ < CAUSES_SHOWN) {
                size_t used = strlen(text);
                snprintf(text + used, text_size - used, "%s%s %" JSON_INTEGER_FORMAT, any ? ", " : "", cause,
                         most);
                any = true;
            }
        }
        below = most;
    }
    return any;
}

static void tell_status(struct doctor *d, const json_t *status)
{
    char causes[DOCTOR_TEXT_MAX];
    uint64_t outgoing = number(status, "outgoing"), incoming = number(status, "incoming");
    doctor_say(d, outgoing + incoming > 0 ? DOCTOR_OK : DOCTOR_BAD, "node",
               outgoing + incoming > 0 ? NULL
                                       : "the lines about seeds and the port, and the node's log, tell why",
               "it is up for %" PRIu64 " s, with %" PRIu64 " outgoing and %" PRIu64 " incoming peers",
               number(status, "uptime_ms") / 1000, outgoing, incoming);
    if (incoming == 0 && outgoing > 0) {
        doctor_say(d, DOCTOR_NOTE, "node", "let its port pass: a firewall here, or a router before it",
                   "nobody has dialed it");
    }
    if (list_causes(json_object_get(status, "ended"), causes, sizeof causes)) {
        doctor_say(d, DOCTOR_NOTE, "node", NULL, "connections have ended: %s", causes);
    }
    if (list_causes(json_object_get(status, "dials"), causes, sizeof causes)) {
        doctor_say(d, DOCTOR_NOTE, "node", NULL, "dials: %s", causes);
    }
    if (list_causes(json_object_get(status, "dropped"), causes, sizeof causes)) {
        doctor_say(d, DOCTOR_WARN, "node", NULL, "parcels were dropped: %s", causes);
    }
    if (number(status, "eclipse_risk") >= 75) {
        const char *why = json_string_value(json_object_get(status, "eclipse_reason"));
        doctor_say(d, DOCTOR_WARN, "node", "name peers elsewhere by -peers",
                   "%" PRIu64 " %% risk of being surrounded: %s", number(status, "eclipse_risk"),
                   why ? why : "");
    }
    if (number(status, "saves_failed") > 0) {
        doctor_say(d, DOCTOR_BAD, "node", "the lines about the disk tell why",
                   "%" PRIu64 " times the peers file could not be written", number(status, "saves_failed"));
    }
}

static void ask_node(struct doctor *d)
{
    const char *path = d->o->control;
    int fd = path[0] ? connect_to(path) : -1;
    json_t *status = fd >= 0 ? ask(fd, "{\"command\":\"status\"}\n") : NULL;
    const char *event = json_string_value(json_object_get(status, "event"));
    const char *why = json_string_value(json_object_get(status, "message"));
    if (event && strcmp(event, "status") == 0) {
        tell_status(d, status);
    } else if (status) {
        doctor_say(d, DOCTOR_WARN, "node", "end some of the programs that use the control socket",
                   "process %ld does not tell how it is: %s", d->running, why ? why : "another answer");
    } else if (fd >= 0) {
        doctor_say(d, DOCTOR_BAD, "node", "look at its log, and end it if nothing else helps: kill PROCESS",
                   "process %ld does not answer at %s", d->running, path);
    } else {
        doctor_say(d, DOCTOR_NOTE, "node", "-control, with the path that the node was given",
                   "process %ld runs; it cannot be asked: %s%s%s", d->running, path[0] ? path : "no -control",
                   path[0] ? ": " : "", path[0] ? strerror(errno) : "");
    }
    json_decref(status);
    if (fd >= 0) {
        close(fd);
    }
}

void doctor_check_node(struct doctor *d)
{
    if (d->running) {
        ask_node(d);
    } else {
        doctor_say(d, DOCTOR_NOTE, "node", NULL, "none runs in %s", d->o->home);
    }
}
