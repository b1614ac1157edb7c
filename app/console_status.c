#include "app/console_status.h"

#include "app/own_address.h"
#include "app/qr_show.h"

static void print_counts(struct frontend *f, const char *title, const struct kith_count *c)
{
    for (; c->cause; c++) {
        if (c->count > 0) {
            output_printf(f->out, "%s: %llu %s\n", title, (unsigned long long)c->count, c->cause);
        }
    }
}

void console_status_print(struct frontend *f, const struct kith_status *s)
{
    if (!s) {
        return;
    }
    output_printf(f->out, "network %s (%08x), %s, port %u, node %08llx, up %lld s\n", s->network,
                  s->network_id, s->protocol, s->port, (unsigned long long)s->node_id,
                  (long long)(s->uptime_ms / 1000));
    if (s->identity[0]) {
        output_printf(f->out, "identity %s\n", s->identity);
    }
    if (s->seen_as[0]) {
        output_printf(f->out, "peers see this node at %s\n", s->seen_as);
    }
    output_printf(f->out, "%u outgoing, %u incoming, %u of them special; %u dials; %llu known, %llu banned\n",
                  s->outgoing, s->incoming, s->special, s->dialing, (unsigned long long)s->known,
                  (unsigned long long)s->banned);
    output_printf(f->out, "queues: %u to the network, %u from it; %llu connections closed unanswered\n",
                  s->to_network, s->from_network, (unsigned long long)s->shed);
    if (s->eclipse_risk > 0) {
        output_printf(f->out, "risk of being surrounded: %u %%, %s\n", s->eclipse_risk, s->eclipse_reason);
    }
    if (s->clocks_outgoing > 0) {
        bool is_ahead = s->clock_offset_ms < 0; /* ours */
        output_printf(f->out, "this clock is %.1f s %s those of %u peers that it dialed, in the median\n",
                      (double)(is_ahead ? -s->clock_offset_ms : s->clock_offset_ms) / 1000,
                      is_ahead ? "ahead of" : "behind", s->clocks_outgoing);
    }
    if (s->repeated > 0) {
        output_printf(f->out, "parcels that had come before: %llu\n", (unsigned long long)s->repeated);
    }
    print_counts(f, "parcels dropped", s->dropped);
    print_counts(f, "connections ended", s->ended);
    print_counts(f, "datagrams dropped", s->datagrams_dropped);
}

/* The status has the node's port, and its address as others see it. */
void console_status_print_qr(struct frontend *f, const struct kith_status *s)
{
    static const char *const said_by[] = {[ADDRESS_OF_BIND] = "as -bind says",
                                          [ADDRESS_OF_PEERS] = "as peers see this node",
                                          [ADDRESS_OF_ROUTE] = "this computer's own address",
                                          [ADDRESS_OF_LOOPBACK] = "for this computer alone"};
    struct qr_code code;
    struct invitation i;
    enum address_source source;
    char text[INVITATION_TEXT_MAX], bad[256] = "out of memory";
    if (!s || own_invitation(&i, &source, f->config, s, bad, sizeof bad) != 0) {
        output_printf(f->out, "* /qr: %s\n", bad);
        return;
    }
    if (qr_encode(&code, invitation_format(&i, text), bad, sizeof bad) == 0) {
        qr_show(f->out, &code);
    } else { /* the text is an invitation all the same */
        output_printf(f->out, "* /qr: %s\n", bad);
    }
    output_printf(f->out, "* %s (%s)\n", text, said_by[source]);
}
