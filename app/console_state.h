/* What the files of the console share. Main thread only; nothing blocks. */
#ifndef KITH_APP_CONSOLE_STATE_H
#define KITH_APP_CONSOLE_STATE_H

#include "app/frontend.h"
#include "app/names.h"
#include "app/pieces.h"
#include "base/line_limit.h"

/* The ids of requests: they tell what an answer is for. */
enum {
    FOR_PERSON = 1,
    FOR_QR,    /* a status to make a QR code of */
    FOR_NAMES, /* peers to know the names of */
    FOR_TABLE, /* and the number of the column that the peers are sorted by */
};

struct console_state {   /* a frontend's `state` */
    struct pieces shown; /* of the parcel that is being written */
    bool is_shown;       /* it was written at once */
    bool has_colours;
    struct line_bound about_peers;
    struct names names;
    const char *unnamed; /* in a command: the word that is the beginning of no peer's name; NULL for none */
};

#endif
