/* What passing messages on costs a node: three processes in a line, the first of which sends as fast as it
 * can. The one in the middle takes the messages itself and passes them on or not; the rate is that of the
 * last one that is given them.
 *
 * usage: relay BYTES MESSAGES RUNS */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/driver.h"
#include "bench/private_node.h"
#include "kith.h"

enum { PORT = 24710, IDLE_MS = 20000, RUNS_MOST = 64, WARM_SHARE = 10 };

static const char *const modes[] = {"false", "true", "validated"};
enum { MODES = sizeof modes / sizeof modes[0] };

static size_t bytes, messages;
static char address[32]; /* of this run alone: others may measure here, too */

static struct kith *open_node(unsigned place, const char *relay)
{
    struct kith_config *config = private_config(address);
    set(config, "redialSpecial", "100ms");
    set(config, "relay", relay);
    set_number(config, "networkPort", PORT + place);
    if (place > 0) {
        char peer[32 + sizeof ":65535"];
        snprintf(peer, sizeof peer, "%s:%u", address, PORT + place - 1);
        set(config, "peers", peer);
    }
    return private_open(config);
}

/* The first waits until the others are joined, too: the last tells through the pipe. */
static void send_all(int begin)
{
    char byte;
    struct kith *node = open_node(0, "false");
    unsigned char *payload = payload_new(bytes);
    if (read(begin, &byte, 1) != 1) {
        die("nobody is there");
    }
    for (size_t i = 0; i < messages; i++) {
        payload_number(payload, i);
        enum kith_result r = kith_send_wait(node, KITH_FULL_BROADCAST, payload, bytes, 0, IDLE_MS);
        if (r != KITH_OK) {
            die("send: %s", kith_result_text(r));
        }
    }
    pause();
}

/* Takes what comes until all has; a node in the middle goes on. Messages a second. */
static double take_all(struct kith *node, bool judges, int begin, size_t peers)
{
    struct kith_item item;
    size_t taken = 0, online = 0;
    uint64_t from_ns = 0;
    while (taken < messages) {
        enum kith_receive what = kith_receive(node, &item);
        if (what == KITH_NOTHING) {
            if (poll(&(struct pollfd){.fd = kith_fd(node), .events = POLLIN}, 1, IDLE_MS) <= 0) {
                die("nothing comes; %zu have", taken);
            }
        } else if (what == KITH_PARCEL) {
            taken++;
            if (taken == messages / WARM_SHARE) {
                from_ns = now_ns();
            }
            while (judges && kith_verdict(node, item.parcel.ticket, KITH_ACCEPT) == KITH_BUSY) {
                poll(&(struct pollfd){.fd = kith_command_fd(node), .events = POLLIN}, 1, IDLE_MS);
            }
        } else if (item.event.type == KITH_ONLINE && ++online == peers && begin >= 0 &&
                   write(begin, "", 1) != 1) {
            die("nobody wants to begin");
        } else if (item.event.type == KITH_DROPPED) {
            die("%" PRIu64 " messages dropped: %s", item.event.count, item.event.text);
        }
    }
    return (double)(messages - messages / WARM_SHARE) * 1e9 / (double)(now_ns() - from_ns);
}

static pid_t begin_child(void)
{
    pid_t child = fork();
    if (child < 0) {
        die("no process");
    }
    if (child == 0) {
        alarm(LIFE_LIMIT_S);
    }
    return child;
}

static double measure(int mode)
{
    int begin[2], result[2];
    double rate = 0;
    pid_t children[3];
    if (pipe(begin) != 0 || pipe(result) != 0) {
        die("no pipe");
    }
    if ((children[0] = begin_child()) == 0) {
        send_all(begin[0]);
    }
    if ((children[1] = begin_child()) == 0) {
        struct kith *node = open_node(1, modes[mode]);
        rate = take_all(node, mode == 2, mode == 0 ? begin[1] : -1, mode == 0 ? 1 : 2);
        if (mode > 0 || write(result[1], &rate, sizeof rate) == (ssize_t)sizeof rate) {
            pause();
        }
    }
    if (mode > 0 && (children[2] = begin_child()) == 0) {
        sleep(1); /* the two before it are joined meanwhile */
        rate = take_all(open_node(2, "false"), false, begin[1], 1);
        if (write(result[1], &rate, sizeof rate) == (ssize_t)sizeof rate) {
            pause();
        }
    }
    close(result[1]);
    if (read(result[0], &rate, sizeof rate) != (ssize_t)sizeof rate) {
        die("no figure");
    }
    for (int i = 0; i < (mode > 0 ? 3 : 2); i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    close(begin[0]);
    close(begin[1]);
    close(result[0]);
    return rate;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double rates[MODES][RUNS_MOST];
    if (argc != 4) {
        die("usage: relay BYTES MESSAGES RUNS");
    }
    bytes = option_number("BYTES", argv[1], 1 << 20);
    messages = option_number("MESSAGES", argv[2], 1 << 30);
    size_t runs = option_number("RUNS", argv[3], RUNS_MOST);
    if (bytes < 8 || messages < WARM_SHARE || runs < 1) {
        die("usage: relay BYTES MESSAGES RUNS");
    }
    unsigned process = (unsigned)getpid();
    snprintf(address, sizeof address, "127.%u.%u.1", 64 + (process >> 8) % 64, process % 256);
    for (size_t run = 0; run < runs; run++) {
        for (int mode = 0; mode < MODES; mode++) {
            rates[mode][run] = measure(mode);
        }
    }
    for (int mode = 0; mode < MODES; mode++) {
        qsort(rates[mode], runs, sizeof rates[mode][0], compare);
        printf("relay=%s %.0f messages/s (%.0f to %.0f), %.2f\n", modes[mode], rates[mode][runs / 2],
               rates[mode][0], rates[mode][runs - 1], rates[mode][runs / 2] / rates[0][runs / 2]);
    }
    return 0;
}
