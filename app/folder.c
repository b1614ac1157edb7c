#include "app/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "app/option.h"
#include "app/text.h"
#include "peers/place.h"

/* The folders above a home that may be made with it. */
enum {
    ABOVE_GIVEN = 1,
    ABOVE_DEFAULT = 3 /* of $HOME/.local/share/kith */
};

bool folder_is_home(const struct options *o, const char *file)
{
    size_t length = strlen(o->home);
    return length > 0 && strncmp(file, o->home, length) == 0 &&
           (file[length] == '/' || o->home[length - 1] == '/');
}

/* Makes it, and up to `above` of the folders that it is in, if they are missing. 0, or -1 with errno. */
static int make(char *path, int above)
{
    if (mkdir(path, S_IRWXU) == 0 || errno == EEXIST) {
        return 0;
    }
    char *slash = strrchr(path, '/');
    if (errno != ENOENT || above == 0 || !slash || slash == path) {
        return -1;
    }
    *slash = '\0';
    int result = make(path, above - 1);
    *slash = '/';
    return result == 0 && (mkdir(path, S_IRWXU) == 0 || errno == EEXIST) ? 0 : -1;
}

int folder_above(const struct options *o)
{
    return option_setting(o, option_find("home")) ? ABOVE_GIVEN : ABOVE_DEFAULT;
}

static int make_home(const struct options *o, char *error, size_t error_size)
{
    char path[CONFIG_PATH_MAX];
    size_t length = strlen(o->home);
    memcpy(path, o->home, length + 1);
    while (length > 1 && path[length - 1] == '/') {
        path[--length] = '\0';
    }
    /* A folder that is there needs no leave to be made. */
    struct stat s;
    if (stat(path, &s) != 0 && (make(path, folder_above(o)) != 0 || stat(path, &s) != 0)) {
        return text_fail(error, error_size, "-home: '%s' cannot be made: %s", path, strerror(errno));
    }
    return S_ISDIR(s.st_mode) ? 0 : text_fail(error, error_size, "-home: '%s' is not a folder", path);
}

int folder_check(const char *option, const char *file, char *error, size_t error_size)
{
    if (*file == '\0') {
        return 0;
    }
    struct place p;
    if (place_open(&p, file) != 0) {
        return text_fail(error, error_size, "%s: '%s' lies in a folder that cannot be opened: %s", option,
                         file, strerror(errno));
    }
    place_close(&p);
    return 0;
}

int folder_ready(const struct options *o, char *error, size_t error_size)
{
    bool at_home = folder_is_home(o, o->config.peers_file) || folder_is_home(o, o->identity_file);
    if (at_home && make_home(o, error, error_size) != 0) {
        return -1;
    }
    return folder_check("-peersFile", o->config.peers_file, error, error_size);
}
