#!/usr/bin/env python3
"""Networks of Mintlayer nodes: they find each other from one, and stay together.

Usage: test_mintlayer.py PATH-OF-KITH [word of a test's name]...
"""
import signal
import socket
import struct
import subprocess
import time

import mintlayerwire as wire
from kithnode import SLOW, check, promises, run, until
from mintlayerwire import Peer, hello
from namespace import on_public_addresses

PORT = 23031
OUTGOING = 8
QUICK = ("-redial", "1s", "-retry", "1s", "-shelve", "0", "-redialSpecial", "500ms", "-savePeers", "500ms")
ALONE = ("-exclusive", *QUICK)  # dials nobody but its special peers


def mintlayer(lab, *flags, address=None, start=True):
    return lab.node("-protocol", "mintlayer", *flags, address=address, start=start, port=PORT)


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
    b.send("<FULLBROADCAST>", "unasked", kind="BlockResponse")
    a.send("<FULLBROADCAST>", "\x04" + "x" * 32, kind="BlockListRequest")
    b.wait("parcel", kind="BlockListRequest")
    b.send("<FULLBROADCAST>", "the last", kind="BlockResponse")
    a.wait("parcel", kind="BlockResponse", text="the last")
    check(len(a.all("parcel")) == 2, f"{a.all('parcel')}")
    check(not c.all("parcel") and not c.all("offline"), "what was not offered was sent")


# --- peers that no node would be ---

@promises("M7", "M8", "M11")
def who_does_not_fit_is_told(lab):
    node = mintlayer(lab, *ALONE)
    source, now = lab.address(), int(time.time())
    refused = [((wire.WILL_DISCONNECT,), {"at": now - 60}), ((wire.WILL_DISCONNECT,), {"at": now + 60}),
               ((), {"version": 1}), ((), {"version": 2, "at": now - 60}), ((), {"version": 0}),
               ((wire.HANDSHAKE, wire.WILL_DISCONNECT), {"network": b"\x2b\x7e\x19\xf8"}),
               ((wire.HANDSHAKE, wire.WILL_DISCONNECT), {"services": 3}),
               ((wire.HANDSHAKE,), {"services": 3, "version": 2})]
    for kinds, fields in refused:
        Peer.dial(node, source, **fields).expect_end(*kinds)
    check(not node.all("online"), "somebody was online all the same")
    for version in (2, 3, 4):
        peer = Peer.dial(node, source, version=version)
        check(peer.is_alive(), "no answer to a ping")
        node.wait("online", version=min(version, 3))
        peer.close()


@promises("M7")
def who_begins_with_something_else_is_left(lab):
    node = mintlayer(lab, *ALONE)
    for body in (bytes([wire.PING_REQUEST]) + bytes(8), hello(ack=True), bytes([wire.WILL_DISCONNECT, 0]), b"", b"\x0e"):
        peer = Peer.dial(node, lab.address(), bare=True)
        peer.say(body)
        peer.expect_end()
    peer = Peer.dial(node, lab.address(), bare=True)
    peer.say_bytes(struct.pack("<I", 85))  # by its length alone
    peer.expect_end()


def faults_add_up_and_the_discouraged_may_come_again(lab):
    node = mintlayer(lab, *ALONE)
    source = lab.address()
    sibling = Peer.dial(node, source)
    check(sibling.is_alive(), "no answer to a ping")
    peer = Peer.dial(node, source)
    for _ in range(4):
        peer.say(bytes([wire.TRANSACTION_REQUEST]) + bytes(32))
    check(peer.is_alive(), "no answer to a ping")
    peer.say(bytes([wire.TRANSACTION_REQUEST]) + bytes(32))
    check(peer.expect_end(wire.WILL_DISCONNECT) == "Your address is discouraged", "other words")
    check(sibling.expect_end(wire.WILL_DISCONNECT) == "Your address is discouraged", "other words")
    again = Peer.dial(node, source)
    check(again.is_alive(), "who is discouraged may come as long as there is room")
    again.say_bytes(struct.pack("<I", 10 * 1024 * 1024 + 1))
    again.until_kind(wire.WILL_DISCONNECT)
    check(again.take() is None, "not closed")


def who_has_no_chain_says_so(lab):
    node = mintlayer(lab, *ALONE, "-services", "all")
    peer = Peer.dial(node, lab.address())
    peer.until_kind(wire.HANDSHAKE)
    peer.say(bytes([wire.HEADER_LIST_REQUEST, 0]))
    check(peer.take() == bytes([wire.HEADER_LIST, 0]), "no empty list")
    check(not node.all("parcel"), "the application was asked")


def who_has_a_chain_is_asked(lab):
    node = mintlayer(lab, *ALONE, "-services", "all", "-answersHeaders")
    peer = Peer.dial(node, lab.address())
    peer.until_kind(wire.HANDSHAKE)
    peer.say(bytes([wire.HEADER_LIST_REQUEST, 0]))
    asked = node.wait("parcel", kind="HeaderListRequest")
    node.send(asked["peer"], "\x04a header", kind="HeaderList")
    check(peer.take() == bytes([wire.HEADER_LIST]) + b"\x04a header", "not what the application said")


