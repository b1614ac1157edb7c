#include "app/misspelt.h"

#include <stdio.h>
#include <string.h>

#include "app/option.h"
#include "app/spelling.h"

/* "LocalSeedURL", for each network. */
static void try_networks(struct spelling *s, const struct setting *op, char meant[MISSPELT_MEANT])
{
    for (unsigned n = 0; n < NETWORK_CHOICES; n++) {
        char name[MISSPELT_MEANT];
        const char *network = network_choice_name((enum network_choice)n), *before = s->meant;
        size_t distance = s->distance;
        snprintf(name, sizeof name, "%s%s", network, op->by_network);
        for (size_t i = 1; i < strlen(network); i++) {
            name[i] |= 'a' - 'A';
        }
        spelling_try(s, name);
        if (s->meant != before || s->distance != distance) {
            s->meant = strcpy(meant, name);
        }
    }
}

bool misspelt_add(struct misspelt *m, const char *key, size_t line)
{
    struct misspelt_key *k = &m->keys[m->n];
    struct spelling s = {.wrong = key};
    const struct setting *op;
    if (m->n == MISSPELT_MOST) {
        return false;
    }
    for (size_t i = 0; (op = option_at(i)); i++) {
        if ((op->marks & SETTING_FLAG_ONLY) == 0) {
            spelling_try(&s, op->name);
        }
        if (op->by_network) {
            try_networks(&s, op, k->meant);
        }
    }
    if (!s.meant) {
        return false;
    }
    if (s.meant != k->meant) {
        snprintf(k->meant, sizeof k->meant, "%s", s.meant);
    }
    text_shown(key, k->key);
    k->line = line;
    m->n++;
    return true;
}

void misspelt_log(const struct misspelt *m, const char *path, const struct log_sink *log)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct misspelt_key *k = &m->keys[i];
        log_line(log, LOG_LEVEL_WARNING,
                 "%s:%zu: %s is no key of kith's, and is passed over; did you mean %s?", path, k->line,
                 k->key, k->meant);
    }
}
