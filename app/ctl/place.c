#include "app/ctl/place.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SERVICES "/run/kith/*/control.sock" /* kith@.service: one for each name */

static int fail_several(const glob_t *found, char *error, size_t error_size)
{
    int n = snprintf(error, error_size, "there are several nodes; -control says which:");
    for (size_t i = 0; i < found->gl_pathc && n > 0 && (size_t)n < error_size; i++) {
        n += snprintf(error + n, error_size - (size_t)n, " %s", found->gl_pathv[i]);
    }
    return -1;
}

static int find_service(char path[PLACE_MAX], char *error, size_t error_size)
{
    glob_t found;
    int result = -1;
    if (glob(SERVICES, 0, NULL, &found) != 0) {
        snprintf(error, error_size, "no node's control socket is known; -control says where it is");
        return -1;
    }
    if (found.gl_pathc > 1) {
        fail_several(&found, error, error_size);
    } else {
        snprintf(path, PLACE_MAX, "%s", found.gl_pathv[0]);
        result = 0;
    }
    globfree(&found);
    return result;
}

int place_find(char path[PLACE_MAX], char *error, size_t error_size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char own[PLACE_MAX];
    if (!runtime || runtime[0] != '/') {
        return find_service(path, error, error_size);
    }
    snprintf(own, sizeof own, "%s/kith/control.sock", runtime);
    if (access(own, F_OK) == 0 || find_service(path, error, error_size) != 0) {
        snprintf(path, PLACE_MAX, "%s", own);
    }
    return 0;
}
