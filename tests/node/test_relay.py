#!/usr/bin/env python3
"""Networks of nodes that pass messages on themselves (-relay): each gets each message, once."""
import base64
import collections
import json
import threading
import time

from factomwire import MESSAGE, RawPeer
from kithnode import EVERYONE, PARCEL, SLOW, check, few, run, until

PAUSE = 0.004  # of who reads, so that the queues are full whatever the speed of the machine


class Heard:
    """How often a node's application got each text."""

    def __init__(self, node):
        self.texts = collections.Counter()
        node.raw = self.take

    def take(self, line):
        if line.startswith(PARCEL):
            self.texts[json.loads(line)["text"]] += 1
            return True
        return False


def connect(lab, count, links, *flags):
    """Nodes of which node i dials those that links(i) names, all of them before it."""
    nodes = []
    for i in range(count):
        to = ",".join(nodes[j].endpoint for j in links(i))
        nodes.append(lab.node("-exclusive", "-relay", "-acceptInterval", "0", *flags, *(("-peers", to) if to else ())))
    for i, node in enumerate(nodes):
        for j in links(i):
            node.wait_online(nodes[j])
            nodes[j].wait_online(node)
    return nodes


def quiet(nodes):
    return not any(node.all("dropped") for node in nodes)


def lossless(nodes):
    for node in nodes:
        check(not any(node.status()["dropped"].values()), f"{node}: {node.status()['dropped']}")


def everyone_once(nodes, heard, texts, seconds):
    """`texts`: from whom each came."""
    def missing():
        return sum(text not in heard[node].texts for text, source in texts.items() for node in nodes if node != source)

    until(lambda: not missing(), seconds, lambda: f"{missing()} messages have not come")
    for node in nodes:
        check(max(heard[node].texts.values(), default=1) == 1, f"{node} got a message twice")
        check(not any(texts[text] is node for text in heard[node].texts), f"{node} got what it sent itself")
    lossless(nodes)


def a_chain(lab):
    nodes = connect(lab, 8, lambda i: [i - 1] if i else [])
    heard = {node: Heard(node) for node in nodes}
    before = time.monotonic()
    nodes[0].send(EVERYONE, "from one end")
    nodes[-1].send("<RANDOMPEER>", "from the other")
    everyone_once(nodes, heard, {"from one end": nodes[0], "from the other": nodes[-1]}, 5)
    return f"{(time.monotonic() - before) * 1000:.0f} ms"