@promises("M2")
@on_public_addresses
def a_bootnode_tells_of_those_that_it_dials(lab):
    """A list goes to who has dialed, once; what is announced is learned."""
    others = [mintlayer(lab, *ALONE) for _ in range(3)]
    boot = mintlayer(lab, *QUICK, "-bootstrap", " ".join(n.endpoint for n in others))
    wait_outgoing([boot], 3, 10)
    source = lab.address()
    peer = Peer.dial(boot, source)
    peer.until_kind(wire.HANDSHAKE)
    peer.say(bytes([wire.LIST_REQUEST]))
    peer.say(bytes([wire.LIST_REQUEST]))  # a second one is not answered
    body = peer.take()
    told = {socket.inet_ntoa(body[i + 1:i + 5]) for i in range(2, len(body), 7)}
    check(body[:2] == bytes([wire.LIST, 3 << 2]) and told == {n.address for n in others}, f"{body}")
    announced = bytes([wire.ANNOUNCE, 0]) + socket.inet_aton("5.98.7.6") + struct.pack("<H", PORT)
    peer.say(announced)
    until(lambda: boot.status()["known"] >= 4, 10, "it has learned the address")
    check(peer.is_alive(), "no answer to a ping")


@promises("M12", "M13", "M14")
def pings_are_for_idle_peers(lab):
    node = mintlayer(lab, *ALONE, "-ping", "600ms", "-silence", "1300ms")
    busy = Peer.dial(node, lab.address())
    busy.until_kind(wire.HANDSHAKE)
    for _ in range(10):
        time.sleep(0.2)
        check(busy.is_alive(), "no answer to a ping")  # what comes next is the answer: nothing was asked
    idle = Peer.dial(node, lab.address())
    idle.until_kind(wire.HANDSHAKE)
    ping = idle.take()
    check(ping[0] == wire.PING_REQUEST and len(ping) == 9, f"{ping}")
    idle.say(bytes([wire.PING_RESPONSE]) + bytes(8))  # another nonce
    check(idle.expect_end(wire.WILL_DISCONNECT) == "You ignore our ping requests", "other words")


def noise_is_switched_off_on_local_alone(lab):
    node = mintlayer(lab, *ALONE, "-plain")
    peer = mintlayer(lab, *ALONE, "-plain", "-peers", node.endpoint)
    peer.wait_online(node)
    with socket.create_connection((node.address, PORT), 10 * SLOW) as bare:
        greeting = hello()
        bare.sendall(struct.pack("<I", len(greeting)) + greeting)
        answer = bare.recv(6, socket.MSG_WAITALL)
        check(answer[4:] == bytes([wire.HANDSHAKE, 1]), f"{answer.hex()} is no HelloAck")
    sealed = mintlayer(lab, *ALONE, "-peers", node.endpoint)
    until(lambda: sum(sealed.status()["ended"].values()) > 0, 15, "an encrypted one is no peer")
    check(not sealed.all("online"), "an encrypted one is a peer")
    for network in ("MAIN", "TEST", "signet"):
        which = ("-customnet", network) if network == "signet" else ("-network", network)
        done = subprocess.run([lab.kith, "-home", lab.home, "-protocol", "mintlayer", "-plain", *which],
                              capture_output=True, text=True, timeout=10 * SLOW, check=False)
        check(done.returncode == 2 and done.stderr.count("\n") == 1 and "-plain: " in done.stderr, f"{network}: {done}")


def one_more_connection_only_relays(lab):
    hosts = [mintlayer(lab, *ALONE, "-services", "all") for _ in range(3)]
    node = mintlayer(lab, *QUICK, "-services", "all", "-outgoing", "1", "-relays", "1", "-bootstrap",
                     " ".join(each.endpoint for each in hosts))
    node.wait("online", relay=False)
    relay = node.wait("online", relay=True)["peer"]
    host = next(each for each in hosts if each.endpoint == relay)
    check(node.send(relay, "\0", kind="HeaderList")["peers"] == 1, "the relay has gone")
    host.wait("parcel", kind="HeaderList")
    check(node.count("outgoing") == 2, f"{node.count('outgoing')} outgoing")


def connecting_and_noise_have_one_time(lab):
    """A proxy uses up most of it; the peer behind it then says nothing."""
    most, used = 2, 1.5
    proxy = socket.create_server((lab.address(), 0))
    lab.closers.append(proxy.close)
    host, port = proxy.getsockname()
    mintlayer(lab, *ALONE, "-proxy", f"{host}:{port}", "-dialTimeout", f"{most}s", "-handshakeTimeout", "1m", "-peers",
              f"127.77.0.1:{PORT}")
    proxy.settimeout(10 * SLOW)
    way, _ = proxy.accept()
    since = time.monotonic()
    with way:
        way.settimeout(10 * SLOW)
        check(way.recv(3) == b"\x05\x01\x00", "another greeting")
        way.sendall(b"\x05\x00")
        way.recv(10, socket.MSG_WAITALL)
        time.sleep(used)
        way.sendall(b"\x05\x00\x00\x01" + bytes(6))
        while way.recv(100):
            pass
    took = time.monotonic() - since
    check(took < most + used, f"given up after {took:.1f} s")
    return f"given up after {took:.1f} s"


if __name__ == "__main__":
    run([a_network_of_one_bootnode, who_is_on_loopback_is_told_to_nobody, idle_nodes_stay_together,
         a_stopped_peer_is_given_up, a_full_node_says_so, it_does_not_connect_with_itself, messages_pass_by_their_names,
         who_does_not_fit_is_told, who_begins_with_something_else_is_left,
         faults_add_up_and_the_discouraged_may_come_again, who_has_no_chain_says_so, who_has_a_chain_is_asked,
         a_bootnode_tells_of_those_that_it_dials, pings_are_for_idle_peers, one_more_connection_only_relays, noise_is_switched_off_on_local_alone,
         connecting_and_noise_have_one_time])
