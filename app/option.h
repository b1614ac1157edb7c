/* One option: a row of the table, and its value's way from text to its place and back. Any thread; nothing
 * blocks. Rows and their names are constant. */
#ifndef KITH_APP_OPTION_H
#define KITH_APP_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "app/options.h"

#define OPTION_VALUE_MAX 128 /* bytes that option_format writes at most, with its NUL */

/* The type of a value, and of its place in struct options. */
enum option_type {
    OPTION_SWITCH,    /* true or false; a flag alone means true: bool */
    OPTION_NUMBER,    /* a whole number: any integer type */
    OPTION_TIME,      /* milliseconds, or with a suffix ms, s, m, h, d: int64_t */
    OPTION_SIZE,      /* bytes, or with a suffix K, M, G (powers of 1024): any integer type */
    OPTION_CHOICE,    /* one of the row's choices: an enum */
    OPTION_TEXT,      /* a name: char[] */
    OPTION_PATH,      /* char[] */
    OPTION_URL,       /* http, https, file, or "": char[] */
    OPTION_IP,        /* struct ip */
    OPTION_ADDRESSES, /* host:port ..., each perhaps with ID@ before it: struct address_list */
    OPTION_PROTOCOL,  /* the name of a protocol of this build: const struct protocol * */
};

enum option_group {
    GROUP_GENERAL,
    GROUP_NETWORK,
    GROUP_PEERS,
    GROUP_TIMES,
    GROUP_LIMITS,
    GROUP_MERITS,
    GROUP_COUNT,
};

struct option_choice {
    const char *name; /* the first name of a value is the one that is shown */
    int64_t value;
    bool hidden; /* understood, so that files of other programs can be read, but not offered */
};

enum option_mark {
    OPTION_FLAG_ONLY = 1, /* the configuration file does not know it */
    OPTION_TOLD = 2,      /* `standard` is for the help alone: the default depends on other options */
    OPTION_IP_ONLY = 4,   /* addresses without host names */
};

struct option {
    enum option_group group;
    enum option_type type;
    const char *name;
    size_t place, size;   /* of the value in struct options */
    int64_t least, most;  /* of numbers, times and sizes; of texts, paths and URLs their length in bytes */
    const char *standard; /* the default, spelt as a value; NULL: it is the protocol's, or there is none */
    const char *help;
    const struct option_choice *choices; /* up to a NULL name */
    const char *takes;                   /* the word of the help for the value; NULL: the type's word */
    const char *by_network; /* the file's key for one network, after the network's name: "SpecialPeers"; NULL
                               for none */
    unsigned marks;
};

/* NULL past the last. */
const struct option *option_at(size_t i);
size_t option_index(const struct option *op);

/* The row of that name, spelt exactly so (a flag) or letters' case aside (a key of the file); NULL if
 * there is none. */
const struct option *option_find(const char *name);
const struct option *option_find_any_case(const char *name);

/* "MAIN", "TEST", "LOCAL" or "CUSTOM". */
const char *network_choice_name(enum network_choice network);

/* Reads a value into `place`, which is of the row's type; NULL for a check alone. 0; or -1 and the reason in
 * `bad`. An address list must be empty before; on success the caller frees it. */
int option_read(const struct option *op, const char *text, void *place, char *bad, size_t bad_size);

/* The value at `place`, of a number, a time, a size or a choice. */
int64_t option_integer(const struct option *op, const void *place);

/* Writes the value at `place` as the help and messages show it: "8", "15s", "64K". Of types that have no
 * default of their own: "". Returns buf. */
const char *option_format(const struct option *op, const void *place, char buf[OPTION_VALUE_MAX]);

/* Sets every value in *o to its default: the program's and, if p is not NULL, that protocol's. Network
 * terms are not among them. */
void option_defaults(struct options *o, const struct protocol *p);

#endif
