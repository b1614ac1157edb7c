"""A Factom peer made by hand, in V9 and V10: as much of Go's gob as that takes (docs/protocols/factom.md).

The type definitions are those of the recorded streams, so what is sent here are values alone.
"""
import json
from pathlib import Path

from factomwire import HANDSHAKE, LOCAL, PEER_REQUEST, dial
from kithnode import Failure

VECTORS = Path(__file__).parent.parent / "vectors" / "factom.json"
V9_MESSAGE, V10_MESSAGE = 65, 67  # ids of the recorded types
HEADER = ("Network", "Version", "Type", "Length", "TargetPeer", "Crc32", "PartNo", "PartsTotal", "NodeID",
          "PeerAddress", "PeerPort", "AppHash", "AppType")
KOOPMAN = 0xEB31D82E


def crc32k(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (KOOPMAN if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def unsigned(n):
    if n < 128:
        return bytes([n])
    data = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([256 - len(data)]) + data


def value(v):
    """None for a zero value, which is not sent."""
    if not v:
        return None
    return unsigned(v) if isinstance(v, int) else unsigned(len(v)) + v


def struct(values):
    """`values` are encoded, or None."""
    out, last = b"", -1
    for number, encoded in enumerate(values):
        if encoded is not None:
            out += unsigned(number - last) + encoded
            last = number
    return out + b"\0"


def message(type_id, body):
    """A type's id is a signed integer: shifted left by one."""
    body = unsigned(type_id << 1) + body
    return unsigned(len(body)) + body


def definitions(stream, frame):
    """The messages of a recorded frame that define types: all but the last."""
    streams = {s["name"]: s for s in json.loads(VECTORS.read_text(encoding="utf-8"))["streams"]}
    data = bytes.fromhex(streams[stream]["frames"][frame]["hex"])
    at = last = 0
    while at < len(data):
        last = at
        size, at = take_unsigned(data, at)
        at += size
    return data[:last]


def take_unsigned(data, at):
    first = data[at]
    if first < 128:
        return first, at + 1
    count = 256 - first
    return int.from_bytes(data[at + 1:at + 1 + count], "big"), at + 1 + count


def v9(kind, payload, **changed):
    """A V9 parcel; `changed` are header fields that are not as they should be, or not as by default."""
    header = {"Network": LOCAL, "Version": 9, "Type": kind, "Length": len(payload), "Crc32": crc32k(payload),
              "NodeID": 0x1234, "PeerPort": b"8110", "AppHash": b"NetworkMessage", "AppType": b"Network", **changed}
    return message(V9_MESSAGE, struct([struct([value(header.get(name)) for name in HEADER]), value(payload)]))


def v10(kind, payload):
    return message(V10_MESSAGE, struct([value(kind), value(payload)]))


def handshake(version, nonce=77, **changed):
    """With the definitions before it."""
    kind = PEER_REQUEST if version == 9 else HANDSHAKE
    return definitions("v9_stream", 0) + v9(kind, nonce.to_bytes(8, "little"), Version=version, **changed)


class GobPeer:
    """A connection of ours to a node, in V9 or V10. What the node says is not looked at, but for its first bytes."""

    def __init__(self, node, source, version=9, **changed):
        self.version, self.changed, self.defined = version, changed, False
        self.sock = dial(node.address, source)
        self.sock.sendall(handshake(version, **changed))
        if not self.sock.recv(65536):
            raise Failure("the node closed the connection")

    def send(self, kind, payload, **changed):
        """`changed` is for V9, where each parcel has the header."""
        if self.version == 9:
            self.sock.sendall(v9(kind, payload, **{**self.changed, **changed}))
            return
        first = b"" if self.defined else definitions("v10_stream", 1)
        self.defined = True
        self.sock.sendall(first + v10(kind, payload))

    def close(self):
        self.sock.close()
