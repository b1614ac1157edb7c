"""Connections over Noise, by the package `noiseprotocol`, and messages by scale.py."""
import secrets
import socket
import struct
import time

from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseInvalidMessage

import scale

NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"
PLAIN_MAX, TAG = 65519, 16
FRAME_MAX = 10 * 1024 * 1024


class Ended(Exception):
    """The connection has been closed by the other side."""


class Late(Exception):
    """Nothing whole has come in time."""


class Connection:
    """Reads what has come into a buffer, so that nothing is lost if it must wait longer than it may."""

    def __init__(self, sock):
        self.sock, self.raw, self.plain, self.noise = sock, b"", bytearray(), None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fill(self, by):
        left = by - time.monotonic()
        if left <= 0:
            raise Late
        self.sock.settimeout(left)
        try:
            more = self.sock.recv(1 << 18)
        except socket.timeout:
            raise Late from None
        except OSError:
            more = b""
        if not more:
            raise Ended
        self.raw += more

    def packet(self, by):
        """The next one, sealed, or a message of the handshake."""
        while len(self.raw) < 2 or len(self.raw) < 2 + struct.unpack("<H", self.raw[:2])[0]:
            self.fill(by)
        end = 2 + struct.unpack("<H", self.raw[:2])[0]
        packet, self.raw = self.raw[2:end], self.raw[end:]
        return packet

    def send(self, data):
        self.sock.settimeout(60)
        try:
            self.sock.sendall(data)
        except OSError:
            raise Ended from None

    def shake(self, initiates, payload, piece, by):
        """Each message goes with that payload, in pieces of that many bytes, 0 for whole."""
        noise = NoiseConnection.from_name(NAME)
        noise.set_keypair_from_private_bytes(Keypair.STATIC, secrets.token_bytes(32))
        (noise.set_as_initiator if initiates else noise.set_as_responder)()
        noise.start_handshake()
        for i in range(3):
            if (i % 2 == 0) == initiates:
                message = bytes(noise.write_message(payload))
                message = struct.pack("<H", len(message)) + message
                for at in range(0, len(message), piece or len(message)):
                    self.send(message[at:at + (piece or len(message))])
            else:
                noise.read_message(self.packet(by))
        self.noise = noise

    def send_plain(self, data, sizes):
        """In packets of these sizes, and then in the largest ones."""
        for size in sizes:
            self.seal(data[:size])
            data = data[size:]
        for at in range(0, len(data), PLAIN_MAX):
            self.seal(data[at:at + PLAIN_MAX])

    def seal(self, plain):
        sealed = self.noise.encrypt(plain)
        self.send(struct.pack("<H", len(sealed)) + sealed)

    def take(self, by):
        while len(self.plain) < 4 or len(self.plain) < 4 + struct.unpack("<I", self.plain[:4])[0]:
            packet = self.packet(by)
            scale.need(len(packet) > TAG, f"a packet of {len(packet)} bytes")
            try:
                self.plain += self.noise.decrypt(packet)
            except NoiseInvalidMessage:
                raise scale.Malformed("a packet that does not open") from None
            scale.need(len(self.plain) < 4 or struct.unpack("<I", self.plain[:4])[0] <= FRAME_MAX, "too long a frame")
        end = 4 + struct.unpack("<I", self.plain[:4])[0]
        body = bytes(self.plain[4:end])
        del self.plain[:end]
        message = scale.read(body)
        scale.need(scale.write(message) == body, f"{message} is written otherwise")
        return message


class Engine:
    """What mintlayer_fixture.py asks of a peer. rust_peer.py has the same."""

    def __init__(self):
        self.socks = []

    def keep(self, sock):
        self.socks.append(sock)
        return sock

    def listen(self, address, port):
        return self.keep(socket.create_server((address, port)))

    def accept(self, listener, seconds):
        listener.settimeout(seconds)
        try:
            sock, (address, port) = listener.accept()
        except socket.timeout:
            raise Late from None
        return Connection(self.keep(sock)), f"{address}:{port}"

    def dial(self, source, address, port):
        sock = self.keep(socket.create_connection((address, port), timeout=10, source_address=(source, 0)))
        return Connection(sock), "{}:{}".format(*sock.getsockname())

    def shake(self, connection, initiates, payload, piece, seconds):
        connection.shake(initiates, payload, piece, time.monotonic() + seconds)

    def send_raw(self, connection, data):
        connection.send(data)

    def send_plain(self, connection, data, sizes):
        connection.send_plain(data, sizes)

    def say(self, connection, message):
        body = scale.write(message)
        connection.send_plain(struct.pack("<I", len(body)) + body, ())

    def take(self, connection, seconds):
        return connection.take(time.monotonic() + seconds)

    def wait_end(self, connection, seconds):
        """Whatever comes before it is left out."""
        by = time.monotonic() + seconds
        try:
            while True:
                connection.fill(by)
        except Ended:
            pass

    def end_sending(self, connection):
        connection.sock.shutdown(socket.SHUT_WR)

    def drop(self, connection):
        connection.sock.close()

    def close(self):
        for sock in self.socks:
            sock.close()
