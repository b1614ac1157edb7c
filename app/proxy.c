#include "app/proxy.h"

#include <sodium.h>
#include <string.h>

#include "app/text.h"

enum { LOGIN_VERSION = 1 };

/* Byte by byte: memcpy would leave a password in vector registers, which a core dump has in it. */
static void copy_bytes(volatile char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

static void *locked(size_t size)
{
    return sodium_init() < 0 ? NULL : sodium_malloc(size);
}

/* "USER:PASSWORD", with an '@' behind it. 0, or -1 with `bad`; without `p` a check alone. */
static int read_login(const char *text, const char *end, struct proxy *p, char *bad, size_t bad_size)
{
    const char *colon = memchr(text, ':', (size_t)(end - text));
    size_t user = colon ? (size_t)(colon - text) : 0;
    size_t password = colon ? (size_t)(end - colon - 1) : 0;
    if (user < 1 || user > PROXY_NAME_MAX || password < 1 || password > PROXY_NAME_MAX) {
        return text_fail(bad, bad_size, "before the '@' there must be USER:PASSWORD, of 1 to %d bytes each",
                         PROXY_NAME_MAX);
    }
    if (!p) {
        return 0;
    }
    struct proxy_login *login = locked(sizeof *login);
    if (!login) {
        return text_fail(bad, bad_size, "out of memory");
    }
    memset(login, 0, sizeof *login);
    copy_bytes(login->user, text, user);
    copy_bytes(login->password, colon + 1, password);
    char *to = (char *)login->request;
    to[0] = LOGIN_VERSION;
    to[1] = (char)user;
    copy_bytes(to + 2, text, user);
    to[2 + user] = (char)password;
    copy_bytes(to + 3 + user, colon + 1, password);
    login->size = 3 + user + password;
    sodium_mprotect_readonly(login);
    p->login = login;
    return 0;
}

int proxy_read(const char *text, struct proxy *p, char *bad, size_t bad_size)
{
    struct proxy found = {.login = NULL};
    const char *at = strrchr(text, '@');
    const char *host = at ? at + 1 : text;
    if (*text != '\0' && !address_parse(&found.at, host, strlen(host))) {
        return text_fail(bad, bad_size, "it is not [USER:PASSWORD@]HOST:PORT");
    }
    if (at && read_login(text, at, p ? &found : NULL, bad, bad_size) != 0) {
        return -1;
    }
    if (p) {
        *p = found;
    }
    return 0;
}

void proxy_forget(struct proxy *p)
{
    /* The cast takes away a const that only keeps others from writing. NULL is allowed. */
    sodium_free((void *)(uintptr_t)p->login);
    *p = (struct proxy){.login = NULL};
}

char *proxy_text_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = locked(size);
    if (copy) {
        copy_bytes(copy, text, size);
    }
    return copy;
}

void proxy_text_free(char *text)
{
    sodium_free(text);
}
