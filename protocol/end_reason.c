#include "protocol/end_reason.h"

#include <stddef.h>

#define END_REASON_TEXT(name, text, merit)  [name] = text,
#define END_REASON_MERIT(name, text, merit) [name] = merit,

static const char *const texts[END_REASON_COUNT] = {END_REASONS(END_REASON_TEXT)};
static const enum end_merit merits[END_REASON_COUNT] = {END_REASONS(END_REASON_MERIT)};

const char *end_reason_text(enum end_reason r)
{
    return (size_t)r < END_REASON_COUNT ? texts[r] : "unknown";
}

enum end_merit end_reason_merit(enum end_reason r)
{
    return (size_t)r < END_REASON_COUNT ? merits[r] : MERIT_NONE;
}
