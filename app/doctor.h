/* kith -doctor: what keeps a node with these options from working, in plain words, each with its remedy. */
#ifndef KITH_APP_DOCTOR_H
#define KITH_APP_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

#include "app/options.h"

/* Before there is another thread. Looks at the computer, the files of the node and the network; blocks for
 * them, for 45 seconds at most, and changes nothing on the disk. Prints a line for each matter, as JSON
 * with -json. If a node that runs is found by its port, *o gets its home and its socket. True if nothing is
 * wrong. */
bool doctor_run(struct options *o, FILE *out);

#endif
