#include "app/ctl/place.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* kith@.service: one for each name */
#define FOLDER   "/run/kith/"
#define SOCKET   "/control.sock"
#define SERVICES FOLDER "*" SOCKET

/* By the names of their services. */
static int fail_several(const glob_t *found, char *error, size_t error_size)
{
    int n = snprintf(error, error_size, "there are several nodes; -control says which:");
    for (size_t i = 0; i < found->gl_pathc && n > 0 && (size_t)n < error_size; i++) {
        const char *name = found->gl_pathv[i] + strlen(FOLDER);
        n += snprintf(error + n, error_size - (size_t)n, " %.*s", (int)strcspn(name, "/"), name);
    }
    return -1;
}

void place_named(const char *word, char path[PLACE_MAX])
{
    bool is_service = word[0] && word[0] != '.' && !strchr(word, '/') && access(word, F_OK) != 0;
    snprintf(path, PLACE_MAX, is_service ? FOLDER "%s" SOCKET : "%s", word);
}

int place_find(char path[PLACE_MAX], char *error, size_t error_size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool has_own = runtime && runtime[0] == '/';
    char own[PLACE_MAX] = "";
    glob_t found = {.gl_pathc = 0};
    int result = 0;
    if (has_own) {
        snprintf(own, sizeof own, "%s/kith/control.sock", runtime);
    }
    if (has_own && access(own, F_OK) == 0) {
        snprintf(path, PLACE_MAX, "%s", own);
    } else if (glob(SERVICES, 0, NULL, &found) == 0 && found.gl_pathc == 1) {
        snprintf(path, PLACE_MAX, "%s", found.gl_pathv[0]);
    } else if (found.gl_pathc > 1) {
        result = fail_several(&found, error, error_size);
    } else if (has_own) {
        snprintf(path, PLACE_MAX, "%s", own);
    } else {
        snprintf(error, error_size, "no node's control socket is known; -control says where it is");
        result = -1;
    }
    globfree(&found);
    return result;
}
