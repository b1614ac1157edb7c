#!/usr/bin/env python3
"""kith and an independent Mintlayer peer, in both directions: whoever dials.

Usage: test_mintlayer_peer.py PATH-OF-KITH [word of a test's name]...

The script "run" makes the peer, and then runs this.
"""
import ipaddress
import itertools
import json
import os
import time

import scale
from kithnode import SLOW, check, promises, run, until
from mintlayer_fixture import (ADDRESSES, ALL, ALONE, NETWORK, PORT, QUICK, TIMELY, Ends, Late, World, an_id, as_hex,
                               framed, heard, kith, our_hello, settle)
from namespace import on_public_addresses
from test_network import (a_feeler_only_asks_who_is_there, twelve_as_they_are_idle_for_eight_minutes,
                          twelve_from_one_bootnode_stay_together)
from wrong_bytes import wrong_hellos, wrong_messages

BODY_MAX = 10 * 1024 * 1024
DAY = 24 * 60 * 60
DISCOURAGED, IGNORES = "Your address is discouraged", "You ignore our ping requests"
TOLD_FIRST = [{"kind": "AddrListRequest"}]  # what kith says to whom it has dialed


# --- meeting ---

@promises("M7", "M8", "M9", "M10")
def handshakes(lab):
    """Whoever dials, each says who it is; the lower version is spoken."""
    world, nonces = World(lab), set()
    for version in (2, 3, 4):
        node, guest, host = world.in_both_directions(version=version)
        for peer, first in ((guest, []), (host, TOLD_FIRST)):
            hello = peer.hello
            wanted = {"version": 3, "network": NETWORK, "services": ADDRESSES, "agent": "kith", "receiver": peer.own}
            check({name: hello[name] for name in wanted} == wanted, f"{hello}, not {wanted}")
            check(abs(hello["time"] - time.time()) < TIMELY, f"its time is {hello['time']}")
            node.wait("online", peer=peer.name, version=min(version, 3))
            said = peer.answers()
            check(said == first, f"it says {said}")
        nonces.add(host.hello["nonce"])
        node.end()
        for peer in (guest, host):
            peer.expect_words("We are shutting down") if version > 2 else peer.expect_end()
    check(len(nonces) == 3, "a nonce came twice")


REFUSED = [  # by a field of a Hello or HelloAck: (fields, cause, words, whether HelloAck comes before them)
    ({"time": -60}, "clocks differ too much", "Your clock differs", False),
    ({"time": 60}, "clocks differ too much", "Your clock differs", False),
    ({"time": 60, "version": 2}, "clocks differ too much", None, False),
    ({"time": 60, "network": "2b7e19f8"}, "clocks differ too much", "Your clock differs", False),
    ({"version": 0}, "version too low", None, False),
    ({"version": 1}, "version too low", None, False),
    ({"network": "b0075fa0"}, "wrong network", "Wrong network; our network is 'LOCAL'", True),
    ({"network": "ddccbbaa", "version": 2}, "wrong network", None, True),
    ({"services": 3}, "bad handshake", "Insufficient services", True),
    ({"services": 1 << 63}, "bad handshake", "Insufficient services", True),
    ({"services": 0, "version": 2}, "bad handshake", None, True)]


def timely(fields):
    return fields | ({"time": int(time.time()) + fields["time"]} if "time" in fields else {})


@promises("M8", "M11")
def who_does_not_fit_is_told(lab):
    world = World(lab)
    node, here = world.dialing()
    ends = Ends(node)
    for fields, cause, words, acked in REFUSED:
        def incoming():
            peer = world.dial(node).shake().greet(**timely(fields))
            if acked:
                peer.expect("HelloAck", version=3, network=NETWORK)
            peer.expect_words(words) if words else peer.expect_end()
            return peer

        def outgoing():
            peer = here.accept().shake().greet(**timely(fields))
            peer.expect_words(words) if words else peer.expect_end()
            return peer
        ends.expect(cause, incoming)
        ends.expect(cause, outgoing)
    check(not node.all("online"), "somebody is online")
    here.accept().meet()  # nothing of that is a reason not to come again
    world.met(node)


