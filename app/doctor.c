#include "app/doctor.h"

#include "app/doctor_checks.h"
#include "seed/fetch.h"

bool doctor_run(struct options *o, FILE *out)
{
    struct doctor d = {.o = o, .out = out, .as_json = o->json};
    if (!doctor_look_for_node(&d, o)) {
        return false;
    }
    seed_fetch_global_init();
    struct doctor_seeds *seeds = doctor_seeds_begin(o);
    struct doctor_peers *peers = doctor_peers_begin(o);
    doctor_check_port(&d);
    doctor_check_operators(&d);
    doctor_check_firewall(&d);
    doctor_check_machine(&d);
    doctor_check_files(&d);
    doctor_check_node(&d);
    doctor_peers_end(peers, &d);
    doctor_seeds_end(seeds, &d);
    return !d.found_bad;
}
