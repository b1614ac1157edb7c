/* What the application is told. Each function makes an event and hands it to controller_actions.tell. Texts
 * are cut to their room, unless it is said. Without memory for an event the application is not told of it. */
#ifndef KITH_CONTROLLER_REPORT_H
#define KITH_CONTROLLER_REPORT_H

#include "controller/state.h"

/* `id` is the number of the application's request, 0 for none. KITH_DONE, or KITH_FAILED if there is a
 * reason. */
void report_answer(struct controller *c, uint64_t id, enum kith_reason why_not, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same; the text is not cut. */
void report_text(struct controller *c, uint64_t id, enum kith_reason why_not, const char *text);
/* Takes e. If it is NULL, as memory was short, who asked with that id is told so; 0: nobody has. */
void report_event(struct controller *c, uint64_t id, struct node_event *e);
void report_sent(struct controller *c, uint64_t id, uint64_t peers); /* to how many it went */
void report_peers(struct controller *c, uint64_t id);
void report_status(struct controller *c, uint64_t id);
void report_listening(struct controller *c);

/* The connection has come online, or has gone after it was online. */
void report_online(struct controller *c, struct slot *s);
void report_offline(struct controller *c, struct slot *s);

/* Parcels of or for that peer were dropped; s is NULL for peers that have gone. False without memory. */
bool report_dropped(struct controller *c, struct slot *s, enum drop_cause cause, uint64_t parcels);

#endif