def within_one_second(act):
    """act(now) begins and ends in the second `now`; else it is done again."""
    while True:
        time.sleep(1 - time.time() % 1 + 0.05)
        now = int(time.time())
        answer = act(now)
        if int(time.time()) == now:
            return answer


def clocks_may_differ_by_ten_seconds(lab):
    """By parts of seconds, too: ten seconds ago is more than ten seconds ago."""
    world = World(lab)
    node, here = world.dialing()

    def accepted(start, seconds):
        def attempt(now):
            peer = start().shake().greet(time=now + seconds)
            m = peer.take()
            took = m["kind"] in ("HelloAck", "AddrListRequest")
            peer.close()
            return took
        return within_one_second(attempt)
    for seconds, expected in ((-11, False), (-10, False), (-9, True), (10, True), (11, False)):
        check(accepted(lambda: world.dial(node), seconds) == expected, f"{seconds} s, incoming")
        check(accepted(here.accept, seconds) == expected, f"{seconds} s, outgoing")


def a_full_peer_offers_all_that_we_do(lab):
    """But for whom the operator has us dial, and who dials us."""
    world = World(lab)
    for special in (True, False):
        here = world.listener()
        node = kith(lab, *QUICK, "-services", "all", "-peers" if special else "-bootstrap", here.endpoint)
        peer = here.accept().shake().greet(services=ADDRESSES)
        if special:
            peer.expect("AddrListRequest")
        else:
            peer.expect_words("Insufficient services, we need Services(7)")
        world.met(node, services=1)


@promises("M7")
def who_begins_with_something_else_is_left(lab):
    """Its bytes are no Hello, or no HelloAck; and it has misbehaved."""
    world = World(lab)
    node, here = world.dialing()
    ends = Ends(node)
    words = scale.write({"kind": "WillDisconnect", "reason": "so long"})
    for name, body in itertools.chain(wrong_hellos("Hello"), [("last words", words)]):
        def incoming():
            peer = world.dial(node).shake()
            peer.say_body(body)
            check(peer.take() is None, f"{name}: it answers")
            return peer
        ends.expect("misbehaved", incoming)
    for name, body in wrong_hellos("HelloAck"):
        def outgoing():
            peer = here.accept().shake()
            peer.expect("Hello")
            peer.say_body(body)
            check(peer.take() is None, f"{name}: it answers")
            return peer
        ends.expect("misbehaved", outgoing)

    def last_words():
        peer = here.accept().shake()
        peer.expect("Hello")
        peer.say_body(words)
        peer.expect_end()
        return peer
    ends.expect("closed by peer", last_words)
    node.logged("the peer says: so long")
    here.accept().meet()


def lengths_are_judged_alone(lab):
    """Nothing more than a length, or a length and what kind it is, need come."""
    world = World(lab)
    node, here = world.dialing()
    ends = Ends(node)

    def says(start, data, last):
        def act():
            peer = start()
            peer.say_plain(data)
            peer.take_kind("WillDisconnect") if last else None
            while peer.take():
                pass
            return peer
        return act
    ends.expect("misbehaved", says(lambda: world.dial(node).shake(), framed(b"", 85), False))
    ends.expect("misbehaved", says(lambda: here.accept().shake(), framed(b"\0", 77), False))
    ends.expect("misbehaved", says(lambda: world.dial(node).meet(), framed(b"", BODY_MAX + 1), True))
    ends.expect("misbehaved", says(lambda: here.accept().meet(), framed(b"", BODY_MAX + 1), True))
    ends.expect("misbehaved", says(lambda: world.dial(node).meet(), framed(b"", (1 << 32) - 1), True))


