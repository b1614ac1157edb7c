/* What the console makes of a status. Main thread only; nothing blocks. `s` may be NULL: memory was short. */
#ifndef KITH_APP_CONSOLE_STATUS_H
#define KITH_APP_CONSOLE_STATUS_H

#include "app/frontend.h"

void console_status_print(struct frontend *f, const struct kith_status *s);

/* An invitation to the node, as a QR code and as text. */
void console_status_print_qr(struct frontend *f, const struct kith_status *s);

#endif
