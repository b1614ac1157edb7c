#!/usr/bin/env python3
"""kith and an independent DDRP peer, in both revisions and both directions: whoever dials.

Usage: test_ddrp_peer.py PATH-OF-KITH [word of a test's name]...

The script "run" makes the Python environment that this needs, and then runs this.
"""
import base64
import concurrent.futures
import itertools
import json
import os
import socket
import statistics
import threading
import time
from pathlib import Path

import ddrpwire as wire
from bad_input import play_all, rows_of_envelopes, rows_of_handshakes, rows_of_later_messages
from ddrp_fixture import (ALONE, REVISIONS, another_key, answers, dialer, expect_closed, in_both_directions, kith,
                          listener, met, node_identity, talks, wait_online)
from ddrpwire import FND, PIP, Closed, Identity, Malformed, Peer
from kithnode import SLOW, check, promises, run, until
from test_memory import updates_by_300_peers

VECTORS = json.loads(Path(__file__).resolve().parents[2].joinpath("vectors", "ddrp.json").read_text(encoding="utf-8"))


# --- the peer itself ---

def the_peer_by_its_vectors(_):
    """It reads each recorded stream as it is marked, and writes those that are its own to the byte."""
    keys = {key["name"]: Identity(bytes.fromhex(key["private"])) for key in VECTORS["keys"]}
    for key in VECTORS["keys"]:
        check(keys[key["name"]].id.hex() == key["peer_id"], f"{key['name']}'s id")
    for stream in VECTORS["streams"]:
        revision = FND if stream["revision"] == "fnd" else PIP
        name = f"{stream['revision']} {stream['what']}"
        data = bytes.fromhex(stream["hex"])
        outcome = judge(revision, data, keys[stream["verify_against"]].public, stream["verify_at"])
        check(outcome == stream["expect"], f"{name}: {outcome}, not {stream['expect']}")
        if stream["expect"] == "ok":
            envelope, _ = wire.read_envelope(revision, data)
            again = wire.write_envelope(revision, keys[stream["signer"]], envelope.kind, rewritten(revision, envelope),
                                        at=envelope.timestamp)
            check(again == data, f"{name}: written as {again.hex()}")
    return f"{len(VECTORS['streams'])} streams"


def judge(revision, data, public, now):
    try:
        envelope, size = wire.read_envelope(revision, data)
        envelope.verify(revision, public, now)
        check(size == len(data), "bytes are left")
        rewritten(revision, envelope)
    except wire.Invalid:
        return "disconnect" if revision is FND else "ignore"
    except (Malformed, wire.Short):
        return "disconnect"
    return "ok" if isinstance(envelope.kind, str) else "ignore" if revision is PIP else "disconnect"


def rewritten(revision, envelope):
    """The message, read and written again."""
    if envelope.kind == "Hello":
        return wire.write_hello(revision, wire.read_hello(revision, envelope.message))
    if envelope.kind == "PeerRes":
        return wire.write_peers(revision, wire.read_peers(revision, envelope.message))
    return envelope.message


def the_peer_with_itself(lab):
    """What it says as initiator it takes as responder, and the reverse."""
    for revision in REVISIONS:
        a, b = socket.socketpair()
        one, two = lab.closes(Peer(revision, a, True)), lab.closes(Peer(revision, b, False))
        thread = threading.Thread(target=one.meet)
        thread.start()
        two.meet()
        thread.join()
        check(one.node_id == two.identity.id and two.node_id == one.identity.id, "who is there")
        for kind in revision.types:
            one.send(kind, two.our_hello() if kind == "Hello" else b"")
            check(two.receive_kind(kind).kind == kind, kind)


# --- meeting ---

