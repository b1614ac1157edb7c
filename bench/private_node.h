/* A node that the benchmark opens by kith.h: in a network of its own, without seeds and files. */
#ifndef BENCH_PRIVATE_NODE_H
#define BENCH_PRIVATE_NODE_H

#include <stdint.h>

#include "kith.h"

/* All end the process if they fail. */

/* What is set makes the node a private one, which listens on this address; the caller sets the rest. */
struct kith_config *private_config(const char *address);

void set(struct kith_config *config, const char *name, const char *value);
void set_number(struct kith_config *config, const char *name, uint64_t value);

/* Frees the configuration. */
struct kith *private_open(struct kith_config *config);

#endif
