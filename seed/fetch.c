#include "seed/fetch.h"

#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/descriptor.h"
#include "seed/disk.h"
#include "seed/list.h"
#include "seed/lookup.h"

#define STOP_LOOK_MS  100 /* how often the stop flag is looked at */
#define REDIRECTS_MAX 5L

struct body {
    char *bytes;
    size_t size;
    size_t room;
    bool too_long;
};

/* One transfer, with what libcurl writes into while it runs. */
struct transfer {
    CURLM *multi;
    CURL *easy;
    struct body body;
    char error[CURL_ERROR_SIZE];
};

static bool curl_is_there;

static void init_curl(void)
{
    curl_is_there = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* kith_open may run on several threads at once. */
int seed_fetch_global_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, init_curl) == 0 && curl_is_there ? 0 : -1;
}

/* libcurl takes any answer but `size * count` as an error. */
static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct body *b = context;
    size_t n = size * count; /* libcurl never hands over more than CURL_MAX_WRITE_SIZE */
    if (n > SEED_BODY_MAX - b->size) {
        b->too_long = true;
        return 0;
    }
    if (!array_reserve(b->bytes, b->room, b->size + n)) {
        return 0;
    }
    if (n > 0) {
        memcpy(b->bytes + b->size, bytes, n);
    }
    b->size += n;
    return n;
}

/* Anybody on the way can change what a plain http server sends. A list from https is to be safe from that, so
 * no redirect leads from https to http. A file is read by seed/disk.h, and no redirect leads to one. */
static bool allow_schemes(CURL *easy, bool secure)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    const char *schemes = secure ? "https" : "http,https";
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes) == CURLE_OK;
#else
    const long schemes = secure ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS;
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, schemes) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, schemes) == CURLE_OK;
#endif
}

/* Without it libcurl waits for its resolver's thread when a transfer is given up: neither stopping nor the
 * timeout would be kept. Older versions do wait. */
static bool leave_resolver(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#else
    (void)easy;
    return true;
#endif
}

/* libcurl's own sockets would outlive an exec(2), and in a forked child the transfer. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)context;
    (void)purpose;
    return descriptor_own(socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
}

static int close_socket(void *context, curl_socket_t fd)
{
    (void)context;
    descriptor_close(fd);
    return 0;
}

static bool own_sockets(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK;
}

/* To libcurl 0 means its own default, or no limit. */
static long timeout_of(int64_t ms)
{
    return ms < 1 ? 1L : ms > INT_MAX ? (long)INT_MAX : (long)ms;
}

/* ACCEPT_ENCODING: whatever this libcurl can decode. A server may compress unasked; receive() is given, and
 * bounds, what has been decoded. */
static bool set_options(struct transfer *t, const char *url, bool secure, const struct seed_config *config)
{
    CURL *easy = t->easy;
    return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "kith") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_of(config->connect_timeout_ms)) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_of(config->total_timeout_ms)) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, &t->body) == CURLE_OK && allow_schemes(easy, secure) &&
           leave_resolver(easy) && own_sockets(easy);
}

/* socks5h: the proxy is given the host's name. What the environment says of proxies does not count: it could
 * lead past this one. libcurl copies the login, and frees it with the transfer. */
static bool use_proxy(CURL *easy, const struct proxy *proxy)
{
    if (!proxy) {
        return true;
    }
    char at[ENDPOINT_TEXT_MAX], url[ENDPOINT_TEXT_MAX + 16];
    snprintf(url, sizeof url, "socks5h://%s", address_format(&proxy->at, at, sizeof at));
    const struct proxy_login *login = proxy->login;
    return curl_easy_setopt(easy, CURLOPT_PROXY, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SOCKS5_AUTH, CURLAUTH_BASIC) == CURLE_OK &&
           (!login || (curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, login->user) == CURLE_OK &&
                       curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, login->password) == CURLE_OK));
}

static CURLcode outcome(CURLM *multi)
{
    int left;
    CURLMsg *m = curl_multi_info_read(multi, &left);
    return m && m->msg == CURLMSG_DONE ? m->data.result : CURLE_RECV_ERROR;
}

/* The multi interface, because the easy one calls back only once a second while nothing arrives: too seldom
 * to stop. */
