"""Mintlayer's bytes, written and read without kith: Noise XX, frames, messages. It needs the package `cryptography`."""
import hashlib
import hmac
import socket
import struct
import time

from kithnode import SLOW, Failure, Skipped, check

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    ChaCha20Poly1305 = None

LOCAL = bytes.fromhex("aabbccdd")
HANDSHAKE, PING_REQUEST, PING_RESPONSE, HEADER_LIST_REQUEST, HEADER_LIST, ANNOUNCE, LIST_REQUEST, LIST, WILL_DISCONNECT = \
    0, 1, 2, 4, 5, 8, 9, 10, 13
TRANSACTION_REQUEST = 11


def raw(key):
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


class Cipher:
    def __init__(self, key):
        self.aead, self.n = ChaCha20Poly1305(key), 0

    def _nonce(self):
        self.n += 1
        return bytes(4) + struct.pack("<Q", self.n - 1)

    def seal(self, plain, ad=b""):
        return self.aead.encrypt(self._nonce(), plain, ad)

    def open(self, sealed, ad=b""):
        return self.aead.decrypt(self._nonce(), sealed, ad)


class Handshake:
    """Noise_XX_25519_ChaChaPoly_SHA256."""

    def __init__(self, initiator):
        self.h = self.ck = b"Noise_XX_25519_ChaChaPoly_SHA256"
        self.cipher, self.initiator = None, initiator
        self.e, self.s, self.re, self.rs = X25519PrivateKey.generate(), X25519PrivateKey.generate(), None, None
        self.mix_hash(b"")

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, data):
        def mac(key, text):
            return hmac.new(key, text, hashlib.sha256).digest()
        secret = mac(self.ck, data)
        self.ck = mac(secret, b"\x01")
        return mac(secret, self.ck + b"\x02")

    def agree(self, own, other):
        self.cipher = Cipher(self.mix_key(own.exchange(other)))

    def put(self, plain):
        data = self.cipher.seal(plain, self.h) if self.cipher else plain
        self.mix_hash(data)
        return data

    def take(self, data):
        plain = self.cipher.open(data, self.h) if self.cipher else data
        self.mix_hash(data)
        return plain

    def write(self, tokens, payload=b""):
        out = b""
        for token in tokens.split():
            if token == "e":
                out += raw(self.e.public_key())
                self.mix_hash(out[-32:])
            elif token == "s":
                out += self.put(raw(self.s.public_key()))
            else:
                self.mix(token)
        return out + self.put(payload)

    def read(self, tokens, data):
        for token in tokens.split():
            if token == "e":
                self.re, data = X25519PublicKey.from_public_bytes(data[:32]), data[32:]
                self.mix_hash(raw(self.re))
            elif token == "s":
                self.rs, data = X25519PublicKey.from_public_bytes(self.take(data[:48])), data[48:]
            else:
                self.mix(token)
        return self.take(data)

    def mix(self, token):
        own, other = token if self.initiator else token[::-1]
        self.agree(self.e if own == "e" else self.s, self.re if other == "e" else self.rs)

    def split(self):
        second = self.mix_key(b"")
        first = self.ck
        return (Cipher(first), Cipher(second)) if self.initiator else (Cipher(second), Cipher(first))


XX = ("e", "e ee s es", "s se")


def compact(n):
    if n < 1 << 6:
        return bytes([n << 2])
    if n < 1 << 14:
        return struct.pack("<H", n << 2 | 1)
    return struct.pack("<I", n << 2 | 2) if n < 1 << 30 else b"\x03" + struct.pack("<I", n)


def hello(ack=False, version=3, network=LOCAL, services=7, agent=b"test", at=None, nonce=1, receiver=b"\x00"):
    return bytes([HANDSHAKE, ack]) + struct.pack("<I", version) + network + struct.pack("<Q", services) + \
        compact(len(agent)) + agent + bytes([1, 4, 0, 0]) + receiver + \
        compact(int(time.time()) if at is None else at) + (b"" if ack else struct.pack("<Q", nonce))


class Peer:
    """One end of a connection, whichever side has dialed. Reads and writes bodies of messages."""

    def __init__(self, sock, initiator):
        if not ChaCha20Poly1305:
            raise Skipped("the package cryptography is missing")
        self.sock, self.plain = sock, b""
        sock.settimeout(10 * SLOW)
        noise = Handshake(initiator)
        for i, tokens in enumerate(XX):
            if (i % 2 == 0) == initiator:
                self.put_raw(noise.write(tokens))
            else:
                noise.read(tokens, self.take_raw())
        self.sends, self.receives = noise.split()

    @classmethod
    def dial(cls, node, source, **fields):
        """With a Hello of these fields, unless one of them is None."""
        if not ChaCha20Poly1305:
            raise Skipped("the package cryptography is missing")
        sock = socket.create_connection((node.address, node.port), timeout=10 * SLOW, source_address=(source, 0))
        peer = cls(sock, True)
        if "bare" not in fields:
            peer.say(hello(**fields))
        return peer

    def put_raw(self, data):
        self.sock.sendall(struct.pack("<H", len(data)) + data)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def take_raw(self):
        return self._exactly(struct.unpack("<H", self._exactly(2))[0])

    def say_bytes(self, data):
        self.put_raw(self.sends.seal(data))

    def say(self, body):
        self.say_bytes(struct.pack("<I", len(body)) + body)

    def take(self):
        """The next body; None at the end of the stream."""
        try:
            while len(self.plain) < 4 or len(self.plain) < 4 + struct.unpack("<I", self.plain[:4])[0]:
                self.plain += self.receives.open(self.take_raw())
        except (EOFError, ConnectionResetError):
            check(not self.plain, "the stream ended within a message")
            return None
        except InvalidTag:
            raise Failure("a packet that cannot be opened") from None
        size = struct.unpack("<I", self.plain[:4])[0]
        body, self.plain = self.plain[4:4 + size], self.plain[4 + size:]
        return body

    def until_kind(self, kind):
        while True:
            body = self.take()
            check(body is not None, f"closed before a message of kind {kind}")
            if body[0] == kind:
                return body

    def expect_end(self, *kinds):
        """Messages of these kinds, and the end. Answers with the last words, "" for none."""
        words = ""
        for kind in (*kinds, None):
            body = self.take()
            check((body[0] if body is not None else None) == kind, f"{body} in place of kind {kind}")
            if kind == WILL_DISCONNECT:
                words = body[2:].decode()
        return words

    def is_alive(self):
        self.say(bytes([PING_REQUEST]) + struct.pack("<Q", 4711))
        return self.until_kind(PING_RESPONSE) == bytes([PING_RESPONSE]) + struct.pack("<Q", 4711)

    def close(self):
        self.sock.close()
