"""In which states the gateways' connection tracking sees a connection while two nodes try to make it."""
import asyncio

from .punch import KNOCK, TIMES, attempt

LOOK = 0.004  # seconds from one look to the next
NOTHING = "-"
LIBERAL = "netfilter/nf_conntrack_tcp_be_liberal"
TIMEOUTS = ("syn_sent", "syn_recv", "established", "close")

# (what is tried, kinds of the two, way, options, whether the gateways let segments outside the window pass)
SCENES = (
    ("both dial at once", "keeps", "keeps", "simultaneous", {}, False),
    ("200 ms late, strangers dropped", "keeps", "keeps", "simultaneous", {"order": "after:200"}, False),
    ("200 ms late, reset by a rule", "keeps", "rejects", "simultaneous", {"order": "after:200"}, False),
    ("200 ms late, reset by the gateway's TCP", "keeps", "resets", "simultaneous", {"order": "after:200"}, False),
    ("one after the other", "keeps", "keeps", "sequential", {}, False),
    ("one after the other, liberal", "keeps", "keeps", "sequential", {}, True),
)


def of(site, other, port):
    """The states of what the gateway tracks with the other gateway and the port of the first node."""
    found = [state for state, line in site.tracked() if f"={other.public} " in line and f"port={port} " in line]
    return "+".join(sorted(found))


async def watch(site, other, port, states):
    while True:
        now = of(site, other, port) or NOTHING
        if states[-1] != now:
            states.append(now)
        await asyncio.sleep(LOOK)


async def scene(sites, row):
    """(what, success, states at the first's gateway, at the second's)"""
    text, one, other, way, options, liberal = row
    left, right = sites.pair(one, other)
    for site in (left, right):
        site.gateway.write(LIBERAL, int(liberal))
    port, seen = left.host.next_port, ([NOTHING], [NOTHING])
    watching = [asyncio.create_task(watch(site, far, port, states))
                for site, far, states in ((left, right, seen[0]), (right, left, seen[1]))]
    result = await attempt(way, left.host, right.host, times=KNOCK + TIMES, **options)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    return text, result.success, *(", ".join(states[1:]) for states in seen)


async def scenes(sites):
    return [await scene(sites, row) for row in SCENES]


def timeouts(site):
    """Seconds after which the kernel forgets a connection in that state."""
    return {name: int(site.gateway.read(f"/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_{name}"))
            for name in TIMEOUTS}
