#include "app/subscription.h"

#include <stddef.h>
#include <string.h>

uint32_t subscription_bit(const char *name)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } all[] = {
        {"listening", UINT32_C(1) << KITH_LISTENING},
        {"online", UINT32_C(1) << KITH_ONLINE},
        {"offline", UINT32_C(1) << KITH_OFFLINE},
        {"dropped", UINT32_C(1) << KITH_DROPPED},
        {"error", UINT32_C(1) << KITH_FAILED},
        {"missed", UINT32_C(1) << KITH_MISSED},
        {"ended", UINT32_C(1) << KITH_ENDED},
        {"parcel", SUBSCRIPTION_PARCELS},
        {"all", SUBSCRIPTION_ALL},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return all[i].bit;
        }
    }
    return 0;
}
