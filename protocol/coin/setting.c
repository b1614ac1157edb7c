#include "protocol/coin/setting.h"

#define PLACE(member)                                                                                        \
    .place = offsetof(struct ledger_settings, member), .size = sizeof(((struct ledger_settings *)0)->member)

const struct setting coin_settings[] = {
    {.group = GROUP_NETWORK,
     .type = SETTING_SWITCH,
     .name = "tracker",
     PLACE(tracker),
     .help = "be a tracker: tell the members of a coin network of each other"},
    {.group = GROUP_NETWORK,
     .type = SETTING_ENDPOINTS,
     .name = "trackers",
     PLACE(trackers),
     .help = "trackers that a coin member asks for others, at its start and from time to time: IP addresses "
             "only"},
    {.name = NULL},
};

const struct ledger_settings coin_setting_defaults = {.tracker = false};
