"""A DDRP peer made by hand, in both revisions (docs/protocols/ddrp.md): it does just what a test tells it to, no more.

It shares nothing with the node but that page. What the node sends is read strictly: anything that the page does not let
a sender do raises Malformed.
"""
import dataclasses
import hashlib
import os
import socket
import struct
import time
import typing

import coincurve

from kithnode import SLOW, Failure

MAGIC = bytes.fromhex("cafecafe")
PORT = 9097
BYTES_MOST = 262144
ARRAY_MOST = 1024
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NO_NONCE = bytes(32)
ELSEWHERE = "192.0.2.99"  # where we claim to be, and are not: nobody is to believe it


class Malformed(Exception):
    """Bytes for which a peer disconnects."""


class Invalid(Malformed):
    """A signature by somebody else."""


class Closed(Exception):
    """The node has closed the connection."""


class Short(Exception):
    """More bytes must come first."""


class Late(Failure):
    """Nothing came in time."""


@dataclasses.dataclass(frozen=True, eq=False)
class Revision:
    name: str  # what -protocol says
    type_format: str
    window: int  # seconds that a clock may differ
    types: dict

    def number(self, kind):
        """`kind` is a name, or a number that has none."""
        return self.types[kind] if isinstance(kind, str) else kind

    def kind(self, number):
        return next((name for name, n in self.types.items() if n == number), number)


_TYPES = {"Hello": 0, "HelloAck": 1, "TreeBaseReq": 5, "TreeBaseRes": 6, "SectorReq": 7, "SectorRes": 8, "PeerReq": 9,
          "PeerRes": 10, "UpdateReq": 11}
PIP = Revision("ddrp", ">B", 30, {**_TYPES, "Ping": 3, "Update": 4})
FND = Revision("fnd", ">H", 7200, {**_TYPES, "Ping": 2, "Update": 3, "NilUpdate": 4})


# --- encoding ---

def uvarint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def sized(data):
    return uvarint(len(data)) + data


def ip_bytes(address):
    return bytes(10) + b"\xff\xff" + socket.inet_aton(address) if address else bytes(16)