@promises("D8", "D12", "D13")
def handshakes(lab):
    """Whoever dials, each proves to the other who it is."""
    for revision in REVISIONS:
        node, dialer_, dialed = in_both_directions(lab, revision)
        own = node_identity(node, revision)
        check(node.status()["identity"] == own.id.hex(), f"{node.status()['identity']}, not {own.id.hex()}")
        guest = met(lab, node, revision, port=wire.PORT)
        where, source = wait_online(node, guest)["address"], guest.sock.getsockname()[0]
        check(where == f"{source}:{wire.PORT}", f"it is at {where}, not at {source}")
        for peer in (dialer_, dialed):
            hello = peer.hello
            check(peer.node_id == own.id and hello.public_key == own.public, "the node is somebody else")
            check(hello.version == 1 and hello.local_nonce != wire.NO_NONCE, f"{hello}")
            if revision is PIP:
                check(hello.external_port == wire.PORT, f"it listens on {hello.external_port}, it says")
            if revision is FND and peer.dialed:
                check(hello.user_agent == "", f"{hello.user_agent} as responder")
            else:
                check(hello.user_agent.startswith("kith/"), f"{hello.user_agent}")
            for _, e in peer.received:  # the nonce of a signature is RFC 6979's, too
                check(e.signature == own.sign(e.signed), f"{e.kind} is signed as {e.signature.hex()}")
            talks(node, peer)
        nonces = {peer.hello.local_nonce for peer in (dialer_, dialed, met(lab, node, revision))}
        check(len(nonces) == 3, "nonces are used again")


@promises("D1", "D3", "D4")
def what_takes_its_time(lab):
    """A Ping each five seconds, 30 s of silence, the limits of handshakes: as they are without any flags."""
    with concurrent.futures.ThreadPoolExecutor(32) as threads:  # one for each that waits
        jobs, alive = [threads.submit(connect_in_vain, *unreachable(lab, revision)) for revision in REVISIONS], []
        for revision in REVISIONS:
            node, *peers = in_both_directions(lab, revision)
            mute = [met(lab, node, revision), lab.closes(peers.pop())]
            start = time.monotonic()
            alive.append((node, peers[0]))
            jobs.append(threads.submit(keep_alive, peers[0], 29))
            jobs += [threads.submit(give_up, node, peer, start) for peer in mute]
            jobs += slow_handshakes(lab, revision, node, threads)
        for job in jobs:
            job.result()
    for node, peer in alive:
        talks(node, peer)


def keep_alive(peer, seconds):
    """Pings alone keep the session."""
    by = time.monotonic() + seconds
    while time.monotonic() < by:
        peer.send("Ping")
        peer.receive_kind("Ping", 6)
    check_pings(peer)


def give_up(node, peer, start):
    try:
        while True:
            peer.receive(7)
    except Closed:
        took = time.monotonic() - start
    check(29.5 < took < 30 + 10 * SLOW, f"closed after {took:.1f} s of silence")
    node.wait("offline", peer=peer.name, where=lambda e: "nothing valid" in e["reason"])
    check_pings(peer)


def check_pings(peer):
    """The first five seconds after the handshake."""
    found = [(at, e.timestamp) for kind in ("Hello", "Ping") for at, e in peer.received if e.kind == kind]
    gaps, sent = ([b - a for a, b in zip(times, times[1:])] for times in zip(*found))
    check(len(gaps) >= 5 and 4.8 < statistics.median(gaps) < 5 + 2 * SLOW, f"pings after {gaps}")
    # Each single one by the node's clock, in whole seconds: a busy machine may read one late.
    check(all(4 <= gap <= 5 + 3 * SLOW for gap in sent), f"pings sent after {sent}")


def slow_handshakes(lab, revision, node, threads):
    """Silence at each step, and bytes that come one by one."""
    nothing, half, hello, drip = (dialer(lab, node, revision) for _ in range(4))
    data = wire.write_envelope(revision, half.identity, "Hello", half.our_hello())
    half.write(data[:50])
    hello.send("Hello", hello.our_hello())
    jobs = [threads.submit(timed_out, peer, 5) for peer in (nothing, half, hello)]
    jobs.append(threads.submit(dribbles, drip))
    here = [listener(lab, revision) for _ in range(2)]
    other = kith(lab, revision, *ALONE, "-peers", " ".join(place.endpoint() for place in here))
    silent, partly = (lab.closes(place.accept()) for place in here)
    partly.write(data[:50])
    jobs += [threads.submit(timed_out, peer, 2) for peer in (silent, partly)]
    jobs.append(threads.submit(until, lambda: other.ended("handshake timed out") == 2, 5, "two are counted"))
    return jobs


def unreachable(lab, revision):
    """A node, and a listener whose queue is full, so that connecting takes for ever."""
    full = lab.closes(socket.create_server((lab.address(), wire.PORT), backlog=0))
    for _ in range(3):
        sock = lab.closes(socket.socket())
        sock.setblocking(False)
        sock.connect_ex(full.getsockname())
    start = time.monotonic()  # it dials before it is known to listen
    return kith(lab, revision, *ALONE, "-peers", "{}:{}".format(*full.getsockname())), start


