#include "app/doctor_rules.h"

#include <stdio.h>

void rules_add(struct rules_verdict *v, int family, unsigned may, const char *chain)
{
    if (v->may[family] == RULES_DROP) {
        return;
    }
    if (may == RULES_DROP) {
        v->may[family] = may;
        snprintf(v->dropped_by[family], RULES_CHAIN_MAX, "%s", chain);
    } else {
        v->may[family] |= may;
    }
}