static CURLcode perform(struct transfer *t, const struct seed_config *config)
{
    int running = 1;
    while (!seed_stopped(config)) {
        if (curl_multi_perform(t->multi, &running) != CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
        if (running == 0) {
            return outcome(t->multi);
        }
        if (curl_multi_poll(t->multi, NULL, 0, STOP_LOOK_MS, NULL) != CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
    }
    return CURLE_ABORTED_BY_CALLBACK;
}

/* A body that was cut short libcurl itself knows. */
static int check_answer(const struct transfer *t, struct seed_result *result)
{
    long status = 0;
    if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK) {
        return seed_result_fail(result, "the answer has no status");
    }
    if (status != 200) {
        return seed_result_fail(result, "HTTP status %ld", status);
    }
    return 0;
}

static int run(struct transfer *t, const char *url, bool secure, const struct seed_config *config,
               struct seed_result *result)
{
    if (!t->multi || !t->easy || !set_options(t, url, secure, config) || !use_proxy(t->easy, config->proxy) ||
        curl_multi_add_handle(t->multi, t->easy) != CURLM_OK) {
        return seed_result_fail(result, "libcurl could not be set up");
    }
    CURLcode code = perform(t, config);
    if (seed_stopped(config)) {
        return seed_result_fail(result, "stopped");
    }
    if (t->body.too_long) {
        return seed_result_fail(result, "longer than %zu bytes", SEED_BODY_MAX);
    }
    if (code != CURLE_OK) {
        return seed_result_fail(result, "%s", t->error[0] ? t->error : curl_easy_strerror(code));
    }
    return check_answer(t, result);
}

static int transfer(const char *url, bool secure, const struct seed_config *config, struct body *body,
                    struct seed_result *result)
{
    struct transfer t = {.multi = curl_multi_init(), .easy = curl_easy_init()};
    int failed = run(&t, url, secure, config, result);
    /* The easy handle goes first: it may still use the other. */
    if (t.multi && t.easy) {
        curl_multi_remove_handle(t.multi, t.easy);
    }
    curl_easy_cleanup(t.easy);
    curl_multi_cleanup(t.multi);
    if (failed) {
        free(t.body.bytes);
        return -1;
    }
    *body = t.body;
    return 0;
}

/* A URL, taken apart by libcurl. The texts are libcurl's to free; NULL if there is no such part. */
struct url_parts {
    char *scheme; /* lower case */
    char *path;   /* decoded */
};

static void take_apart(const char *url, struct url_parts *parts)
{
    CURLU *u = curl_url();
    *parts = (struct url_parts){.scheme = NULL};
    if (!u) {
        return;
    }
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
        curl_url_get(u, CURLUPART_SCHEME, &parts->scheme, 0);
        curl_url_get(u, CURLUPART_PATH, &parts->path, CURLU_URLDECODE);
    }
    curl_url_cleanup(u);
}

/* On success body->bytes, which may be NULL if it is empty, is the caller's to free. */
static int fetch_body(const char *url, const struct seed_config *config, struct body *body,
                      struct seed_result *result)
{
    struct url_parts parts;
    take_apart(url, &parts);
    int failed;
    if (!parts.scheme || strcmp(parts.scheme, "file") != 0) {
        failed = transfer(url, parts.scheme && strcmp(parts.scheme, "https") == 0, config, body, result);
    } else if (parts.path) {
        failed = seed_disk_read(parts.path, config, &body->bytes, &body->size, result);
    } else {
        failed = seed_result_fail(result, "the URL has no path");
    }
    curl_free(parts.scheme);
    curl_free(parts.path);
    return failed;
}

struct bad_lines {
    const struct seed_config *config;
    struct seed_result *result;
};

static void bad_line(void *context, size_t line, const char *why)
{
    struct bad_lines *b = context;
    if (b->result->bad_lines++ < SEED_BAD_LINES_LOGGED) {
        log_line(b->config->log, LOG_LEVEL_WARNING, "seed: line %zu: %s", line, why);
    }
}

static int read_list(const struct body *body, const struct seed_config *config, struct seed_result *result)
{
    struct bad_lines bad = {.config = config, .result = result};
    struct address_list list;
    if (seed_list_parse(&list, body->bytes, body->size, bad_line, &bad) < 0) {
        return seed_result_fail(result, "memory is short");
    }
    if (result->bad_lines > SEED_BAD_LINES_LOGGED) {
        log_line(config->log, LOG_LEVEL_WARNING, "seed: %zu more bad lines",
                 result->bad_lines - SEED_BAD_LINES_LOGGED);
    }
    size_t n = list.n;
    int failed = seed_lookup(list.items, n, config, result);
    address_list_free(&list);
    if (failed) {
        return -1;
    }
    if (n == 0 && result->bad_lines > 0) {
        return seed_result_fail(result, "no seed list: not one of %zu lines is host:port", result->bad_lines);
    }
    if (n > 0 && result->n == 0) {
        return seed_result_fail(result, "not one of %zu host names could be looked up", n);
    }
    return 0;
}

int seed_fetch(const char *url, const struct seed_config *config, struct seed_result *result)
{
    struct body body = {.bytes = NULL};
    if (fetch_body(url, config, &body, result) < 0) {
        return -1;
    }
    int failed = read_list(&body, config, result);
    free(body.bytes);
    return failed;
}
