#include "protocol/mintlayer/setting.h"

#include "protocol/mintlayer/mintlayer.h"

#define PLACE(member)                                                                                        \
    .place = offsetof(struct mintlayer_settings, member),                                                    \
    .size = sizeof(((struct mintlayer_settings *)0)->member)

enum { T = MINTLAYER_TRANSACTIONS, B = MINTLAYER_BLOCKS, A = MINTLAYER_ADDRESSES };

/* As numbers they are what a handshake says. */
static const struct setting_choice services[] = {
    {"addresses", A, false},
    {"blocks", B, false},
    {"transactions", T, false},
    {"blocks,addresses", B | A, true},
    {"transactions,addresses", T | A, true},
    {"transactions,blocks", T | B, true},
    {"all", T | B | A, false},
    {"1", 1, true},
    {"2", 2, true},
    {"3", 3, true},
    {"4", 4, true},
    {"5", 5, true},
    {"6", 6, true},
    {"7", 7, true},
    {NULL, 0, false},
};

const struct setting mintlayer_settings[] = {
    {.group = GROUP_NETWORK,
     .type = SETTING_CHOICE,
     .name = "services",
     PLACE(services),
     .choices = services,
     .help = "what is offered to Mintlayer peers; also several, with commas between them. The application "
             "answers for all but addresses"},
    {.group = GROUP_NETWORK,
     .type = SETTING_SWITCH,
     .name = "answersHeaders",
     PLACE(answers_headers),
     .help = "the application answers HeaderListRequest; else the node says that there are none"},
    {.group = GROUP_NETWORK,
     .type = SETTING_SWITCH,
     .name = "pingAlways",
     PLACE(ping_always),
     .help = "ping Mintlayer peers each -ping, whatever is heard; else only after that time without a word"},
    {.group = GROUP_NETWORK,
     .type = SETTING_SWITCH,
     .name = "plain",
     PLACE(plain),
     .help = "do without encryption, as all peers must then, with Mintlayer on LOCAL"},
    {.name = NULL},
};

const struct mintlayer_settings mintlayer_setting_defaults = {.services = MINTLAYER_ADDRESSES};
