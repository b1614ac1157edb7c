/* Distributes a file. Who lacks it asks each peer that comes, and fetches part by part, as fast as it writes;
 * who has all of it answers. So a slow receiver delays nobody, and one that is done serves others, too.
 *
 *     cc sendfile.c -o sendfile $(pkg-config --cflags --libs kith libsodium)
 *     ./sendfile send photo.jpg bind 127.0.0.1 home /tmp/a
 *     ./sendfile receive copy.jpg bind 127.0.0.2 home /tmp/b peers 127.0.0.1:8110  (in other terminals) */
#include <fcntl.h>
#include <kith.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The answer to a request, which is the eight bytes of `at` alone. All nodes have the same order of bytes. */
struct part {
    uint64_t at, size; /* of the whole file, as its hash is */
    unsigned char hash[crypto_generichash_BYTES], bytes[256 * 1024];
};
static const size_t HEAD = offsetof(struct part, bytes);

static struct kith *node;
static int fd;
static struct part file;     /* what we have, or fetch */
static unsigned char *bytes; /* of it */
static uint64_t have;        /* how many of them are here */

/* Each waits a second if there is no room in the queue. */
static void ask(const char *target)
{
    kith_send_wait(node, target, &have, sizeof have, 0, 1000);
}

static void answer(const char *peer, uint64_t at)
{
    uint64_t left = at < file.size ? file.size - at : 0;
    size_t n = left < sizeof file.bytes ? left : sizeof file.bytes;
    file.at = at;
    memcpy(file.bytes, bytes + (n > 0 ? at : 0), n);
    kith_send_wait(node, peer, &file, HEAD + n, 0, 1000);
}

/* True once all of the file is here. What was not asked for, or comes twice, is passed over. */
static bool take(const char *peer, const struct part *p, size_t n)
{
    unsigned char hash[sizeof file.hash];
    if (have == 0 && ftruncate(fd, (off_t)p->size) == 0) {
        memcpy(&file, p, HEAD);
        bytes = mmap(NULL, file.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (bytes == MAP_FAILED)
            file.size = 0;
    }
    if (p->at != have || p->size != file.size || n > file.size - have)
        return false;
    memcpy(bytes + have, p->bytes, n);
    have += n;
    if (have < file.size) {
        ask(peer);
        return false;
    }
    crypto_generichash(hash, sizeof hash, bytes, file.size, NULL, 0);
    bool good = memcmp(hash, file.hash, sizeof hash) == 0;
    fprintf(stderr, "%llu bytes, %s\n", (unsigned long long)have, good ? "complete" : "of a wrong hash");
    have = good ? have : 0;
    return good;
}

int main(int argc, char **argv)
{
    char error[KITH_ERROR_MAX] = "usage: sendfile send|receive FILE [OPTION VALUE]...";
    struct kith_config *config = kith_config_new();
    bool good = argc > 2 && argc % 2 == 1, complete = good && strcmp(argv[1], "send") == 0;
    for (int i = 3; good && i < argc; i += 2) /* options of kith(1), and their values */
        good = kith_config_set(config, argv[i], argv[i + 1], error, sizeof error) == 0;
    fd = good ? open(argv[2], complete ? O_RDONLY : O_RDWR | O_CREAT, 0666) : -1;
    file.size = fd >= 0 && complete ? (uint64_t)lseek(fd, 0, SEEK_END) : 0;
    bytes = file.size > 0 ? mmap(NULL, file.size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    if (good && (fd < 0 || bytes == MAP_FAILED)) /* it is not there, or a folder, say */
        return perror(argv[2]), 2;
    if (!good || !(node = kith_open(config, NULL, NULL, error, sizeof error)))
        return fprintf(stderr, "%s\n", error), 2;
    crypto_generichash(file.hash, sizeof file.hash, bytes, file.size, NULL, 0);
    for (struct kith_item item;;) {
        static struct part p; /* a copy, as a parcel's bytes lie anywhere */
        struct pollfd ready = {.fd = kith_fd(node), .events = POLLIN};
        enum kith_receive what = kith_receive(node, &item);
        size_t size = what == KITH_PARCEL && item.parcel.size <= sizeof p ? item.parcel.size : 0;
        memcpy(&p, size > 0 ? item.parcel.bytes : "", size);
        if (what == KITH_NOTHING)
            poll(&ready, 1, -1);
        else if (complete && size == sizeof p.at)
            answer(item.parcel.peer, p.at);
        else if (!complete && size >= HEAD)
            complete = take(item.parcel.peer, &p, size - HEAD);
        else if (!complete && what == KITH_EVENT) /* somebody has come, or whom we asked has gone */
            ask(KITH_FULL_BROADCAST);
    }
}
