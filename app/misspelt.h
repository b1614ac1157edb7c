/* Keys of the configuration file that are nearly spelt as kith's: a warning names them. The others are passed
 * over, as the file may be another program's, too. Any thread; nothing blocks. */
#ifndef KITH_APP_MISSPELT_H
#define KITH_APP_MISSPELT_H

#include <stdbool.h>
#include <stddef.h>

#include "app/text.h"
#include "base/log.h"

enum {
    MISSPELT_MOST = 8, /* further ones are passed over with the others */
    MISSPELT_MEANT = 40,
};

struct misspelt {
    size_t n;
    struct misspelt_key {
        size_t line;
        char key[TEXT_SHOWN_MAX];
        char meant[MISSPELT_MEANT];
    } keys[MISSPELT_MOST];
};

/* A key that is none of kith's. False if it is not nearly one either, or there are too many. */
bool misspelt_add(struct misspelt *m, const char *key, size_t line);

/* A warning for each, with the file and the line. */
void misspelt_log(const struct misspelt *m, const char *path, const struct log_sink *log);

#endif
