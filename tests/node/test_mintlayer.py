#!/usr/bin/env python3
"""Networks of Mintlayer nodes: they find each other from one, and stay together.

Usage: test_mintlayer.py PATH-OF-KITH [word of a test's name]...
"""
import functools
import signal
import time

from kithnode import SLOW, check, promises, run, until
from namespace import in_namespaces, sh

PORT = 23031
OUTGOING = 8
QUICK = ("-redial", "1s", "-retry", "1s", "-redialSpecial", "500ms", "-savePeers", "500ms")
ALONE = ("-exclusive", *QUICK)  # dials nobody but its special peers


def mintlayer(lab, *flags, address=None, start=True):
    return lab.node("-protocol", "mintlayer", *flags, address=address, start=start, port=PORT)


def on_public_addresses(test):
    """On addresses that anybody may be told of, each in a network group of its own: lab.address gives the next."""
    @in_namespaces
    @functools.wraps(test)
    def in_public(lab):
        def each():
            for group in range(1, 100):
                sh("ip", "address", "add", f"5.{group}.0.1/32", "dev", "lo")
                yield f"5.{group}.0.1"
        lab.addresses = each()
        return test(lab)
    return in_public


def outgoing(nodes):
    return [n.count("outgoing") for n in nodes]


def wait_outgoing(nodes, least, seconds):
    until(lambda: min(outgoing(nodes)) >= least, seconds, lambda: f"{least} outgoing each, but {outgoing(nodes)}")


# --- networks ---

@promises("M1", "M3", "M16")
@on_public_addresses
def a_network_of_one_bootnode(lab):
    before = time.monotonic()
    boot = mintlayer(lab, *QUICK)
    nodes = [boot] + [mintlayer(lab, "-bootstrap", boot.endpoint, *QUICK) for _ in range(11)]
    wait_outgoing(nodes, OUTGOING, 60)
    took = time.monotonic() - before
    gone = [n for n in nodes[1:] if n is not boot][:3]
    for node in gone:
        node.end()
    left = [n for n in nodes if n not in gone]
    wait_outgoing(left, OUTGOING, 60)
    check(all(len({p for p, way in n.online if way == "outgoing"}) == OUTGOING for n in left), "somebody was dialed twice")
    return f"8 outgoing each after {took:.1f} s, and again after 3 of 12 have gone"


@promises("M2")
def who_is_on_loopback_is_told_to_nobody(lab):
    boot = mintlayer(lab, *QUICK)
    nodes = [mintlayer(lab, "-bootstrap", boot.endpoint, *QUICK) for _ in range(3)]
    wait_outgoing(nodes, 1, 10)
    time.sleep(2)
    check(outgoing(nodes) == [1] * 3, f"{outgoing(nodes)} outgoing")


@promises("M12", "M13")
def idle_nodes_stay_together(lab):
    a = mintlayer(lab, *ALONE, "-ping", "300ms", "-silence", "700ms")
    b = mintlayer(lab, *ALONE, "-ping", "300ms", "-silence", "700ms", "-peers", a.endpoint)
    steady = mintlayer(lab, *ALONE, "-ping", "300ms", "-silence", "700ms", "-pingAlways", "-peers", a.endpoint)
    b.wait_online(a)
    steady.wait_online(a)
    time.sleep(5 * SLOW)
    check(not a.all("offline") and not b.all("offline") and not steady.all("offline"), "a connection has ended")


@promises("M14")
def a_stopped_peer_is_given_up(lab):
    flags = (*ALONE, "-ping", "500ms", "-silence", "1200ms")
    a = mintlayer(lab, *flags)
    b = mintlayer(lab, *flags, "-peers", a.endpoint)
    b.wait_online(a)
    a.send_signal(signal.SIGSTOP)
    lab.closers.append(lambda: a.send_signal(signal.SIGCONT) if a.alive() else None)
    offline = b.wait("offline", seconds=10)
    check("a ping was not answered" in offline["reason"], offline["reason"])
    a.send_signal(signal.SIGCONT)


@promises("M15")
def a_full_node_says_so(lab):
    full = mintlayer(lab, *ALONE, "-incoming", "1")
    one = mintlayer(lab, *ALONE, "-peers", full.endpoint)
    one.wait_online(full)
    other = mintlayer(lab, *ALONE, "-peers", full.endpoint)
    other.logged("the peer says: We have too many peers")
    check(full.count("incoming") == 1, f"{full.count('incoming')} incoming")


def it_does_not_connect_with_itself(lab):
    node = mintlayer(lab, *QUICK, start=False)
    node.flags += ["-bootstrap", node.endpoint]
    node.start()
    until(lambda: node.ended("connected to ourselves"), 10, "it has seen that it dialed itself")
    time.sleep(3)
    ended = node.status()["ended"]
    check(sum(ended.values()) == 2, f"it dialed itself again: {ended}")  # one for each end of the connection
    check(not node.all("online"), "it was online with itself")


def messages_pass_by_their_names(lab):
    flags = (*ALONE, "-services", "all")
    a = mintlayer(lab, *flags)
    b = mintlayer(lab, *flags, "-peers", a.endpoint)
    c = mintlayer(lab, *ALONE, "-peers", a.endpoint)  # has addresses alone
    b.wait_online(a)
    c.wait_online(a)
    answer = b.send("<FULLBROADCAST>", "x" * 32, kind="NewTransaction")
    check(answer["peers"] == 1, f"{answer}")
    check(a.wait("parcel", kind="NewTransaction")["text"] == "x" * 32, "another text")
    b.send("<FULLBROADCAST>", "x" * 31, kind="NewTransaction")  # is none
    b.send("<FULLBROADCAST>", "the last", kind="BlockResponse")
    a.wait("parcel", kind="BlockResponse", text="the last")
    check(len(a.all("parcel")) == 2, f"{a.all('parcel')}")
    check(not c.all("parcel") and not c.all("offline"), "what was not offered was sent")


if __name__ == "__main__":
    run([a_network_of_one_bootnode, who_is_on_loopback_is_told_to_nobody, idle_nodes_stay_together,
         a_stopped_peer_is_given_up, a_full_node_says_so, it_does_not_connect_with_itself, messages_pass_by_their_names])
