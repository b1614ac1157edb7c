"""Hundreds of peers in one thread that send as fast as they can, and read nothing, or throw away what comes."""
import os
import selectors
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

IP_BIND_ADDRESS_NO_PORT = 24
RECEIVE_BUFFER = 4096  # who reads nothing has the node keep what it has to say, not the system
WAIT_S = 0.05


class Member:
    """One peer: its address, what it says first, and what it says then, over and over."""

    def __init__(self, source, hello, says, reads):
        self.source, self.hello, self.says, self.reads = source, hello, says, reads
        self.sock = None
        self.at, self.sent, self.again = 0, 0, 0.0

    def left(self):
        """The bytes to send next; the greeting is sent once, what comes after it again and again."""
        size = len(self.hello)
        if self.at < size:
            return self.hello[self.at:]
        return self.says[(self.at - size) % len(self.says):] if self.says else b""


class Swarm:
    def __init__(self, node, members):
        self.node, self.members = node, members
        self.selector = selectors.DefaultSelector()
        self.ended = 0

    def _dial(self, member):
        member.sock = sock = socket.socket()
        sock.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if not member.reads:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((member.source, 0))
        sock.setblocking(False)
        sock.connect_ex((self.node.address, self.node.port))
        member.at = 0
        self.selector.register(sock, selectors.EVENT_WRITE | (selectors.EVENT_READ if member.reads else 0), member)

    def _drop(self, member):
        self.selector.unregister(member.sock)
        member.sock.close()
        member.sock, member.again = None, time.monotonic() + 0.2
        self.ended += 1

    def _serve(self, member, mask):
        try:
            if mask & selectors.EVENT_READ and not member.sock.recv(1 << 20):
                raise ConnectionError
            if mask & selectors.EVENT_WRITE:
                left = member.left()
                if not left:
                    self.selector.modify(member.sock, selectors.EVENT_READ, member)
                    return
                n = member.sock.send(left)
                member.at += n
                member.sent += n
        except BlockingIOError:
            pass
        except OSError:
            self._drop(member)

    def run(self, seconds, look):
        """Those that the node has ended come back. Calls `look` now and then."""
        by = time.monotonic() + seconds
        while time.monotonic() < by:
            now = time.monotonic()
            for member in self.members:
                if not member.sock and now >= member.again:
                    self._dial(member)
            for key, mask in self.selector.select(WAIT_S):
                self._serve(key.data, mask)
            look()

    def close(self):
        for member in self.members:
            if member.sock:
                member.sock.close()
                member.sock = None
        self.selector.close()
