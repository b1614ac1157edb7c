#include "bench/private_node.h"

#include <inttypes.h>
#include <stdio.h>

#include "bench/driver.h"

void set(struct kith_config *config, const char *name, const char *value)
{
    char error[KITH_ERROR_MAX];
    if (kith_config_set(config, name, value, error, sizeof error) < 0) {
        die("%s", error);
    }
}

void set_number(struct kith_config *config, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    set(config, name, text);
}

struct kith_config *private_config(const char *address)
{
    struct kith_config *config = kith_config_new();
    if (!config) {
        die("out of memory");
    }
    set(config, "network", "LOCAL");
    set(config, "bind", address);
    set(config, "seedURL", "");
    set(config, "peersFile", "");
    set(config, "exclusive", "true");
    set(config, "acceptInterval", "0");
    set(config, "logLevel", "error");
    return config;
}

struct kith *private_open(struct kith_config *config)
{
    char error[KITH_ERROR_MAX];
    struct kith *node = kith_open(config, NULL, NULL, error, sizeof error);
    if (!node) {
        die("%s", error);
    }
    kith_config_free(config);
    return node;
}