def a_mesh(lab):
    """Everyone has four neighbours or more, so that most copies are repetitions."""
    nodes = connect(lab, 12, lambda i: {j for j in (i - 1, i - 2, i // 2) if 0 <= j < i})
    heard, texts = {node: Heard(node) for node in nodes}, {}
    for number in range(few(100)):
        for node in nodes:
            text = f"{number} from {node}"
            texts[text] = node
            node.request(send=EVERYONE, text=text)
    everyone_once(nodes, heard, texts, 60)
    repeated = sum(node.status()["repeated"] for node in nodes)
    check(repeated > len(texts) * 12, f"{repeated} repetitions counted of {len(texts)} messages")
    listed = sum(peer["repeated"] for node in nodes for peer in node.command("peers")["peers"])
    check(listed == repeated, f"{listed} by peer, {repeated} in all")
    return f"{len(texts)} messages, {repeated} repetitions"


def floods_that_cross(lab):
    """Two relays in the middle with short queues, each flooded by a peer of its own: all comes through, in the end."""
    count, flags = few(1000), ("-exclusive", "-acceptInterval", "0", "-queue", "20", "-stall", "10s")
    ends = [lab.node(*flags) for _ in range(2)]
    relays = [lab.node(*flags, "-relay", "-peers", ends[0].endpoint)]
    relays.append(lab.node(*flags, "-relay", "-peers", f"{ends[1].endpoint},{relays[0].endpoint}"))
    relays[1].wait_online(relays[0])
    relays[0].wait_online(relays[1])
    came = {}
    for end, relay in zip(ends, relays):
        end.wait_online(relay)
        relay.wait_online(end)
        came[end] = 0

        def take(line, end=end):
            if not line.startswith(PARCEL):
                return False
            time.sleep(PAUSE)
            came[end] += 1
            return True

        end.raw = take
        relay.raw = lambda line: line.startswith(PARCEL)

    def flood(end):
        for number in range(count):
            # Not UTF-8, so that it is written once and not twice.
            payload = str((end, number)).encode() + b"\xff" * 30000
            end.request(send=EVERYONE, base64=base64.b64encode(payload).decode())

    before = time.monotonic()
    for end in ends:
        threading.Thread(target=flood, args=(end,), daemon=True).start()
    until(lambda: min(came.values()) == count or not quiet(ends + relays), 180,
          lambda: f"{list(came.values())} of {count} came")
    lossless(ends + relays)
    return f"{count} messages each way through two relays in {time.monotonic() - before:.1f} s"


def a_ring_of_relays(lab):
    """Three, each flooded by a peer of its own, with queues so short that each waits for the next one: none waits for
    ever."""
    flags = ("-exclusive", "-acceptInterval", "0", "-queue", "10")
    ends = [lab.node(*flags) for _ in range(3)]
    relays, came, over = [], [0], threading.Event()
    for end in ends:
        relays.append(lab.node(*flags, "-relay", "-peers", ",".join(n.endpoint for n in [end, *relays])))
    for i, relay in enumerate(relays):
        for other in [ends[i], *relays[:i]]:
            relay.wait_online(other)
            other.wait_online(relay)

    def take(line):
        if not line.startswith(PARCEL):
            return False
        time.sleep(PAUSE)
        came[0] += 1
        return True

    def flood(end):
        for number in range(1 << 30):
            payload = str((end, number)).encode() + b"\xff" * 30000
            try:
                end.request(send=EVERYONE, base64=base64.b64encode(payload).decode())
            except (BrokenPipeError, ValueError):
                return
            if over.is_set():
                return

    for node in ends + relays:
        node.raw = take
    for end in ends:
        threading.Thread(target=flood, args=(end,), daemon=True).start()
    counts = []
    for _ in range(5):
        before = came[0]
        time.sleep(SLOW)
        counts.append(came[0] - before)
    over.set()
    check(min(counts) > 0, f"{counts} messages in a second each")
    return f"{counts} messages in a second each"


def an_application_that_relays_too(lab):
    """Harmless: nothing goes round and round."""
    nodes = connect(lab, 4, lambda i: range(i))
    heard = {}
    for node in nodes:
        heard[node] = Heard(node)

        def take(line, node=node):
            if line.startswith(PARCEL):
                node.request(send=EVERYONE, text=json.loads(line)["text"])
            return heard[node].take(line)

        node.raw = take
    nodes[0].send(EVERYONE, "hello")
    until(lambda: all(heard[node].texts for node in nodes[1:]), 5, "all have it")
    time.sleep(0.5 * SLOW)
    everyone_once(nodes, heard, {"hello": nodes[0]}, 1)
    check(sum(node.status()["parcels_in"] for node in nodes) < 200, "it goes round and round")


def a_repetition_after_a_while(lab):
    """The memory is bounded in time."""
    a = lab.node("-exclusive", "-relay", "-seen", f"{int(1000 * SLOW)}ms")
    peer = RawPeer(a, lab.address())
    heard = Heard(a)
    for _ in range(3):
        peer.send(MESSAGE, b"again")
    until(lambda: a.status()["repeated"] == 2, 5, lambda: f"{a.status()['repeated']} repetitions")
    time.sleep(1.2 * SLOW)
    peer.send(MESSAGE, b"again")
    until(lambda: heard.texts["again"] == 2, 5, lambda: f"{heard.texts}")
    peer.close()


if __name__ == "__main__":
    run([floods_that_cross, a_ring_of_relays, a_mesh, a_chain,
         an_application_that_relays_too, a_repetition_after_a_while])
