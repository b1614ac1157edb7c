/* The doctor's looks at one matter each. Each says what it has found (app/doctor_report.h). */
#ifndef KITH_APP_DOCTOR_CHECKS_H
#define KITH_APP_DOCTOR_CHECKS_H

#include "app/doctor_report.h"

/* Finds the node that runs, and fills in what struct doctor has of it: first of all. If it was found by its
 * port, *o gets its home and its control socket. False if those do not fit, which is said. */
bool doctor_look_for_node(struct doctor *d, struct options *o);

void doctor_check_port(struct doctor *d);      /* whether it can be listened on, and who has it */
void doctor_check_operators(struct doctor *d); /* the same of -http and -control; the log */
void doctor_check_firewall(struct doctor *d);  /* whether it lets connections to the port pass */
void doctor_check_machine(struct doctor *d);   /* descriptors, threads, and what keeps the clock */
void doctor_check_files(struct doctor *d);     /* the home, its disk, the peers file, the identity */
void doctor_check_node(struct doctor *d);      /* why connections of the node that runs have ended */

/* Says who has the port of that address, NULL for any, which is taken; `option` chooses another. */
void doctor_tell_holder(struct doctor *d, const char *about, const char *option, const struct ip *at,
                        uint16_t port);

/* The process that has a lock on the file, which is written in it; 0 for none. */
long doctor_find_locker(const char *file);

/* Whether special peers, or the proxy, can be reached: each on a thread of its own, for 15 seconds at most.
 */
struct doctor_peers;
struct doctor_peers *doctor_peers_begin(const struct options *o);
void doctor_peers_end(struct doctor_peers *p, struct doctor *d);

/* The seeds, on a thread of their own as they take long, and the clock beside theirs. `begin` fetches: the
 * list, the names in it, the date and the DNS seeds, for 35 seconds at most together. `end` waits for that
 * and says what came. */
struct doctor_seeds;
struct doctor_seeds *doctor_seeds_begin(const struct options *o);
void doctor_seeds_end(struct doctor_seeds *s, struct doctor *d);

#endif
