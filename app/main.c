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
#include <unistd.h>

#include "app/doctor.h"
#include "app/editor.h"
#include "app/frontend.h"
#include "app/input.h"
#include "app/journal.h"
#include "app/json_id.h"
#include "app/limits.h"
#include "app/log_pipe.h"
#include "app/open.h"
#include "app/operators.h"
#include "app/options.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "queue/log_tail.h"
#include "queue/log_writer.h"

enum {
    ITEMS_AT_ONCE = 256,
    END_MS = 1300,         /* after being asked to end, at the latest */
    FLUSH_MS = 300,        /* how long standard error may take for the last lines */
    FLUSH_WHY_MS = 1500,   /* likewise, if they tell why there is no node: nothing else is to be done */
    BACKGROUND_MS = 300,   /* how often it looks whether it is in the foreground again, as nothing tells */
    BAD_CONFIGURATION = 2, /* the exit status */
};

struct program {
    struct frontend frontend;
    struct operators operators;
    struct kith *node;
    struct log_writer *log;
    struct log_sink log_sink; /* what this file says itself */
    struct output out;
    struct input in;
    struct log_pipe log_pipe;
    int signals;
    bool ends_with_input;
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
    enum kith_result r = kith_reload(p->node, 0, error, sizeof error);
    if (r != KITH_OK) {
        log_line(&p->log_sink, LOG_LEVEL_ERROR, "%s; the special peers stay as they are",
                 r == KITH_INVALID ? error : kith_result_text(r));
    }
    service_has_reloaded(&p->operators.service);
}

