#include "protocol/ddrp/revision.h"

#define USER_AGENT "kith/" KITH_VERSION

const struct ddrp_revision ddrp_pip = {
    .type_bytes = 1,
    .types = {[DDRP_UPDATE] = 0x04,
              [DDRP_NIL_UPDATE] = -1,
              [DDRP_TREE_BASE_REQ] = 0x05,
              [DDRP_TREE_BASE_RES] = 0x06,
              [DDRP_SECTOR_REQ] = 0x07,
              [DDRP_SECTOR_RES] = 0x08,
              [DDRP_UPDATE_REQ] = 0x0b,
              [DDRP_PEER_REQ] = 0x09,
              [DDRP_PEER_RES] = 0x0a,
              [DDRP_HELLO] = 0x00,
              [DDRP_HELLO_ACK] = 0x01,
              [DDRP_PING] = 0x03},
    .signs_message = true,
    .hello_has_endpoint = true,
    .share_has_ports = true,
    .share_needs_id = true,
    .version_is_exact = true,
    .ignores_unknown = true,
    .ignores_forged = true,
    .share_most = 255,
    .window_s = DDRP_PIP_WINDOW_S,
    .handshake_ms = {[DIRECTION_OUTGOING] = 2000, [DIRECTION_INCOMING] = 5000},
    .user_agents = {[DIRECTION_OUTGOING] = USER_AGENT, [DIRECTION_INCOMING] = USER_AGENT},
    .checks = {CHECK_TIME, CHECK_HELLO, CHECK_SIGNATURE, CHECK_KIND, CHECK_BODY, CHECK_END},
};

const struct ddrp_revision ddrp_fnd = {
    .type_bytes = 2,
    .types = {[DDRP_UPDATE] = 0x03,
              [DDRP_NIL_UPDATE] = 0x04,
              [DDRP_TREE_BASE_REQ] = 0x05,
              [DDRP_TREE_BASE_RES] = 0x06,
              [DDRP_SECTOR_REQ] = 0x07,
              [DDRP_SECTOR_RES] = 0x08,
              [DDRP_UPDATE_REQ] = 0x0b,
              [DDRP_PEER_REQ] = 0x09,
              [DDRP_PEER_RES] = 0x0a,
              [DDRP_HELLO] = 0x00,
              [DDRP_HELLO_ACK] = 0x01,
              [DDRP_PING] = 0x02},
    .lax = true,
    .asks_everybody = true,
    .hungry_ms = 10000,
    .share_most = 1024,
    .window_s = DDRP_FND_WINDOW_S,
    .handshake_ms = {[DIRECTION_OUTGOING] = 2000, [DIRECTION_INCOMING] = 5000},
    .user_agents = {[DIRECTION_OUTGOING] = USER_AGENT, [DIRECTION_INCOMING] = ""},
    .checks = {CHECK_KIND, CHECK_BODY, CHECK_TIME, CHECK_SIGNATURE, CHECK_END},
};

enum ddrp_kind ddrp_kind_of(const struct ddrp_revision *r, uint32_t type)
{
    unsigned kind = 0;
    while (kind < DDRP_KINDS && r->types[kind] != (int32_t)type) {
        kind++;
    }
    return (enum ddrp_kind)kind;
}
