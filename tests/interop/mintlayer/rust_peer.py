"""Connections of the program in rust/, which MINTLAYER_PEER names: Noise by snow, messages by parity-scale-codec."""
import os
import subprocess

from scale import Malformed

NUMBERS = ("version", "services", "time", "nonce")
TEXTS = ("agent", "reason")
LISTS = ("ids", "addresses")


class Ended(Exception):
    """The connection has been closed by the other side."""


class Late(Exception):
    """Nothing whole has come in time."""


def to_word(name, value):
    if name in TEXTS:
        value = value.encode().hex()
    elif name in LISTS:
        value = ",".join(value)
    return f"{name}={'-' if value is None else value}"


def from_word(name, value):
    if name in NUMBERS:
        return int(value)
    if name in TEXTS:
        return bytes.fromhex(value).decode()
    if name in LISTS:
        return value.split(",") if value else []
    return None if value == "-" else value


def to_line(m):
    return " ".join([m["kind"], *(to_word(name, value) for name, value in m.items() if name != "kind")])


def from_line(line):
    kind, *words = line.split(" ")
    fields = (word.split("=", 1) for word in words)
    return {"kind": kind} | {name: from_word(name, value) for name, value in fields}


class Engine:
    """What mintlayer_fixture.py asks of a peer. python_peer.py has the same, and says what it means."""

    def __init__(self):
        self.process = subprocess.Popen([os.environ["MINTLAYER_PEER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def order(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        result, _, answer = self.process.stdout.readline().rstrip("\n").partition(" ")
        if result == "ended":
            raise Ended
        if result == "late":
            raise Late
        if result == "malformed":
            raise Malformed(answer)
        assert result == "ok", f"{words[0]}: {result} {answer}"
        return answer

    def listen(self, address, port):
        return self.order("listen", f"{address}:{port}")

    def accept(self, listener, seconds):
        return self.order("accept", listener, seconds).split()

    def dial(self, source, address, port):
        return self.order("dial", f"{source}:0", f"{address}:{port}").split()

    def shake(self, connection, initiates, payload, piece, seconds):
        self.order("shake", connection, int(initiates), payload.hex(), piece, seconds)

    def send_raw(self, connection, data):
        self.order("raw", connection, data.hex())

    def send_plain(self, connection, data, sizes):
        self.order("plain", connection, data.hex(), ",".join(map(str, sizes)))

    def say(self, connection, message):
        self.order("say", connection, to_line(message))

    def take(self, connection, seconds):
        return from_line(self.order("take", connection, seconds))

    def wait_end(self, connection, seconds):
        self.order("end", connection, seconds)

    def end_sending(self, connection):
        self.order("half", connection)

    def drop(self, connection):
        self.order("drop", connection)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