def connect_in_vain(node, start):
    until(lambda: node.ended("dial failed") == 1, 10, "the end of the dial")
    took = time.monotonic() - start
    check(1.8 < took < 2 + 5 * SLOW, f"given up after {took:.1f} s")


def timed_out(peer, limit):
    took = peer.wait_closed(limit + 5)
    check(limit - 0.5 < took < limit + 2.5 * SLOW, f"closed after {took:.1f} s, not {limit}")


def dribbles(peer):
    """Progress does not prolong a handshake."""
    before = time.monotonic()
    try:
        for byte in wire.write_envelope(peer.revision, peer.identity, "Hello", peer.our_hello()):
            peer.write(bytes([byte]))
            time.sleep(0.1)
            check(time.monotonic() - before < 5 + 5 * SLOW, "the handshake goes on and on")
    except Closed:
        return


@promises("D2", "D4")
def pings(lab):
    """Empty, with the time of day, also while there is other traffic."""
    for revision in REVISIONS:
        node, *peers = in_both_directions(lab, revision, "-ping", "300ms")
        by, number = time.monotonic() + 1.3 * SLOW, itertools.count()
        while time.monotonic() < by:
            for peer in peers:
                peer.send("Update", os.urandom(8))
                node.request(send=peer.name, text=f"busy {next(number)}")
                peer.receive_kind("Update")
            time.sleep(0.01)
        for peer in peers:
            got = [e for _, e in peer.received if e.kind == "Ping"]
            check(len(got) >= 3, f"{len(got)} pings in {1.3 * SLOW} s")
            check(all(e.message == b"" for e in got), "a Ping has a message")
            check(all(abs(e.timestamp - time.time()) < 5 * SLOW for e in got), "its timestamp")


@promises("D3")
def silence(lab):
    """What is valid keeps a session alive, even where it means nothing; what is not does not."""
    limit = 0.8 * SLOW
    for revision in REVISIONS:
        start = time.monotonic()
        node, *mute = in_both_directions(lab, revision, "-ping", "200ms", "-silence", f"{limit * 1000:.0f}ms")
        forged, unasked = (met(lab, node, revision) for _ in range(2))
        peers, closed = {*mute, forged, unasked}, set()
        before = time.monotonic()
        while time.monotonic() < before + (2 * limit if len(closed) == 3 else 10 * SLOW):
            for peer in peers - closed:
                try:
                    if peer is unasked:
                        peer.send("PeerRes", wire.write_peers(revision, []))
                    if peer is forged and revision is PIP:  # fnd does not ignore it
                        peer.send("Ping", sign=another_key)
                    peer.drain()
                except Closed:
                    closed.add(peer)
                    took = time.monotonic() - start
                    check(took > limit, f"closed after {took:.1f} s, not {limit}")
            time.sleep(0.05)
        check(closed == {*mute, forged}, f"{len(closed)} of 3 were closed")
        check(node.ended("silent too long") == 3, f"{node.status()['ended']}")
        talks(node, unasked)


# --- messages ---

def opaque_messages(lab):
    """Each kind each way, of any size, by its name."""
    for revision in REVISIONS:
        node, *peers = in_both_directions(lab, revision, "-rate", "0")
        kinds = [kind for kind in revision.types if kind not in ("Hello", "HelloAck", "Ping", "PeerReq", "PeerRes")]
        check(len(kinds) == (6 if revision is PIP else 7), f"{kinds}")
        for peer, kind in itertools.product(peers, kinds):
            payloads = [b"x", os.urandom(127), os.urandom(128), os.urandom(4000)]
            if kind == "UpdateReq":  # the only one whose fields are known
                payloads = [wire.sized(b"blob") + (b"\0\0\0\1" if revision is FND else b"")]
            for payload in payloads:
                peer.send(kind, payload)
                text = base64.b64encode(payload).decode()
                node.wait("parcel", base64=text, kind=kind, peer=peer.name)
                payload = payload[::-1] + kind.encode()
                node.ask(send=peer.name, base64=base64.b64encode(payload).decode(), kind=kind)
                check(peer.receive_kind(kind).message == payload, f"{kind}: other bytes came")
        largest = os.urandom(wire.BYTES_MOST)
        for peer in peers:
            peer.send("Update", largest)
            node.wait("parcel", base64=base64.b64encode(largest).decode(), peer=peer.name)
        node.ask(send="<FULLBROADCAST>", base64=base64.b64encode(largest[::-1]).decode())
        for peer in peers:
            check(peer.receive_kind("Update").message == largest[::-1], "other bytes came")
        if revision is PIP:
            check(node.send(peers[0].name, "x", kind="NilUpdate")["event"] == "error", "pip has no NilUpdate")


