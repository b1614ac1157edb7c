"""What a peer must not do, and what comes of it: docs/protocols/ddrp.md, section 6, row by row."""
import concurrent.futures
import itertools
import os
import re
import socket
import time
import typing

import ddrpwire as wire
from ddrp_fixture import ALONE, another_key, dialer, kith, listener, met, talks
from ddrpwire import FND, PIP, Closed, Identity, Malformed
from kithnode import SLOW, Failure, check

class Row(typing.NamedTuple):
    """Something that a peer does, in place of what belongs there: a Hello, a HelloAck, or a later message."""
    name: str
    stage: str
    act: typing.Callable  # is given the peer
    ends: str  # what the log says of the connection's end, a pattern; "" where the session goes on
    ways: tuple = ("incoming", "outgoing")  # as the node has it


STAGES = ("hello", "ack", "later")


def usual(peer, stage):
    """What is sent at that stage by who means no harm."""
    if stage == "hello":
        return "Hello", peer.our_hello()
    return ("HelloAck", peer.our_ack()) if stage == "ack" else ("Ping", b"")


def scalar(at, value):
    """Puts a number into a signature: r at 1, s at 33."""
    return lambda signature: signature[:at] + value.to_bytes(32, "big") + signature[at + 32:]


def header(add=0, value=None):
    return lambda signature: bytes([signature[0] + add if value is None else value]) + signature[1:]


def high_s(signature):
    s = wire.ORDER - int.from_bytes(signature[33:], "big")
    return bytes([27 + (signature[0] - 27 ^ 1)]) + signature[1:33] + s.to_bytes(32, "big")


NOT_ON_THE_CURVE = 5

LENGTH, TIME, SIGNATURE, BODY = "malformed length", r"timestamp -?\d+ ms off", "malformed signature", "can't be read"


def faults_of_envelopes(revision):
    """(name, faults, end): whatever kind of message it is, and whenever it comes."""
    yield "wrong magic", {"magic": b"\xca\xfe\xca\xff"}, "wrong magic"
    yield "message too long", {"length": wire.uvarint(wire.BYTES_MOST + 1)}, LENGTH
    yield "length of 64 bits", {"length": wire.uvarint((1 << 64) - 1)}, LENGTH
    yield "length beyond 64 bits", {"length": b"\xff" * 9 + b"\x02"}, LENGTH
    yield "length without an end", {"length": b"\x80" * 11}, LENGTH
    for sign, word in ((1, "ahead"), (-1, "behind")):
        yield f"clock far {word}", {"late": sign * (revision.window + 4)}, TIME
        yield f"clock {word}", {"late": sign * (revision.window - 4)}, ""
    for value in (0, 26, 35, 255):
        yield f"signature header {value}", {"sign": header(value=value)}, SIGNATURE
    for at, name in ((1, "r"), (33, "s")):
        for value in (0, wire.ORDER, (1 << 256) - 1):
            yield f"{name} = {value:x}"[:12], {"sign": scalar(at, value)}, SIGNATURE
    yield "r of no point", {"sign": scalar(1, NOT_ON_THE_CURVE)}, SIGNATURE
    yield "recovery id 2", {"sign": header(2)}, SIGNATURE
    yield "header of compressed keys", {"sign": header(4)}, ""
    yield "high s", {"sign": high_s}, ""


def rows_of_envelopes(revision):
    for (name, faults, end), stage in itertools.product(faults_of_envelopes(revision), STAGES):
        yield Row(name, stage, lambda p, f=faults, s=stage: p.send(*usual(p, s), **f), end)
    for stage in STAGES:
        ignored = revision is PIP and stage == "later"
        yield Row("another key", stage, lambda p, s=stage: p.send(*usual(p, s), sign=another_key),
                  "" if ignored else "signed by somebody else")
        yield Row("over-long length", stage, lambda p, s=stage: send_over_long(p, s), LENGTH if revision is PIP else "")
        yield Row("cut off", stage, cut_off, ".")


def send_over_long(peer, stage):
    kind, message = usual(peer, stage)
    shortest = wire.uvarint(len(message))
    peer.send(kind, message, length=shortest[:-1] + bytes([shortest[-1] | 128, 0]))


