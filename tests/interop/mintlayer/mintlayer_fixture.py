"""The parts that tests with a Mintlayer peer are made of: a node, and peers that have dialed it or that it has dialed.
MINTLAYER_PEER says which program they are: "python", or the path of the one in Rust."""
import itertools
import os
import secrets
import struct
import time

import scale
from kithnode import SLOW, Failure, check, until

if os.environ.get("MINTLAYER_PEER", "python") == "python":
    from python_peer import Ended, Engine, Late
else:
    from rust_peer import Ended, Engine, Late

PORT = 23031
NETWORK = "aabbccdd"
ALL, ADDRESSES = 7, 4
TIMELY = 10 * SLOW  # seconds that anything may take
QUICK = ("-redial", "1s", "-retry", "1s", "-redialSpecial", "500ms", "-savePeers", "500ms")
ALONE = ("-exclusive", "-redialSpecial", "60s")  # dials nobody but its special peers, and each once


def kith(lab, *flags, start=True):
    return lab.node("-protocol", "mintlayer", *flags, port=PORT, start=start)


def framed(body, length=None):
    return struct.pack("<I", len(body) if length is None else length) + body


def our_hello(kind, **fields):
    m = {"kind": kind, "version": 3, "network": NETWORK, "services": ALL, "agent": "stranger", "software": "1.4.0",
         "receiver": None, "time": int(time.time())}
    if kind == "Hello":
        m["nonce"] = secrets.randbits(64)
    return m | fields


class Peer:
    """One end of a connection with kith."""

    def __init__(self, engine, connection, dialed, name, own):
        self.engine, self.connection, self.name, self.own = engine, connection, name, own
        self.dialed = dialed  # by kith
        self.hello = None     # what kith says of itself

    def shake(self, payload=b"", piece=0):
        self.engine.shake(self.connection, not self.dialed, payload, piece, TIMELY)
        return self

    def greet(self, **fields):
        """Says Hello; or takes kith's, and answers."""
        if self.dialed:
            self.hello = self.take()
            check(self.hello["kind"] == "Hello", f"{self.hello}")
        self.send(our_hello("HelloAck" if self.dialed else "Hello", **fields))
        return self

    def meet(self, **fields):
        """The whole handshake, at the end of which kith has said who it is."""
        self.shake().greet(**fields)
        if not self.dialed:
            self.hello = self.take()
            check(self.hello and self.hello["kind"] == "HelloAck", f"{self.hello}")
        return self

    # --- saying ---

    def send(self, message):
        self.engine.say(self.connection, message)

    def say(self, kind, **fields):
        self.send({"kind": kind, **fields})

    def say_plain(self, data, *sizes):
        """These bytes, in packets of these sizes."""
        self.engine.send_plain(self.connection, data, sizes)

    def say_body(self, body):
        self.say_plain(framed(body))

    def say_raw(self, data):
        self.engine.send_raw(self.connection, data)

    # --- hearing ---

    def take(self, seconds=None):
        """The next message; None at the end of the stream."""
        try:
            return self.engine.take(self.connection, TIMELY if seconds is None else seconds)
        except Ended:
            return None
        except scale.Malformed as what:
            raise Failure(f"kith says {what}") from None
        except Late:
            if seconds is None:
                raise Failure(f"{self.name}: nothing was said in {TIMELY:g} s") from None
            raise

    def take_kind(self, kind):
        """What comes before is left out."""
        while True:
            m = self.take()
            check(m, f"closed before a {kind}")
            if m["kind"] == kind:
                return m

    def expect(self, kind, **fields):
        m = self.take()
        check(m and m["kind"] == kind and all(m[name] == value for name, value in fields.items()),
              f"{m}, not {kind} {fields}")
        return m

    def expect_end(self):
        m = self.take()
        check(m is None, f"{m}, not the end")

    def expect_words(self, words):
        """WillDisconnect, and the end."""
        m = self.take_kind("WillDisconnect")
        check(words in m["reason"], f"{m['reason']!r}, not {words!r}")
        self.expect_end()

    def answer_pings(self, seconds):
        """Answers with how many there were."""
        by, n = time.monotonic() + seconds, 0
        while True:
            try:
                m = self.take(max(0, by - time.monotonic()))
            except Late:
                return n
            check(m, f"{self.name}: closed after {n} pings")
            if m["kind"] == "PingRequest":
                self.say("PingResponse", nonce=m["nonce"])
                n += 1

    def answers(self):
        """kith answers a ping: so it has dealt with all that was said before. What it said meanwhile."""
        nonce, said = secrets.randbits(64), []
        self.say("PingRequest", nonce=nonce)
        while True:
            m = self.take()
            check(m, f"closed after {said}")
            if m == {"kind": "PingResponse", "nonce": nonce}:
                return said
            said.append(m)

    def wait_end(self):
        """Of a connection without a handshake."""
        try:
            self.engine.wait_end(self.connection, TIMELY)
        except Late:
            raise Failure(f"{self.name}: not closed") from None
        return self

    def half_close(self):
        self.engine.end_sending(self.connection)

    def close(self):
        self.engine.drop(self.connection)


