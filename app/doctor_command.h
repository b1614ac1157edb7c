/* What another program says. */
#ifndef KITH_APP_DOCTOR_COMMAND_H
#define KITH_APP_DOCTOR_COMMAND_H

/* Blocks for five seconds at most. words[0] is the program's path, and a NULL ends them. All that it writes
 * to standard output, 8 MiB at most, from malloc; NULL if that is nothing, or the program is not there. */
char *doctor_command(const char *const words[]);

#endif
