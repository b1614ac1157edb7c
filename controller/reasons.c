#include "controller/reasons.h"

#define END_NUMBER(name, text, merit) [name] = KITH_##name,
#define NUMBER(name, text)            [name] = KITH_##name,
static const enum kith_reason ends[] = {END_REASONS(END_NUMBER)};
static const enum kith_reason drops[] = {DROP_CAUSES(NUMBER)};
static const enum kith_reason datagrams[] = {DATAGRAM_CAUSE_LIST(NUMBER)};

enum kith_reason reason_of_end(enum end_reason r)
{
    return ends[r];
}

enum kith_reason reason_of_drop(enum drop_cause c)
{
    return drops[c];
}

enum kith_reason reason_of_datagram(enum datagram_cause c)
{
    return datagrams[c];
}

#define END_TEXT(name, text, merit)                                                                          \
    case KITH_##name:                                                                                        \
        return text;
#define TEXT(name, text)                                                                                     \
    case KITH_##name:                                                                                        \
        return text;
#define FAIL_TEXT(name, text)                                                                                \
    case name:                                                                                               \
        return text;

const char *reason_text(enum kith_reason r)
{
    switch (r) {
    case KITH_REASON_NONE:
        return "no reason";
        END_REASONS(END_TEXT)
        DROP_CAUSES(TEXT)
        DATAGRAM_CAUSE_LIST(TEXT)
        FAIL_REASONS(FAIL_TEXT)
    }
    return "unknown";
}
