#!/usr/bin/env python3
"""Those who mean harm to a ledger: what they say is bounded, costs what the pages say, and holds up no honest peer."""
import ctypes
import json
import multiprocessing
import os
import re
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

import test_coin  # noqa: E402  (the folder beside this one)
import test_infnote  # noqa: E402
from kithnode import PARCEL, SLOW, check, few, memory_is_measured, run, until  # noqa: E402
from ledgerwire import COIN_PORT, INFNOTE_PORT, Coin, Infnote, digest, genesis, next_block, transaction  # noqa: E402
from namespace import in_namespaces  # noqa: E402
from test_controller import full_book  # noqa: E402

MEGA = 1 << 20
ALONE = ("-exclusive", "-acceptInterval", "0")
START = genesis()
SPEAKS = {"infnote": Infnote, "coin": Coin}
PORTS = {"infnote": INFNOTE_PORT, "coin": COIN_PORT}


def slow():
    """How much longer all may take: under sanitizers, or beside whatever else the machine does."""
    return max(SLOW, os.getloadavg()[0] / os.cpu_count())


def ledger(lab, protocol, *flags, start=True):
    return lab.node("-protocol", protocol, *ALONE, *flags, address="127.9.0.1", port=PORTS[protocol], start=start)


def of_both(test):
    """A test of one protocol is two."""
    def each(protocol):
        def one(lab):
            return test(lab, protocol)
        one.__name__ = f"{test.__name__}_under_{protocol}"
        return in_namespaces(one)
    return each("infnote"), each("coin")


def meet(protocol, node, number):
    """A peer of a network group of its own."""
    source = f"127.{20 + number % 100}.{number // 100}.1"
    return Infnote.meet(node, source, number=number) if protocol == "infnote" else Coin.meet(node, source)


def push(protocol, *some):
    """A line of transactions."""
    said = {"type": "Transactions", "transactions": some} if protocol == "infnote" else {"PUSHTRANSACTION": some}
    return json.dumps(said).encode() + b"\n"


class Flood(threading.Thread):
    """Sends what it is given, and reads nothing; over and over if `again`."""

    def __init__(self, peer, data, again=False):
        super().__init__(daemon=True)
        self.peer, self.data, self.again, self.over = peer, data, again, False
        peer.sock.settimeout(None)
        self.start()

    def run(self):
        try:
            self.peer.sock.sendall(self.data)
            while self.again and not self.over:
                self.peer.sock.sendall(self.data)
        except OSError:
            pass  # the node has ended it, or the end of the test has

    def close(self):
        self.over = True
        try:
            self.peer.sock.shutdown(socket.SHUT_RDWR)  # whoever waits for room in it wakes
        except OSError:
            pass
        self.join(10 * SLOW)
        self.peer.close()


