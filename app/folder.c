#include "app/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "app/text.h"
#include "controller/config.h"

int folder_make(const char *option, const char *file, char *error, size_t error_size)
{
    char path[CONFIG_PATH_MAX];
    size_t length = strlen(file);
    if (length == 0) {
        return 0;
    }
    if (length >= sizeof path) {
        return text_fail(error, error_size, "%s: the path is too long", option);
    }
    memcpy(path, file, length + 1);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, S_IRWXU) < 0 && errno != EEXIST) {
            return text_fail(error, error_size, "%s: '%s' cannot be made: %s", option, path, strerror(errno));
        }
        *slash = '/';
    }
    return 0;
}
