#!/usr/bin/env python3
"""300 peers that each have a node keep all that they can, of each thing that it keeps, while its application reads nothing:
the memory stays under the ceiling that -limits prints, and goes back when they have gone."""
import functools
import os
import re
import struct
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "../node")]

import factomwire as wire  # noqa: E402  (the folder beside this one)
import gobwire  # noqa: E402
from farm import many_descriptors, share  # noqa: E402
from kithnode import SLOW, check, few, run, until  # noqa: E402
from namespace import in_namespaces  # noqa: E402
from swarm import Member, Swarm  # noqa: E402

MEGA = 1 << 20
PEERS = few(300)
LONGEST = 12 * MEGA
LIMITS = ("-incoming", str(PEERS), "-outgoing", "0", "-pending", "32", "-acceptInterval", "0", "-seedURL=", "-maxParcel",
          "12M", "-receiveBytes", "36M", "-queueBytes", "8M", "-queue", "1000", "-json")
USED = 0.15  # of the ceiling, at most: no peer can fill all of its rows at once
KEPT = 30  # MiB that may be kept of what the peers have caused
EACH_S, ALL_S = 0.8, 2


def parts(payload, count):
    """Of messages that never complete."""
    crc, gobwire.crc32k = gobwire.crc32k, lambda data, value=gobwire.crc32k(payload): value
    try:
        return b"".join(gobwire.v9(7, payload, PartNo=n, PartsTotal=60000, AppHash=b"m") for n in range(count))
    finally:
        gobwire.crc32k = crc


def definitions(count, fields):
    """Gob's definitions of types, of structs of many fields."""
    def signed(n):
        return gobwire.unsigned(n << 1)

    def one(type_id):
        field = b"\1\1f\1" + signed(2) + b"\0"
        common = b"\1\1\1t\1" + signed(type_id) + b"\0"
        body = b"\3" + common + b"\1" + gobwire.unsigned(fields) + fields * field + b"\0\0"
        body = gobwire.unsigned((type_id << 1) - 1) + body
        return gobwire.unsigned(len(body)) + body
    return b"".join(one(1000 + i) for i in range(count))


def v11(*says, reads=True):
    return (lambda i: wire.handshake(node_id=i + 1)), b"".join(says), reads


def v9(says):
    return (lambda i: gobwire.handshake(9, NodeID=i + 1)), says, True


def message(size):
    return wire.parcel(wire.MESSAGE, os.urandom(size))


@functools.cache
def paths():
    """By what they fill: what a peer says first, what it says over and over, and whether it reads."""
    list_of_nothing = b"[" + b"{}," * 80000 + b"{}]"
    return {
        "parts that never complete": v9(parts(b"\7" * 60000, 100)),
        "parts of one byte": v9(parts(b"\7", 20000)),
        "definitions of types": v9(definitions(64, 660)),
        "a share of nothing in JSON": v9(gobwire.v9(wire.PEER_RESPONSE, list_of_nothing)),
        "a share of nothing in protobuf": v11(wire.parcel(wire.PEER_RESPONSE, b"\x0a\0" * 120000)),
        "shares": v11(wire.parcel(wire.PEER_RESPONSE, share([f"1.{i // 250}.{i % 250}.1:8110" for i in range(9000)]))),
        "the longest parcels": v11(message(LONGEST - 100)),
        "parcels that never end": v11(struct.pack(">I", LONGEST), b"\0" * (LONGEST - 1000)),
        "parcels of blocks that are hardly used": v11(*(message(8450) for _ in range(50))),
        "small parcels": v11(*(message(8) for _ in range(2000))),
        "relayed parcels, and peers that do not read": v11(*(message(1000) for _ in range(500)), reads=False),
        "the longest, relayed": v11(message(LONGEST - 100), reads=False),
        "requests whose answers are not read": v11(
            wire.parcel(wire.PEER_REQUEST, b"x") * 200, wire.parcel(wire.PING, b"Ping") * 2000, reads=False),
        "half handshakes": ((lambda i: definitions(10, 660)[:40000]), b"", True),
    }


