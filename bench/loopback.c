#include "bench/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/driver.h"

enum { BACKLOG = 4096 };

static void switch_on(int fd, int level, int option)
{
    int one = 1;
    if (setsockopt(fd, level, option, &one, sizeof one) < 0) {
        die("setsockopt: %s", strerror(errno));
    }
}

static struct sockaddr_in socket_address(uint32_t address, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

static int new_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket: %s", strerror(errno));
    }
    switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
    return fd;
}

static void bind_to(int fd, uint32_t address, uint16_t port)
{
    struct sockaddr_in a = socket_address(address, port);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        die("bind, port %u: %s", port, strerror(errno));
    }
}

int loopback_listen(uint32_t address, uint16_t port)
{
    int fd = new_socket();
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
    bind_to(fd, address, port);
    if (listen(fd, BACKLOG) < 0) {
        die("listen, port %u: %s", port, strerror(errno));
    }
    return fd;
}

int loopback_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        die("accept: %s", strerror(errno));
    }
    switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
    return fd;
}

int loopback_connect(uint32_t source, uint32_t address, uint16_t port)
{
    struct sockaddr_in a = socket_address(address, port);
    int fd = new_socket();
    if (source != ANY_ADDRESS) {
        /* The port is chosen when the destination is known: else ports are used up by all destinations. */
        switch_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
        bind_to(fd, source, 0);
    }
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        die("connect, port %u: %s", port, strerror(errno));
    }
    return fd;
}

bool write_all(int fd, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        size -= (size_t)n;
    }
    return true;
}

bool read_all(int fd, void *bytes, size_t size)
{
    unsigned char *p = bytes;
    while (size > 0) {
        ssize_t n = read(fd, p, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        size -= (size_t)n;
    }
    return true;
}
