"""The outside: a process that carries packets between the gateways, each after the time that its way takes.

It writes down what gateways send to each other as (time, source, its port, destination, its port, flags, bytes).
"""
import ctypes
import heapq
import os
import pickle
import select
import signal
import socket
import struct
import time

HEADER = struct.Struct(">B8xB2x4s4s")  # version and length of an IPv4 header, protocol, source, destination
SIZE = struct.Struct(">I")
PR_SET_PDEATHSIG = 1
KEPT = 500_000  # what it writes down at most


class Wire:
    """As the process that made it sees it."""

    def __init__(self, ways):
        """`ways` is a list of (prefix of three bytes, descriptor of a TUN device, seconds there and back to the
        middle, whether it is a gateway)."""
        self.sock, other = socket.socketpair()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.sock.close()
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() == parent:
                    Carrier(ways, other).run()
            finally:
                os._exit(0)
        other.close()

    def packets(self):
        """What has gone between gateways since the last call, and how many packets more that are not in the list."""
        self.sock.sendall(b"?")
        size, = SIZE.unpack(self._read(SIZE.size))
        return pickle.loads(self._read(size))

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise OSError("the process that carries packets has ended")
            data += more
        return bytes(data)

    def close(self):
        self.sock.close()
        os.waitpid(self.pid, 0)


class Carrier:
    """The process itself."""

    def __init__(self, ways, sock):
        self.sock, self.log, self.late, self.count, self.lost = sock, [], [], 0, 0
        self.by_prefix = {prefix: (fd, delay, gateway) for prefix, fd, delay, gateway in ways}
        self.by_fd = {fd: (delay, gateway) for _, fd, delay, gateway in ways}

    def run(self):
        poll = select.epoll()
        poll.register(self.sock, select.EPOLLIN)
        for fd in self.by_fd:
            os.set_blocking(fd, False)
            poll.register(fd, select.EPOLLIN)
        while True:
            wait = max(0, self.late[0][0] - time.monotonic()) if self.late else -1
            for fd, _ in poll.poll(wait):
                if fd == self.sock.fileno():
                    if not self.sock.recv(1):
                        return
                    self.answer()
                else:
                    self.take(fd)
            self.deliver()

    def answer(self):
        data = pickle.dumps((self.log, self.lost))
        self.log, self.lost = [], 0
        self.sock.sendall(SIZE.pack(len(data)) + data)

    def take(self, fd):
        delay, from_gateway = self.by_fd[fd]
        for _ in range(64):
            try:
                packet = os.read(fd, 65536)
            except BlockingIOError:
                return
            now = time.monotonic()
            first, protocol, source, destination = HEADER.unpack_from(packet)
            to = self.by_prefix.get(destination[:3])
            if first >> 4 != 4 or not to:
                continue
            heapq.heappush(self.late, (now + delay + to[1], self.count, to[0], packet))
            self.count += 1
            if from_gateway and to[2] and protocol == socket.IPPROTO_TCP:
                self.note(now, packet, (first & 15) * 4, source, destination)

    def note(self, now, packet, at, source, destination):
        if len(self.log) >= KEPT:
            self.lost += 1
            return
        source_port, destination_port, _, _, offset, flags = struct.unpack_from(">HHIIBB", packet, at)
        payload = len(packet) - at - (offset >> 4) * 4
        self.log.append((now, socket.inet_ntoa(source), source_port, socket.inet_ntoa(destination), destination_port,
                         flags, payload))

    def deliver(self):
        while self.late and self.late[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(self.late)
            try:
                os.write(fd, packet)
            except OSError:
                pass  # a full queue loses packets, as elsewhere
