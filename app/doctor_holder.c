#include "app/doctor_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_LISTENS = 0x0a, LINK_MAX = CONFIG_PATH_MAX + 32 };

/* --- a process's descriptors --- */

/* Calls `look` with what each descriptor of the process leads to, until it returns true; true then. */
static bool look_through(long process, bool (*look)(void *context, const char *name, const char *target),
                         void *context)
{
    char path[64], target[LINK_MAX];
    snprintf(path, sizeof path, "/proc/%ld/fd", process);
    DIR *folder = opendir(path);
    bool found = false;
    for (const struct dirent *e; folder && !found && (e = readdir(folder));) {
        char name[sizeof path + sizeof e->d_name];
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        ssize_t n = readlink(name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        found = n > 0 && look(context, name, target);
    }
    if (folder) {
        closedir(folder);
    }
    return found;
}

static bool is_target(void *context, const char *name, const char *target)
{
    (void)name;
    return strcmp(target, (const char *)context) == 0;
}

static bool has_socket(long process, uint64_t inode)
{
    char link[64];
    snprintf(link, sizeof link, "socket:[%" PRIu64 "]", inode);
    return look_through(process, is_target, link);
}

/* --- a port --- */

/* "0100007F": words of four bytes, each as the computer has it in memory. */
static bool read_address(const char *hex, struct ip *ip)
{
    char part[9] = "";
    uint32_t words[4] = {0};
    size_t n = strlen(hex) / 8;
    struct sockaddr_storage from = {.ss_family = n == 1 ? AF_INET : AF_INET6};
    struct endpoint e;
    for (size_t i = 0; i < n && i < 4; i++) {
        memcpy(part, hex + 8 * i, 8);
        words[i] = (uint32_t)strtoul(part, NULL, 16);
    }
    if (n == 1) {
        memcpy(&((struct sockaddr_in *)&from)->sin_addr, words, 4);
    } else {
        memcpy(&((struct sockaddr_in6 *)&from)->sin6_addr, words, 16);
    }
    bool is_one = endpoint_from_sockaddr(&e, (const struct sockaddr *)&from);
    *ip = e.ip;
    return is_one;
}

/* Whether who listens there is in the way of us. */
static bool is_in_the_way(const struct ip *at, const char *hex)
{
    struct ip ip;
    bool is_any = strspn(hex, "0") == strlen(hex);
    return is_any || !at || (read_address(hex, &ip) && ip_equal(&ip, at));
}

/* The inode of a socket that has the port, by the kernel's table; 0 for none. */
static uint64_t find_socket(const char *table, const struct ip *at, uint16_t wanted)
{
    char line[512], address[33];
    uint64_t inode = 0;
    FILE *file = fopen(table, "re");
    while (file && inode == 0 && fgets(line, sizeof line, file)) {
        unsigned port, state;
        unsigned long long found;
        if (sscanf(line, " %*d: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %llu", address,
                   &port, &state, &found) == 4 &&
            port == wanted && state == STATE_LISTENS && is_in_the_way(at, address)) {
            inode = found;
        }
    }
    if (file) {
        fclose(file);
    }
    return inode;
}

static long find_process(uint64_t inode)
{
    long holder = 0;
    DIR *processes = opendir("/proc");
    for (const struct dirent *e; processes && holder == 0 && (e = readdir(processes));) {
        long process = isdigit((unsigned char)e->d_name[0]) ? strtol(e->d_name, NULL, 10) : 0;
        if (process > 0 && has_socket(process, inode)) {
            holder = process;
        }
    }
    if (processes) {
        closedir(processes);
    }
    return holder;
}

struct doctor_holder doctor_find_holder(const struct ip *at, uint16_t port)
{
    uint64_t inode = find_socket("/proc/self/net/tcp", at, port);
    inode = inode ? inode : find_socket("/proc/self/net/tcp6", at, port);
    return (struct doctor_holder){.is_taken = inode != 0, .process = inode ? find_process(inode) : 0};
}

/* --- a process --- */

void doctor_name_of(long process, char name[DOCTOR_NAME_MAX])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/comm", process);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(name, DOCTOR_NAME_MAX, file)) {
        snprintf(name, DOCTOR_NAME_MAX, "a program");
    }
    name[strcspn(name, "\n")] = '\0';
    if (file) {
        fclose(file);
    }
}

bool doctor_try_sockets(long process, bool (*try)(void *context, const char *path), void *context)
{
    char table[64], line[512], path[256];
    bool found = false;
    snprintf(table, sizeof table, "/proc/%ld/net/unix", process);
    FILE *file = fopen(table, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        unsigned flags, state;
        unsigned long long inode;
        /* Those that listen: of the flags, that is the only one that the kernel shows. */
        if (sscanf(line, "%*[0-9A-Fa-f]: %*x %*x %x %*x %x %llu %255[^\n]", &flags, &state, &inode, path) ==
                4 &&
            flags != 0 && path[0] == '/' && has_socket(process, inode)) {
            found = try(context, path);
        }
    }
    if (file) {
        fclose(file);
    }
    return found;
}

/* The process may see other files under that path than we do: then it is not the one. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool take_home(void *context, const char *name, const char *target)
{
    static const char lock[] = "/kith.lock";
    size_t size = strlen(target), end = sizeof lock - 1;
    if (size <= end || size - end >= CONFIG_PATH_MAX || strcmp(target + size - end, lock) != 0 ||
        !is_same_file(name, target)) {
        return false;
    }
    snprintf((char *)context, CONFIG_PATH_MAX, "%.*s", (int)(size - end), target);
    return true;
}

bool doctor_home_of(long process, char home[CONFIG_PATH_MAX])
{
    return look_through(process, take_home, home);
}
