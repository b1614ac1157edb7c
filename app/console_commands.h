/* The commands of the console. Main thread only; nothing blocks. */
#ifndef KITH_APP_CONSOLE_COMMANDS_H
#define KITH_APP_CONSOLE_COMMANDS_H

#include <stddef.h>

#include "app/frontend.h"

/* Carries out a line that begins with a slash, or says what is wrong with it. FRONTEND_FULL and FRONTEND_BUSY
 * as `line` of struct frontend. */
enum frontend_result console_command(struct frontend *f, const char *line, size_t size);

/* The name of command i, without its slash; NULL past the last. */
const char *console_command_name(size_t i);

/* Its argument number `word`, counted from 0, as its form has it: "PEER|IP"; NULL if there is none. The text
 * is a constant's rest: it ends at a space or a NUL. */
const char *console_command_argument(size_t i, size_t word);

#endif
