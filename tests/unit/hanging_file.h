/* Stands in front of open: a path that ends in HANGING_FILE blocks as on a file system that has stopped to
 * answer, until hanging_file_release; then there is no such file. */
#ifndef KITH_TESTS_HANGING_FILE_H
#define KITH_TESTS_HANGING_FILE_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <unistd.h>

#define HANGING_FILE "kith.hangs"

static _Atomic unsigned hanging;
static int hanging_gate; /* readable while those that hang are let go */

__attribute__((constructor)) static void make_hanging_gate(void)
{
    hanging_gate = eventfd(0, EFD_CLOEXEC);
    if (hanging_gate < 0) {
        abort();
    }
}

static int hang(void)
{
    struct pollfd p = {.fd = hanging_gate, .events = POLLIN};
    atomic_fetch_add(&hanging, 1);
    while (poll(&p, 1, -1) != 1)
        ;
    atomic_fetch_sub(&hanging, 1);
    errno = ENOENT;
    return -1;
}

static int open_or_hang(const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...);
    void *symbol = dlsym(RTLD_NEXT, "open64");
    size_t length = strlen(path), tail = strlen(HANGING_FILE);

    if (length >= tail && strcmp(path + length - tail, HANGING_FILE) == 0) {
        return hang();
    }
    memcpy(&real, &symbol, sizeof real);
    return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

/* Under both names that the compiler may call it by. */
#undef open
#undef open64
int kith_test_open(const char *path, int flags, ...) __asm__("open");
int kith_test_open64(const char *path, int flags, ...) __asm__("open64");

int kith_test_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_or_hang(path, flags, mode);
}

int kith_test_open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_or_hang(path, flags, mode);
}

/* Ends every open that hangs, and blocks until none does. Later ones hang again. */
static void hanging_file_release(void)
{
    eventfd_write(hanging_gate, 1);
    while (atomic_load(&hanging) > 0) {
        usleep(1000);
    }
    eventfd_t value;
    eventfd_read(hanging_gate, &value);
}

#endif