def cut_off(peer):
    """The stream ends within an envelope."""
    peer.write(wire.write_envelope(peer.revision, peer.identity, "Ping")[:-1])
    peer.sock.shutdown(socket.SHUT_WR)


def rows_of_handshakes(revision):
    lax = revision is FND
    for stage in ("hello", "ack"):
        right = "Hello" if stage == "hello" else "HelloAck"
        for kind in sorted(revision.types.keys() - {right}):
            yield Row(f"{kind} instead", stage, lambda p, k=kind: p.send(k, message_of(p, k)),
                      "in the handshake|signed by somebody else")
        yield Row("an unknown type before", stage, lambda p, s=stage: (p.send(12, b"x"), p.send(*usual(p, s))),
                  "unknown type" if lax else "")
        yield Row("a byte too many", stage, lambda p, s=stage: p.send(*longer(usual(p, s))), "" if lax else BODY)
        yield Row("a byte too few", stage, lambda p, s=stage: p.send(*shorter(usual(p, s))), BODY)
        yield Row("no message", stage, lambda p, s=stage: p.send(usual(p, s)[0]), BODY)
    for direction, end in (("incoming", ""), ("outgoing", "no answer")):  # nobody has asked the one who dials
        yield Row("another remote nonce", "hello", lambda p: p.send("Hello", p.our_hello(remote_nonce=os.urandom(32))),
                  end, (direction,))
    yield Row("another nonce", "ack", lambda p: p.send("HelloAck", os.urandom(32)), "no answer")
    yield Row("its own nonce", "ack", lambda p: p.send("HelloAck", p.nonce), "no answer")
    for version in (0, 2, 0xFFFFFFFF):
        yield Row(f"version {version}", "hello", lambda p, v=version: p.send("Hello", p.our_hello(version=v)),
                  "" if lax and version == 0 else f"version {version}")
    yield Row("no key", "hello", lambda p: p.send("Hello", p.our_hello(public_key=b"\x05" * 33)), ".")
    yield Row("the key of another", "hello", lambda p: p.send("Hello", p.our_hello(public_key=Identity().public)),
              "signed by somebody else")
    yield Row("a user agent too long", "hello", lambda p: p.write(huge_user_agent(p)), f"{BODY}|{LENGTH}")


def huge_user_agent(peer):
    """Its length is a lie."""
    hello = peer.our_hello(user_agent="")[:-1] + wire.uvarint((1 << 63) + 1)
    return wire.write_envelope(peer.revision, peer.identity, "Hello", hello)


def message_of(peer, kind):
    """A message of that kind that can be read."""
    if kind == "Hello":
        return peer.our_hello()
    if kind == "HelloAck":
        return peer.nonce
    return wire.write_peers(peer.revision, []) if kind == "PeerRes" else b""


def longer(what):
    return what[0], what[1] + b"\0"


def shorter(what):
    return what[0], what[1][:-1]


def rows_of_later_messages(revision):
    lax = revision is FND

    def row(name, kind, message, end="", **faults):
        make = message if callable(message) else lambda p: message
        return Row(name, "later", lambda p: p.send(kind, make(p), **faults), end)

    entry = wire.Entry("127.1.2.3", wire.PORT, bytes(range(32)))
    one = wire.write_peers(revision, [entry])
    for number in (2, 12, 13, 255) if revision is PIP else (12, 13, 255, 0x0300, 0x0A00, 0xFFFF):
        yield row(f"type {number}", number, b"whatever", "unknown type" if lax else "")
    for kind in ("Ping", "PeerReq"):
        yield row(f"{kind} with a message", kind, b"\0", "" if lax else BODY)
    yield row("PeerRes without a message", "PeerRes", b"", BODY)
    yield row("PeerRes cut short", "PeerRes", one[:-1], BODY)
    yield row("PeerRes with a byte too many", "PeerRes", one + b"\0", "" if lax else BODY)
    yield row("PeerRes that nobody asked for", "PeerRes", one)
    prefix = b"" if lax else b"\1"
    yield row("PeerRes of 2^63 entries", "PeerRes", prefix + wire.uvarint(1 << 63) + one[-10:], BODY)
    yield row("PeerRes of 1025 entries", "PeerRes", (b"" if lax else b"\xff") + wire.uvarint(1025) +
              wire.write_entry(revision, entry) * 1025, BODY)
    if lax:
        yield row("PeerRes with an over-long count", "PeerRes", b"\x81\0" + one[1:])
    else:
        yield row("PeerRes with an over-long count", "PeerRes", b"\1\x81\0" + one[2:], BODY)
        for count in (0, 2, 255):
            yield row(f"PeerRes of 1 that tells {count}", "PeerRes", wire.write_peers(revision, [entry], count), BODY)
    yield row("Hello again", "Hello", lambda p: p.our_hello())
    yield row("HelloAck again", "HelloAck", lambda p: p.our_ack() if p.dialed else p.nonce)
    yield row("HelloAck of something else", "HelloAck", os.urandom(32))


