#!/usr/bin/env python3
"""Nothing is lost while a reader gets on, however slowly: a program that reads -json, a node at the far end of a chain of
relays, a peer that is another program. And what -slowest says of a peer that is too slow for an operator's taste."""
import json
import os
import subprocess
import threading
import time

from factomwire import PING, RawPeer
from kithnode import EVERYONE, PARCEL, SLOW, check, promises, run, until

SECONDS = 8  # of flood
PAUSE = 0.2 * SLOW  # under half of the stall time
STALL = ("-stall", f"{int(500 * SLOW)}ms")  # the default, stretched with all else under sanitizers
MORE_THAN_ENOUGH = 300 / SLOW  # messages a second: of 60,000 bytes, many times what a slow peer takes


class SlowProgram:
    """A kith whose standard output is read at so many bytes a second, in pieces; and what it has said."""

    def __init__(self, node, piece, pause):
        self.node, self.piece, self.pause = node, piece, pause
        self.numbers, self.dropped, self.text = [], 0, b""
        self.is_online, self.over = threading.Event(), threading.Event()
        self.process = subprocess.Popen(node.command_line(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while not self.over.is_set():
            data = os.read(self.process.stdout.fileno(), self.piece)
            if not data:
                return
            *lines, self.text = (self.text + data).split(b"\n")
            for line in lines:
                self._note(json.loads(line))
            if self.is_online.is_set():
                time.sleep(self.pause)

    def _note(self, event):
        if event["event"] == "parcel":
            self.numbers.append(int(event["text"].partition(" ")[0]))
        elif event["event"] == "dropped":
            self.dropped += event["parcels"]
        elif event["event"] == "online":
            self.is_online.set()

    def close(self):
        self.over.set()
        self.process.kill()
        self.process.wait()


def flood(node, size, rate=None, seconds=3 * SECONDS):
    """In a thread of its own: messages that bear their numbers, as fast as the node takes them, or so many a second."""
    over = threading.Event()

    def send():
        start, number = time.monotonic(), 0
        while time.monotonic() < start + seconds * SLOW and not over.is_set():
            if rate and number > (time.monotonic() - start) * rate:
                time.sleep(0.01)
                continue
            try:
                node.request(send=EVERYONE, text=f"{number} ".ljust(size, "."))
            except (BrokenPipeError, ValueError):
                return
            number += 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread, over


def lossless(node):
    """By its events, since a question waits behind the messages that found no room. They come each second."""
    time.sleep(1.5)
    check(not node.all("dropped"), f"{node}: {node.all('dropped')}")


def slow_program(lab, size, piece, pause, *flags):
    flags = (*STALL, *flags)
    sender = lab.node("-exclusive", *flags)
    program = SlowProgram(lab.node("-exclusive", "-peers", sender.endpoint, *flags, start=False), piece, pause * SLOW)
    lab.closers.append(program.close)
    check(program.is_online.wait(10 * SLOW), "the program is not online")
    flood(sender, size)
    time.sleep(SECONDS * SLOW)
    lossless(sender)
    check(program.dropped == 0 and program.numbers == list(range(len(program.numbers))),
          f"{program.dropped} dropped; got {program.numbers[:20]}")
    return program


@promises("F29", "F31")
def a_program_that_reads_slowly_loses_nothing(lab):
    """It takes about a message of 64 KiB in each pause, in pieces of a pipe."""
    program = slow_program(lab, 65536, 65536, 0.05, "-queue", "64")
    return f"{len(program.numbers)} messages"


@promises("F31")
def a_program_that_needs_seconds_for_one_message_loses_nothing(lab):
    """A message of 1 MiB is some 2.4 MiB of JSON."""
    program = slow_program(lab, 1 << 20, 65536, 0.06, "-queue", "8")
    return f"{len(program.numbers)} messages in {SECONDS} s"


@promises("F29")
def a_chain_of_relays_waits_for_its_slow_end(lab):
    flags = (*STALL, "-relay", "-queue", "32")
    first = lab.node("-exclusive", *flags)
    middle = lab.node("-exclusive", "-peers", first.endpoint, *flags)
    middle.wait_online(first)
    middle.raw = lambda line: line.startswith(PARCEL)
    last = SlowProgram(lab.node("-exclusive", "-peers", middle.endpoint, *flags, start=False), 4096, PAUSE)
    lab.closers.append(last.close)
    check(last.is_online.wait(10 * SLOW), "the last node is not online")
    flood(first, 2000)
    time.sleep(SECONDS * SLOW)
    lossless(first)
    lossless(middle)
    check(last.dropped == 0 and last.numbers == list(range(len(last.numbers))), f"got {last.numbers[:20]}")
    return f"{len(last.numbers)} messages"


class SlowPeer:
    """Takes `piece` bytes, pauses, and so on, until it is closed. It sends nothing, so that TCP alone tells of its steps."""

    def __init__(self, node, address, piece, pause):
        self.peer, self.piece, self.pause, self.got = RawPeer(node, address), piece, pause, 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while data := self.peer.sock.recv(self.piece):
                self.got += len(data)
                time.sleep(self.pause * SLOW)
        except OSError:
            pass

    def close(self):
        self.peer.close()


@promises("F29")
def another_program_that_reads_slowly_loses_nothing(lab):
    """On loopback TCP tells of its steps when about 100 KiB are free."""
    node = lab.node("-exclusive", *STALL, "-acceptInterval", "0", "-queueBytes", "1M")
    peer = SlowPeer(node, lab.address(), 65536, 0.05)
    lab.closers.append(peer.close)
    node.wait("online")
    flood(node, 20000)
    time.sleep(SECONDS * SLOW)
    lossless(node)
    return f"{peer.got >> 10} KiB"


@promises("F32")
def a_peer_that_pings_and_does_not_read_has_stalled(lab):
    """Pings as everybody sends them say nothing of what a peer reads."""
    node = lab.node("-exclusive", *STALL, "-acceptInterval", "0", "-queueBytes", "1M")
    peer = RawPeer(node, lab.address())
    lab.closers.append(peer.close)
    node.wait("online")
    flood(node, 60000, MORE_THAN_ENOUGH)
    since = node.mark()
    for _ in range(8):
        peer.send(PING, b"Ping")
        time.sleep(0.8 * SLOW)
    times = [e for e in node.all("dropped", since) if e["cause"] == "peer stalled"]
    check(len(times) >= 3, f"told of drops {len(times)} times")


def slow_and_fast(lab, *flags):
    """A node that floods a slow peer and a fast one: the bytes that the fast one gets in a while, and the drops."""
    node = lab.node("-exclusive", *STALL, "-acceptInterval", "0", "-queueBytes", "1M", *flags)
    slow, fast = SlowPeer(node, lab.address(), 65536, 0.05), SlowPeer(node, lab.address(), 65536, 0)
    lab.closers += [slow.close, fast.close]
    until(lambda: node.status()["incoming"] == 2, 5, "both peers are online")
    _, over = flood(node, 60000, MORE_THAN_ENOUGH)
    time.sleep(SECONDS / 2 * SLOW)
    over.set()
    time.sleep(1.5)
    return fast.got, node.all("dropped")


def a_peer_below_the_slowest_rate_delays_nobody(lab):
    waited, dropped = slow_and_fast(lab)
    check(not dropped, f"without -slowest: {dropped}")
    went_on, dropped = slow_and_fast(lab, "-slowest", "10M")
    check(any(e["cause"] == "peer stalled" for e in dropped), f"with -slowest: {dropped}")
    check(went_on > 2 * waited, f"{went_on} bytes beside a slow peer with -slowest, {waited} without")
    return f"{waited >> 20} MiB went to the other peer without -slowest, {went_on >> 20} with"


if __name__ == "__main__":
    run([a_program_that_reads_slowly_loses_nothing, a_program_that_needs_seconds_for_one_message_loses_nothing,
         a_chain_of_relays_waits_for_its_slow_end, another_program_that_reads_slowly_loses_nothing,
         a_peer_that_pings_and_does_not_read_has_stalled, a_peer_below_the_slowest_rate_delays_nobody])
