#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/doctor_checks.h"
#include "app/folder.h"
#include "app/identity.h"
#include "app/sheet.h"
#include "base/clock.h"
#include "peers/file.h"

enum { SPACE_BAD_MB = 1, SPACE_WARN_MB = 100 };

/* --- the home and its disk --- */

/* The path up to its last slash. */
static void folder_of(const char *path, char folder[CONFIG_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(folder, CONFIG_PATH_MAX, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (slash == path) {
        snprintf(folder, CONFIG_PATH_MAX, "/");
    }
}

static void check_space(struct doctor *d, const char *folder)
{
    struct statvfs s;
    if (statvfs(folder, &s) != 0) {
        return;
    }
    uint64_t free_mb = (uint64_t)s.f_bavail * s.f_frsize >> 20;
    if ((s.f_flag & ST_RDONLY) != 0) {
        doctor_say(d, DOCTOR_BAD, "disk", "mount it for writing, or choose another folder: -home",
                   "the file system of %s is mounted read-only", folder);
    } else if (free_mb < SPACE_BAD_MB || (s.f_files > 0 && s.f_favail == 0)) {
        doctor_say(d, DOCTOR_BAD, "disk", "remove something, or choose another folder: -home",
                   "no space is left where %s is", folder);
    } else if (free_mb < SPACE_WARN_MB) {
        doctor_say(d, DOCTOR_WARN, "disk", "remove something, or choose another folder: -home",
                   "%" PRIu64 " MiB are left where %s is", free_mb, folder);
    } else {
        doctor_say(d, DOCTOR_OK, "disk", NULL, "%" PRIu64 " MiB are free where %s is", free_mb, folder);
    }
}

/* A home that is missing is made, with folders above it. */
static void check_home(struct doctor *d)
{
    char folder[CONFIG_PATH_MAX];
    struct stat s;
    const char *home = d->o->home;
    bool is_missing = stat(home, &s) != 0 && errno == ENOENT;
    snprintf(folder, sizeof folder, "%s", home);
    for (int i = 0; i <= folder_above(d->o) && stat(folder, &s) != 0 && errno == ENOENT; i++) {
        char above[CONFIG_PATH_MAX];
        folder_of(folder, above);
        memcpy(folder, above, sizeof folder);
    }
    if (stat(folder, &s) != 0) {
        doctor_say(d, DOCTOR_BAD, "home", "mkdir -p, or choose another folder: -home", "%s: %s", folder,
                   strerror(errno));
        return;
    }
    if (!S_ISDIR(s.st_mode)) {
        doctor_say(d, DOCTOR_BAD, "home", "choose another: -home", "%s is no folder", folder);
        return;
    }
    if (access(folder, W_OK | X_OK) != 0) {
        doctor_say(d, DOCTOR_BAD, "home", "chown or chmod it, or choose another folder: -home",
                   "%s is not for this user to write in: %s", folder, strerror(errno));
    } else {
        doctor_say(d, DOCTOR_OK, "home", NULL, is_missing ? "%s is missing, and will be made" : "%s", home);
    }
    check_space(d, folder);
}

/* --- the peers file --- */

/* Files that were set aside as they made no sense. */
static void check_set_aside(struct doctor *d)
{
    char folder[CONFIG_PATH_MAX];
    const char *path = d->o->config.peers_file, *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t size = strlen(name), n = 0;
    char last[256] = "";
    folder_of(path, folder);
    DIR *files = opendir(folder);
    for (const struct dirent *e; files && (e = readdir(files));) {
        if (strncmp(e->d_name, name, size) == 0 && strncmp(e->d_name + size, ".corrupt-", 9) == 0) {
            n++;
            if (strcmp(e->d_name, last) > 0) {
                snprintf(last, sizeof last, "%s", e->d_name);
            }
        }
    }
    if (files) {
        closedir(files);
    }
    if (n > 0) {
        doctor_say(d, DOCTOR_WARN, "book",
                   "look at the disk (dmesg, smartctl), and remove the files when they are not wanted",
                   "%zu damaged peers files were set aside, the last one as %s", n, last);
    }
}

static void tell_peers(struct doctor *d, const struct book_snapshot *s, const char *path, const char *message)
{
    struct stat file;
    char age[SHEET_CELL_MAX] = "?";
    if (stat(path, &file) == 0) {
        int64_t ms = clock_wall_ms() - (int64_t)file.st_mtim.tv_sec * 1000;
        sheet_time(ms > 0 ? ms : 0, age);
    }
    doctor_say(d, message[0] ? DOCTOR_WARN : DOCTOR_OK, "book", NULL, "%zu addresses, saved %s ago%s%s",
               s->n_entries, age, message[0] ? "; " : "", message);
}

static void check_peers(struct doctor *d)
{
    const struct config *c = &d->o->config;
    struct book_snapshot *s = NULL;
    char message[PEERS_FILE_MESSAGE_MAX];
    if (!c->peers_file[0]) {
        doctor_say(d, DOCTOR_NOTE, "book", NULL, "no peers file is kept: -peersFile is empty");
        return;
    }
    char *path = peers_file_written(c->peers_file);
    switch (peers_file_look(path ? path : c->peers_file, c->node.network.name, c->node.network.id, &s,
                            message, sizeof message, clock_wall_ms())) {
    case PEERS_FILE_MISSING:
        doctor_say(d, DOCTOR_OK, "book", NULL, "%s is missing, as before a first start", c->peers_file);
        break;
    case PEERS_FILE_READ:
    case PEERS_FILE_IMPORTED:
        tell_peers(d, s, path ? path : c->peers_file, message);
        break;
    case PEERS_FILE_CORRUPT:
        doctor_say(d, DOCTOR_WARN, "book", "nothing: the node sets it aside, and begins anew from the seeds",
                   "it makes no sense: %s", message);
        break;
    case PEERS_FILE_UNREADABLE:
        doctor_say(d, DOCTOR_BAD, "book", "mend it, move it away, or choose another: -peersFile",
                   "the node would not start with it: %s", message);
        break;
    }
    book_snapshot_free(s);
    free(path);
    check_set_aside(d);
}

/* --- the identity --- */

static void check_identity(struct doctor *d)
{
    const char *path = d->o->identity_file;
    struct stat s;
    char error[OPTIONS_ERROR_MAX];
    if (!path[0]) {
        return;
    }
    if (stat(path, &s) != 0 && errno == ENOENT) {
        doctor_say(d, DOCTOR_OK, "identity", NULL, "%s is missing, and will be made", path);
        return;
    }
    struct node_config node = d->o->config.node; /* a file that is there is only read */
    node.secret = NULL;
    if (identity_load(path, d->o->config.protocol, &node, error, sizeof error) != 0) {
        doctor_say(d, DOCTOR_BAD, "identity", "chmod 600 and chown it; or restore it from a backup", "%s",
                   error);
        return;
    }
    identity_forget(&node);
    doctor_say(d, DOCTOR_OK, "identity", NULL, "%s", path);
}

void doctor_check_files(struct doctor *d)
{
    if (d->hides_home) {
        doctor_say(d, DOCTOR_NOTE, "home", NULL,
                   "that of process %ld cannot be seen by this user: root may, by kith -doctor", d->running);
        return;
    }
    check_home(d);
    check_peers(d);
    check_identity(d);
}
