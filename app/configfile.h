/* The grammar of the configuration file, an INI file. It knows no meaning of the keys.
 *
 * A line is blank, a comment after ';' or '#', a [section], which changes nothing, or `key = value`. A value
 * is bare, up to white space with a ';' or '#' after it, or it stands in double quotes, in which \" and
 * \\ are one character and a backslash before anything else is itself. CRLF and a UTF-8 byte order mark are
 * tolerated. */
#ifndef KITH_APP_CONFIGFILE_H
#define KITH_APP_CONFIGFILE_H

#include <stddef.h>

#define CONFIGFILE_MAX ((size_t)1 << 20) /* bytes of a file; a longer one is an error */

/* Takes one entry, of that line; key and value are NUL-terminated and valid for the call. Returns 0; or -1
 * and the reason in `bad`, which ends the reading. */
typedef int configfile_entry(void *context, size_t line, const char *key, const char *value, char *bad,
                             size_t bad_size);

enum configfile_result {
    CONFIGFILE_READ,
    CONFIGFILE_MISSING, /* there is no such file; `error` is filled as well */
    CONFIGFILE_BAD, /* `error` is one line that starts with "NAME:LINE: ", or "NAME: " if no line is at fault
                     */
};

/* Any thread; does not block. Reads `size` bytes of text, which it changes; text[size] is a NUL. Error lines
 * name the text `name`. Entries before a bad one have been handed out by then. READ or BAD. */
enum configfile_result configfile_parse(const char *name, char *text, size_t size, configfile_entry *entry,
                                        void *context, char *error, size_t error_size);

/* Blocks on the disk. The same, from a regular file, or from /dev/null, which has no entries; anything else
 * is BAD, and is not waited for. */
enum configfile_result configfile_read(const char *path, configfile_entry *entry, void *context, char *error,
                                       size_t error_size);

#endif