class Listener:
    def __init__(self, engine, address):
        self.engine, self.endpoint = engine, f"{address}:{PORT}"
        self.listener = engine.listen(address, PORT)

    def accept(self, seconds=None):
        try:
            connection, name = self.engine.accept(self.listener, TIMELY if seconds is None else seconds)
        except Late:
            if seconds is None:
                raise Failure(f"{self.endpoint} is not dialed") from None
            raise
        return Peer(self.engine, connection, True, self.endpoint, self.endpoint)

    def accept_of(self, *others):
        """Whichever of them is dialed first."""
        by = time.monotonic() + TIMELY
        while time.monotonic() < by:
            for listener in (self, *others):
                try:
                    return listener.accept(0.05)
                except Late:
                    pass
        raise Failure(f"none of {[each.endpoint for each in (self, *others)]} is dialed")


class World:
    """The peers of one test."""

    def __init__(self, lab):
        self.lab, self.engine = lab, Engine()
        lab.closes(self.engine)

    def listener(self):
        return Listener(self.engine, self.lab.address())

    def dial(self, node, source=None):
        """A peer that has dialed the node, before all handshakes."""
        connection, own = self.engine.dial(source or self.lab.address(), node.address, node.port)
        return Peer(self.engine, connection, False, own, own)

    def met(self, node, source=None, **fields):
        peer = self.dial(node, source).meet(**fields)
        node.wait("online", peer=peer.name, direction="incoming")
        return peer

    def dialing(self, *flags):
        """A node that dials a listener again and again, as a special peer; and that listener."""
        here = self.listener()
        return kith(self.lab, "-exclusive", "-redialSpecial", "50ms", "-peers", here.endpoint, *flags), here

    def dialed(self, *flags, special=True, **fields):
        """A node, and a peer that it has dialed."""
        here = self.listener()
        options = (*ALONE, "-peers") if special else (*QUICK, "-bootstrap")
        node = kith(self.lab, *options, here.endpoint, *flags)
        peer = here.accept().meet(**fields)
        node.wait("online", peer=peer.name, direction="outgoing")
        peer.listener = here
        return node, peer

    def in_both_directions(self, *flags, **fields):
        """A node, a peer that has dialed it, and one that it has dialed."""
        node, dialed = self.dialed(*flags, **fields)
        return node, self.met(node, **fields), dialed


_numbers = itertools.count(1)


def an_id():
    """A text of 32 bytes."""
    return f"id {next(_numbers):029}"


def as_hex(text):
    return text.encode().hex()


# --- beyond the session: by messages of the application, which keep their place among those of the service ---

def settle(node, peer):
    """The node has dealt with all that the peer has said."""
    mark = an_id()
    peer.say("TransactionResponse", id=as_hex(mark))
    node.wait("parcel", kind="TransactionResponse", peer=peer.name, text="\0" + mark)


def heard(node, peer):
    """What the node has said to the peer so far."""
    mark, said = an_id(), []
    check(node.send(peer.name, "\0" + mark, kind="TransactionResponse")["peers"] == 1, f"{peer.name} is not there")
    while True:
        m = peer.take()
        check(m, f"closed after {said}")
        if m == {"kind": "TransactionResponse", "id": as_hex(mark)}:
            return said
        said.append(m)


class Ends:
    """How many connections of a node have ended, by cause."""

    def __init__(self, node):
        self.node = node

    def expect(self, cause, act):
        """By what act() does, which answers with its peer, one more has ended by that cause, and none by another; but
        for dials that we were too slow to take."""
        before = self.node.status()["ended"]
        act().close()  # the node waits a while for that

        def more():
            return {name for name, n in self.node.status()["ended"].items() if n > before[name]}
        until(lambda: more() - {"handshake timed out"} or cause in more(), 10, f"an end by {cause}")
        check(more() <= {cause, "handshake timed out"}, f"ended by {more()}, not {cause}")