class Reader:
    """Takes fields off bytes. Short where they end too early."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if len(self.data) - self.at < size:
            raise Short
        self.at += size
        return self.data[self.at - size:self.at]

    def uint(self, size):
        return int.from_bytes(self.take(size), "big")

    def uvarint(self):
        """In its shortest form only: nobody has to send another."""
        value, start = 0, self.at
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                break
        if value >= 1 << 64 or self.data[start:self.at] != uvarint(value):
            raise Malformed("an integer that is too long")
        return value

    def sized(self, most=BYTES_MOST):
        size = self.uvarint()
        if size > most:
            raise Malformed(f"{size} bytes, at most {most} are allowed")
        return self.take(size)

    def ip(self):
        data = self.take(16)
        if data == bytes(16):
            return ""
        if data[:12] != bytes(10) + b"\xff\xff":
            raise Malformed(f"no IPv4 address: {data.hex()}")
        return socket.inet_ntoa(data[12:])


def whole(data, read):
    """What read(reader) makes of all of the bytes."""
    reader = Reader(data)
    try:
        value = read(reader)
    except Short:
        raise Malformed("the message ends too early") from None
    if reader.at != len(data):
        raise Malformed(f"{len(data) - reader.at} bytes after the last field")
    return value


# --- messages ---

class Hello(typing.NamedTuple):
    version: int
    local_nonce: bytes
    remote_nonce: bytes
    public_key: bytes
    external_ip: str
    external_port: int
    user_agent: str


def write_hello(revision, hello):
    out = struct.pack(">I", hello.version) + hello.local_nonce + hello.remote_nonce + hello.public_key
    if revision is PIP:
        out += ip_bytes(hello.external_ip) + struct.pack(">H", hello.external_port)
    return out + sized(hello.user_agent.encode())


def read_hello(revision, message):
    def read(r):
        fields = r.uint(4), r.take(32), r.take(32), r.take(33)
        where = (r.ip(), r.uint(2)) if revision is PIP else ("", 0)
        return Hello(*fields, *where, r.sized().decode())
    return whole(message, read)


class Entry(typing.NamedTuple):
    """Of a PeerRes. In fnd every port is the standard one."""
    ip: str
    port: int
    id: bytes


def write_entry(revision, entry):
    port = struct.pack(">H", entry.port) if revision is PIP else b""
    return ip_bytes(entry.ip) + port + entry.id


def write_peers(revision, entries, count=None):
    """`count`: the number in front of a pip array, where it is to be a wrong one."""
    first = bytes([len(entries) if count is None else count]) if revision is PIP else b""
    return first + uvarint(len(entries)) + b"".join(write_entry(revision, entry) for entry in entries)


def read_peers(revision, message):
    def read(r):
        told = r.uint(1) if revision is PIP else None
        count = r.uvarint()
        if count > ARRAY_MOST or told not in (None, count):
            raise Malformed(f"{count} peers, {told} told before")
        return [Entry(r.ip(), r.uint(2) if revision is PIP else PORT, r.take(32)) for _ in range(count)]
    return whole(message, read)


# --- signatures ---

def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).digest()


class Identity:
    def __init__(self, secret=None):
        self.key = coincurve.PrivateKey(secret)
        self.public = self.key.public_key.format(compressed=True)
        self.id = blake2b(self.public)

    def sign(self, data):
        signature = self.key.sign_recoverable(blake2b(data), hasher=None)
        return bytes([27 + signature[64]]) + signature[:64]


def signer(data, signature):
    """The public key that the signature is by."""
    if not 27 <= signature[0] <= 34:
        raise Malformed(f"signature header {signature[0]}")
    r, s = (int.from_bytes(signature[at:at + 32], "big") for at in (1, 33))
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise Malformed("signature out of range")
    form = signature[1:] + bytes([(signature[0] - 27) & 3])
    try:
        return coincurve.PublicKey.from_signature_and_message(form, blake2b(data), hasher=None).format()
    except Exception as error:  # the library has no class of its own for it
        raise Malformed(f"no key can be recovered: {error}") from None


# --- envelopes ---

class Envelope(typing.NamedTuple):
    kind: object  # its name, or the number of an unknown one
    timestamp: int
    message: bytes
    signature: bytes
    signed: bytes

    def verify(self, revision, public, now):
        if abs(now - self.timestamp) > revision.window:
            raise Malformed(f"a clock that differs by {now - self.timestamp} s")
        if signer(self.signed, self.signature) != public:
            raise Invalid("signed by somebody else")


def head(revision, kind, timestamp, magic=MAGIC):
    return magic + struct.pack(revision.type_format, revision.number(kind)) + struct.pack(">I", timestamp)


def signed_bytes(revision, kind, timestamp, message):
    if revision is FND:
        return head(revision, kind, timestamp) + b"\0"
    return head(revision, kind, timestamp, b"") + sized(message)


def write_envelope(revision, identity, kind, message=b"", *, late=0, at=None, magic=MAGIC, length=None, sign=None):
    """Faults: `late` shifts the timestamp by seconds, `length` are the bytes of the message's length, `sign` makes the
    signature of the right one."""
    timestamp = int(time.time() if at is None else at) + late
    signature = identity.sign(signed_bytes(revision, kind, timestamp, message))
    length = uvarint(len(message)) if length is None else length
    return head(revision, kind, timestamp, magic) + length + message + (sign(signature) if sign else signature)


def read_envelope(revision, data):
    """The envelope at the start of data, and where it ends."""
    reader = Reader(data)
    if reader.take(4) != MAGIC:
        raise Malformed(f"no magic: {data[:4].hex()}")
    number, timestamp = reader.uint(struct.calcsize(revision.type_format)), reader.uint(4)
    message, signature = reader.sized(), reader.take(65)
    signed = signed_bytes(revision, number, timestamp, message)
    return Envelope(revision.kind(number), timestamp, message, signature, signed), reader.at


# --- connections ---

def dial(to, source, port=PORT, seconds=5):
    sock = socket.socket()
    sock.settimeout(seconds * SLOW)
    sock.bind((source, 0))
    try:
        sock.connect((to, port))
    except ConnectionError:
        sock.close()
        raise Closed from None
    return sock


class Peer:
    """One connection with a node. `dialed`: we are the initiator. `port`: where a pip Hello says that we listen."""

    def __init__(self, revision, sock, dialed, identity=None, port=0):
        self.revision, self.sock, self.dialed, self.port = revision, sock, dialed, port
        self.identity = identity or Identity()
        self.name = self.identity.id.hex()
        self.data, self.nonce = b"", os.urandom(32)
        self.hello = None  # the node's
        self.received = []  # every envelope, with the time when it was read

    # --- what we say ---

    def write(self, data):
        self.sock.settimeout(5 * SLOW)
        try:
            self.sock.sendall(data)
        except ConnectionError:
            raise Closed from None

    def send(self, kind, message=b"", **faults):
        self.write(write_envelope(self.revision, self.identity, kind, message, **faults))

    def our_hello(self, **fields):
        remote = self.hello.local_nonce if self.hello else NO_NONCE
        hello = Hello(1, self.nonce, remote, self.identity.public, ELSEWHERE, self.port, "test/1")
        return write_hello(self.revision, hello._replace(**fields))

    def our_ack(self):
        return self.hello.local_nonce

    # --- what the node says ---

    def _read(self, seconds):
        self.sock.settimeout(max(seconds, 0.001))
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionError:
            data = b""
        except socket.timeout:
            raise Late("nothing came in time") from None
        if not data:
            raise Closed
        self.data += data

    def receive(self, seconds=5):
        """The next envelope, verified."""
        by = time.monotonic() + seconds * SLOW
        while True:
            try:
                envelope, size = read_envelope(self.revision, self.data)
            except Short:
                self._read(by - time.monotonic())
                continue
            self.data = self.data[size:]
            if envelope.kind == "Hello" and not self.hello:
                self.hello = read_hello(self.revision, envelope.message)
            if not self.hello:
                raise Malformed(f"{envelope.kind} before Hello")
            envelope.verify(self.revision, self.hello.public_key, time.time())
            self.received.append((time.monotonic(), envelope))
            return envelope

    def receive_kind(self, kind, seconds=5):
        """The next one of that kind; others are passed over."""
        by = time.monotonic() + seconds * SLOW
        while True:
            envelope = self.receive((by - time.monotonic()) / SLOW)
            if envelope.kind == kind:
                return envelope

    def drain(self):
        """Reads what has come so far."""
        try:
            while True:
                self.receive(0.001 / SLOW)
        except Late:
            return

    def send_hello(self):
        self.send("Hello", self.our_hello())

    def send_ack(self):
        self.send("HelloAck", self.our_ack())

    def meet(self, send_hello=send_hello, send_ack=send_ack):
        """The handshake; others in place of `send_hello` and `send_ack` send something else."""
        if self.dialed:
            send_hello(self)
            self._expect("Hello", self.nonce)
            send_ack(self)
        else:
            self._expect("Hello", NO_NONCE)
            send_hello(self)
            if self._expect("HelloAck").message != self.nonce:
                raise Malformed("HelloAck with a wrong nonce")
        return self

    def _expect(self, kind, remote_nonce=None):
        envelope = self.receive()
        if envelope.kind != kind:
            raise Malformed(f"{envelope.kind} where {kind} must come")
        if remote_nonce is not None and self.hello.remote_nonce != remote_nonce:
            raise Malformed(f"remote nonce {self.hello.remote_nonce.hex()}")
        return envelope

    @property
    def node_id(self):
        return blake2b(self.hello.public_key)

    def wait_closed(self, seconds):
        """Reads on until the node closes the connection; the seconds that it took."""
        before = time.monotonic()
        by = before + seconds * SLOW
        try:
            while True:
                self.receive((by - time.monotonic()) / SLOW)
        except Closed:
            return time.monotonic() - before

    def close(self):
        self.sock.close()


class Listener:
    """An address where a node may dial us."""

    def __init__(self, revision, address, port=PORT, identity=None):
        self.revision, self.address, self.port = revision, address, port
        self.identity = identity or Identity()
        self.sock = socket.create_server((address, port))

    def endpoint(self, identity=None):
        """What -peers takes; with the id that is to be there."""
        return (f"{identity.id.hex()}@" if identity else "") + f"{self.address}:{self.port}"

    def entry(self):
        return Entry(self.address, self.port, self.identity.id)

    def accept(self, seconds=5):
        """The next connection, before the handshake."""
        self.sock.settimeout(seconds * SLOW)
        try:
            sock, _ = self.sock.accept()
        except socket.timeout:
            raise Failure(f"{self.endpoint()} was not dialed within {seconds * SLOW:g} s") from None
        return Peer(self.revision, sock, False, self.identity, self.port)

    def dialed_within(self, seconds):
        """Whether anybody has connected."""
        try:
            self.accept(seconds).close()
            return True
        except Failure:
            return False

    def close(self):
        self.sock.close()
