"""Hundreds of peers in one thread that send as fast as they can; some of them read nothing."""
import selectors
import socket
import time

IP_BIND_ADDRESS_NO_PORT = 24
RECEIVE_BUFFER = 4096  # of who reads nothing: the node is to keep what it says to it, not the system
WAIT_S, AGAIN_S = 0.05, 0.2


class Member:
    """A peer at `source`: it says `hello`, and then `says` over and over. Comes back if the node has ended it, unless it
    was given a socket that has shaken hands already."""

    def __init__(self, source, hello, says, reads=True, sock=None):
        self.source, self.hello, self.says, self.reads, self.sock = source, hello, memoryview(says), reads, sock
        self.comes_back = sock is None
        self.at, self.sent, self.again = 0, 0, 0.0

    def left(self):
        """The bytes to send next."""
        size = len(self.hello)
        if self.at < size:
            return self.hello[self.at:]
        return self.says[(self.at - size) % len(self.says):] if len(self.says) else b""


class Swarm:
    def __init__(self, node, members):
        self.node, self.members = node, members
        self.selector = selectors.DefaultSelector()
        self.ended = 0
        for member in members:
            if member.sock:
                self._add(member)

    def _add(self, member):
        member.sock.setblocking(False)
        mask = selectors.EVENT_WRITE | (selectors.EVENT_READ if member.reads else 0)
        self.selector.register(member.sock, mask, member)

    def _dial(self, member):
        member.sock = sock = socket.socket()
        sock.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if not member.reads:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((member.source, 0))
        sock.setblocking(False)
        sock.connect_ex((self.node.address, self.node.port))
        member.at = 0
        self._add(member)

    def _drop(self, member):
        self.selector.unregister(member.sock)
        member.sock.close()
        member.sock, member.again = None, time.monotonic() + AGAIN_S
        self.ended += 1

    def _serve(self, member, mask):
        try:
            if mask & selectors.EVENT_READ and not member.sock.recv(1 << 20):
                raise ConnectionError
            if mask & selectors.EVENT_WRITE:
                left = member.left()
                if left:
                    n = member.sock.send(left)
                    member.at += n
                    member.sent += n
                else:
                    self.selector.modify(member.sock, selectors.EVENT_READ, member)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(member)

    def run(self, seconds):
        by = time.monotonic() + seconds
        while time.monotonic() < by:
            now = time.monotonic()
            for member in self.members:
                if not member.sock and member.comes_back and now >= member.again:
                    self._dial(member)
            for key, mask in self.selector.select(WAIT_S):
                self._serve(key.data, mask)

    def close(self):
        for member in self.members:
            if member.sock:
                member.sock.close()
                member.sock = None
        self.selector.close()
