/* usage: generate [ctl-]bash|[ctl-]zsh|[ctl-]fish|sample|firewall-PROTOCOL */
#include "dist/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool is_whole_alone(const struct setting *op)
{
    return op->type == SETTING_SWITCH || (op->marks & SETTING_ALONE) != 0;
}

static bool print_firewall_of(const char *what)
{
    static const char start[] = "firewall-";
    if (strncmp(what, start, strlen(start)) != 0) {
        return false;
    }
    const struct protocol *p = protocol_find(what + strlen(start));
    if (p) {
        print_firewall(p);
    }
    return p;
}

static bool print(const char *what)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } all[] = {{"bash", print_bash},         {"zsh", print_zsh},         {"fish", print_fish},
               {"ctl-bash", print_ctl_bash}, {"ctl-zsh", print_ctl_zsh}, {"ctl-fish", print_ctl_fish},
               {"sample", print_sample}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(what, all[i].name) == 0) {
            all[i].print();
            return true;
        }
    }
    return print_firewall_of(what);
}

int main(int argc, char **argv)
{
    if (argc != 2 || !print(argv[1])) {
        fprintf(stderr, "usage: generate [ctl-]bash|[ctl-]zsh|[ctl-]fish|sample|firewall-PROTOCOL\n");
        return EXIT_FAILURE;
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
