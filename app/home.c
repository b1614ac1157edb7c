#include "app/home.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "app/text.h"

/* NULL if it is not set or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value != '\0' ? value : NULL;
}

static int join(const char *folder, const char *name, char path[CONFIG_PATH_MAX], const char *option,
                char *error, size_t error_size)
{
    int n = snprintf(path, CONFIG_PATH_MAX, "%s/%s", folder, name);
    return n >= 0 && n < CONFIG_PATH_MAX
               ? 0
               : text_fail(error, error_size, "%s: the path in the environment is too long", option);
}

/* "<folder of that variable>/<name>"; a relative one counts for nothing, as the specification says.
 * `standard` is its default, below HOME. */
static int in_base(const char *base, const char *standard, const char *name, char path[CONFIG_PATH_MAX],
                   const char *option, char *error, size_t error_size)
{
    const char *folder = variable(base);
    if (folder && *folder == '/') {
        return join(folder, name, path, option, error, error_size);
    }
    char below_home[CONFIG_PATH_MAX];
    if (join(variable("HOME"), standard, below_home, option, error, error_size) != 0) {
        return -1;
    }
    return join(below_home, name, path, option, error, error_size);
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
    const char *own = variable("HOME");
    if (join(own ? own : ".", ".kith", home, "-home", error, error_size) != 0 ||
        join(home, "kith.conf", config, "-home", error, error_size) != 0) {
        return -1;
    }
    if (!own || (is_folder(home) && is_there(config))) {
        return 0;
    }
    if (!is_folder(home) &&
        in_base("XDG_DATA_HOME", ".local/share", "kith", home, "-home", error, error_size) != 0) {
        return -1;
    }
    return in_base("XDG_CONFIG_HOME", ".config", "kith/kith.conf", config, "-config", error, error_size);
}
