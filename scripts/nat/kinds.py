"""The kinds of NAT: each is a set of rules for nftables. A gateway's interface to the outside is "out", that to its
hosts "in"."""
import dataclasses

RULES = """
table ip nat {{
    map inside {{ type inet_service : ipv4_addr . inet_service; flags dynamic, timeout; timeout 120s; }}
    set talked {{ type ipv4_addr . inet_service; flags dynamic, timeout; timeout 120s; }}
    chain before {{
        type nat hook prerouting priority dstnat
        {before}
    }}
    chain after {{
        type nat hook postrouting priority srcnat
        {after}
    }}
}}
table ip filter {{
    chain own {{
        type filter hook input priority filter
        iifname "out" ip protocol tcp {strangers}
    }}
    chain through {{
        type filter hook forward priority filter
        iifname "out" ct state established,related accept
        iifname "out" ct status dnat accept
        iifname "out" ip protocol tcp {strangers}
    }}
}}
"""
DROP, REJECT, RESET = "drop", "reject with tcp reset", "accept"  # the last leaves the answer to the gateway's own TCP
OUT = 'oifname "out" ip protocol tcp'
REMEMBER = f"{OUT} update @inside {{ tcp sport : ip saddr . tcp sport }}"
TO_INSIDE = "dnat ip to tcp dport map @inside"
HAIRPIN = 'iifname "in" oifname "in" ct status dnat masquerade'
# A number is made in the byte order of the machine and a port is read in that of the network: through a table of
# ports it stays what it was.
PORTS = 4096
TABLE = "map {{ " + ", ".join(f"{i} : {20000 + i}" for i in range(PORTS)) + " }}"


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    text: str
    after: str = f"{OUT} masquerade"
    before: str = ""
    strangers: str = DROP
    nat: bool = True
    counts: bool = False  # each connection of anybody inside moves the next one's port

    def rules(self, public):
        """`public` is the first of the gateway's addresses; the three after it are its own too."""
        last = public.rsplit(".", 1)[0] + "." + str(int(public.rsplit(".", 1)[1]) + 3)
        fill = {"public": public, "last": last}
        return RULES.format(before=self.before.format(**fill), after=self.after.format(**fill),
                            strangers=self.strangers)


def braced(text):
    return text.replace("{", "{{").replace("}", "}}")


KINDS = {kind.name: kind for kind in (
    Kind("firewall", "no NAT: what did not begin inside is dropped", "", nat=False),
    Kind("cone", "masquerade; what comes to a port in use is let in, whoever sends it",
         braced(f"{REMEMBER}\n{OUT} masquerade"), f"ip daddr {{public}} {TO_INSIDE}"),
    Kind("restricted", "masquerade; let in if the port has sent to that address before",
         braced(f"{REMEMBER}\n{OUT} update @talked {{ ip daddr . tcp sport }}\n{OUT} masquerade"),
         f"ip daddr {{public}} ip saddr . tcp dport @talked {TO_INSIDE}"),
    Kind("keeps", "masquerade; strangers are dropped"),
    Kind("rejects", "masquerade; strangers get a reset from a rule", strangers=REJECT),
    Kind("resets", "masquerade without a filter; strangers get a reset from the gateway's own TCP", strangers=RESET),
    Kind("hashed", "a port by a hash of the address and port inside", f"{OUT} snat to {{public}} : jhash ip saddr . "
         f"tcp sport mod {PORTS} {TABLE}"),
    Kind("counting", "the next port for each connection", f"{OUT} snat to {{public}} : numgen inc mod {PORTS} {TABLE}",
         counts=True),
    Kind("random", "masquerade random", f"{OUT} masquerade random"),
    Kind("fully-random", "masquerade fully-random", f"{OUT} masquerade fully-random"),
    Kind("persistent", "masquerade random,persistent", f"{OUT} masquerade random,persistent"),
    Kind("few", "masquerade random to 64 ports", f"{OUT} masquerade to :20000-20063 random"),
    Kind("pool", "snat to one of four addresses", f"{OUT} snat to {{public}}-{{last}}"),
    Kind("pool-persistent", "snat to one of four addresses, persistent",
         f"{OUT} snat to {{public}}-{{last}} persistent"),
    Kind("hairpin", "cone; what the inside sends to the outside address is also given another source",
         braced(f"{REMEMBER}\n{OUT} masquerade\n{HAIRPIN}"), f"ip daddr {{public}} {TO_INSIDE}"),
)}