class Reader(threading.Thread):
    """Reads all that comes."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.bytes = peer, 0
        self.start()

    def run(self):
        try:
            while data := self.peer.sock.recv(1 << 18):
                self.bytes += len(data)
        except OSError:
            pass  # the test is over


FLOODERS, OF_EACH = 4, 10000


def refused_by(node):
    found = re.search(r"(\d+) transactions? of peers refused", node.command("chain")["message"])
    return int(found[1]) if found else 0


def a_flood_of_transactions(lab, protocol):
    """Ten thousand a second, all different. What an honest peer sends meanwhile and afterwards is passed on at once."""
    node = ledger(lab, protocol)
    node.raw = lambda line: line.startswith(PARCEL)
    before = node.memory("VmRSS")
    honest, watcher = meet(protocol, node, 1), meet(protocol, node, 2)
    lines = [push(protocol, *(transaction(f"{a}.{b}") for b in range(100))) for a in range(FLOODERS * OF_EACH // 100)]
    flooders = []
    for i in range(FLOODERS):
        flooders.append(Flood(meet(protocol, node, 50 + i), b"".join(lines[i::FLOODERS])))
        Reader(flooders[-1].peer)
    waits, refused = [], 0
    while refused < FLOODERS * OF_EACH / 2 or len(waits) < 20:
        t, began = transaction(f"honest {len(waits)}"), time.monotonic()
        honest.say_bytes(push(protocol, t))
        mark = f"honest {len(waits)}\"" if protocol == "infnote" else digest(t)
        watcher.until(lambda said: mark in json.dumps(said))
        waits.append(time.monotonic() - began)
        refused = refused_by(node)
    check(max(waits) < 1 * slow(), f"an honest transaction took {max(waits):.2f} s")
    grown = node.memory() - before
    check(grown < 100 * SLOW, f"memory grew by {grown:.0f} MiB")
    check(not node.all("offline"), "somebody was sent away")
    for flood in flooders:
        flood.close()
    return f"{len(waits)} honest ones took {max(waits):.2f} s at most; {refused} of the others were refused, {grown:.0f} MiB"


a_flood_of_transactions_under_infnote, a_flood_of_transactions_under_coin = of_both(a_flood_of_transactions)


# --- asking ---

ASKERS, LONG_BLOCKS, EACH = 10, 30, 800_000


def chain_of(node, count, size):
    """A chain of blocks so long is the node's."""
    blocks = [START]
    for i in range(count):
        blocks.append(next_block(blocks[-1], *(transaction(f"{i}.{n}", "x" * (size // 4)) for n in range(4))))
        answer = node.send("<FULLBROADCAST>", json.dumps(blocks[-1]), kind="Block")
        check(answer["event"] == "sent", f"{answer}")
    return blocks


def wants(protocol, blocks):
    """The lines that ask for all of these."""
    if protocol == "infnote":
        return json.dumps({"type": "GetBlocks", "hashes": [b["hash"] for b in blocks]}).encode() + b"\n"
    return b"".join(b'{"GETBLOCK":%d}\n' % b["number"] for b in blocks)


def brings(said):
    return bool(said.get("blocks") or said.get("BLOCK"))


def the_chain_is_asked_for_and_not_read(lab, protocol):
    """Again and again, by ten. Each has the node keep some MiB and work no more; who reads is served. They leave: all that they
    asked for is forgotten at once."""
    node = ledger(lab, protocol)
    blocks = chain_of(node, LONG_BLOCKS, EACH)
    before = node.memory("VmRSS")
    floods = [Flood(meet(protocol, node, 50 + i), wants(protocol, blocks) * 50, again=True) for i in range(ASKERS)]
    honest, waits = meet(protocol, node, 1), []
    for block in blocks[1:]:
        began = time.monotonic()
        honest.say_bytes(wants(protocol, [block]))
        honest.until(brings)
        waits.append(time.monotonic() - began)
    check(max(waits) < 1 * slow(), f"an honest question took {max(waits):.2f} s")
    grown = node.memory() - before
    check(grown < 12 * ASKERS * SLOW, f"memory grew by {grown:.0f} MiB")
    began = time.monotonic()
    for flood in floods:
        flood.close()
    until(lambda: node.status()["incoming"] == 1, 5, lambda: f"{node.status()['incoming']} are left")
    check(honest.is_alive(), "who reads was sent away")
    return f"who reads waited {max(waits):.2f} s at most, {grown:.0f} MiB, and after {time.monotonic() - began:.1f} s they had gone"


the_chain_is_asked_for_and_not_read_under_infnote, the_chain_is_asked_for_and_not_read_under_coin = of_both(
    the_chain_is_asked_for_and_not_read)


# --- datagrams ---

QUESTION = b'{"type":"getaddr","pad":"' + b"x" * 120 + b'"}'
VICTIM, FLOOD_S = "127.99.0.1", 1.5
SO_ATTACH_FILTER, ETH_P_ALL = 26, 3


class Spoofer:
    """Asks for addresses as fast as it can, in a process of its own, as if the questions came from others: half of them from one
    address, the others from thousands."""

    def __init__(self, address, port):
        fork = multiprocessing.get_context("fork")
        self.sent, self.over = fork.Value("Q", 0, lock=False), fork.Event()
        self.process = fork.Process(target=self.run, args=(address, port), daemon=True)
        self.process.start()

    def run(self, address, port):
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        target = socket.inet_aton(address)
        udp = struct.pack(">HHHH", 9999, port, 8 + len(QUESTION), 0) + QUESTION
        packets = []
        for i in range(10000):
            source = socket.inet_aton(f"127.{100 + i % 100}.{i // 100}.1" if i % 2 else VICTIM)
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, source, target)
            packets.append(head + udp)
        while not self.over.is_set():
            for packet in packets:
                sock.sendto(packet, (address, 0))
            self.sent.value += len(packets)

    def close(self):
        self.over.set()
        self.process.join()


class Tap(threading.Thread):
    """Counts the datagrams that the node sends, by whom they go to, and their bytes."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.port, self.over, self.answers, self.longest = node.port, False, {}, 0
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, self.filter())
        self.sock.bind(("lo", ETH_P_ALL))
        self.sock.settimeout(0.2)
        self.start()

    def filter(self):
        """The kernel passes on what comes from that UDP port, and leaves the flood out."""
        code = [(0x30, 0, 0, 9), (0x15, 0, 4, socket.IPPROTO_UDP), (0xB1, 0, 0, 0), (0x48, 0, 0, 0), (0x15, 0, 1, self.port),
                (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)]
        self.code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
        return struct.pack("HP", len(code), ctypes.addressof(self.code))

    def run(self):
        while not self.over:
            try:
                data, where = self.sock.recvfrom(2048)
            except TimeoutError:
                continue
            if where[2] == socket.PACKET_OUTGOING:  # it comes in by lo, too
                to = socket.inet_ntoa(data[16:20])
                self.answers[to] = self.answers.get(to, 0) + 1
                self.longest = max(self.longest, len(data) - 28)

    def close(self):
        self.over = True
        self.join(10)
        self.sock.close()


def turns(peer, seconds):
    """How long a Ping and its Pong take: the time of each."""
    took, by = [], time.monotonic() + seconds
    while time.monotonic() < by:
        began = time.monotonic()
        peer.is_alive()
        took.append(time.monotonic() - began)
    return sorted(took)


def beside(spoofer, peer):
    took = turns(peer, FLOOD_S)
    spoofer.close()
    return took[len(took) // 2]


@in_namespaces
def a_flood_of_questions_by_datagram(lab):
    """In nobody's name is more sent than one answer a second, of twice the question's bytes; and who is connected feels no more of it than
    if it went to somebody else."""
    node = ledger(lab, "infnote", start=False)
    with open(os.path.join(node.home, "peers-infnote-LOCAL.json"), "w", encoding="utf-8") as file:
        json.dump(full_book(), file)
    node.start()
    peer, sink = meet("infnote", node, 1), lab.closes(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sink.bind(("127.9.0.2", INFNOTE_PORT))
    before = node.memory("VmRSS")
    elsewhere = beside(Spoofer("127.9.0.2", INFNOTE_PORT), peer)
    cpu, began, tap, spoofer = node.cpu(), time.monotonic(), Tap(node), Spoofer(node.address, INFNOTE_PORT)
    loud = beside(spoofer, peer)
    until(lambda: tap.answers.get(VICTIM), 5, "nobody was answered")
    tap.close()
    seconds, told = time.monotonic() - began, sum(tap.answers.values())
    grown = node.memory() - before
    check(max(tap.answers.values()) <= seconds + 1, f"{max(tap.answers.values())} answers to one in {seconds:.1f} s")
    check(len(QUESTION) < tap.longest <= 2 * len(QUESTION), f"an answer of {tap.longest} bytes")
    check(told < 4000 * seconds, f"{told} answers in {seconds:.1f} s")
    check(loud < 2 * elsewhere + 0.0002 * slow(), f"a Ping takes {1e6 * loud:.0f} us, beside a flood elsewhere {1e6 * elsewhere:.0f}")
    check(grown < 10 * SLOW, f"memory grew by {grown:.0f} MiB")
    return (f"{spoofer.sent.value} questions, {told} answers of {tap.longest} bytes at most; a Ping takes {1e6 * loud:.0f} us, beside a flood "
            f"elsewhere {1e6 * elsewhere:.0f}, {1000 * (node.cpu() - cpu) / seconds:.0f} ms of a processor a second")


# --- by WebSocket ---


class Web:
    """Passes what a peer says on as text messages, each line one, and what it hears back as lines."""

    def __init__(self, node, source):
        self.sock = socket.create_connection((node.address, node.port), 10 * SLOW, source_address=(source, 0))
        self.sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        self.buffer, self.kind = b"", None
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        check(self.buffer.startswith(b"HTTP/1.1 101"), f"{self.buffer}")
        self.buffer = self.buffer.partition(b"\r\n\r\n")[2]
        self.peer, self.closed = None, False

    def more(self):
        more = self.sock.recv(1 << 16)
        self.buffer += more
        return more

    def sendall(self, data):
        for line in data.split(b"\n")[:-1]:
            self.sock.sendall(frame(0x81, line))

    def settimeout(self, seconds):
        self.sock.settimeout(seconds)

    def recv(self, _):
        """The next text, as a line; nothing once it closes."""
        while True:
            size = self.buffer[1] if len(self.buffer) > 1 else 1 << 20
            at = 4 if size == 126 else 2
            size = int.from_bytes(self.buffer[2:4]) if size == 126 and len(self.buffer) > 3 else size
            if len(self.buffer) >= at + size:
                kind, text, self.buffer = self.buffer[0] & 15, self.buffer[at:at + size], self.buffer[at + size:]
                if kind == 1:
                    return text + b"\n"
                if kind == 8:
                    return b""
            elif not self.more():
                return b""

    def close(self):
        self.sock.close()


def frame(first, payload):
    """Masked with zeros, which changes nothing."""
    n = len(payload)
    size = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n)
    return bytes([first]) + size + bytes(4) + payload


def meet_by_web(protocol, node, source, number):
    peer = SPEAKS[protocol](Web(node, source))
    if protocol == "infnote":
        peer.say(peer.hello(number), peer.status())
        peer.of("Status")
    else:
        peer.say(peer.hello())
        peer.of("HELLO")
        peer.say(peer.hey())
    return peer


def bad_lines_by_websocket(lab, protocol):
    """They cost what they cost without it."""
    node, n = ledger(lab, protocol, "-meritGood", "0"), 0
    before = node.memory("VmRSS")
    for n, line in enumerate((test_infnote if protocol == "infnote" else test_coin).lines_that_are_bad(), 1):
        source = f"127.{20 + n}.0.1"
        peer = meet_by_web(protocol, node, source, n)
        try:
            peer.say_bytes(line + b"\n")
            peer.until_closed()
        except OSError:
            pass  # it has closed before it was all said
        peer.close()
        again = meet_by_web(protocol, node, source, 1000 + n)
        until(lambda: points(protocol, node, source, 1000 + n) == -10, 10, lambda: f"not ten points for {line[:80]}")
        again.close()
    grown = node.memory() - before
    check(grown < 60 * SLOW, f"memory grew by {grown:.0f} MiB")
    return f"{n} kinds, {grown:.0f} MiB"


def points(protocol, node, source, number):
    return test_infnote.quality(node, number) if protocol == "infnote" else node.quality(source)


@in_namespaces
def texts_in_fragments_of_one_byte(lab):
    """Twenty without end, with pings in between. Each ends at 2 MiB, and costs ten points; who is honest is heard all the while."""
    node = ledger(lab, "infnote", "-meritGood", "0")
    before, peers = node.memory("VmRSS"), [meet_by_web("infnote", node, f"127.{40 + i}.0.1", 10 + i) for i in range(20)]
    some, floods = frame(0x00, b"x") * 2000 + frame(0x89, b"p"), []
    for peer in peers:
        peer.sock = peer.sock.sock
        peer.sock.sendall(frame(0x01, b'{"type":"Ping","a":"'))
        floods.append(Flood(peer, some, again=True))
        Reader(peer)
    honest, waits = meet("infnote", node, 1), []
    while node.ended("bad parcel") < len(floods):
        waits += turns(honest, 0.2)[-1:]
        check(len(waits) < 300 * SLOW, f"{node.ended('bad parcel')} have ended")
    grown = node.memory() - before
    check(max(waits) < 1 * slow(), f"a Ping took {max(waits):.2f} s")
    check(grown < 80 * SLOW, f"memory grew by {grown:.0f} MiB")
    for flood in floods:
        flood.close()
    again = meet_by_web("infnote", node, "127.40.0.1", 1000)
    until(lambda: points("infnote", node, "127.40.0.1", 1000) == -10, 10, "not ten points")
    again.close()
    return f"a Ping took {max(waits):.3f} s at most, {grown:.0f} MiB"


bad_lines_by_websocket_under_infnote, bad_lines_by_websocket_under_coin = of_both(bad_lines_by_websocket)


# --- many ---


@in_namespaces
def a_thousand_connections_with_new_ids(lab):
    """Of twenty addresses, one of them under the id of a special peer. Who is special stays, and new ones get in."""
    node = ledger(lab, "infnote", start=False)
    special = lab.node("-protocol", "infnote", *ALONE, address="127.30.0.1", port=INFNOTE_PORT)
    node.flags += ["-peers", special.endpoint]
    name = node.start().wait_online(special)["peer"]
    before = node.memory("VmRSS")
    own = Infnote.dial(node, "127.40.0.1")
    own.say(own.hello(nodeId=name), own.status())
    for i in range(few(1000)):
        with socket.create_connection((node.address, node.port), 10 * SLOW, source_address=(f"127.{40 + i % 20}.1.1", 0)) as sock:
            sock.sendall(b"".join(json.dumps(o).encode() + b"\n" for o in (own.hello(i), own.status())))
            sock.recv(1)
    check(meet("infnote", node, 1).is_alive(), "nobody gets in")
    check(not [e for e in node.all("offline") if e["direction"] == "outgoing"], "the special peer was sent away")
    until(lambda: node.status()["incoming"] <= 2, 10, lambda: f"{node.status()['incoming']} are left")
    grown = node.memory() - before
    check(grown < 40 * SLOW, f"memory grew by {grown:.0f} MiB")
    return f"{grown:.0f} MiB"


# --- a tracker ---

PORTS_OF_EACH, TOLD_BY = 2500, 40


@in_namespaces
def a_tracker_that_is_told_of_100000_addresses(lab):
    """Nobody listens at most of them; at some of three networks, somebody who says nothing. A member that comes meanwhile is
    called, and others are told of it."""
    node = ledger(lab, "coin", "-tracker", "-handshakeTimeout", "1s")
    silent = [socket.create_server((f"127.{60 + i}.0.1", 2000 + port)) for i in range(3) for port in range(64)]
    lab.closes(*silent)
    before, floods = node.memory("VmRSS"), []
    for i in range(TOLD_BY):
        peer = Coin.meet(node, f"127.{60 + i}.0.1")
        Reader(peer)
        floods.append(Flood(peer, b"".join(b'{"GETADDR":%d}\n' % (2000 + port) for port in range(few(PORTS_OF_EACH))), again=True))
    until(lambda: any_is_called(node), 10, "none of them was called")
    honest = lab.node("-protocol", "coin", *ALONE, "-trackers", node.endpoint, address="127.30.0.1", port=COIN_PORT)
    began = time.monotonic()
    until(lambda: is_told(node, honest), 30, "the honest member is in no answer")
    took, grown = time.monotonic() - began, node.memory() - before
    check(grown < 60 * SLOW, f"memory grew by {grown:.0f} MiB")
    for flood in floods:
        flood.close()
    return f"the honest member is in its answers after {took:.1f} s, memory grew by {grown:.0f} MiB"


def any_is_called(node):
    return node.status()["dialing"] > 0


def is_told(node, member):
    """A newcomer is."""
    asker = Coin.meet(node, "127.31.0.1")
    asker.say({"GETADDR": 0})
    while (told := asker.of("ADDR")) == [node.endpoint]:
        pass  # it tells of itself
    asker.close()
    return member.endpoint in told


if __name__ == "__main__":
    memory_is_measured()
    run([a_tracker_that_is_told_of_100000_addresses, a_thousand_connections_with_new_ids, bad_lines_by_websocket_under_infnote,
         bad_lines_by_websocket_under_coin],
        alone=[a_flood_of_transactions_under_infnote, a_flood_of_transactions_under_coin,
               the_chain_is_asked_for_and_not_read_under_infnote, the_chain_is_asked_for_and_not_read_under_coin,
               texts_in_fragments_of_one_byte, a_flood_of_questions_by_datagram])
