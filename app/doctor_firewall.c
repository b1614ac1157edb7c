/* What can be seen of the firewall: to root, the rules of nftables and of iptables, by which ufw and
 * firewalld have theirs, too; to others, whether one of those two is in use. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/doctor_checks.h"
#include "app/doctor_command.h"
#include "app/doctor_holder.h"
#include "app/doctor_rules.h"

/* --- what there is --- */

struct firewall {
    bool has_ufw, has_firewalld;
    bool has_seen;  /* some rules */
    bool hides_old; /* there are rules of the older iptables, and no program to show them */
    struct rules_verdict verdict;
};

/* Tables of the older iptables, which nft does not print. */
static bool has_old_tables(const char *list)
{
    char line[64];
    bool found = false;
    FILE *file = fopen(list, "re");
    while (file && fgets(line, sizeof line, file)) {
        found |= strncmp(line, "filter", 6) == 0;
    }
    if (file) {
        fclose(file);
    }
    return found;
}

static bool has_ufw(void)
{
    char line[256];
    bool is_on = false;
    FILE *file = fopen("/etc/ufw/ufw.conf", "re");
    while (file && fgets(line, sizeof line, file)) {
        is_on = strncasecmp(line, "ENABLED=", 8) == 0 ? strncasecmp(line + 8, "yes", 3) == 0 : is_on;
    }
    if (file) {
        fclose(file);
    }
    return is_on;
}

static bool runs(const char *program)
{
    bool found = false;
    DIR *processes = opendir("/proc");
    for (const struct dirent *e; processes && !found && (e = readdir(processes));) {
        char name[DOCTOR_NAME_MAX];
        if (isdigit((unsigned char)e->d_name[0])) {
            doctor_name_of(strtol(e->d_name, NULL, 10), name);
            found = strcmp(name, program) == 0;
        }
    }
    if (processes) {
        closedir(processes);
    }
    return found;
}

/* True if the program has rules to show. */
static bool follow_iptables(struct firewall *f, int family, const char *program, uint16_t port)
{
    const char *const words[] = {program, "-t", "filter", NULL};
    char *text = doctor_command(words);
    bool has_rules = text && strstr(text, "*filter");
    if (has_rules) {
        rules_follow_iptables(&f->verdict, family, text, port);
    }
    free(text);
    f->has_seen |= has_rules;
    return has_rules;
}

static void look_at_rules(struct firewall *f, uint16_t port)
{
    static const char *const list[] = {"/usr/sbin/nft", "-j", "list", "ruleset", NULL};
    static const char *const newer[] = {"/usr/sbin/iptables-nft-save", "/usr/sbin/ip6tables-nft-save"};
    static const char *const older[] = {"/usr/sbin/iptables-legacy-save", "/usr/sbin/ip6tables-legacy-save"};
    static const char *const tables[] = {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"};
    bool is_seen[RULES_FAMILIES];
    for (int i = 0; i < RULES_FAMILIES; i++) {
        is_seen[i] = follow_iptables(f, i, newer[i], port);
        if (has_old_tables(tables[i]) && !follow_iptables(f, i, older[i], port)) {
            f->hides_old = true;
        }
    }
    char *text = doctor_command(list);
    if (text) {
        bool is_read = rules_follow_nft(&f->verdict, text, is_seen[RULES_V4] || is_seen[RULES_V6], port);
        f->has_seen = true;
        if (!is_read) {
            rules_add(&f->verdict, RULES_V4, RULES_PASS | RULES_DROP, "");
            rules_add(&f->verdict, RULES_V6, RULES_PASS | RULES_DROP, "");
        }
    }
    free(text);
}

/* --- what is said --- */

/* How to let the port pass. */
static void write_remedy(const struct firewall *f, const char *chain, uint16_t port, char *text, size_t size)
{
    if (f->has_firewalld || f->verdict.has_firewalld) {
        snprintf(text, size, "firewall-cmd --permanent --add-port=%u/tcp; firewall-cmd --reload", port);
    } else if (f->has_ufw) {
        snprintf(text, size, "ufw allow %u/tcp", port);
    } else if (strncmp(chain, "INPUT of ", 9) == 0) {
        snprintf(text, size, "%s -I INPUT -p tcp --dport %u -j ACCEPT", chain + 9, port);
    } else {
        snprintf(text, size, "nft insert rule %s tcp dport %u accept", chain, port);
    }
}

static void tell_rules(struct doctor *d, const struct firewall *f, uint16_t port)
{
    const struct rules_verdict *v = &f->verdict;
    const struct config *c = &d->o->config;
    bool uses[RULES_FAMILIES] = {!c->has_bind || ip_is_v4(&c->bind), !c->has_bind || !ip_is_v4(&c->bind)};
    int main = uses[RULES_V4] ? RULES_V4 : RULES_V6;
    char remedy[256];
    unsigned may = 0;
    for (int i = 0; i < RULES_FAMILIES; i++) {
        may |= uses[i] ? v->may[i] : 0;
        if (uses[i] && v->may[i] == RULES_DROP) {
            write_remedy(f, v->dropped_by[i], port, remedy, sizeof remedy);
            doctor_say(d, i == main ? DOCTOR_BAD : DOCTOR_WARN, "firewall", remedy,
                       "it drops connections%s to port %u, in its chain %s", i == main ? "" : " by IPv6",
                       port, v->dropped_by[i]);
            return;
        }
    }
    if (may & RULES_DROP) {
        doctor_say(d, DOCTOR_NOTE, "firewall", NULL,
                   "whether it lets connections to port %u pass depends on more: who sends them, say", port);
    } else {
        doctor_say(d, DOCTOR_OK, "firewall", NULL, "its rules let connections to port %u pass", port);
    }
}

void doctor_check_firewall(struct doctor *d)
{
    uint16_t port = d->o->config.node.listen_port;
    struct firewall f = {.has_ufw = has_ufw(), .has_firewalld = runs("firewalld")};
    bool is_root = geteuid() == 0;
    const char *what = f.has_firewalld ? "firewalld runs, and" : f.has_ufw ? "ufw is on, and" : "";
    const char *ask = f.has_firewalld ? "firewall-cmd --list-all" : f.has_ufw ? "ufw status verbose" : NULL;
    if (d->o->config.hidden || port == 0) {
        return;
    }
    if (is_root) {
        look_at_rules(&f, port);
    }
    if (f.has_seen) {
        tell_rules(d, &f, port);
    } else {
        doctor_say(d, DOCTOR_NOTE, "firewall", ask, "%s%sits rules cannot be seen%s", what, *what ? " " : "",
                   is_root ? ": there is no nft to ask" : " by this user: root may, by kith -doctor");
    }
    if (f.hides_old) {
        doctor_say(d, DOCTOR_NOTE, "firewall", "iptables-legacy -S INPUT, once it is installed",
                   "the older iptables has rules beside those, which no program here shows");
    }
}
