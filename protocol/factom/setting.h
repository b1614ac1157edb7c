/* The options that Factom alone reads. */
#ifndef KITH_PROTOCOL_FACTOM_SETTING_H
#define KITH_PROTOCOL_FACTOM_SETTING_H

#include "protocol/protocol.h"

/* What node_config.settings points to. */
struct factom_settings {
    int64_t assemble_ms;     /* the fragments of one message must come within */
    uint64_t assemble_bytes; /* fragments of unfinished messages, per connection */
    /* Types of one stream, levels of nesting, bytes of a type's definition: docs/protocols/factom.md, "Gob,
     * as much of it as is needed". */
    uint32_t gob_types, gob_depth, gob_definition;
};

extern const struct setting factom_settings[]; /* up to a NULL name */
extern const struct factom_settings factom_setting_defaults;

#endif
