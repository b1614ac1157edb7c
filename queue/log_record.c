#include "queue/log_record.h"

#include <string.h>

#include "base/clock.h"
#include "queue/parcel.h"

struct head {
    int64_t time_ms;
    int32_t level;
};

_Static_assert(sizeof(struct head) == LOG_RECORD_HEAD, "as the header says");

struct parcel *log_record_new(enum log_level level, const char *text)
{
    struct head head = {.time_ms = clock_wall_ms(), .level = (int32_t)level};
    size_t size = strlen(text) + 1;
    struct parcel *p = parcel_new(NULL, sizeof head + size);
    if (p) {
        memcpy(p->bytes, &head, sizeof head);
        memcpy(p->bytes + sizeof head, text, size);
    }
    return p;
}

struct log_record log_record_of(const struct parcel *p)
{
    struct head head;
    memcpy(&head, p->bytes, sizeof head);
    return (struct log_record){.time_ms = head.time_ms,
                               .level = (enum log_level)head.level,
                               .text = (const char *)p->bytes + sizeof head};
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"", "error", "warning", "info", "debug"};
    return names[level];
}