def we_know_ourselves_by_the_nonce(lab):
    """Who comes with the nonce of our own Hello is ourselves: both ends are dropped, and we do not dial there again."""
    world = World(lab)
    here = world.listener()
    node = kith(lab, *QUICK, "-bootstrap", here.endpoint)
    dialed = here.accept().shake()
    nonce = dialed.expect("Hello")["nonce"]
    own = world.dial(node).shake().greet(nonce=nonce)
    own.expect("HelloAck")
    own.expect_words("We think you are a self-connection")
    check([m["kind"] for m in iter(dialed.take, None)] in ([], ["WillDisconnect"]), "our own dial goes on")
    until(lambda: node.ended("connected to ourselves") == 2, 10, "both ends know it")
    try:
        here.accept(3)
    except Late:
        return
    check(False, "it is dialed again")


# --- Noise ---

def noise_comes_as_it_likes(lab):
    """In pieces of any size; with payloads; a message in many packets, and many in one."""
    world = World(lab)
    node, here = world.dialing()
    for payload, piece in ((b"", 0), (b"", 1), (b"", 3), (b"", 33), (b"what nobody reads", 0), (b"x" * 1000, 7)):
        for start in (lambda: world.dial(node), here.accept):
            peer = start().shake(payload, piece).greet()
            peer.answers()
            peer.close()
    for peer in (world.met(node), here.accept().meet()):
        ping = framed(scale.write({"kind": "PingRequest", "nonce": 5}))
        peer.say_plain(ping, *[1] * (len(ping) - 1))
        peer.take_kind("PingResponse")
        peer.say_plain(ping * 1000)
        for _ in range(1000):
            peer.expect("PingResponse", nonce=5)
        peer.say_plain(ping * 6000)  # in three packets, cut within messages
        for _ in range(6000):
            peer.expect("PingResponse", nonce=5)


BROKEN, CLOSED = "broken encryption or framing", "closed by peer"


def noise_that_is_broken(lab):
    """Is the end, without a word, whichever side comes with it."""
    world = World(lab)
    node, here = world.dialing()
    ends = Ends(node)

    def handshake(start, data):
        def act():
            peer = start()
            peer.say_raw(data)
            return peer.wait_end()
        return act

    def transport(start, act):
        def broken():
            peer = start().meet()
            peer.answers()
            act(peer)
            said = [m["kind"] for m in iter(peer.take, None)]
            check(said in ([], ["AddrListRequest"]), f"it says {said}")
            return peer
        return broken

    short, bad = (0).to_bytes(2, "little"), (96).to_bytes(2, "little") + bytes(96)
    for start in (lambda: world.dial(node), here.accept):
        ends.expect(BROKEN, handshake(start, short))
    ends.expect(BROKEN, handshake(lambda: world.dial(node), (31).to_bytes(2, "little") + bytes(31)))
    ends.expect(BROKEN, handshake(here.accept, bad))
    for start in (lambda: world.dial(node), here.accept):
        ends.expect(BROKEN, transport(start, lambda p: p.say_raw(b"\0\0")))
        ends.expect(BROKEN, transport(start, lambda p: p.say_raw(b"\x0f\0" + bytes(15))))
        ends.expect(BROKEN, transport(start, lambda p: p.say_raw(b"\x40\0" + bytes(64))))
        ends.expect(CLOSED, transport(start, lambda p: p.say_plain(b"", 0)))  # a packet of 16 bytes: the stream's end
        ends.expect(CLOSED, transport(start, lambda p: (p.say_raw(b"\x40"), p.half_close())))
        ends.expect(CLOSED, transport(start, lambda p: p.half_close()))
    world.met(node)


# --- messages ---

