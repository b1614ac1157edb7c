#!/usr/bin/env python3
"""The application pauses for 1.5 s while four peers flood it: twenty honest ones, who say one thing each, are heard all the same."""
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

from factomwire import MESSAGE, RawPeer, parcel  # noqa: E402  (the folder beside this one)
from kithnode import PARCEL, SLOW, check, promises, run, until  # noqa: E402
from namespace import in_namespaces  # noqa: E402

MEGA = 1 << 20
PAUSE = 1.5 * SLOW
FLOODERS, HONEST = 4, 20
FLAGS = ("-exclusive", "-queue", "1000", "-queueBytes", "16M", "-acceptInterval", "0")


class Flooder(threading.Thread):
    """Sends the same payload again and again, as fast as the node takes it."""

    def __init__(self, victim, number, size):
        super().__init__(daemon=True)
        self.peer = RawPeer(victim, f"127.80.{number}.1", node_id=100 + number)
        one = parcel(MESSAGE, b"f" * size)
        self.data = one * max(1, 65536 // len(one))
        self.over = False

    def run(self):
        try:
            while not self.over:
                self.peer.sock.sendall(self.data)
        except OSError:
            pass  # the node reads nothing more, or the end of the test has closed the socket

    def end(self):
        self.over = True
        self.peer.sock.shutdown(socket.SHUT_RDWR)  # whoever waits for room in it wakes
        self.join(10 * SLOW)


class Application:
    """Takes nothing while it pauses, and otherwise notes what the honest have said."""

    def __init__(self, node):
        self.goes_on, self.heard = threading.Event(), []
        self.goes_on.set()
        node.raw = self.take

    def take(self, line):
        self.goes_on.wait()
        if line.startswith(PARCEL) and b"honest" in line:
            self.heard.append(line)
        return line.startswith(PARCEL)


def flooded(lab, sizes):
    victim = lab.node(*FLAGS, address="127.9.0.1")
    application = Application(victim)
    honest = [RawPeer(victim, f"127.70.{i}.1", node_id=i + 1) for i in range(HONEST)]
    flooders = [Flooder(victim, i, size) for i, size in enumerate(sizes)]
    until(lambda: victim.count("incoming") == HONEST + FLOODERS, 10, "all are online")

    def speak(first, end):
        for i in range(first, end):
            honest[i].send(MESSAGE, b"honest %d" % i)

    application.goes_on.clear()
    before = time.monotonic()
    for flooder in flooders:
        flooder.start()
    # In each part of the pause some of them: while there is room, while it is waited for, while others' are dropped.
    for i in range(HONEST):
        time.sleep(max(0, before + i * PAUSE / HONEST - time.monotonic()))
        speak(i, i + 1)
    time.sleep(max(0, before + PAUSE - time.monotonic()))
    application.goes_on.set()
    for flooder in flooders:
        flooder.end()
    until(lambda: len(application.heard) >= HONEST, 20, lambda: f"{len(application.heard)} of {HONEST} honest were heard")
    lost = victim.status()["dropped"].get("application stalled", 0)
    check(lost > 0, "nothing was lost, so nothing was tried")
    check(len(application.heard) == HONEST, f"{len(application.heard)} messages of {HONEST}")
    return f"{HONEST} honest messages were heard, {lost} of the flooders were dropped"


@promises("P11")
@in_namespaces
def a_flood_of_messages_of_one_byte(lab):
    return flooded(lab, [1] * FLOODERS)


@promises("P11")
@in_namespaces
def a_flood_of_messages_of_a_mebibyte(lab):
    return flooded(lab, [MEGA] * FLOODERS)


if __name__ == "__main__":
    run([], alone=[a_flood_of_messages_of_one_byte, a_flood_of_messages_of_a_mebibyte])
