/* The options that Mintlayer alone reads. */
#ifndef KITH_PROTOCOL_MINTLAYER_SETTING_H
#define KITH_PROTOCOL_MINTLAYER_SETTING_H

#include "protocol/protocol.h"

/* What node_config.settings points to. */
struct mintlayer_settings {
    uint32_t services;    /* that are offered: enum mintlayer_service_bit */
    bool answers_headers; /* the application answers HeaderListRequest */
    bool ping_always;     /* each timings.ping, whatever is heard */
    bool plain;           /* without Noise */
};

extern const struct setting mintlayer_settings[]; /* up to a NULL name */
extern const struct mintlayer_settings mintlayer_setting_defaults;

#endif