@promises("M12", "M13", "M14")
def pings(lab):
    """Answered by either side; one that stays unanswered ends the connection; other nonces are nothing."""
    world = World(lab)
    for version in (2, 3):
        node, guest, host = world.in_both_directions("-ping", "1s", "-silence", "2500ms", version=version)
        for peer in (guest, host):
            peer.say("PingResponse", nonce=4711)
            peer.say("PingRequest", nonce=(1 << 64) - 1)
            check(peer.take_kind("PingResponse")["nonce"] == (1 << 64) - 1, "another nonce")
        nonces = set()
        for peer in (guest, host):
            ping = peer.take_kind("PingRequest")
            nonces.add(ping["nonce"])
            peer.say("PingResponse", nonce=ping["nonce"] ^ 1)
        check(len(nonces) == 2, "a nonce came twice")
        for peer in (guest, host):
            peer.expect_words(IGNORES) if version > 2 else peer.expect_end()
        until(lambda: node.ended("silent too long") == 2, 10, "both have ended so")
    node, guest, host = world.in_both_directions("-ping", "500ms", "-silence", "1s", "-pingAlways")
    by, seen = time.monotonic() + 3 * SLOW, {guest: 0, host: 0}
    while time.monotonic() < by:
        for peer in seen:
            seen[peer] += peer.answer_pings(0.1)
            peer.say("PingResponse", nonce=1)
    check(min(seen.values()) >= 3, f"{list(seen.values())} pings, though there was something to hear")


@promises("M12")
def who_talks_is_not_pinged(lab):
    world = World(lab)
    node, guest, host = world.in_both_directions("-ping", "1s", "-silence", "2500ms")
    host.answers()
    by = time.monotonic() + 4 * SLOW
    while time.monotonic() < by:
        for peer in (guest, host):
            said = peer.answers()
            check(said == [], f"it says {said}")
        time.sleep(0.1)
    check(not node.all("offline"), "a connection has ended")


def last_words_are_not_answered(lab):
    world = World(lab)
    for version in (2, 3):
        node, *both = world.in_both_directions(version=version)
        for peer in both:
            peer.answers()
            peer.say("WillDisconnect", reason="\u00fcber und aus\n")
            peer.expect_end()
            offline = node.wait("offline", peer=peer.name)
            check(offline["reason"] == "the peer says: ??ber und aus?", offline["reason"])


def bytes_that_are_no_message(lab):
    """Cost all at once, whoever says them."""
    world = World(lab)
    node, here = world.dialing("-services", "all")
    ends, n = Ends(node), 0
    for name, body in wrong_messages():
        for version, start in ((3, lambda: world.dial(node)), (2 + n % 2, here.accept)):
            def act():
                peer = start().meet(version=version)
                peer.say_body(body)
                if version > 2:
                    peer.expect_words(DISCOURAGED)
                else:
                    check([m["kind"] for m in iter(peer.take, None)] in ([], ["AddrListRequest"]), f"{name}: words")
                return peer
            ends.expect("misbehaved", act)
            n += 1
    check(not node.all("parcel"), f"{node.all('parcel')}")
    return f"{n} ends"


ID = "ab" * 32


def messages_by_kind():
    """(kind, fields, the same as the application has it)."""
    text = an_id()
    yield "NewTransaction", {"id": as_hex(text)}, text
    yield "HeaderListRequest", {"ids": [as_hex(text)] * 2}, "\x08" + text * 2
    yield "HeaderListRequest", {"ids": []}, "\0"
    yield "HeaderList", {"bytes": "00"}, "\0"
    yield "HeaderList", {"bytes": as_hex("\x08header and header")}, "\x08header and header"
    yield "BlockListRequest", {"ids": [as_hex(text)]}, "\x04" + text
    yield "BlockResponse", {"bytes": as_hex("a block")}, "a block"
    yield "TransactionRequest", {"id": as_hex(text)}, text
    yield "TransactionResponse", {"id": as_hex(text)}, "\0" + text
    yield "TransactionResponse", {"found": as_hex("a transaction")}, "\1a transaction"


