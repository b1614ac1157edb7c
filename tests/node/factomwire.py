"""A Factom peer made by hand, in V11 (docs/protocols/factom.md): it does just what a test tells it to, no more."""
import socket
import struct
import time

from kithnode import SLOW, Failure

LOCAL, MAIN = 0x00BEADED, 0xFEEDBEEF
HEARTBEAT, PING, PONG, PEER_REQUEST, PEER_RESPONSE, MESSAGE, HANDSHAKE, REJECT = 0, 1, 2, 3, 4, 6, 8, 9
PREAMBLE = b"pbuf"


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """A protobuf field; none for a zero value, as proto3 has it."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def take_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """(number, value) of each field: integers and byte strings are all that there is."""
    at = 0
    while at < len(data):
        key, at = take_varint(data, at)
        value, at = take_varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        yield key >> 3, value


def frame(body):
    return struct.pack(">I", len(body)) + body


def parcel(kind, payload):
    return frame(field(1, kind) + field(2, payload))


def handshake(network=LOCAL, version=11, node_id=0x1234, port=b"8110", nonce=77, kind=HANDSHAKE):
    body = field(1, kind) + field(2, network) + field(3, version) + field(4, node_id) + field(5, port)
    return PREAMBLE + frame(body + field(6, nonce))


def dial(to, source=None, receive_buffer=None, timeout=5):
    """A connected socket; `to` and `source` are addresses."""
    sock = socket.socket()
    sock.settimeout(timeout * SLOW)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        sock.bind((source, 0))
    sock.connect((to, 8110))
    return sock


def try_dial(to, source, data=b""):
    """A socket that sends `data`; None where the node has closed the connection already."""
    try:
        sock = dial(to, source)
        sock.sendall(data)
        return sock
    except ConnectionError:
        return None


def closed_within(sock, seconds):
    """The seconds until the other side closes the connection, and the bytes that it sent before."""
    before, got = time.monotonic(), b""
    while True:
        left = before + seconds * SLOW - time.monotonic()
        if left <= 0:
            raise Failure(f"the connection was not closed within {seconds * SLOW:g} s")
        sock.settimeout(left)
        try:
            data = sock.recv(65536)
        except ConnectionError:
            data = b""
        except socket.timeout:
            continue
        if not data:
            return time.monotonic() - before, got
        got += data


class RawPeer:
    """A connection to a node: ours to it, or one of its to a RawListener."""

    def __init__(self, node, source, receive_buffer=None, **fields_of_handshake):
        self._greet(dial(node.address, source, receive_buffer), fields_of_handshake)

    @classmethod
    def accepted(cls, sock, **fields_of_handshake):
        """The node has dialed us, and prefers V11."""
        peer = cls.__new__(cls)
        peer._greet(sock, fields_of_handshake)
        return peer

    def _greet(self, sock, fields_of_handshake):
        self.sock, self.data = sock, b""
        self.sock.sendall(handshake(**fields_of_handshake))
        preamble = self._take(4)
        if preamble != PREAMBLE:
            raise Failure(f"the answer does not start with pbuf: {preamble!r}")
        self.hello = list(fields(self._frame()))

    def _take(self, size):
        while len(self.data) < size:
            more = self.sock.recv(65536)
            if not more:
                raise Failure("the node closed the connection")
            self.data += more
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def _frame(self):
        return self._take(struct.unpack(">I", self._take(4))[0])

    def send(self, kind, payload):
        self.sock.sendall(parcel(kind, payload))

    def receive(self):
        """(type, payload) of the next parcel."""
        found = dict(fields(self._frame()))
        return found.get(1, 0), found.get(2, b"")

    def receive_kind(self, kind):
        """The payload of the next parcel of that type; others are passed over."""
        while True:
            got, payload = self.receive()
            if got == kind:
                return payload

    def alive(self):
        """It answers; so what was sent to it before has been read."""
        self.send(PING, b"Ping")
        self.receive_kind(PONG)

    def close(self):
        self.sock.close()


class RawListener:
    """An address where a node may dial us."""

    def __init__(self, address, port=8110):
        self.address, self.endpoint = address, f"{address}:{port}"
        self.sock, self.taken = socket.create_server((address, port)), []

    def accept(self, seconds=5):
        """The next connection as it comes, a socket."""
        self.sock.settimeout(seconds * SLOW)
        try:
            sock, _ = self.sock.accept()
        except socket.timeout:
            raise Failure(f"{self.endpoint} was not dialed within {seconds * SLOW:g} s") from None
        sock.settimeout(seconds * SLOW)
        return sock

    def not_dialed(self, seconds, why):
        self.sock.settimeout(seconds)
        try:
            self.sock.accept()
        except socket.timeout:
            return
        raise Failure(why)

    def was_dialed(self):
        """Now or at an earlier call."""
        self.sock.setblocking(False)
        try:
            self.taken.append(self.sock.accept()[0])
        except BlockingIOError:
            pass
        return bool(self.taken)

    def accept_peer(self, seconds=5, **fields_of_handshake):
        return RawPeer.accepted(self.accept(seconds), **fields_of_handshake)

    def close(self):
        self.sock.close()