def members(chosen):
    kinds = [paths()[name] for name in chosen]
    return [Member(f"127.{20 + i % 100}.{i // 100}.1", kinds[i % len(kinds)][0](i), *kinds[i % len(kinds)][1:])
            for i in range(PEERS)]


def ceiling(lab, flags):
    """MiB; the node is not started for it."""
    said = subprocess.run([lab.kith, "-network", "LOCAL", *flags, "-limits"], capture_output=True, text=True, check=True)
    return int(re.search(r"^Ceiling: .* \((\d+) bytes\)", said.stdout, re.M).group(1)) / MEGA


class Deaf:
    """A node whose application reads nothing, until it is asked to."""

    def __init__(self, lab, *flags, port=8110):
        many_descriptors()
        os.environ.pop("MALLOC_PERTURB_", None)  # it writes to memory that a node has only reserved
        self.most = ceiling(lab, flags)
        self.node = lab.node(*flags, address="127.9.0.1", port=port)
        self.before = self.node.memory("VmRSS")
        self.reads = threading.Event()
        self.node.raw = lambda line: self.reads.wait() or True
        lab.closes(self)

    def suffers(self, swarm, seconds):
        swarm.run(seconds * SLOW)
        swarm.close()

    def is_under_the_ceiling(self, what):
        if SLOW == 1:  # a sanitizer has its own memory
            check(self.node.memory() < self.most * USED, f"{what}: {self.node.memory():.0f} MiB, the ceiling is {self.most:.0f}")

    def reads_again(self):
        self.close()
        until(lambda: self.node.threads() < 16, 20, lambda: f"{self.node.threads()} threads are left")
        if SLOW == 1:
            until(lambda: self.node.memory("VmRSS") < self.before + KEPT, 10,
                  lambda: f"{self.node.memory('VmRSS'):.0f} MiB are kept, {self.before:.0f} were there before")

    def close(self):
        self.reads.set()


def fill(lab, names, *flags):
    """Each path by itself, and then all of them at once."""
    deaf = Deaf(lab, *LIMITS, "-exclusive", *flags)
    said = []
    for name in names:
        deaf.suffers(Swarm(deaf.node, members([name])), EACH_S)
        deaf.is_under_the_ceiling(name)
        said.append(f"{deaf.node.memory('VmRSS'):.0f}")
    deaf.suffers(Swarm(deaf.node, members(list(paths()))), ALL_S)
    deaf.is_under_the_ceiling("all at once")
    most = deaf.node.memory()
    deaf.reads_again()
    return (f"{most:.0f} MiB at most, the ceiling is {deaf.most:.0f}; {deaf.node.memory('VmRSS'):.0f} are kept, "
            f"{deaf.before:.0f} were there before; path by path {' '.join(said)}")


@in_namespaces
def each_path_and_all_of_them(lab):
    return fill(lab, [name for name in paths() if "relay" not in name])


@in_namespaces
def what_is_relayed(lab):
    return fill(lab, [name for name in paths() if "relay" in name], "-relay")


@in_namespaces
def updates_by_300_peers(lab):
    """DDRP. For tests/interop/ddrp, which has the package that signs."""
    import ddrpwire
    deaf = Deaf(lab, "-protocol", "ddrp", *LIMITS, "-exclusive", port=ddrpwire.PORT)
    peers = []
    for i in range(PEERS):
        sock = ddrpwire.dial(deaf.node.address, f"127.{20 + i % 100}.{i // 100}.1")
        peer = ddrpwire.Peer(ddrpwire.PIP, sock, True)
        peer.meet()
        peers.append(peer)
    swarm = Swarm(deaf.node, [Member("", b"", ddrpwire.write_envelope(ddrpwire.PIP, p.identity, "Update", b"u" * 250000),
                                     i % 2 == 0, p.sock) for i, p in enumerate(peers)])
    deaf.suffers(swarm, ALL_S)
    deaf.is_under_the_ceiling("DDRP")
    most = deaf.node.memory()
    deaf.reads_again()
    return f"{most:.0f} MiB at most, the ceiling is {deaf.most:.0f}; {deaf.node.memory('VmRSS'):.0f} are kept"


if __name__ == "__main__":
    run([], alone=[each_path_and_all_of_them, what_is_relayed])