def messages_pass_by_their_names(lab):
    """Those of a chain, to and from the application, whoever dialed; not to whom has none."""
    world = World(lab)
    node, *both = world.in_both_directions("-services", "all", "-answersHeaders")
    stranger = world.met(node, services=ADDRESSES)
    for kind, fields, text in messages_by_kind():
        for peer in both:
            since = node.mark()
            peer.say(kind, **fields)
            node.wait("parcel", since=since, peer=peer.name, kind=kind, text=text)
            check(node.send(peer.name, text, kind=kind)["peers"] == 1, f"{peer.name} is not there")
            check(peer.take_kind(kind) == {"kind": kind, **fields}, f"another {kind}")
        node.send(stranger.name, text, kind=kind)
    said = stranger.answers()
    check(said == [], f"{said} was not offered")
    for bad in ("x" * 31, "x" * 33):  # what is no message is not sent
        node.send(both[0].name, bad, kind="NewTransaction")
    said = heard(node, both[0])
    check(said == [], f"it says {said}")


def who_has_no_chain_says_so(lab):
    """At once, to whoever asks for headers; what else there is to ask is not answered."""
    world = World(lab)
    for flags in ((), ("-services", "all")):
        node, *both = world.in_both_directions(*flags)
        for peer in both:
            peer.answers()
            for ids in ([], [ID], [ID] * 101):
                peer.say("HeaderListRequest", ids=ids)
                peer.expect("HeaderList", bytes="00")
            if not flags:
                for kind, fields in (("HeaderList", {"bytes": "00"}), ("BlockListRequest", {"ids": [ID]}),
                                     ("TransactionResponse", {"id": ID})):
                    peer.say(kind, **fields)
                check(peer.answers() == [], "it answers")
        check(not node.all("parcel"), f"{node.all('parcel')}")


def large_messages_up_to_the_limit(lab):
    world = World(lab)
    node, *both = world.in_both_directions("-services", "all")
    for peer in both:
        peer.answers()
        for size in (65519 - 5, 65519 - 4, 1 << 20, BODY_MAX - 1):
            text, since = "b" * size, node.mark()
            node.send(peer.name, "\x04" + an_id(), kind="BlockListRequest")
            peer.take_kind("BlockListRequest")
            peer.say("BlockListRequest", ids=[as_hex(an_id())])
            peer.say("BlockResponse", bytes=as_hex(text))
            got = node.wait("parcel", seconds=30, since=since, peer=peer.name, kind="BlockResponse")
            check(got["text"] == text, f"{len(got['text'])} of {size} bytes")
            check(node.send(peer.name, text, kind="BlockResponse", within=30)["peers"] == 1, "it is not there")
            check(peer.take_kind("BlockResponse")["bytes"] == as_hex(text), f"other {size} bytes")
        peer.answers()


# --- addresses ---

def address_list(n):
    return [f"5.{100 + i // 250}.{i % 250}.1:{PORT}" for i in range(n)]


HIDDEN = [f"{ip}:{PORT}" for ip in (
    "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1", "192.0.0.1", "192.0.2.1",
    "192.168.1.1", "198.18.0.1", "198.19.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "[::]",
    "[::1]", "[fc00::1]", "[fe80::1]", "[ff02::1]", "[2001:db8::1]")] + ["5.99.0.1:0"]


@promises("M2")
def lists_of_addresses(lab):
    """Are asked for where we have dialed, and only those that all may know are believed."""
    world = World(lab)
    node, host = world.dialed("-services", "all", special=False, services=ALL)
    host.expect("AddrListRequest")
    before = node.status()["known"]
    host.say("AddrListResponse", addresses=HIDDEN + [f"5.98.0.1:{PORT}", f"[2a01:4f8::1]:{PORT}"])
    settle(node, host)
    known = node.status()["known"] - before
    check(known == 2, f"{known} addresses are learned, not 2")
    host.say("AddrListRequest")  # whom we have dialed we do not answer
    guest = world.met(node)
    for _ in range(3):
        guest.say("AddrListRequest")
        settle(node, guest)
    said = heard(node, guest)
    kinds = [m["kind"] for m in said if m["kind"] != "AnnounceAddrRequest"]  # which may come to who was told of few
    check(kinds == ["AddrListResponse"], f"{said}")
    said = heard(node, host)
    check(said == [], f"{said}")