def too_many_messages(lab):
    """192 at once, then 64 a second; what is too fast waits and is not lost."""
    for revision in REVISIONS:
        node, *peers = in_both_directions(lab, revision)
        other = met(lab, node, revision)
        texts = [f"{i} of many" for i in range(288)]
        floods = [b"".join(wire.write_envelope(revision, peer.identity, "Update", text.encode()) for text in texts)
                  for peer in peers]
        before = time.monotonic()
        for peer, flood in zip(peers, floods):
            peer.write(flood)
        for peer in peers:
            node.wait("parcel", text=texts[180], peer=peer.name)
        early = time.monotonic() - before
        check(early < 2 * SLOW, f"the first came within {early:.2f} s")
        talks(node, other)
        for peer in peers:
            node.wait("parcel", seconds=8, text=texts[-1], peer=peer.name)
            took = time.monotonic() - before
            check(1.4 < took < 2 + 5 * SLOW, f"{len(texts)} messages came within {took:.2f} s")
            got = [e["text"] for e in node.all("parcel") if e["peer"] == peer.name]
            check(got == texts, f"{len(got)} of {len(texts)} came")


# --- peers of peers ---

def dialed_at(lab, place):
    """Whom the node has dialed there. It gives up who takes long to answer, as a busy machine does, and dials again."""
    while True:
        peer = lab.closes(place.accept())
        try:
            return peer.meet()
        except Closed:
            continue


@promises("D5", "D7", "D10", "D12", "D14", "D15")
def the_book_is_told(lab):
    """A PeerReq is answered by who is known: where it has been seen, the port it listens on, who it is."""
    for revision in REVISIONS:
        here, odd = listener(lab, revision), listener(lab, revision, port=9098)
        # As many as are wanted: whoever else comes is not dialed, which would fail, and who fails is not told.
        flags = "-redial", "300ms", "-outgoing", "2", "-bootstrap", f"{here.endpoint()} {odd.endpoint()}"
        node = kith(lab, revision, *flags, "-anyPort")
        for place in (here, odd):
            wait_online(node, dialed_at(lab, place))
        node.end()
        node.flags.remove("-anyPort")
        node.start()  # it remembers whom it has met
        dialed, other = (dialed_at(lab, place) for place in (here, odd))
        for peer in (dialed, other):
            wait_online(node, peer)
        guest = met(lab, node, revision, port=wire.PORT)
        elsewhere, nowhere = met(lab, node, revision, port=9098), met(lab, node, revision)
        asker = met(lab, node, revision, port=wire.PORT)
        want = {here.entry(), entry_of(guest)}
        if revision is FND:  # whose Hello names no port: the standard one is taken for theirs
            want |= {entry_of(elsewhere), entry_of(nowhere)}
        got = answers(asker)
        check(len(got) == len(set(got)) and set(got) == want, f"{got}, not {want}")
        check(all(e.ip and e.port and any(e.id) for e in got), f"{got}")
        known = set(answers(dialed))
        check(known == want - {here.entry()} | {entry_of(asker)}, f"{known}")


def entry_of(peer):
    return wire.Entry(peer.sock.getsockname()[0], wire.PORT, peer.identity.id)


def asked(peer, seconds=5):
    envelope = peer.receive_kind("PeerReq", seconds)
    check(envelope.message == b"", f"a PeerReq with {envelope.message.hex()}")
    return envelope