def play(target, peer, row):
    """The connection ends at once, or goes on. What is not so; nothing where all is well."""
    before = time.monotonic()
    try:
        if row.stage == "later":
            row.act(peer.meet())
        else:
            peer.meet(**{f"send_{row.stage}": row.act})
        if row.ends:
            peer.wait_closed(1)
        else:
            talks(target.node, peer)
    except Closed:
        if not row.ends:
            return "disconnected"
    except (Failure, Malformed) as problem:
        return str(problem)
    if not row.ends:
        return ""
    peer.close()
    took = time.monotonic() - before
    return f"closed only after {took:.1f} s" if took > 1.5 * SLOW else ""


class Target:
    """A node, and a good peer that it must go on serving."""

    def __init__(self, lab, revision, *flags):
        self.node = kith(lab, revision, *ALONE, "-rate", "0", *flags)
        self.good = met(lab, self.node, revision)

    def ends(self):
        """What the log tells of the end of each connection, by address or id and by direction."""
        return {(name, way): why for name, way, why in
                re.findall(r"(\S+) ended, (incoming|outgoing): (.*)", self.node.stderr())}

    def serves(self):
        talks(self.node, self.good)
        gone = {e["peer"] for e in self.node.all("offline")}
        check(self.good.name not in gone, "the good peer was disconnected")


def play_all(lab, revision, rows):
    """Each row by a peer that dials the node, and, but for HelloAck, by one that the node dials."""
    rows = list(rows)
    dialed = [(row, listener(lab, revision)) for row in rows if row.stage != "ack" and "outgoing" in row.ways]
    target = Target(lab, revision, "-logLevel", "debug", "-peers", " ".join(place.endpoint() for _, place in dialed))

    def as_responder(pair):
        row, place = pair
        peer = lab.closes(place.accept(10))
        return row, peer, place.endpoint(), play(target, peer, row)

    with concurrent.futures.ThreadPoolExecutor(len(dialed)) as threads:
        played = list(threads.map(as_responder, dialed))
    for row in filter(lambda row: "incoming" in row.ways, rows):
        peer = dialer(lab, target.node, revision)
        played.append((row, peer, "{}:{}".format(*peer.sock.getsockname()), play(target, peer, row)))
    target.serves()
    faults = [f"{revision.name}, {way(peer)}, {row.stage}: {row.name}: {said}"
              for row, peer, _, said in played if said] or wrong_reasons(target, played)
    check(not faults, f"{len(faults)} of {len(played)}:\n    " + "\n    ".join(faults))
    return len(played)


def way(peer):
    return "incoming" if peer.dialed else "outgoing"


def wrong_reasons(target, played):
    def missing():
        ends = target.ends()
        said = ((row, peer, ends.get((place, way(peer))) or ends.get((peer.name, way(peer))))
                for row, peer, place, _ in played if row.ends)
        return [f"{row.name}, {way(peer)}, {row.stage}: the log says: {why}"
                for row, peer, why in said if not why or not re.search(row.ends, why)]
    by = time.monotonic() + 3 * SLOW
    while missing() and time.monotonic() < by:
        time.sleep(0.1)
    return missing()
