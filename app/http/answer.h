/* What a request is answered. The desk's thread; nothing blocks. */
#ifndef KITH_APP_HTTP_ANSWER_H
#define KITH_APP_HTTP_ANSWER_H

#include "app/http/state.h"

/* For libmicrohttpd, both: MHD_NO ends the connection. The head of a request has come: refuses it, or lets
 * it go on. */
enum MHD_Result answer_head(struct client *c, const char *method);

/* All of it has come: answers, or suspends the connection until the node has been looked at. Then it is
 * called again. */
enum MHD_Result answer(struct client *c, const char *path);

/* The node has been looked at: the suspended requests go on. */
void answer_waiting(struct http *h);

/* Gives up those that have waited too long. Returns when the next one will have. */
int64_t answer_overdue(struct http *h, int64_t now_ms);

#endif
