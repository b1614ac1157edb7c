#include "app/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void names_add(struct names *names, const struct kith_peer *peer)
{
    char *text = strdup(peer->hash);
    if (!text || !array_reserve(names->items, names->room, names->n + 1)) {
        names->is_short = true;
        free(text);
        return;
    }
    names->items[names->n++] = (struct name){.connection = peer->connection, .text = text};
}

void names_remove(struct names *names, uint64_t connection)
{
    for (size_t i = 0; i < names->n; i++) {
        if (names->items[i].connection == connection) {
            free(names->items[i].text);
            names->items[i] = names->items[--names->n];
            return;
        }
    }
}

static void clear(struct names *names)
{
    while (names->n > 0) {
        free(names->items[--names->n].text);
    }
}

void names_replace(struct names *names, const struct kith_event *peers)
{
    clear(names);
    names->is_short = false;
    for (uint64_t i = 0; i < peers->count; i++) {
        names_add(names, KITH_PEER_AT(peers, i));
    }
}

void names_free(struct names *names)
{
    clear(names);
    free(names->items);
    *names = (struct names){.n = 0};
}

const char *names_next(const struct names *names, const char *prefix, size_t size, const char *after)
{
    const char *next = NULL;
    for (size_t i = 0; i < names->n; i++) {
        const char *text = names->items[i].text;
        if (strncmp(text, prefix, size) == 0 && (!after || strcmp(text, after) > 0) &&
            (!next || strcmp(text, next) < 0)) {
            next = text;
        }
    }
    return next;
}

const char *names_find(const struct names *names, const char *prefix, size_t *fit)
{
    const char *first = names_next(names, prefix, strlen(prefix), NULL);
    *fit = 0;
    for (const char *name = first; name; name = names_next(names, prefix, strlen(prefix), name)) {
        ++*fit;
    }
    /* Of names that begin so, the same one comes first. */
    return first && (*fit == 1 || strcmp(first, prefix) == 0) ? first : NULL;
}

const char *names_at_start(const struct names *names, const char *text)
{
    const char *longest = NULL;
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->items[i].text;
        size_t size = strlen(name);
        if (strncmp(text, name, size) == 0 && (text[size] == ' ' || !text[size]) &&
            (!longest || size > strlen(longest))) {
            longest = name;
        }
    }
    return longest;
}
