/* The options of a node, from the command line, the configuration file, or a program that embeds the library.
 *
 * There are two steps, so that the order of options does not matter. First settings are collected, and each
 * is checked by itself. Then options_finish lays them over the defaults of the chosen protocol and network,
 * and checks them against each other. Tables of rows (protocol/setting.h) drive the flags, the file's
 * keys, the checks and the help; docs/kith.1 describes every option.
 *
 * One thread at a time uses a struct options. If a function fails, `error` holds one line that names the
 * option, or the file and line, without a newline and without the program's name. */
#ifndef KITH_APP_OPTIONS_H
#define KITH_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "app/misspelt.h"
#include "controller/config.h"
#include "queue/log_record.h"

#define OPTIONS_ERROR_MAX  (CONFIG_PATH_MAX + 512)
#define OPTIONS_NOTICE_MAX 256
#define CONTROL_PATH_MAX   108 /* of a Unix socket, with the NUL */
#define OPTIONS_MOST       96  /* rows of all tables */

enum network_choice { NETWORK_MAIN, NETWORK_TEST, NETWORK_LOCAL, NETWORK_CUSTOM, NETWORK_CHOICES };

/* What standard input and output speak: a console, JSON lines, or JSON lines with payloads as bytes behind
 * them. */
enum json_mode { JSON_OFF, JSON_LINES, JSON_BINARY };

/* How JSON lines show the payload of a parcel. */
enum json_payload {
    JSON_PAYLOAD_AUTO,   /* as text if pieces_are_text says so, else in base64 */
    JSON_PAYLOAD_BASE64, /* always so */
    JSON_PAYLOAD_BOTH,   /* in base64, and if it is such text as text, too */
};

/* The origin of a setting. The flag wins over the file's key for the network (LocalNetworkPort), which
 * wins over the file's key for any network (NetworkPort). */
enum option_origin {
    ORIGIN_FLAG,
    ORIGIN_FILE,
    ORIGIN_FILE_NETWORK, /* + enum network_choice */
    ORIGIN_COUNT = ORIGIN_FILE_NETWORK + NETWORK_CHOICES
};

struct options {
    struct config config; /* complete after options_finish, with these exceptions. identity_load reads
                             config.secret and config.id. The opening of the node draws config.nonce and, if
                             no nodeName is set, config.node_id */
    bool show_version, show_help, show_identity, show_limits, show_doctor;
    enum json_mode json;
    enum json_payload json_payload;
    enum log_format log_format; /* LOG_FORMAT_UNSET: as standard error is */
    char http[HOST_MAX + 16];   /* where HTTP is served, as it was given; "" for nowhere */
    enum network_choice network;
    char customnet[NETWORK_NAME_MAX];
    char home[CONFIG_PATH_MAX]; /* known from options_load or options_finish on; nothing here creates it */
    char config_path[CONFIG_PATH_MAX];
    bool has_config_file;                /* options_load has read it */
    char identity_file[CONFIG_PATH_MAX]; /* "" if the protocol has no identities */
    char control[CONTROL_PATH_MAX];      /* the program's control socket; "" for none */
    char notice[OPTIONS_NOTICE_MAX];     /* for the log: the keys that options_load passed over; "" if none */
    struct misspelt misspelt;            /* likewise, those of them that are nearly kith's */
    char *given[OPTIONS_MOST][ORIGIN_COUNT]; /* texts, from malloc; NULL if nothing was given */
    void *own; /* the protocol's own settings, from malloc: what config.node.settings points to */
};

/* The whole start of the program: flags, then the configuration file, then options_finish; blocks on the
 * disk. Reads the environment (app/home.h). After -help or -version the flags alone are read and nothing else
 * is filled. 0, and the caller calls options_free; or -1 with `error`, and *o holds nothing. */
int options_parse(struct options *o, int argc, char *const *argv, char *error, size_t error_size);

/* The same in steps, for a program that embeds the library: init; set, any number of times; load, if a
 * configuration file is wanted; finish. */
void options_init(struct options *o);

/* Blocks on the disk if a value of "connect" or "addnode" names a picture (app/node_list.h), and does not
 * otherwise. Sets the option of that name, spelt as the flag without its dash; the value is spelt as
 * after the flag. Replaces the value of before; the addresses of "peers", "connect", "addnode" and
 * "bootstrap" add up. 0; or -1 with `error`, and *o as it was. */
int options_set(struct options *o, const char *name, const char *value, char *error, size_t error_size);

/* Blocks on the disk. Collects the configuration file's settings, once: of the file that "config" names,
 * which must exist; else of kith.conf in the home, or in $XDG_CONFIG_HOME/kith (app/home.h), if it exists.
 * Keys that are no option of kith's are passed over and named in o->notice, or in o->misspelt. 0 or -1. */
int options_load(struct options *o, char *error, size_t error_size);

/* Does not block, but for a look at the disk if no option names a home. Fills the rest of *o from the
 * collected settings. May be called again after further settings; then a loaded identity is forgotten.
 * o->config borrows its address lists and the protocol's own settings from *o, which owns them until
 * options_free or the next options_finish. 0 or -1. */
int options_finish(struct options *o, char *error, size_t error_size);

/* Does not block. Reads special peers as "peers" spells them, for a finished *o, which is only read: any
 * thread. An id of another form than the protocol's is an error. 0, and the caller frees the list; or -1 with
 * the reason in `bad`, and an empty list. */
int options_read_peers(const struct options *o, const char *text, struct address_list *list, char *bad,
                       size_t bad_size);

/* Blocks on the disk. Reads the configuration file of a finished *o again, and gives the special peers that
 * it lists now for o's network; nothing else in it is looked at, and *o is only read: any thread. 0, and the
 * caller frees the list; or -1 with an empty list: the node keeps the peers that it has. A file that need not
 * exist and is gone lists none. */
int options_reload_special(const struct options *o, struct address_list *list, char *error,
                           size_t error_size);

/* Blocks as long as `out` does. Prints every option, its default and its meaning at 80 columns. The defaults
 * are those of the protocol that *o names. */
void options_help(const struct options *o, FILE *out);

void options_free(struct options *o); /* idempotent; wipes the node's secret and the proxy's login */

#endif