@promises("D6", "D8", "D10", "D14", "D16")
def the_book_is_filled(lab):
    """Who is told in answer to a PeerReq is dialed, and must be who was told."""
    for revision in REVISIONS:
        node = kith(lab, revision, "-peerRequest", "500ms")
        good, wrong, late, unasked, incomplete = (listener(lab, revision) for _ in range(5))
        odd = listener(lab, revision, port=9098)
        teller = met(lab, node, revision)
        asked(teller)
        entries = [good.entry(), wrong.entry()._replace(id=os.urandom(32)), incomplete.entry()._replace(id=bytes(32)),
                   late.entry()._replace(ip="")]
        if revision is PIP:
            entries += [odd.entry(), late.entry()._replace(port=0)]
        teller.send("PeerRes", wire.write_peers(revision, entries))
        teller.send("PeerRes", wire.write_peers(revision, [unasked.entry()]))
        peer = lab.closes(good.accept()).meet()
        wait_online(node, peer, direction="outgoing", address=good.endpoint())
        expect_closed(lab.closes(wrong.accept()).meet)
        node.logged(f"{wrong.endpoint()} ended, outgoing: .*{wrong.identity.id.hex()}")
        if revision is FND:  # there, nobody looks at the id
            lab.closes(incomplete.accept()).meet()
        time.sleep(0.5)
        for place in [odd, unasked, late] + ([incomplete] if revision is PIP else []):
            check(not place.dialed_within(0.02), f"{place.endpoint()} was dialed")
        asked(teller)  # again and again, as there are fewer than eight
        teller.send("PeerRes", wire.write_peers(revision, [late.entry()]))
        wait_online(node, lab.closes(late.accept()).meet())
        talks(node, teller)


@promises("D16")
def other_ports_if_asked_for(lab):
    """They are dialed, and told, with -anyPort alone."""
    for flags in ((), ("-anyPort",)):
        node = kith(lab, PIP, *flags, "-peerRequest", "500ms")
        odd, usual, teller = listener(lab, PIP, port=9098), listener(lab, PIP), met(lab, node, PIP)
        asked(teller)
        teller.send("PeerRes", wire.write_peers(PIP, [odd.entry(), usual.entry()]))
        wait_online(node, lab.closes(usual.accept()).meet())
        if flags:
            wait_online(node, lab.closes(odd.accept()).meet())
        else:
            check(not odd.dialed_within(0.5), "it was dialed")
        told = answers(met(lab, node, PIP))
        check(usual.entry() in told and (odd.entry() in told) == bool(flags), f"{told}")


@promises("D5", "D6")
def some_are_asked_each_time(lab):
    """Of twenty peers a few, each time others, while peers are wanted; in fnd all, whether or not."""
    for revision in REVISIONS:
        node = kith(lab, revision, "-peerRequest", "600ms", "-redial", "60s", *(ALONE if revision is FND else ()))
        peers = [met(lab, node, revision) for _ in range(20)]
        rounds, by = [], time.monotonic() + 5 * SLOW
        seen = {peer: 0 for peer in peers}
        while time.monotonic() < by and len(rounds) < 4:
            time.sleep(0.05)
            asked_now = set()
            for peer in peers:
                peer.drain()
                count = sum(e.kind == "PeerReq" for _, e in peer.received)
                if count > seen[peer]:
                    asked_now.add(peer)
                seen[peer] = count
            if asked_now:
                rounds.append(asked_now)
        several = set().union(*rounds)
        if revision is PIP:
            check(all(len(r) <= 6 for r in rounds), f"{[len(r) for r in rounds]} of 20 were asked at a time")
            check(len(rounds) == 4 and len(several) > 3, f"{len(several)} of 20 were asked, in {len(rounds)} rounds")
        else:
            check(len(several) == 20, f"{len(several)} of 20 were asked")
    full = kith(lab, PIP, "-peerRequest", "200ms", "-outgoing", "0")
    peer = met(lab, full, PIP)
    time.sleep(0.7)
    peer.drain()
    check(not [e for _, e in peer.received if e.kind == "PeerReq"], "it asks, although it wants nobody")


# --- who is there ---

@promises("D8", "D13")
def identities(lab):
    """Somebody else, ourselves, one who is there already."""
    for revision in REVISIONS:
        right, wrong, own = (listener(lab, revision) for _ in range(3))
        special = f"{right.endpoint(right.identity)} {wrong.endpoint(Identity())} {own.endpoint()}"
        node = kith(lab, revision, *ALONE, "-peers", special)
        own.identity = node_identity(node, revision)
        first = lab.closes(right.accept()).meet()
        wait_online(node, first, direction="outgoing", special=True)
        expect_closed(lab.closes(wrong.accept()).meet)
        expect_closed(lab.closes(own.accept()).meet)
        mirror = dialer(lab, node, revision, identity=own.identity)
        expect_closed(lambda m=mirror: (m.meet(), m.receive(1)))
        until(lambda n=node: n.ended("connected to ourselves") == 2, 2, "two ends of such connections")
        check(node.ended("somebody else is there") == 1, f"{node.status()['ended']}")
        twin = met(lab, node, revision)
        double = dialer(lab, node, revision, identity=twin.identity)
        double.meet()
        time.sleep(0.5)
        check(node.ended("already connected") == 0, "closed before the first one has given a sign of life")
        twin.send("Ping")
        double.wait_closed(2)
        double.close()
        until(lambda n=node: n.ended("already connected") == 1, 2, "one that is connected already")
        talks(node, twin)
        talks(node, first)


