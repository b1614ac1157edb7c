/* Keys and values that all nodes share by gossip, on libuv: the last writer wins. Each line of input is KEY
 * VALUE, which writes, or KEY, which reads; an empty one ends it. A message is "VERSION KEY VALUE". Peers are
 * trusted: the highest version has a key for good. Against strangers let versions be times, and sign entries.
 *     cc gossip_kv.c -o gossip_kv $(pkg-config --cflags --libs kith libuv)
 *     ./gossip_kv bind 127.0.0.2 home /tmp/b peers 127.0.0.1:8110     (the first names no peers) */
#include <kith.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { PLACES = 1000 };
#define ENTRY " %31[^\x01- \x7f] %255[^\x01-\x1f\x7f]" /* nothing that a terminal would obey */
static struct entry {
    unsigned long long version; /* 0: the place is free */
    char key[32], value[256];
} table[PLACES];
static struct kith *node;

/* The place of the key, or for it; NULL if all are taken. */
static struct entry *find(const char *key)
{
    for (size_t i = 0; i < PLACES; i++)
        if (table[i].version == 0 || strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

/* True if that is news. Of two that were written at once all nodes keep the same one. */
static bool put(const struct entry *e)
{
    struct entry *p = find(e->key);
    if (!p || p->version > e->version || (p->version == e->version && strcmp(p->value, e->value) >= 0))
        return false;
    *p = *e;
    return true;
}

static void tell(const char *target, const struct entry *e)
{
    char text[sizeof *e + 32];
    snprintf(text, sizeof text, "%llu %s %s", e->version, e->key, e->value);
    kith_send_wait(node, target, text, strlen(text), 0, 1000); /* a second, if the peers are slow */
}

static enum kith_verdict hear(const struct kith_parcel *p)
{
    char text[sizeof(struct entry) + 32] = "";
    struct entry e = {.version = 0};
    memcpy(text, p->bytes, p->size < sizeof text ? p->size : 0);
    if (sscanf(text, "%llu" ENTRY, &e.version, e.key, e.value) != 3 || e.version == 0)
        return KITH_REJECT; /* no node of ours sends that: it costs the peer points */
    return put(&e) ? fprintf(stderr, "%s = %s\n", e.key, e.value), KITH_ACCEPT : KITH_IGNORE;
}

static void on_news(uv_poll_t *watcher, int status, int events)
{
    enum kith_receive what;
    (void)watcher, (void)status, (void)events;
    for (struct kith_item item; (what = kith_receive(node, &item)) != KITH_NOTHING;)
        if (what == KITH_PARCEL)
            kith_verdict(node, item.parcel.ticket, hear(&item.parcel));
        else if (item.event.type == KITH_ONLINE) /* who has come is told all that we know */
            for (size_t i = 0; i < PLACES && table[i].version; i++)
                tell(item.event.peer->hash, &table[i]);
}

static void on_input(uv_poll_t *watcher, int status, int events)
{
    char line[300];
    struct entry e = {.version = 0};
    (void)watcher, (void)status, (void)events;
    int n = fgets(line, sizeof line, stdin) ? sscanf(line, ENTRY, e.key, e.value) : EOF;
    if (n == EOF)
        uv_stop(uv_default_loop());
    else if (n < 2 || !find(e.key))
        fprintf(stderr, "%s = %s\n", e.key, find(e.key) ? find(e.key)->value : "");
    else if (e.version = find(e.key)->version + 1, put(&e))
        tell(KITH_FULL_BROADCAST, &e);
}

int main(int argc, char **argv)
{
    char error[KITH_ERROR_MAX] = "usage: gossip_kv [OPTION VALUE]...";
    struct kith_config *config = kith_config_new();
    bool good = argc % 2 == 1 && kith_config_set(config, "relay", "validated", error, sizeof error) == 0;
    for (int i = 1; good && i < argc; i += 2) /* options of kith(1), and their values */
        good = kith_config_set(config, argv[i], argv[i + 1], error, sizeof error) == 0;
    if (!good || !(node = kith_open(config, NULL, NULL, error, sizeof error)))
        return fprintf(stderr, "%s\n", error), 2;
    setvbuf(stdin, NULL, _IONBF, 0); /* libuv is to know of each line that is left */
    uv_poll_t news, input;
    uv_poll_init(uv_default_loop(), &news, kith_fd(node));
    uv_poll_init(uv_default_loop(), &input, 0);
    uv_poll_start(&news, UV_READABLE, on_news);
    uv_poll_start(&input, UV_READABLE, on_input);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    kith_close(node);
}
