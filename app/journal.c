#include "app/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "app/text.h"
#include "queue/writing.h"

#ifdef KITH_WITH_SYSTEMD

#define SD_JOURNAL_SUPPRESS_LOCATION /* lines say what they are about themselves */
#include <systemd/sd-journal.h>

#define SOCKET    "/run/systemd/journal/socket" /* libsystemd's; it takes a missing one for success */
#define LINE_MOST 8192

static int send_line(const struct log_record *line)
{
    static const int priorities[] = {LOG_ERR, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    char message[LINE_MOST], priority[32], identifier[] = "SYSLOG_IDENTIFIER=kith";
    snprintf(message, sizeof message, "MESSAGE=%s", line->text);
    snprintf(priority, sizeof priority, "PRIORITY=%d", priorities[line->level]);
    char peer[LOG_RECORD_ABOUT + 16], ip[LOG_RECORD_ABOUT + 16];
    snprintf(peer, sizeof peer, "KITH_PEER=%s", line->peer);
    snprintf(ip, sizeof ip, "KITH_IP=%s", line->ip);
    struct iovec fields[5] = {
        {message, strlen(message)}, {priority, strlen(priority)}, {identifier, strlen(identifier)}};
    int n = 3;
    if (line->peer[0]) {
        fields[n++] = (struct iovec){peer, strlen(peer)};
    }
    if (line->ip[0]) {
        fields[n++] = (struct iovec){ip, strlen(ip)};
    }
    /* It may wait for the journal, and holds nothing meanwhile that would have to be given back. */
    writing_may_end();
    int result = sd_journal_sendv(fields, n);
    writing_must_not_end();
    return -result;
}

/* 0, or why no line would arrive. */
static int look_for_journal(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int fault = fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return fault;
}

/* systemd.exec(5): the device and inode of the journal's stream, if it was given to the process as one. */
static bool stderr_is_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat s;
    return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &s) == 0 &&
           s.st_dev == device && s.st_ino == inode;
}

int journal_choose(const struct options *o, struct log_output *to, char *error, size_t error_size)
{
    *to = (struct log_output){.fd = STDERR_FILENO, .format = o->log_format};
    bool wanted = o->log_format == LOG_FORMAT_JOURNAL;
    if (!wanted && !(o->log_format == LOG_FORMAT_UNSET && stderr_is_journal())) {
        return 0;
    }
    int fault = look_for_journal();
    if (fault == 0) {
        to->send = send_line;
    }
    return fault == 0 || !wanted ? 0
                                 : text_fail(error, error_size, "-logFormat: there is no journal: %s: %s",
                                             SOCKET, strerror(fault));
}

#else

int journal_choose(const struct options *o, struct log_output *to, char *error, size_t error_size)
{
    *to = (struct log_output){.fd = STDERR_FILENO, .format = o->log_format};
    return o->log_format != LOG_FORMAT_JOURNAL
               ? 0
               : text_fail(error, error_size, "-logFormat: this kith was built without the journal");
}

#endif