static void take_signals(struct program *p)
{
    struct signalfd_siginfo s;
    while (read(p->signals, &s, sizeof s) == sizeof s) {
        switch (input_signal(&p->in, &p->out, &s)) {
        case INPUT_IS_QUIT:
            quit(p);
            break;
        case INPUT_IS_RELOAD:
            reload(p);
            break;
        case INPUT_HAS_OBEYED:
            break;
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
    while (wants_lines(p) && (r = input_next(&p->in, &line, &size)) != LINES_NONE) {
        if (r == LINES_TOO_LONG) {
            p->frontend.too_long(&p->frontend, line, size);
        } else if (!pass_line(p, line, size)) {
            return;
        }
        p->said += output_size(&p->out) - before;
        before = output_size(&p->out);
    }
    if (!p->in.is_open && p->ends_with_input) {
        quit(p);
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

static bool reads(struct program *p)
{
    return input_has_more(&p->in) && !p->pending && wants_lines(p);
}

enum { FD_SIGNALS, FD_NODE, FD_ROOM, FD_IN, FD_LOG, FD_OUT, FD_COUNT };

static void wait(struct program *p, bool more)
{
    struct pollfd fds[FD_COUNT] = {
        [FD_SIGNALS] = {.fd = p->signals, .events = POLLIN},
        [FD_NODE] = {.fd = p->is_writing || output_is_full(&p->out) ? -1 : kith_fd(p->node),
                     .events = POLLIN},
        [FD_ROOM] = {.fd = p->pending ? p->pending_fd : -1, .events = POLLIN},
        [FD_IN] = {.fd = -1, .events = POLLIN},
        [FD_LOG] = {.fd = p->is_writing || output_is_full(&p->out) ? -1 : p->log_pipe.reader,
                    .events = POLLIN},
        [FD_OUT] = {.events = POLLIN},
    };
    int timeout = -1;
    if (reads(p)) {
        if (input_is_in_background(&p->in)) {
            timeout = BACKGROUND_MS;
        } else {
            fds[FD_IN].fd = p->in.lines.fd;
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
        input_read(&p->in);
    }
    if (fds[FD_LOG].revents) {
        log_pipe_read(&p->log_pipe, &p->out);
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
        if (reads(p) && !input_is_in_background(&p->in)) {
            input_show(&p->in);
        }
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

static void complete(void *frontend, const char *line, struct completions *c)
{
    struct frontend *f = frontend;
    f->complete(f, line, c);
}

/* The history belongs to the home, which a node without files of its own may not have. */
static void edit_lines(struct program *p, const struct options *o)
{
    char history[CONFIG_PATH_MAX + sizeof "/history"] = "";
    if (o->config.peers_file[0]) {
        snprintf(history, sizeof history, "%s/history", o->home);
    }
    input_edit(&p->in, &p->out, history, complete, &p->frontend);
}

static bool prepare(struct program *p, const struct options *o)
{
    input_open(&p->in, STDIN_FILENO, (size_t)lines_longest(o->config.node.limits.parcel_bytes, o->json));
    if (!o->json) {
        edit_lines(p, o);
    }
    sigset_t signals;
    sigemptyset(&signals);
    input_add_signals(&p->in, &signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    p->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    p->ends_with_input = input_is_alive(STDIN_FILENO);
    p->frontend.node = p->node;
    p->frontend.out = &p->out;
    p->frontend.protocol = o->config.protocol->name;
    p->frontend.config = &o->config;
    p->frontend.json = o->json;
    p->frontend.json_payload = o->json_payload;
    if (o->json == JSON_BINARY) {
        lines_may_be_followed(&p->in.lines, json_bytes_find, o->config.node.limits.parcel_bytes);
        p->frontend.following = &p->in.lines.following;
    }
    return p->signals >= 0 &&
           (o->json ? json_frontend(&p->frontend) : console_frontend(&p->frontend, isatty(STDOUT_FILENO)));
}

/* With the node's log, and `why` as the last line. */
static int end_log(struct program *p, const char *why, int ms)
{
    if (why) {
        log_writer_plain(p->log, why);
    }
    log_writer_end(p->log, ms);
    log_pipe_close(&p->log_pipe);
    return why ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void end_output(struct program *p)
{
    int64_t soon = clock_ms() + OUTPUT_SHORTLY_MS;
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
    input_close(&p->in);
    log_pipe_end(&p->log_pipe, &p->out);
    end_output(p);
    kith_close(p->node);
    int error = input_free(&p->in);
    if (error) {
        log_line(&p->log_sink, LOG_LEVEL_WARNING, "history: %s/history: %s", o->home, strerror(error));
    }
    if (!prepared) {
        snprintf(why, why_size, "kith: out of memory");
    } else if (p->out.error && !output_has_no_reader(&p->out)) {
        snprintf(why, why_size, "kith: standard output: %s", strerror(p->out.error));
    } else {
        return NULL;
    }
    return why;
}

static int serve(struct options *o, const struct log_output *to)
{
    struct program p = {.signals = -1, .log_pipe = {.reader = -1, .writer = -1}};
    struct log_output log = *to;
    if (!o->json && editor_is_possible()) {
        log_pipe_open(&p.log_pipe, &log);
    }
    p.log = log_writer_start(&log);
    if (!p.log || !output_init(&p.out, STDOUT_FILENO)) {
        fprintf(stderr, "kith: no memory, or no thread, for what is to be written\n");
        log_writer_end(p.log, FLUSH_MS);
        return EXIT_FAILURE;
    }
    p.log_sink = (struct log_sink){.line = log_writer_line,
                                   .line_about = log_writer_line_about,
                                   .context = p.log,
                                   .level = o->config.log_level};
    char error[KITH_ERROR_MAX];
    const struct own_log own = {.sink = &p.log_sink, .writer = p.log, .tail = to->tail};
    if (operators_open(&p.operators, o, &own, error, sizeof error) == 0) {
        p.node = kith_open_options(o, &p.log_sink, error, sizeof error);
    }
    char why[KITH_ERROR_MAX + 64];
    if (!p.node) {
        operators_end(&p.operators);
        log_pipe_end(&p.log_pipe, &p.out);
        output_fini(&p.out, clock_ms() + OUTPUT_SHORTLY_MS);
        snprintf(why, sizeof why, "kith: %s", error);
        utf8_make_harmless(why);
        return end_log(&p, why, FLUSH_WHY_MS);
    }
    return end_log(&p, serve_node(&p, o, why, sizeof why), FLUSH_MS);
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
    if (journal_choose(o, &log, error, sizeof error) < 0 || web_check(o, error, sizeof error) < 0 ||
        open_ready(o, error, sizeof error) < 0) {
        return bad_configuration(error);
    }
    if (!o->show_identity) {
        log.tail = o->http[0] ? log_tail_new() : NULL;
        int status = serve(o, &log);
        log_tail_free(log.tail);
        return status;
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
    } else if (o.show_doctor) {
        status = doctor_run(&o, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
    } else {
        status = start(&o);
    }
    options_free(&o);
    return flush_stdout(status);
}
