/* What the build makes from the tables of options, of kith-ctl's verbs and of protocols: texts on standard
 * output. */
#ifndef KITH_DIST_GENERATE_H
#define KITH_DIST_GENERATE_H

#include <stdbool.h>

#include "app/option.h"

/* Whether a flag alone is whole: a value follows only after "=". */
bool is_whole_alone(const struct setting *op);

/* The shells' completions of kith's flags. */
void print_bash(void);
void print_zsh(void);
void print_fish(void);

/* The same for kith-ctl. */
void print_ctl_bash(void);
void print_ctl_zsh(void);
void print_ctl_fish(void);

/* A text between single quotes of a shell, with a backslash before each byte of `escaped`. */
void print_quoted(const char *text, const char *escaped);

/* A configuration file in which each option is a comment with its default. */
void print_sample(void);

/* The ports of a protocol, for firewalld. */
void print_firewall(const struct protocol *p);

#endif
