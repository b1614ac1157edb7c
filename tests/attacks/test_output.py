#!/usr/bin/env python3
"""Long parcels to the program: its memory and time are in proportion to one of them, and the memory goes back. What it writes
in pieces is whole."""
import base64
import json
import os
import random
import select
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

from factomwire import MESSAGE, RawPeer
from kithnode import SLOW, Failure, Node, check, memory_is_measured, run, until
from namespace import in_namespaces

MEGA = 1 << 20
FLAGS = ("-network", "LOCAL", "-networkPort", "8110", "-seedURL=", "-peersFile=", "-outgoing", "0", "-maxParcel", "16M",
         "-acceptInterval", "0")


class Program(Node):
    """Its output is read as bytes, if it is read."""

    def __init__(self, lab, *flags):
        super().__init__(lab.kith, "127.9.0.1", os.path.join(lab.home, f"p{len(lab.closers)}"), flags)
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen([lab.kith, *FLAGS, "-bind", self.address, "-home", self.home, *flags],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0)
        lab.closers.append(self.kill)
        self.reader = threading.Thread()
        self.reader.start()
        self.peer = until(self.meet, 10, "it serves")

    def meet(self):
        try:
            return RawPeer(self, "127.71.0.1")
        except OSError:
            return None

    def read(self, enough, seconds=20):
        """Until enough(what came) is true of the last bytes."""
        pieces, by = [b""], time.monotonic() + seconds * SLOW
        while not enough(b"".join(pieces[-2:])):
            if time.monotonic() > by:
                raise Failure(f"not within {seconds * SLOW:g} s; {sum(map(len, pieces))} bytes came")
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                pieces.append(os.read(self.process.stdout.fileno(), 1 << 20))
                if not pieces[-1]:
                    raise Failure(f"the output ends with {b''.join(pieces)[-200:]}")
        return b"".join(pieces)

    def send_to_all(self, text):
        """Who reads the peer's side of it takes his time."""
        threading.Thread(target=self.peer.receive_kind, args=(MESSAGE,), daemon=True).start()
        self.request(send="<BROADCAST>", text=text, id=1)

    def send(self, payload):
        """While the output is read by somebody else, or not."""
        thread = threading.Thread(target=self.peer.send, args=(MESSAGE, payload), daemon=True)
        thread.start()
        return thread


def line_with(text):
    return lambda tail: tail.endswith(b"\n") and text in tail


@in_namespaces
def long_parcels_of_control_characters(lab):
    """In JSON each is six bytes, on the console four."""
    said, size = [], 16 * MEGA - 64
    for flags, end, each in ((["-json", "-jsonPayload", "both"], b'\\u0001"}\n', 6 + 4 / 3), ([], b"\\x01\n", 4)):
        program = Program(lab, *flags)
        program.peer.sock.settimeout(20 * SLOW)
        program.send(b"warm")
        program.read(line_with(b"warm"))
        before, cpu = program.memory("VmRSS"), program.cpu()
        program.send(b"\x01" * size)
        text = program.read(lambda tail, end=end: tail.endswith(end))
        check(len(text) >= size * each, f"{len(text)} bytes")
        took, grown = program.cpu() - cpu, program.memory() - before
        check(grown < 3 * size / MEGA * SLOW, f"memory grew by {grown:.0f} MiB")
        check(took < SLOW, f"it took {took:.2f} s of the processor")
        until(lambda p=program, b=before: p.memory("VmRSS") - b < 8 * SLOW, 10,
              lambda p=program, b=before: f"{p.memory('VmRSS') - b:.0f} MiB are kept")
        kept = program.memory("VmRSS") - before
        program.end()
        said.append(f"{grown:.0f} MiB, {took:.2f} s, {kept:.0f} MiB kept")
    return f"parcels of 16 MiB: {'; '.join(said)}"


def letters():
    return [chr(c) for c in range(128)] + ["é", "€", "𝄞", '"', "\\", "\x7f"]


@in_namespaces
def pieces_are_what_one_line_would_be(lab):
    """Characters of one to four bytes at all places, those that JSON escapes, and bytes that are none."""
    pick = random.Random(12)
    for shown in ("auto", "base64", "both"):
        program = Program(lab, "-json", "-jsonPayload", shown)
        for size in (1, 2, 3, 4095, 4096, 20_000, 3 * MEGA):
            text = "".join(pick.choices(letters(), k=size))
            for payload in (text.encode(), text.encode() + b"\xe2\x82", b"\xff" + text.encode()):
                is_text = payload == text.encode()
                thread = program.send(payload)
                line = program.read(line_with(b'"event":"parcel"' if size < 4096 else b"")).splitlines()[-1]
                event = json.loads(line)
                thread.join()
                check(list(event)[:4] == ["event", "peer", "connection", "kind"], f"{list(event)}")
                wanted = {"auto": ["text" if is_text else "base64"], "base64": ["base64"],
                          "both": ["base64", "text"] if is_text else ["base64"]}[shown]
                check(list(event)[4:] == wanted, f"{shown}, {size}, text is {is_text}: {list(event)}")
                check(event.get("text", text) == text, f"{size}: another text came")
                check(base64.b64decode(event.get("base64", "")) in (payload, b""), f"{size}: other bytes came")
        program.end()


@in_namespaces
def answers_wait_for_the_end_of_a_long_line(lab):
    """A reader that pauses within it can ask all the same; each line is whole."""
    program = Program(lab, "-json")
    program.read(line_with(b'"online"'))
    program.send(b"\x01" * (8 * MEGA))
    text = program.read(lambda tail: len(tail) > 65536)
    program.write(b'{"command":"nothing","id":1}\n{"command":"status","id":2}\n')
    time.sleep(0.2 * SLOW)
    text += program.read(line_with(b'"id":2}'))
    events = [json.loads(line) for line in text.splitlines()]
    check([e.get("id") for e in events][-3:] == [None, 1, 2], f"{[(e['event'], e.get('id')) for e in events]}")
    check(events[-3]["text"] == "\x01" * (8 * MEGA), "another text came")
    program.end()


@in_namespaces
def a_long_line_that_nobody_reads_holds_up_no_end(lab):
    for flags in (["-json"], []):
        program = Program(lab, *flags)
        program.send(b"\x01" * (8 * MEGA))
        program.read(lambda tail: len(tail) > 65536)
        took = program.end()
        check(took < 4 * SLOW, f"the end took {took:.1f} s")
        check("the last message is cut off" in program.stderr(), program.stderr())


@in_namespaces
def the_memory_of_a_long_request_goes_back(lab):
    program = Program(lab, "-json")
    program.read(line_with(b'"online"'))
    before = program.memory("VmRSS")
    program.send_to_all("\x01" * (8 * MEGA))
    program.read(line_with(b'"event":"sent"'))
    until(lambda: program.memory("VmRSS") - before < 16 * SLOW, 10,
          lambda: f"{program.memory('VmRSS') - before:.0f} MiB are kept")
    kept = program.memory("VmRSS") - before
    program.end()
    return f"{kept:.0f} MiB kept"


if __name__ == "__main__":
    memory_is_measured()
    run((), alone=(long_parcels_of_control_characters, the_memory_of_a_long_request_goes_back, pieces_are_what_one_line_would_be,
                   answers_wait_for_the_end_of_a_long_line, a_long_line_that_nobody_reads_holds_up_no_end))
