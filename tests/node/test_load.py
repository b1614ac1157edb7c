#!/usr/bin/env python3
"""Loads: nothing is lost while readers make progress, and a reader that makes none harms itself alone."""
import json
import threading
import time

from factomwire import PING, RawPeer
from kithnode import EVERYONE, PARCEL, SLOW, Failure, check, few, promises, run, until

SIZE = 1024
MEMORY_MIB = 200 * (1 if SLOW == 1 else 8)  # sanitizers keep what was freed for a while
TEXT = b'"text":"'


def message(number):
    return f"{number:08d}".ljust(SIZE, ".")


class Flood(threading.Thread):
    """Sends numbered messages as fast as the node takes them."""

    def __init__(self, node, target, count):
        super().__init__(daemon=True)
        self.node, self.target, self.count = node, target, count
        node.raw = lambda line: line.startswith(b'{"event":"sent"')

    def run(self):
        for first in range(0, self.count, 64):
            lines = (json.dumps({"send": self.target, "text": message(i)}) + "\n"
                     for i in range(first, min(first + 64, self.count)))
            try:
                self.node.write("".join(lines).encode())
            except OSError:
                return  # the node has ended: whoever waits for its messages says so


class Counter:
    """Takes the numbered messages that a node gets; pause() is called before each."""

    def __init__(self, node, pause=None):
        self.got, self.wrong, self.done_at, self.pause = 0, None, None, pause
        self.expected = None
        node.raw = self.take

    def take(self, line):
        if not line.startswith(PARCEL):
            return False
        if self.pause:
            self.pause()
        at = line.find(TEXT) + len(TEXT)
        number = int(line[at:at + 8])
        if number != self.got and self.wrong is None:
            self.wrong = f"message {number} came where {self.got} was expected"
        self.got += 1
        if self.got == self.expected:
            self.done_at = time.monotonic()
        return True


def dropped(node):
    return sum(node.status()["dropped"].values())


def all_arrive(lab, count, pause):
    a, b, _, name = lab.pair("-stall", "5000")
    counter, flood = Counter(b, pause), Flood(a, name, count)
    counter.expected = count
    before = time.monotonic()
    flood.start()
    until(lambda: counter.done_at or counter.wrong, 120, lambda: f"{count} messages, but {counter.got}")
    check(counter.wrong is None, counter.wrong)
    seconds = counter.done_at - before
    check(dropped(a) == 0 and dropped(b) == 0, f"dropped: {a.status()['dropped']}, {b.status()['dropped']}")
    check(not a.all("dropped") and not b.all("dropped"), "a drop was reported")
    for node in (a, b):
        check(node.memory() < MEMORY_MIB, f"{node}: {node.memory():.0f} MiB of memory, more than {MEMORY_MIB}")
    return (f"{count} messages in {seconds:.1f} s, {count / seconds:.0f} a second; memory {a.memory():.0f} MiB for the "
            f"sender, {b.memory():.0f} MiB for the receiver")


class Naps:
    """Reads for one second, then for one second does not, and so on."""

    def __init__(self):
        self.next = time.monotonic() + 1

    def __call__(self):
        if time.monotonic() >= self.next:
            time.sleep(1)
            self.next = time.monotonic() + 1


@promises("F31")
def many_messages_to_a_reader_that_naps(lab):
    """In a nap all that lies between the two fills up, and the sender waits."""
    return all_arrive(lab, few(60_000), Naps())


PEERS = 7
STALL_SECONDS = 2 * SLOW  # longer than who reads may get no processor for, and shorter than the silence
SILENCE_MS = int(4000 * SLOW * (2 if SLOW > 1 else 1))  # longer than who reads may get no processor for


class Star:
    """A hub and its peers, all of them readers."""

    def __init__(self, lab):
        self.hub = lab.node("-exclusive", "-silence", f"{SILENCE_MS}ms", "-ping", f"{SILENCE_MS // 4}ms", "-stall",
                            f"{int(STALL_SECONDS * 1000)}ms")
        self.readers = [lab.node("-exclusive", "-stall", "20s", "-peers", self.hub.endpoint) for _ in range(PEERS)]
        for reader in self.readers:
            self.hub.wait_online(reader)

    def broadcast(self, count):
        """How long it takes until each of the readers has all."""
        counters = [Counter(reader) for reader in self.readers]
        for counter in counters:
            counter.expected = count
        before = time.monotonic()
        Flood(self.hub, EVERYONE, count).start()
        until(lambda: all(c.done_at or c.wrong for c in counters), 120,
              lambda: f"{count} messages, but {[c.got for c in counters]}")
        for counter in counters:
            check(counter.wrong is None, counter.wrong)
        return max(c.done_at for c in counters) - before


class Pinger(threading.Thread):
    """Pings until it is told to stop, so that a peer that reads nothing is not silent: less often than a stall time, or
    the pings would be taken for signs that it reads.
    """

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.over = peer, threading.Event()

    def run(self):
        while not self.over.wait((STALL_SECONDS + SILENCE_MS / 1000) / 2):
            self.peer.send(PING, b"Ping")

    def stop(self):
        self.over.set()
        self.join()


