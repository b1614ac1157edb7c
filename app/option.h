/* All options, and a value's way from text to its place and back. Any thread; nothing blocks. */
#ifndef KITH_APP_OPTION_H
#define KITH_APP_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/options.h"
#include "protocol/setting.h"

#define OPTION_VALUE_MAX 128 /* bytes that option_format writes at most, with its NUL */

/* The rows: the program's own, then those of each protocol of this build. NULL past the last. */
const struct setting *option_at(size_t i);
size_t option_index(const struct setting *op);

/* The protocol whose own row that is, or one of those that share it; NULL for a row of the program's. */
const struct protocol *option_protocol(const struct setting *op);

/* The place of the value in *o. A row of a protocol has one only if it is o->config.protocol's and o->own is
 * there. */
void *option_place(struct options *o, const struct setting *op);

/* The row of that name, spelt exactly so (a flag) or letters' case aside (a key of the file); NULL if
 * there is none. */
const struct setting *option_find(const char *name);
const struct setting *option_find_any_case(const char *name);

/* What applies of an option's collected settings; NULL for none. */
const char *option_setting(const struct options *o, const struct setting *op);

/* "MAIN", "TEST", "LOCAL" or "CUSTOM". */
const char *network_choice_name(enum network_choice network);

/* Reads a value into `place`, which is of the row's type; NULL for a check alone. 0; or -1 and the reason in
 * `bad`. An address list must be empty before; on success the caller frees it, or forgets the proxy. */
int option_read(const struct setting *op, const char *text, void *place, char *bad, size_t bad_size);

/* The value at `place`, of a number, a time, a size or a choice. */
int64_t option_integer(const struct setting *op, const void *place);

/* Writes the value at `place` as the help and messages show it: "8", "15s", "64K". Of types that have no
 * default of their own: "". Returns buf. */
const char *option_format(const struct setting *op, const void *place, char buf[OPTION_VALUE_MAX]);

/* --- for those who show the options --- */

const char *option_group_title(enum setting_group group);

/* The word that stands for a value: "FILE", "TIME"; "" for a switch and a choice. */
const char *option_takes(const struct setting *op);

/* The default: a value, or, of a row that is SETTING_TOLD, words about it; "" for none. `defaults` is filled
 * by option_defaults. Returns buf, or a constant. */
const char *option_standard(const struct setting *op, const struct options *defaults,
                            char buf[OPTION_VALUE_MAX]);

/* Whether what an option names are special peers. */
bool option_names_special(const struct setting *op);

/* Reads the special peers of the flags, or of the configuration file, for *o, whose protocol, network and
 * proxy are decided. 0, and the caller frees the list; or -1, `error` with the flag's name, and an empty
 * list. */
int option_list_special(const struct options *o, bool of_file, struct address_list *list, char *error,
                        size_t error_size);

/* The same for all lists of addresses in o->config, which were empty, and o->config.exclusive. */
int option_list_peers(struct options *o, char *error, size_t error_size);

/* Sets every value in *o to its default: the program's and, if p is not NULL, that protocol's. What depends
 * on the network is not among them. The protocol's own settings are its setting_defaults themselves. */
void option_defaults(struct options *o, const struct protocol *p);

#endif
