/* Writes a peers file over and over, one peer more each time, until somebody kills it:
 * check_peers_file_kill.py does.
 *
 * It goes on from what the file holds. Of every version that peers_file_write has finished it prints how many
 * peers that holds; the n-th peer (from 0) is always the same endpoint. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peers/file.h"

#define FIRST_PEERS 1000 /* enough for a write to take a while */
#define NETWORK     "LOCAL"
#define NETWORK_ID  UINT32_C(0x00beaded)

static const struct book_config config = {
    .most_ips = 100000,
    .decay_ms = 3600000,
    .redial_ms = 120000,
    .give_up = 5,
    .quality_refuse = -200,
    .quality_banned = -2147000000,
};

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static bool add_peer(struct book *b, int64_t now)
{
    size_t n = book_count(b);
    struct endpoint e = {.ip = {{[10] = 0xff, [11] = 0xff, [12] = 10}}, .port = 8108};
    e.ip.bytes[13] = (uint8_t)(n >> 16);
    e.ip.bytes[14] = (uint8_t)(n >> 8);
    e.ip.bytes[15] = (uint8_t)n;
    book_merit(b, &e.ip, 1, now);
    return book_learn(b, &e, SOURCE_PEER, TELLER_FILE, now);
}

static bool write_version(const struct book *b, const char *path, int64_t now)
{
    struct book_snapshot *s = book_snapshot(b);
    bool good = s && peers_file_write(path, NETWORK, s, now) == 0;
    if (good) {
        printf("%zu\n", s->n_entries);
        fflush(stdout);
    } else {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    }
    book_snapshot_free(s);
    return good;
}

/* False if the file was there and could not be read whole. */
static bool read_version(struct book *b, const char *path, int64_t now)
{
    char message[PEERS_FILE_MESSAGE_MAX];
    struct book_snapshot *s;
    enum peers_file_result r = peers_file_read(path, NETWORK, NETWORK_ID, &s, message, sizeof message, now);
    bool good = r == PEERS_FILE_MISSING ||
                (r == PEERS_FILE_READ && message[0] == '\0' && book_restore(b, s, now) == 0);
    if (!good) {
        fprintf(stderr, "%s\n", message);
    }
    book_snapshot_free(s);
    return good;
}

int main(int argc, char **argv)
{
    struct book *b = argc == 2 && sodium_init() >= 0 ? book_new(&config) : NULL;
    if (!b) {
        fprintf(stderr, "usage: peers_file_kill FILE\n");
        return EXIT_FAILURE;
    }
    bool good = read_version(b, argv[1], wall_ms());
    while (good) {
        int64_t now = wall_ms();
        do {
            good = add_peer(b, now);
        } while (good && book_count(b) < FIRST_PEERS);
        good = good && write_version(b, argv[1], now);
    }
    book_free(b);
    return EXIT_FAILURE;
}
