/* A program that embeds a node, in what C of 1989 and C++ of 1998 have in common: check_install.py compiles
 * it against what was installed. Prints the library's version and the address at which the node listens. */
#include <kith.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS 10000

static int set(struct kith_config *config, const char *name, const char *value)
{
    char error[KITH_ERROR_MAX];

    if (kith_config_set(config, name, value, error, sizeof error) == 0)
        return 1;
    fprintf(stderr, "%s\n", error);
    return 0;
}

static struct kith *open_alone(void)
{
    struct kith_config *config = kith_config_new();
    char error[KITH_ERROR_MAX];
    struct kith *node = NULL;

    if (!set(config, "network", "LOCAL") || !set(config, "bind", "127.0.0.1") ||
        !set(config, "networkPort", "0") || !set(config, "peersFile", "") || !set(config, "seedURL", ""))
        return NULL;
    node = kith_open(config, NULL, NULL, error, sizeof error);
    if (!node)
        fprintf(stderr, "%s\n", error);
    kith_config_free(config);
    return node;
}

int main(void)
{
    struct kith *node = open_alone();
    struct kith_item item;
    struct pollfd fd;

    if (!node)
        return 1;
    fd.fd = kith_fd(node);
    fd.events = POLLIN;
    while (kith_receive(node, &item) != KITH_EVENT || item.event.type != KITH_LISTENING)
        if (poll(&fd, 1, WAIT_MS) != 1)
            return 1;
    printf("%s %s\n", kith_version(), item.event.address);
    kith_close(node);
    return 0;
}
