/* One option: a row of a table. The program has a table (app/option_table.c), and a protocol has one for what
 * it alone reads (struct protocol). The flags, the keys of the configuration file, the checks and the help
 * come from these rows; docs/kith.1 describes each. Rows and their names are constant; any thread. */
#ifndef KITH_PROTOCOL_SETTING_H
#define KITH_PROTOCOL_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

/* The type of a value, and of its place. */
enum setting_type {
    SETTING_SWITCH,    /* true or false; a flag alone means true: bool */
    SETTING_NUMBER,    /* a whole number: any integer type */
    SETTING_TIME,      /* milliseconds, or with a suffix ms, s, m, h, d: int64_t */
    SETTING_SIZE,      /* bytes, or with a suffix K, M, G (powers of 1024): any integer type */
    SETTING_CHOICE,    /* one of the row's choices: an enum */
    SETTING_TEXT,      /* a name: char[] */
    SETTING_PATH,      /* char[] */
    SETTING_URL,       /* http, https, file, or "": char[] */
    SETTING_IP,        /* struct ip */
    SETTING_ENDPOINTS, /* IP:PORT,...: struct setting_endpoints */
    /* In the program's table alone, as their values have an owner. */
    SETTING_ADDRESSES, /* host:port ..., each perhaps with ws:// or ID@ before it: struct address_list */
    SETTING_PROTOCOL,  /* the name of a protocol of this build: const struct protocol * */
    SETTING_PROXY,     /* [USER:PASSWORD@]HOST:PORT or "", never shown: struct proxy */
};

/* A value of SETTING_ENDPOINTS. */
enum { SETTING_ENDPOINTS_MAX = 64 };
struct setting_endpoints {
    uint32_t n;
    struct endpoint list[SETTING_ENDPOINTS_MAX];
};

/* Under which heading the help shows it. */
enum setting_group {
    GROUP_GENERAL,
    GROUP_NETWORK,
    GROUP_PEERS,
    GROUP_TIMES,
    GROUP_LIMITS,
    GROUP_MERITS,
    GROUP_COUNT,
};

struct setting_choice {
    const char *name; /* the first name of a value is the one that is shown */
    int64_t value;
    bool hidden; /* understood, so that files of other programs can be read, but not offered */
};

enum setting_mark {
    SETTING_FLAG_ONLY = 1, /* the configuration file does not know it */
    SETTING_TOLD = 2,      /* `standard` is for the help alone: the default depends on other options */
    SETTING_IP_ONLY = 4,   /* addresses without host names */
    /* Of a protocol's: with another protocol the flag is checked and has no effect. Without this mark it is
     * an error. A key of the configuration file never is one, as several protocols may share the file. */
    SETTING_TOLERATED = 8,
    /* Nodes as app/node_list.h reads them. They are special peers; the row itself has no place. */
    SETTING_NODES = 16,
    /* Of a choice: a switch that knows more words. Two of its choices are "true" and "false". A flag alone
     * means "true", and a value follows only after '='. */
    SETTING_ALONE = 32,
};

struct setting {
    enum setting_group group;
    enum setting_type type;
    const char *name; /* no other row of this build has it; protocols may share a whole table */
    /* Where the value is: of the program's rows in its struct options; of a protocol's in the struct that its
     * setting_defaults is one of. */
    size_t place, size;
    int64_t least, most;  /* of numbers, times and sizes; of texts, paths and URLs their length in bytes */
    const char *standard; /* the default, spelt as a value; NULL: it is the protocol's, or there is none */
    const char *help;
    const struct setting_choice *choices; /* up to a NULL name */
    const char *takes;                    /* the word of the help for the value; NULL: the type's word */
    const char *by_network; /* the file's key for one network, after the network's name: "SpecialPeers"; NULL
                               for none */
    unsigned marks;
};

#endif