def whoever_failed_is_left_alone(lab):
    """For an hour, however often others are dialed again; seeds excepted."""
    for revision in REVISIONS:
        stranger, liar, good = (listener(lab, revision) for _ in range(3))
        places = f"{liar.endpoint(Identity())} {good.endpoint()}"
        node = kith(lab, revision, "-bootstrap", places, "-redial", "100ms", "-peerRequest", "500ms")
        for _ in range(2):
            expect_closed(lab.closes(liar.accept()).meet)
        teller = good.accept().meet()
        asked(teller)
        teller.send("PeerRes", wire.write_peers(revision, [stranger.entry()]))
        lab.closes(stranger.accept()).write(b"GET / HTTP/1.1\r\n\r\n" * 9)
        time.sleep(0.7)
        check(not stranger.dialed_within(0.02), "it was dialed again")
        check(node.ended("bad handshake") == 1, f"{node.status()['ended']}")
        teller.close()
        lab.closes(good.accept()).meet()


def bad_input_is_not_held_against_others(lab):
    """Whoever comes from the same address is as welcome as before, and at once."""
    for revision in REVISIONS:
        node, source = kith(lab, revision, *ALONE), lab.address()
        for _ in range(45):
            peer = met(lab, node, revision, source=source)
            peer.write(bytes(80))
            peer.wait_closed(2)
            peer.close()
        until(lambda n=node: n.ended("bad parcel") == 45, 2, "45 ends")
        talks(node, met(lab, node, revision, source=source))


def handshakes_under_way(lab):
    """Twelve at once; who comes in addition does not get in, and harms nobody."""
    for revision in REVISIONS:
        node = kith(lab, revision, *ALONE)
        member = met(lab, node, revision)
        waiting = [dialer(lab, node, revision) for _ in range(12)]
        time.sleep(0.2)
        before = time.monotonic()
        expect_closed(lambda: dialer(lab, node, revision).meet())
        check(time.monotonic() - before < SLOW, "it was not closed at once")
        talks(node, member)
        for peer in waiting[:6]:
            wait_online(node, peer.meet())
        talks(node, met(lab, node, revision))


def recorded_sessions(lab):
    """A recording is of another time."""
    for stream in VECTORS["streams"]:
        if not stream["what"].startswith("hello_initiator"):
            continue
        revision = FND if stream["revision"] == "fnd" else PIP
        node = kith(lab, revision, *ALONE)
        source = lab.address()
        peer = dialer(lab, node, revision, source=source)
        peer.write(bytes.fromhex(stream["hex"]))
        peer.wait_closed(1)
        node.logged(rf"{source}:\d+ ended, incoming: timestamp -\d+ ms off")


# --- what must not be (bad_input.py) ---

def bad_envelopes(lab):
    return f"{sum(play_all(lab, r, rows_of_envelopes(r)) for r in REVISIONS)} connections"


def bad_handshakes(lab):
    return f"{sum(play_all(lab, r, rows_of_handshakes(r)) for r in REVISIONS)} connections"


@promises("D11")
def bad_messages(lab):
    return f"{sum(play_all(lab, r, rows_of_later_messages(r)) for r in REVISIONS)} connections"


if __name__ == "__main__":
    run([what_takes_its_time, some_are_asked_each_time, pings, silence, too_many_messages, the_peer_by_its_vectors,
         the_peer_with_itself, handshakes, opaque_messages, the_book_is_told, the_book_is_filled,
         other_ports_if_asked_for, identities, whoever_failed_is_left_alone, bad_input_is_not_held_against_others,
         handshakes_under_way, recorded_sessions, bad_envelopes, bad_handshakes, bad_messages, updates_by_300_peers])
