"""Whom a message reaches, by its target, where kith and Go nodes pass it on to each other."""
import itertools
import time

from gonode import EVERYONE, LONELY, VERSIONS, dials, go_node, versions
from kithnode import SLOW, check, promises, until

CHOSEN, TIMES = 2, 20


def texts(node):
    return [event["text"] for event in node.all("parcel")]


def kith_node(lab, *flags):
    return lab.node(*LONELY, *flags)


def star(lab, hub_kind, spoke_kind):
    """A node that has dialed a special peer, and has been dialed by others; broadcasts go to few of them."""
    special = spoke_kind(lab, *versions(9))
    hub = hub_kind(lab, "-broadcastnum", str(CHOSEN), *dials(special))
    spokes = [spoke_kind(lab, *versions(v), *dials(hub)) for v in (*VERSIONS, *VERSIONS)]
    names = {node: hub.wait_online(node)["peer"] for node in (special, *spokes)}
    return hub, special, names


def each_target(lab, hub_kind, spoke_kind):
    hub, special, names = star(lab, hub_kind, spoke_kind)
    for node, name in names.items():
        hub.request(send=name, text=f"for {node} alone")
    for number in range(TIMES):
        hub.request(send="<RANDOMPEER>", text=f"random {number}")
        hub.request(send="<BROADCAST>", text=f"broadcast {number}")
    hub.request(send=EVERYONE, text="the last")
    for node in names:
        node.wait("parcel", text="the last")  # and all that was sent before it has come
    got = {node: texts(node) for node in names}
    for node in names:
        check(len(set(got[node])) == len(got[node]), f"{node} got a message twice")

    def receivers(text):
        return [node for node in names if text in got[node]]

    for node in names:
        check(receivers(f"for {node} alone") == [node], f"{receivers(f'for {node} alone')} got what was for {node}")
    lucky = [receivers(f"random {number}") for number in range(TIMES)]
    check(all(len(one) == 1 for one in lucky), f"{lucky} got what was for a random peer")
    check(any(one != lucky[0] for one in lucky), f"a random peer is always {lucky[0]}")
    for number in range(TIMES):
        some = receivers(f"broadcast {number}")
        check(len(some) == 1 + CHOSEN and special in some, f"{some} got a broadcast")


@promises("F29", "F31")
def targets_of_a_kith_node(lab):
    each_target(lab, kith_node, go_node)


@promises("F29", "F31")
def targets_of_a_go_node(lab):
    each_target(lab, go_node, kith_node)


@promises("F29")
def nothing_goes_back_to_its_sender(lab):
    for version in VERSIONS:
        go = go_node(lab, *versions(version))
        kith = kith_node(lab, *versions(version), *dials(go))
        kith.wait_online(go)
        go.wait_online(kith)
        go.request(send=EVERYONE, text="from go")
        kith.wait("parcel", text="from go")
        check(kith.send(EVERYONE, "from go")["peers"] == 0, "kith sends a message back")
        check(kith.send(EVERYONE, "from kith")["peers"] == 1, "kith sends nothing")
        go.wait("parcel", text="from kith")
        go.request(send=EVERYONE, text="from kith")
        go.request(send=EVERYONE, text="the last")
        kith.wait("parcel", text="the last")
        check(texts(kith) == ["from go", "the last"] and texts(go) == ["from kith"], f"{texts(kith)}, {texts(go)}")


@promises("F29", "F31")
def kith_passes_on_between_go_nodes(lab):
    """A chain; no application passes anything on, kith does by itself."""
    for of_left, of_right in itertools.product(VERSIONS, VERSIONS):
        left = go_node(lab, *versions(of_left))
        near_left = kith_node(lab, "-relay", *dials(left))
        near_right = kith_node(lab, "-relay", *dials(near_left))
        right = go_node(lab, *versions(of_right), *dials(near_right))
        chain = (left, near_left, near_right, right)
        for node, following in zip(chain, chain[1:]):
            node.wait_online(following)
            following.wait_online(node)
        rightward, leftward = ([f"{number} from {end}" for number in range(TIMES)] for end in (left, right))
        for one, other in zip(rightward, leftward):
            left.request(send=EVERYONE, text=one)
            right.request(send="<RANDOMPEER>", text=other)
        wanted = ((left, leftward), (near_left, leftward + rightward), (near_right, leftward + rightward),
                  (right, rightward))
        until(lambda: all(len(texts(node)) >= len(due) for node, due in wanted), 5,
              lambda: f"too few: {[len(texts(node)) for node in chain]}")
        time.sleep(0.1 * SLOW)  # in which a second copy might come
        for node, due in wanted:
            check(sorted(texts(node)) == sorted(due), f"{node} got {texts(node)}")
        name = right.wait_online(near_right)["peer"]
        check(all(e["peer"] == name for e in right.all("parcel")), "the sender is not who passed it on")
        for node in chain:
            node.end()