def lists_of_a_thousand(lab):
    """Are taken, as far as chance gives each address a place of its own in the book; longer ones are the end."""
    world = World(lab)
    for n in (0, 1000, 1001):
        node, host = world.dialed("-services", "all", "-exclusive", special=True)
        host.expect("AddrListRequest")
        host.say("AddrListResponse", addresses=address_list(n))
        if n > 1000:
            host.expect_words(DISCOURAGED)
        else:
            settle(node, host)
            known = node.status()["known"]
            check(known > 100 if n else known <= 1, f"{known} are known")


@promises("M2")
@on_public_addresses
def a_list_has_whom_we_have_reached(lab):
    world = World(lab)
    node, host = world.dialed(special=False)
    guest = world.met(node)
    guest.say("AddrListRequest")
    guest.expect("AddrListResponse", addresses=[host.own])


@on_public_addresses
def announcements_are_passed_on(lab):
    """To others, once; hidden ones cost nothing, and of others a peer has one in ten seconds."""
    world = World(lab)
    node = kith(lab, *ALONE, "-services", "all")
    peers = a, b = [world.met(node) for _ in range(2)]
    deaf = world.met(node, services=3)
    before = time.monotonic()
    for address in (*HIDDEN, f"5.97.0.1:{PORT}", f"5.97.0.2:{PORT}"):
        a.say("AnnounceAddrRequest", address=address)
    settle(node, a)
    known, took = node.status()["known"], time.monotonic() - before
    check(known == 1 or took > 9, f"{known} addresses are known, not 1")
    announced = {"kind": "AnnounceAddrRequest", "address": f"5.97.0.1:{PORT}"}
    said = [heard(node, peer) for peer in peers]
    check(said == [[], [announced]] or took > 9, f"{said}")
    b.say("AnnounceAddrRequest", address=f"5.97.0.1:{PORT}")  # it knows it, and so does the other
    settle(node, b)
    said = [heard(node, peer) for peer in peers]
    check(said == [[], []] or took > 9, f"{said}")
    check(heard(node, deaf) == [], "who does not share addresses is told of one")


@on_public_addresses
def mapped_addresses_are_passed_on_as_they_came(lab):
    """Of IPv4 that is written as IPv6 nobody asks if it is public; so it costs what an announcement costs."""
    world = World(lab)
    node = kith(lab, *ALONE, "-services", "all")
    a, b = [world.met(node) for _ in range(2)]
    before = time.monotonic()
    a.say("AnnounceAddrRequest", address=f"[::ffff:10.9.8.7]:{PORT}")
    a.say("AnnounceAddrRequest", address=f"5.97.0.1:{PORT}")
    settle(node, a)
    said, took = heard(node, b), time.monotonic() - before
    check([m["kind"] for m in said] == ["AnnounceAddrRequest"] or took > 9, f"{said}")
    ip, _, port = said[0]["address"].rpartition(":")
    mapped = ipaddress.ip_address(ip.strip("[]"))
    check(mapped == ipaddress.ip_address("::ffff:10.9.8.7") and port == str(PORT), f"{said}")


@on_public_addresses
def announcements_go_to_two_of_all(lab):
    """Who has sent it may be one of those; then only one is told."""
    world = World(lab)
    node = kith(lab, *ALONE, "-services", "all")
    others, told = [world.met(node) for _ in range(3)], []
    for i in range(24):
        sender = world.met(node)
        sender.say("AnnounceAddrRequest", address=f"5.96.0.{i + 1}:{PORT}")
        settle(node, sender)
        told.append(sum(len(heard(node, peer)) for peer in others))
        check(heard(node, sender) == [], "who has sent it is told of it")
        sender.close()
        node.wait("offline", peer=sender.name)
    check(set(told) == {1, 2}, f"so many are told each time: {told}")


