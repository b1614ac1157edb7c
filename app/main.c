/* The program: options, signals, and one loop between standard input, standard output and the node. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/frontend.h"
#include "app/journal.h"
#include "app/limits.h"
#include "app/lines.h"
#include "app/open.h"
#include "app/operators.h"
#include "app/options.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "queue/log_writer.h"

enum {
    ITEMS_AT_ONCE = 256,
    END_MS = 1300,         /* after being asked to end, at the latest */
    FLUSH_MS = 100,        /* how long standard error may take for the last lines */
    BACKGROUND_MS = 300,   /* how often it looks whether it is in the foreground again, as nothing tells */
    BLOCKED_MS = 20,       /* a read, at the longest */
    BAD_CONFIGURATION = 2, /* the exit status */
};

struct program {
    struct frontend frontend;
    struct operators operators;
    struct kith *node;
    struct log_writer *log;
    struct log_sink log_sink; /* what this file says itself */
    struct output out;
    struct lines in;
    int signals;
    bool stdin_open, stdin_is_terminal, ends_with_input;
    char *pending; /* a line that must be given again when there is room for it */
    size_t pending_size;
    int pending_fd;  /* which tells of that */
    bool has_room;   /* since the pending line was given last */
    uint64_t taken;  /* bytes that standard output had taken at the last look */
    bool is_writing; /* the parcel that was received last: it is not all in the output yet */
    size_t said;     /* bytes of answers to lines since standard output was last not full */
    bool quitting, ended;
    int64_t quit_by;
};

static void quit(struct program *p)
{
    if (p->quitting) {
        return;
    }
    p->quitting = true;
    p->quit_by = clock_ms() + END_MS;
    service_stops(&p->operators.service);
    kith_quit(p->node);
}

static void reload(struct program *p)
{
    char error[KITH_ERROR_MAX];
    service_reloads(&p->operators.service);
    if (kith_reload(p->node, 0, error, sizeof error) == KITH_INVALID) {
        log_line(&p->log_sink, LOG_LEVEL_ERROR, "%s; the special peers stay as they are", error);
    }
    service_has_reloaded(&p->operators.service);
}

static void take_signals(struct program *p)
{
    struct signalfd_siginfo s;
    while (read(p->signals, &s, sizeof s) == sizeof s) {
        if (s.ssi_signo == SIGHUP) {
            reload(p);
        } else {
            quit(p);
        }
    }
}

/* Gives a line to the frontend; false if it must be given again. */
static bool pass_line(struct program *p, char *line, size_t size)
{
    switch (p->frontend.line(&p->frontend, line, size)) {
    case FRONTEND_DONE:
        return true;
    case FRONTEND_QUIT:
        quit(p);
        return true;
    case FRONTEND_FULL:
        p->pending_fd = kith_room_fd(p->node);
        break;
    case FRONTEND_BUSY:
        p->pending_fd = kith_command_fd(p->node);
        break;
    }
    p->pending = line;
    p->pending_size = size;
    p->has_room = false;
    return false;
}

/* Lines are taken while standard output is full, too: else a node that receives faster than its output is
 * read could not send any more. Only the output that the lines themselves cause is bounded. */
static bool wants_lines(struct program *p)
{
    if (!output_is_full(&p->out)) {
        p->said = 0;
    }
    return !p->quitting && p->said < OUTPUT_ENOUGH;
}

static void take_lines(struct program *p)
{
    size_t before = output_size(&p->out);
    /* A line that found no room is given again only once there is some, as it is parsed anew each time. */
    if (p->pending && !p->has_room) {
        return;
    }
    char *line;
    if (p->pending) {
        line = p->pending;
        p->pending = NULL;
        if (!pass_line(p, line, p->pending_size)) {
            return;
        }
    }
    enum lines_result r;
    size_t size;
    while (wants_lines(p) && (r = lines_next(&p->in, &line, &size)) != LINES_NONE) {
        if (r == LINES_TOO_LONG) {
            p->frontend.too_long(&p->frontend, line, size);
        } else if (!pass_line(p, line, size)) {
            return;
        }
        p->said += output_size(&p->out) - before;
        before = output_size(&p->out);
    }
    if (p->in.ended && p->in.start == p->in.end && p->stdin_open) {
        p->stdin_open = false;
        if (p->ends_with_input) {
            quit(p);
        }
    }
}

/* A long parcel goes out piece by piece; the next item waits for it. */
static bool write_parcel(struct program *p)
{
    p->is_writing = p->is_writing && !p->frontend.more(&p->frontend);
    return !p->is_writing;
}

