/* Stands in front of getaddrinfo: names that end in ".test" are answered here, all others by the system.
 *
 *     one.test    192.0.2.1 and 2001:db8::1
 *     many.test   300 addresses
 *     none.test   no such name, nor of any host in it
 *     slow.test   blocks until fake_names_release, then fails */
#ifndef KITH_TESTS_FAKE_NAMES_H
#define KITH_TESTS_FAKE_NAMES_H

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FAKE_MANY 300

static _Atomic unsigned asked;
static _Atomic unsigned blocked;
static int gate; /* readable while look-ups of slow.test are let go */

__attribute__((constructor)) static void make_gate(void)
{
    gate = eventfd(0, EFD_CLOEXEC);
    if (gate < 0) {
        abort();
    }
}

/* In one block, as freeaddrinfo of glibc expects it. */
struct found {
    struct addrinfo info;
    struct sockaddr_storage address;
};

static struct addrinfo *make(int family, const void *ip, size_t ip_size, struct addrinfo *next)
{
    struct found *f = calloc(1, sizeof *f);
    if (!f) {
        abort();
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)&f->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&f->address;
    memcpy(family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr, ip, ip_size);
    f->address.ss_family = (sa_family_t)family;
    f->info.ai_family = family;
    f->info.ai_addr = (struct sockaddr *)&f->address;
    f->info.ai_addrlen = family == AF_INET ? sizeof *v4 : sizeof *v6;
    f->info.ai_next = next;
    return &f->info;
}

static struct addrinfo *one(void)
{
    struct in_addr v4;
    inet_pton(AF_INET, "192.0.2.1", &v4);
    struct in6_addr v6;
    inet_pton(AF_INET6, "2001:db8::1", &v6);
    return make(AF_INET, &v4, sizeof v4, make(AF_INET6, &v6, sizeof v6, NULL));
}

static struct addrinfo *many(void)
{
    struct addrinfo *all = NULL;
    for (uint32_t i = 0; i < FAKE_MANY; i++) {
        struct in_addr v4 = {.s_addr = htonl(0xc6336400 + i)};
        all = make(AF_INET, &v4, sizeof v4, all);
    }
    return all;
}

static int block(void)
{
    struct pollfd p = {.fd = gate, .events = POLLIN};
    atomic_fetch_add(&blocked, 1);
    /* Asleep: hundreds that look every now and then would leave no processor to who is to let them go. */
    while (poll(&p, 1, -1) != 1)
        ;
    atomic_fetch_sub(&blocked, 1);
    return EAI_AGAIN;
}

static int ask_system(const char *name, const char *service, const struct addrinfo *hints,
                      struct addrinfo **all)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof real);
    return real(name, service, hints, all);
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict all)
{
    size_t length = name ? strlen(name) : 0;
    if (length < 5 || strcmp(name + length - 5, ".test") != 0) {
        return ask_system(name, service, hints, all);
    }
    atomic_fetch_add(&asked, 1);
    if (strcmp(name, "slow.test") == 0) {
        return block();
    }
    if (length >= 9 && strcmp(name + length - 9, "none.test") == 0) {
        return EAI_NONAME;
    }
    *all = strcmp(name, "many.test") == 0 ? many() : one();
    return 0;
}

/* Ends every look-up of slow.test, and blocks until none is under way. Later ones block again. */
static inline void fake_names_release(void)
{
    eventfd_write(gate, 1);
    while (atomic_load(&blocked) > 0) {
        usleep(1000);
    }
    eventfd_t value;
    eventfd_read(gate, &value);
}

/* Look-ups answered or blocked here, since the start. */
static inline unsigned fake_names_asked(void)
{
    return atomic_load(&asked);
}

#endif
