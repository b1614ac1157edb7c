#include "protocol/session.h"

#include <stdio.h>

void session_event_end(struct session_event *ev, enum end_reason reason, const char *format,
                       va_list arguments)
{
    ev->type = SESSION_ENDED;
    ev->end.reason = reason;
    ev->end.n_alternatives = 0;
    ev->end.clock = (struct peer_clock){.is_told = false};
    vsnprintf(ev->end.text, sizeof ev->end.text, format, arguments);
}

const char *session_peer_name(const struct session_config *config, uint16_t port, char *buf, size_t size)
{
    char text[ENDPOINT_TEXT_MAX];
    const struct endpoint at = {.ip = config->remote.ip, .port = port};
    if (config->remote.port == 0 && config->proxied) {
        address_format_place(config->proxied, text, sizeof text);
    } else {
        endpoint_format(&at, text, sizeof text);
    }
    snprintf(buf, size, "%s", text);
    return buf;
}