/* True if there may be more. */
static bool take_items(struct program *p)
{
    for (int i = 0; i < ITEMS_AT_ONCE && write_parcel(p) && !output_is_full(&p->out); i++) {
        struct kith_item item;
        switch (kith_receive(p->node, &item)) {
        case KITH_NOTHING:
            return false;
        case KITH_PARCEL:
            p->frontend.parcel(&p->frontend, &item.parcel);
            p->is_writing = true;
            break;
        case KITH_EVENT:
            p->frontend.event(&p->frontend, &item.event);
            p->ended |= item.event.type == KITH_ENDED;
            break;
        }
    }
    return write_parcel(p) && !output_is_full(&p->out);
}

/* A job in the background leaves the keyboard to the job in the foreground. */
static bool is_in_background(const struct program *p)
{
    pid_t foreground = p->stdin_is_terminal ? tcgetpgrp(p->in.fd) : -1;
    return foreground >= 0 && foreground != getpgrp();
}

/* Another process that shares the input may have taken it since the poll. An alarm ends the wait for more. It
 * repeats, as the first one may come before the read. */
static void read_input(struct program *p)
{
    const struct timeval often = {.tv_usec = BLOCKED_MS * 1000};
    setitimer(ITIMER_REAL, &(struct itimerval){often, often}, NULL);
    lines_read(&p->in);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL);
}

enum { FD_SIGNALS, FD_NODE, FD_ROOM, FD_IN, FD_OUT, FD_COUNT };

static void wait(struct program *p, bool more)
{
    struct pollfd fds[FD_COUNT] = {
        [FD_SIGNALS] = {.fd = p->signals, .events = POLLIN},
        [FD_NODE] = {.fd = p->is_writing || output_is_full(&p->out) ? -1 : kith_fd(p->node),
                     .events = POLLIN},
        [FD_ROOM] = {.fd = p->pending ? p->pending_fd : -1, .events = POLLIN},
        [FD_IN] = {.fd = -1, .events = POLLIN},
        [FD_OUT] = {.events = POLLIN},
    };
    int timeout = -1;
    if (p->stdin_open && !p->in.ended && !p->pending && wants_lines(p)) {
        if (is_in_background(p)) {
            timeout = BACKGROUND_MS;
        } else {
            fds[FD_IN].fd = p->in.fd;
        }
    }
    if (p->quitting) {
        int64_t left = p->quit_by - clock_ms();
        timeout = left > 0 ? (int)left : 0;
    }
    fds[FD_OUT].fd = output_sleep_begin(&p->out);
    more |= p->is_writing && output_has_room(&p->out);
    poll(fds, FD_COUNT, more || fds[FD_OUT].fd < 0 ? 0 : timeout);
    output_sleep_end(&p->out);
    p->has_room |= fds[FD_ROOM].revents != 0;
    if (fds[FD_SIGNALS].revents) {
        take_signals(p);
    }
    if (fds[FD_IN].revents) {
        read_input(p);
    }
}

/* One message may be longer than many pipes hold. While the other end reads it we take no other message, but
 * we make progress. */
static void report_progress(struct program *p)
{
    uint64_t taken = output_taken(&p->out);
    if (taken > p->taken) {
        kith_getting_on(p->node);
    }
    p->taken = taken;
}

static void run(struct program *p)
{
    while (!p->ended && !(p->quitting && clock_ms() >= p->quit_by)) {
        bool more = take_items(p);
        take_lines(p);
        output_write(&p->out);
        report_progress(p);
        if (p->out.error && !p->quitting) {
            quit(p); /* nobody reads what we say */
        }
        if (!p->ended) {
            wait(p, more);
        }
    }
}

/* Input from a pipe that has closed means that the program at its other end has gone. A file or /dev/null
 * just ends. */
static bool input_is_alive(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && (S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode) || isatty(fd));
}

static void wake_up(int number)
{
    (void)number;
}

static bool prepare(struct program *p, const struct options *o)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = wake_up},
              NULL); /* no SA_RESTART: it is to interrupt */
    p->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    p->stdin_open = true;
    p->stdin_is_terminal = isatty(STDIN_FILENO);
    p->ends_with_input = input_is_alive(STDIN_FILENO);
    lines_init(&p->in, STDIN_FILENO, (size_t)lines_longest(o->config.node.limits.parcel_bytes, o->json));
    p->frontend.node = p->node;
    p->frontend.out = &p->out;
    p->frontend.protocol = o->config.protocol->name;
    p->frontend.config = &o->config;
    return p->signals >= 0 &&
           (o->json ? json_frontend(&p->frontend) : console_frontend(&p->frontend, isatty(STDOUT_FILENO)));
}

