#include "protocol/factom/setting.h"

#define DAY  INT64_C(86400000)
#define MEGA (INT64_C(1) << 20)
#define GIGA (INT64_C(1) << 30)

#define PLACE(member)                                                                                        \
    .place = offsetof(struct factom_settings, member), .size = sizeof(((struct factom_settings *)0)->member)

/* All were everybody's options once, so other protocols still take them. */
const struct setting factom_settings[] = {
    {.group = GROUP_TIMES,
     .type = SETTING_TIME,
     .name = "assemble",
     PLACE(assemble_ms),
     .least = 1,
     .most = 3650 * DAY,
     .help = "the parts of one message must come within this time",
     .marks = SETTING_TOLERATED},
    {.group = GROUP_LIMITS,
     .type = SETTING_SIZE,
     .name = "assembleBytes",
     PLACE(assemble_bytes),
     .most = 1024 * GIGA,
     .help = "parts of unfinished messages kept for one connection",
     .marks = SETTING_TOLERATED},
    {.group = GROUP_LIMITS,
     .type = SETTING_NUMBER,
     .name = "gobTypes",
     PLACE(gob_types),
     .least = 1,
     .most = 4096,
     .help = "types that a gob stream may define",
     .marks = SETTING_TOLERATED},
    {.group = GROUP_LIMITS,
     .type = SETTING_NUMBER,
     .name = "gobDepth",
     PLACE(gob_depth),
     .least = 1,
     .most = 256,
     .help = "how deep values of a gob stream may nest",
     .marks = SETTING_TOLERATED},
    {.group = GROUP_LIMITS,
     .type = SETTING_SIZE,
     .name = "gobDefinition",
     PLACE(gob_definition),
     .least = 64,
     .most = MEGA,
     .help = "longest type definition of a gob stream",
     .marks = SETTING_TOLERATED},
    {.name = NULL},
};

const struct factom_settings factom_setting_defaults = {
    .assemble_ms = 10 * 60 * 1000,
    .assemble_bytes = 32U << 20,
    .gob_types = 64,
    .gob_depth = 32,
    .gob_definition = 4U << 10,
};
