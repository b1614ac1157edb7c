#!/usr/bin/env python3
"""Strangers keep the controller busy: it works for no more than 50 ms before it comes to what an honest peer says, and
SIGTERM ends the node within two seconds."""
import json
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

from factomwire import MESSAGE, RawPeer  # noqa: E402  (the folder beside this one)
from kithnode import PARCEL, PORT, SLOW, check, run, until  # noqa: E402
from namespace import in_namespaces  # noqa: E402

HORDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "horde.py")
MOST, STUCK = 0.05, 1  # seconds: of the controller's own work, and of time, in which others work, too
END, SECONDS, TRIES, EVERY = 2, 1, 3, 0.005


def slow():
    """How much longer all may take: under sanitizers, or beside whatever else the machine does."""
    return max(SLOW, os.getloadavg()[0] / os.cpu_count())


def controller_time(node):
    """A function that tells the seconds of processor time that the controller's thread has had."""
    folder = f"/proc/{node.process.pid}/task"
    for thread in os.listdir(folder):
        with open(f"{folder}/{thread}/comm", encoding="ascii") as comm:
            if comm.read().strip() == "kith-control":
                stat = open(f"{folder}/{thread}/schedstat", "rb", buffering=0)  # closed with the process

    def read():
        """Two threads may call it at once."""
        return int(os.pread(stat.fileno(), 100, 0).split()[0]) / 1e9
    return read


class Honest:
    """Says something each 5 ms, and notes when it arrives, and how much the controller has worked in between."""

    def __init__(self, node):
        self.peer = RawPeer(node, "127.9.1.1", node_id=77)
        self.work, self.said, self.waits = controller_time(node), {}, []
        node.raw = self._take

    def _take(self, line):
        if not line.startswith(PARCEL):
            return False
        said = self.said.pop(json.loads(line).get("text"), None)
        if said:
            self.waits.append((time.monotonic() - said[0], self.work() - said[1]))
        return True

    def _say(self, text):
        self.said[text] = time.monotonic(), self.work()
        self.peer.send(MESSAGE, text.encode())

    def speak(self, node, horde):
        """The longest that one of the messages took, and the most that the controller did meanwhile. The node stands
        still until all others have said what they say in one moment, so that it has everything before it at once."""
        count = int(SECONDS / EVERY)
        node.send_signal(signal.SIGSTOP)
        try:
            horde.begin()
            self._say("0")
        finally:
            node.send_signal(signal.SIGCONT)
        for i in range(1, count):
            self._say(f"{i}")
            time.sleep(EVERY)
        until(lambda: len(self.waits) == count, 20, lambda: f"{len(self.waits)} of {count} messages")
        return max(w[0] for w in self.waits), max(w[1] for w in self.waits)


class Horde:
    def __init__(self, name, node):
        self.process = subprocess.Popen([sys.executable, HORDE, name, node.address, f"{SECONDS * 1.5}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        check(self.process.stdout.readline() == b"ready\n", f"no {name}")

    def begin(self):
        """Returns when what is sent in one moment has been sent."""
        self.process.stdin.write(b"begin\n")
        self.process.stdin.flush()
        check(self.process.stdout.readline() == b"begun\n", "the horde has not begun")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def full_book():
    """A peers file of 12,000 addresses, of which each may be told to others. Nobody listens there."""
    now, draw = int(time.time() * 1000), random.Random(3)
    addresses = {f"127.{draw.randrange(120, 250)}.{draw.randrange(250)}.{draw.randrange(1, 250)}:{PORT}"
                 for _ in range(12000)}
    peers = [{"address": a, "heard": now - 60000, "answered": now - 60000, "since": now - 86400000,
              "learned": now - 86400000, "dialed": 0, "failures": 0, "source": "seed" if i % 3 == 0 else "peer",
              "told_by": 3 + (draw.randrange(4096) << 16), "tried": i % 3 == 1} for i, a in enumerate(addresses)]
    scores = [{"ip": a.partition(":")[0], "quality": 50, "standing": 50, "at": now, "banned_until": 0} for a in addresses]
    return {"kith_peers": 1, "network": "LOCAL", "peers": peers, "scores": scores}


def attacked(node, name):
    """The longest that an honest message took, and the most that the controller did meanwhile."""
    honest = Honest(node)
    with Horde(name, node) as horde:
        found = honest.speak(node, horde)
    honest.peer.close()
    until(lambda: node.status()["incoming"] == 0, 10, lambda: f"{node.status()['incoming']} are left")
    return found


def ended_beside(node, name):
    """The seconds that its end takes."""
    with Horde(name, node) as horde:
        horde.begin()
        time.sleep(0.3)
        return node.end()


def beside(lab, name, *flags):
    node = lab.node("-outgoing", "0", "-acceptInterval", "0", *flags, address="127.9.0.1", start=False)
    with open(os.path.join(node.home, "peers-LOCAL.json"), "w", encoding="utf-8") as file:
        json.dump(full_book(), file)
    node.start()
    check(node.status()["known"] > 8000, f"{node.status()['known']} are known")
    for _ in range(TRIES):
        waited, worked = attacked(node, name)
        if worked < MOST * SLOW:
            break
    check(worked < MOST * SLOW, f"an honest message waited for {1000 * worked:.0f} ms of the controller's work")
    check(waited < STUCK * slow(), f"an honest message took {waited:.2f} s")
    ended = ended_beside(node, name)
    for _ in range(TRIES - 1):
        if ended >= END * slow():
            node.start()
            ended = ended_beside(node, name)
    check(ended < END * slow(), f"it took {ended:.1f} s to end")
    return (f"an honest message took {1000 * waited:.0f} ms at most, {1000 * worked:.0f} ms of the controller's work, "
            f"SIGTERM {1000 * ended:.0f} ms")


@in_namespaces
def shares_of_99_peers_at_once(lab):
    return beside(lab, "shares")


@in_namespaces
def requests_of_99_peers_without_end(lab):
    return beside(lab, "requests")


@in_namespaces
def a_storm_of_connections_beside_a_thousand_special_peers(lab):
    return beside(lab, "storm", "-peers", " ".join(f"127.251.{i // 200}.{1 + i % 200}:{PORT}" for i in range(1000)))


@in_namespaces
def a_storm_of_refusals(lab):
    return beside(lab, "storm", "-incoming", "1")


if __name__ == "__main__":
    run([], alone=[shares_of_99_peers_at_once, requests_of_99_peers_without_end,
                   a_storm_of_connections_beside_a_thousand_special_peers, a_storm_of_refusals])
