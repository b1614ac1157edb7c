#include "app/home.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/text.h"

/* NULL if it is not set or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value != '\0' ? value : NULL;
}

/* HOME, or if a service manager or cron has set none, what the account says. "." for neither, as in a
 * container whose user has no account. */
static void find_own(char own[CONFIG_PATH_MAX])
{
    const char *home = variable("HOME");
    struct passwd account, *found = NULL;
    char room[2 * CONFIG_PATH_MAX];
    if (!home && getpwuid_r(geteuid(), &account, room, sizeof room, &found) == 0 && found &&
        found->pw_dir[0] == '/') {
        home = found->pw_dir;
    }
    snprintf(own, CONFIG_PATH_MAX, "%s", home ? home : ".");
}

static int join(const char *folder, const char *name, char path[CONFIG_PATH_MAX], const char *option,
                char *error, size_t error_size)
{
    int n = snprintf(path, CONFIG_PATH_MAX, "%s/%s", folder, name);
    return n >= 0 && n < CONFIG_PATH_MAX
               ? 0
               : text_fail(error, error_size, "%s: the path in the environment is too long", option);
}

struct base {
    const char *variable, *standard, *name; /* `standard` is the variable's default, below the own folder */
    const char *option;                     /* for `error` */
};

/* "<folder of that variable>/<name>"; a relative one counts for nothing, as the specification says. With
 * nothing to be below, *path stays as it is. */
static int in_base(const struct base *b, const char *own, char path[CONFIG_PATH_MAX], char *error,
                   size_t error_size)
{
    const char *folder = variable(b->variable);
    if (folder && *folder == '/') {
        return join(folder, b->name, path, b->option, error, error_size);
    }
    char below_home[CONFIG_PATH_MAX];
    if (strcmp(own, ".") == 0) {
        return 0;
    }
    if (join(own, b->standard, below_home, b->option, error, error_size) != 0) {
        return -1;
    }
    return join(below_home, b->name, path, b->option, error, error_size);
}

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool is_there(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0;
}

int home_find(char home[CONFIG_PATH_MAX], char config[CONFIG_PATH_MAX], char *error, size_t error_size)
{
    static const struct base data = {"XDG_DATA_HOME", ".local/share", "kith", "-home"};
    static const struct base settings = {"XDG_CONFIG_HOME", ".config", "kith/kith.conf", "-config"};
    char own[CONFIG_PATH_MAX];
    find_own(own);
    if (join(own, ".kith", home, "-home", error, error_size) != 0 ||
        join(home, "kith.conf", config, "-home", error, error_size) != 0) {
        return -1;
    }
    if (is_folder(home) && is_there(config)) {
        return 0;
    }
    if (!is_folder(home) && in_base(&data, own, home, error, error_size) != 0) {
        return -1;
    }
    return in_base(&settings, own, config, error, error_size);
}