def received(peer):
    """The messages that lie in the peer's socket. It is over when the node has closed it."""
    count = 0
    try:
        while True:
            kind, _ = peer.receive()
            count += kind == 6
    except (Failure, OSError):
        return count


@promises("F32", "P22", "P23")
def a_peer_that_stops_reading(lab):
    # Never so few that the queue (5000) and the kernel's buffers (some 3000) could hold them all.
    count, star = max(few(12_000), 10_000), Star(lab)
    hub = star.hub
    alone = star.broadcast(count)

    peer = RawPeer(hub, lab.address(), receive_buffer=4096, node_id=0xDEAD)
    stalled = hub.wait("online", where=lambda e: e["peer"].endswith("0000dead"))["peer"]
    pinger = Pinger(peer)
    pinger.start()  # a flood may take longer than the silence
    others = star.broadcast(count)
    check(not hub.all("offline"), f"{hub.all('offline')} before the flood was over")
    pinger.stop()
    hub.wait("offline", SILENCE_MS / 1000 + 4, peer=stalled)
    check(hub.ended("silent too long") == 1, f"{hub.status()['ended']}")

    events = until(lambda: [e for e in hub.all("dropped") if e["cause"] == "peer stalled"], 10, "a dropped event")
    time.sleep(0.3)
    events = hub.all("dropped")
    check({e["peer"] for e in events} == {stalled}, f"somebody else lost something: {events}")
    told, counted = {}, {cause: n for cause, n in hub.status()["dropped"].items() if n}
    for event in events:
        told[event["cause"]] = told.get(event["cause"], 0) + event["parcels"]
    check(told == counted, f"told {told}, counted {counted}")
    lost, got = sum(told.values()), received(peer)
    peer.close()
    # What the kernel took and the peer never fetched is neither lost nor received as far as the node can know: no more
    # than half a MiB beyond the peer's window.
    check(0 <= count - lost - got <= 1024, f"{lost} lost and {got} received of {count}")
    check(others < 2 * alone + STALL_SECONDS + 2 * SLOW, f"{others:.1f} s with a stalled peer, {alone:.1f} s without")
    check(hub.memory() < MEMORY_MIB, f"{hub.memory():.0f} MiB of memory")
    return (f"{PEERS} peers got {count} messages in {others:.1f} s, {alone:.1f} s without the stalled one, which got "
            f"{got} and lost {lost}; {hub.memory():.0f} MiB")


@promises("P22", "P23")
def a_stalled_application(lab):
    """Who does not read its own standard input's answers loses its own parcels, and is told how many."""
    count = few(30_000)
    a, b, _, name = lab.pair()
    gate = threading.Event()
    numbers = []

    def take(line):
        if not line.startswith(PARCEL):
            return False
        gate.wait()
        at = line.find(TEXT) + len(TEXT)
        numbers.append(int(line[at:at + 8]))
        return True

    b.raw = take
    flood = Flood(a, name, count)
    flood.start()
    flood.join(40 * SLOW)
    check(not flood.is_alive(), "the sender was held back for ever")
    time.sleep(2)
    gate.set()
    b.wait("dropped", 20, cause="application stalled")
    until(lambda: numbers and numbers[-1] == count - 1, 20, lambda: f"the last message; {len(numbers)} came")
    lost = b.status()["dropped"]["application stalled"]
    told = sum(e["parcels"] for e in b.all("dropped"))
    check(numbers == sorted(numbers), "out of order")
    check(len(numbers) + lost == count and told == lost, f"{len(numbers)} came, {lost} lost, {told} told, of {count}")
    check(dropped(a) == 0, f"the sender lost something: {a.status()['dropped']}")
    return f"{len(numbers)} came and {lost} were counted as lost"


def floods_that_meet(lab):
    """Each of two nodes sends as fast as it can, and asks the other for its peers: both get on, neither loses any."""
    a, b, name_of_a, name_of_b = lab.pair("-queue", "200", "-stall", "5000", "-peerRequest", "100",
                                          "-peerRequestLimit", "0")
    stop = time.monotonic() + 3 * SLOW
    for node in (a, b):
        node.raw = lambda line: line.startswith((PARCEL, b'{"event":"sent"'))

    def flood(node, target):
        lines = (json.dumps({"send": target, "text": "x" * 20000}) + "\n").encode() * 50
        while time.monotonic() < stop and node.alive():
            node.write(lines)

    threads = [threading.Thread(target=flood, args=pair, daemon=True) for pair in ((a, name_of_b), (b, name_of_a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30 * SLOW)
        check(not thread.is_alive(), "a node takes no more input")
    until(lambda: a.status()["to_network"] == b.status()["to_network"] == 0, 20, "ToNetwork is empty")
    one, other = a.status()["parcels_in"], b.status()["parcels_in"]
    check(min(one, other) * 10 > max(one, other), f"{one} messages one way, {other} the other")
    check(dropped(a) == 0 and dropped(b) == 0, f"dropped: {a.status()['dropped']}, {b.status()['dropped']}")
    return f"{one} messages one way, {other} the other"


if __name__ == "__main__":
    run([many_messages_to_a_reader_that_naps],
        alone=[a_peer_that_stops_reading, a_stalled_application, floods_that_meet])
