"""Listens in between two nodes that speak lines of JSON: Infnote or coin.

A Tap passes on what comes, each way, and keeps the objects of the lines. One thread serves all taps of a Wiretap.
"""
import json
import selectors
import socket
import threading


class Tap:
    """Between whoever connects to `address` and the node at `to`. `seen` holds (number of the connection, who said it,
    the object); who is "dialer" or "listener"."""

    def __init__(self, address, to):
        self.to, self.seen, self.connections = to, [], 0
        self.listener = socket.create_server((address, 0))
        self.listener.setblocking(False)
        self.endpoint = "%s:%d" % self.listener.getsockname()

    def count(self, matches):
        """How many lines match, by connection and speaker."""
        counts = {}
        for number, who, line in list(self.seen):
            if matches(line):
                counts[number, who] = counts.get((number, who), 0) + 1
        return counts


class Way:
    """One direction of a connection."""

    def __init__(self, tap, number, who, source, target):
        self.tap, self.number, self.who, self.source, self.target = tap, number, who, source, target
        self.rest = b""

    def pass_on(self):
        """False at its end."""
        try:
            data = self.source.recv(1 << 16)
            if data:
                self.target.sendall(data)
        except OSError:
            data = b""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            try:
                said = json.loads(line)
            except ValueError:
                said = {"not JSON": line}
            self.tap.seen.append((self.number, self.who, said))
        return bool(data)


class Wiretap:
    def __init__(self):
        self.selector, self.ended = selectors.DefaultSelector(), False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def tap(self, address, to):
        """`to` is (address, port)."""
        tap = Tap(address, to)
        self.selector.register(tap.listener, selectors.EVENT_READ, tap)
        return tap

    def _accept(self, tap):
        try:
            dialer, _ = tap.listener.accept()
        except OSError:
            return
        try:
            listener = socket.create_connection(tap.to, 5)
        except OSError:
            dialer.close()
            return
        tap.connections += 1
        for who, source, target in (("dialer", dialer, listener), ("listener", listener, dialer)):
            source.setblocking(True)
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(source, selectors.EVENT_READ, Way(tap, tap.connections, who, source, target))

    def _end(self, way):
        for end in (way.source, way.target):
            try:
                self.selector.unregister(end)
            except KeyError:
                pass
            end.close()

    def _run(self):
        while not self.ended:
            for key, _ in self.selector.select(0.05):
                if key.fileobj.fileno() < 0:
                    continue  # its connection has ended within this round
                if isinstance(key.data, Tap):
                    self._accept(key.data)
                elif not key.data.pass_on():
                    self._end(key.data)

    def close(self):
        self.ended = True
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
