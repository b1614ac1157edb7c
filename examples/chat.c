/* A chat: what one types, all the others read.
 *
 *     cc chat.c -o chat $(pkg-config --cflags --libs kith)
 *     ./chat alice bind 127.0.0.1 home /tmp/alice
 *     ./chat bob bind 127.0.0.2 home /tmp/bob peers 127.0.0.1:8110        (in another terminal)
 *
 * The words behind the name are options of kith(1), each with its value. */
#include <kith.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Options of kith(1) and their values in turn. */
static struct kith *open_node(char **options)
{
    char error[KITH_ERROR_MAX] = "an option has no value";
    struct kith_config *config = kith_config_new();
    while (options[0] && options[1] && !kith_config_set(config, options[0], options[1], error, sizeof error))
        options += 2;
    struct kith *opened = options[0] ? NULL : kith_open(config, NULL, NULL, error, sizeof error);
    if (!opened)
        fprintf(stderr, "%s\n", error);
    kith_config_free(config);
    return opened;
}

/* A peer may say anything, also what a terminal would obey. */
static void show(const unsigned char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool is_late = text[i] == 0xc2 && i + 1 < size && text[i + 1] < 0xa0; /* U+0080 to U+009F */
        putchar(text[i] < ' ' || text[i] == 127 || is_late ? '?' : text[i]);
        i += is_late;
    }
    putchar('\n');
}

/* Shows all that has come; false once the node has ended. */
static bool show_news(struct kith *node)
{
    struct kith_item item;
    for (;;) {
        switch (kith_receive(node, &item)) {
        case KITH_NOTHING: /* kith_fd becomes readable when there is more */
            return fflush(stdout) == 0;
        case KITH_PARCEL:
            show(item.parcel.bytes, item.parcel.size);
            break;
        case KITH_EVENT:
            if (item.event.type == KITH_ONLINE && item.event.count == 1) /* it has no other connection */
                printf("* %s has come\n", item.event.peer->hash);
            if (item.event.type == KITH_OFFLINE && item.event.count == 0)
                printf("* %s has gone: %s\n", item.event.peer->hash, item.event.text);
            if (item.event.type == KITH_ENDED)
                return false;
        }
    }
}

/* Waits for room, for a second, if the peers are slow. */
static void say(struct kith *node, const char *name, char *line)
{
    char text[1200];
    line[strcspn(line, "\n")] = '\0';
    snprintf(text, sizeof text, "<%s> %s", name, line);
    enum kith_result r = kith_send_wait(node, KITH_BROADCAST, text, strlen(text), 0, 1000);
    if (r != KITH_OK)
        printf("* not sent: %s\n", kith_result_text(r));
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return fprintf(stderr, "usage: chat NAME [OPTION VALUE]...\n"), 2;
    struct kith *node = open_node(argv + 2);
    if (!node)
        return 2;
    struct pollfd fds[] = {{.fd = kith_fd(node), .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    char line[1024];
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows of each line that is left */
    while (show_news(node)) {
        poll(fds, 2, -1);
        if (fds[1].revents && fgets(line, sizeof line, stdin)) {
            say(node, argv[1], line);
        } else if (fds[1].revents) { /* the end of the input: what was said goes out, then KITH_ENDED comes */
            fds[1].fd = -1;
            kith_quit(node);
        }
    }
    kith_close(node);
    return 0;
}