def two_relay_blocks_alone(lab):
    """Beside those that exchange addresses. They offer and need blocks alone, and ask for nothing else."""
    world = World(lab)
    here = [world.listener() for _ in range(4)]
    node = kith(lab, *QUICK, "-services", "all", "-outgoing", "1", "-bootstrap", " ".join(each.endpoint for each in here))
    full = here[0].accept_of(*here[1:]).meet()
    check(full.hello["services"] == ALL, f"{full.hello}")
    node.wait("online", peer=full.name, relay=False)
    relays = []
    while len(relays) < 2:
        peer = here[0].accept_of(*here[1:]).meet(services=ALL)
        check(peer.hello["services"] == 2, f"{peer.hello}")
        node.wait("online", peer=peer.name, relay=True)
        relays.append(peer)
    for peer in relays:
        peer.say("AddrListRequest")
        peer.say("AnnounceAddrRequest", address=f"5.97.0.1:{PORT}")
        peer.say("HeaderList", bytes="00")
        node.wait("parcel", kind="HeaderList", peer=peer.name)  # all that came before has been dealt with
        said = peer.answers()
        check(said == [], f"{said}")
        for _ in range(5):
            peer.say("AddrListResponse", addresses=[])
        peer.expect_words(DISCOURAGED)
    check(node.status()["known"] == len(here), "an address was believed")


@on_public_addresses
def we_announce_ourselves(lab):
    """Where the peer sees us, with the port that we listen on; only to whom we have dialed, and once."""
    world = World(lab)
    here = world.listener()
    node = kith(lab, *ALONE, "-services", "all", "-peers", here.endpoint)
    seen = f"{node.address}:55555"
    for receiver in (seen, f"10.1.2.3:{PORT}", None):
        host = here.accept().meet(receiver=receiver)
        node.wait("online", peer=host.name, since=0)
        said = heard(node, host)
        wanted = [{"kind": "AnnounceAddrRequest", "address": node.endpoint}] if receiver == seen else []
        check(said == TOLD_FIRST + wanted, f"seen as {receiver} it says {said}")
        guest = world.met(node, receiver=receiver)
        said = heard(node, guest)
        check(said == [], f"{said}")
        node.end()
        node.start()


# --- faults ---

FAULTS = [  # that cost 20: (kind, fields, whether the peer has a chain in common)
    ("Hello", our_hello("Hello"), False),
    ("HelloAck", our_hello("HelloAck"), False),
    ("AddrListResponse", {"addresses": []}, False),
    ("NewTransaction", {"id": ID}, False),
    ("TransactionRequest", {"id": ID}, False),
    ("BlockResponse", {"bytes": "00"}, False),
    ("BlockResponse", {"bytes": "00"}, True),  # nobody asked for
    ("BlockListRequest", {"ids": [ID, ID]}, True),  # for the same twice
    ("BlockListRequest", {"ids": []}, False),
    ("BlockListRequest", {"ids": []}, True),
    ("BlockListRequest", {"ids": [ID] * 501}, True),
    ("HeaderListRequest", {"ids": [ID] * 102}, True),
    ("HeaderList", {"bytes": "451f" + "00" * 2001}, True)]


def faults_add_up(lab):
    """Five that cost 20 are the end; four are not."""
    world = World(lab)
    alone = kith(lab, *ALONE)
    full = kith(lab, *ALONE, "-services", "all", "-answersHeaders")
    for kind, fields, common in FAULTS:
        node, fault = full if common else alone, {"kind": kind} | fields
        peer = world.met(node)
        since = node.mark()
        for _ in range(4):
            peer.send(fault)
        check(peer.answers() == [], f"{kind}: an answer")
        peer.send(fault)
        peer.expect_words(DISCOURAGED)
        check(not node.all("parcel", since), "the application is told")