/* With the node's log, and `why` as the last line. */
static int end_log(struct log_writer *log, const char *why)
{
    if (why) {
        log_writer_plain(log, why);
    }
    log_writer_end(log, FLUSH_MS);
    return why ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void end_output(struct program *p)
{
    int64_t soon = clock_ms() + OUTPUT_STILL_MS;
    output_fini(&p->out, p->quit_by > soon ? p->quit_by : soon);
    if (p->out.left > 0 && !p->out.error) {
        log_line(&p->log_sink, LOG_LEVEL_WARNING, "standard output: the last %zu bytes were not read",
                 p->out.left);
    }
    if (p->is_writing) {
        log_line(&p->log_sink, LOG_LEVEL_WARNING, "standard output: the last message is cut off");
    }
}

/* Runs the node; NULL, or why it could not go on. */
static const char *serve_node(struct program *p, const struct options *o, char *why, size_t why_size)
{
    bool prepared = prepare(p, o) && operators_start(&p->operators, p->node, o);
    if (prepared) {
        run(p);
        p->frontend.close(&p->frontend);
    }
    operators_end(&p->operators);
    end_output(p);
    kith_close(p->node);
    lines_fini(&p->in);
    if (!prepared) {
        snprintf(why, why_size, "kith: out of memory");
    } else if (p->out.error && !output_has_no_reader(&p->out)) {
        snprintf(why, why_size, "kith: standard output: %s", strerror(p->out.error));
    } else {
        return NULL;
    }
    return why;
}

static void log_to_writer(void *writer, enum kith_log_level level, const char *line)
{
    log_writer_line(writer, (enum log_level)level, line);
}

static int serve(struct options *o, const struct log_output *to)
{
    struct program p = {.signals = -1, .log = log_writer_start(to)};
    if (!p.log || !output_init(&p.out, STDOUT_FILENO)) {
        fprintf(stderr, "kith: no memory, or no thread, for what is to be written\n");
        log_writer_end(p.log, FLUSH_MS);
        return EXIT_FAILURE;
    }
    p.log_sink = (struct log_sink){.line = log_writer_line, .context = p.log, .level = o->config.log_level};
    char error[KITH_ERROR_MAX];
    if (operators_open(&p.operators, o, error, sizeof error) == 0) {
        p.node = kith_open_options(o, log_to_writer, p.log, error, sizeof error);
    }
    char why[KITH_ERROR_MAX + 64];
    if (!p.node) {
        operators_end(&p.operators);
        output_fini(&p.out, 0);
        snprintf(why, sizeof why, "kith: %s", error);
        utf8_make_harmless(why);
        return end_log(p.log, why);
    }
    return end_log(p.log, serve_node(&p, o, why, sizeof why));
}

/* Started with one of the standard descriptors closed, the node's first file or socket would take its number,
 * and what is meant for the terminal would be written into that. */
static bool open_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && close(fd) == 0;
}

static int bad_configuration(const char *error)
{
    fprintf(stderr, "kith: %s\n", error);
    return BAD_CONFIGURATION;
}

/* What needs to know who the node is. */
static int start(struct options *o)
{
    char error[OPTIONS_ERROR_MAX];
    struct log_output log;
    if (journal_choose(o, &log, error, sizeof error) < 0 || open_ready(o, error, sizeof error) < 0) {
        return bad_configuration(error);
    }
    if (!o->show_identity) {
        return serve(o, &log);
    }
    char id[PEER_ID_TEXT_MAX];
    printf("%s\n", peer_id_format(&o->config.node.id, id, sizeof id));
    return EXIT_SUCCESS;
}

/* Each of these signals would end or stop a node that has peers to serve. If it is ignored, only the read or
 * write fails. */
static void ignore_signals(void)
{
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow */
    signal(SIGTTIN, SIG_IGN); /* a terminal that belongs to the job in the foreground */
    signal(SIGTTOU, SIG_IGN);
}

/* By default malloc gives threads heaps of their own, and never returns what is free at the end of one: of
 * sixteen, what a flood took of each. Parcels have a pool of their own, so that threads seldom meet here. */
static void keep_one_heap(void)
{
    mallopt(M_ARENA_MAX, 1);
}

/* The output before there is a node. */
static int flush_stdout(int status)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE) {
        return status;
    }
    fprintf(stderr, "kith: standard output: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    int status = EXIT_SUCCESS;
    if (!open_standard_descriptors()) {
        return EXIT_FAILURE;
    }
    ignore_signals();
    keep_one_heap();
    char error[OPTIONS_ERROR_MAX];
    struct options o;
    if (options_parse(&o, argc, argv, error, sizeof error) < 0) {
        return bad_configuration(error);
    }
    if (o.show_help) {
        options_help(&o, stdout);
    } else if (o.show_version) {
        printf("kith %s\n", kith_version());
    } else if (o.show_limits) {
        limits_print(&o, stdout);
    } else {
        status = start(&o);
    }
    options_free(&o);
    return flush_stdout(status);
}
