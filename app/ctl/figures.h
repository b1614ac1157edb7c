/* An answer that is figures, a line each: a node's status in groups, a score. Figures that are not known to
 * this program are shown, too, as the node may be a later one. One thread; may block. */
#ifndef KITH_APP_CTL_FIGURES_H
#define KITH_APP_CTL_FIGURES_H

#include <jansson.h>
#include <stdbool.h>

/* Of a status, `all` shows what is 0 or empty, too. The answer stays the caller's; what was shown is taken
 * out. */
void figures_show(json_t *answer, bool all);

#endif