def what_it_asks_of_itself(lab):
    """Kinds that cost nothing."""
    world = World(lab)
    node, *both = world.in_both_directions()
    for peer in both:
        for _ in range(12):
            peer.say("TransactionResponse", id=ID)
            peer.say("PingResponse", nonce=1)
            peer.say("HeaderList", bytes="00")
            peer.say("BlockListRequest", ids=[ID])
            peer.say("AnnounceAddrRequest", address=f"127.0.0.1:{PORT}")
        peer.answers()
    check(not node.all("offline"), "a connection has ended")


def whom_the_operator_dials_is_spared(lab):
    """What costs less than all. Anybody else is discouraged for a day, and not dialed."""
    world = World(lab)
    node, host = world.dialed()
    for _ in range(10):
        host.say("NewTransaction", id=ID)
    host.answers()
    node, host = world.dialed(special=False)
    host.answers()
    here = host.listener
    for _ in range(5):
        host.say("NewTransaction", id=ID)
    host.expect_words(DISCOURAGED)
    try:
        here.accept(4)
        check(False, "who is discouraged is dialed")
    except Late:
        pass
    node.end()
    with open(os.path.join(node.home, "peers-mintlayer-LOCAL.json"), encoding="utf-8") as file:
        until_ms = max(score["discouraged_until"] for score in json.load(file)["scores"])
    left = until_ms / 1000 - time.time()
    check(DAY - 300 < left <= DAY, f"discouraged for {left:.0f} s")


@promises("M15")
def the_discouraged_come_while_there_is_room(lab):
    """Their other connections end; they may come again, and are the first to go."""
    world = World(lab)
    node = kith(lab, *ALONE, "-incoming", "2")
    source = lab.address()
    sibling, bad = world.met(node, source), world.met(node, source)
    bad.say_body(b"\x0e")
    bad.expect_words(DISCOURAGED)
    sibling.expect_words(DISCOURAGED)
    until(lambda: node.count("incoming") == 0, 10, "both are gone")
    again = world.met(node, source)
    good = world.met(node)
    other = world.met(node)
    again.expect_words("You are evicted")
    for peer in (good, other):
        peer.answers()
    full = world.dial(node).meet()
    full.expect_words("We have too many peers")
    v2 = world.dial(node).meet(version=2)
    v2.expect_end()


def handshakes_that_do_not_come(lab):
    """Noise has its time, on a dial the dial's; and Hello has its own."""
    world, late = World(lab), ("-handshakeTimeout", "1s", "-dialTimeout", "1s")

    def in_vain(node, start, first):
        def silent():
            peer = start().shake()
            check([m["kind"] for m in iter(peer.take, None)] == first, "other messages")
            return peer
        ends = Ends(node)
        ends.expect("handshake timed out", silent)
        ends.expect("handshake timed out", lambda: start().wait_end())
    node = kith(lab, *ALONE, *late)
    in_vain(node, lambda: world.dial(node), [])
    node, here = world.dialing(*late)
    in_vain(node, here.accept, ["Hello"])


if __name__ == "__main__":
    run([twelve_as_they_are_idle_for_eight_minutes, a_feeler_only_asks_who_is_there,
         twelve_from_one_bootnode_stay_together, pings,
         clocks_may_differ_by_ten_seconds, whom_the_operator_dials_is_spared, handshakes, who_does_not_fit_is_told,
         a_full_peer_offers_all_that_we_do, who_begins_with_something_else_is_left, lengths_are_judged_alone,
         we_know_ourselves_by_the_nonce, noise_comes_as_it_likes, noise_that_is_broken, who_talks_is_not_pinged,
         last_words_are_not_answered, bytes_that_are_no_message, messages_pass_by_their_names, who_has_no_chain_says_so,
         large_messages_up_to_the_limit, lists_of_addresses, lists_of_a_thousand, a_list_has_whom_we_have_reached,
         announcements_are_passed_on, mapped_addresses_are_passed_on_as_they_came, announcements_go_to_two_of_all,
         two_relay_blocks_alone, we_announce_ourselves, faults_add_up, what_it_asks_of_itself, the_discouraged_come_while_there_is_room, handshakes_that_do_not_come])
