"""Asks a node over HTTP, as well and as badly as a test wants to."""
import http.client
import json
import socket
import time

import promtext
from kithnode import SLOW, Failure, check, until

PORT = 9110


class Web:
    """The HTTP of a node that was started with -http ADDRESS:PORT, its own address."""

    def __init__(self, node, port=PORT):
        self.node, self.address, self.port = node, node.address, port
        self.url = f"http://{self.address}:{port}"

    def ask(self, path, method="GET", headers=(), body=None, timeout=10):
        """Status, headers and body."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=timeout * SLOW)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def text(self, path):
        code, _, body = self.ask(path)
        check(code == 200, f"{path}: {code} {body[:200]}")
        return body.decode()

    def status(self):
        return json.loads(self.text("/status.json"))

    def metrics(self):
        return promtext.parse(self.text("/metrics"))

    def connect(self):
        return socket.create_connection((self.address, self.port), timeout=10 * SLOW)

    def raw(self, data):
        """Says these bytes, hears what is answered in a moment, and goes."""
        with self.connect() as s:
            s.settimeout(0.2)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass

    def request_text(self, path):
        return f"GET {path} HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode()


class Events:
    """A stream of events, read as it is asked for."""

    def __init__(self, web, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(10 * SLOW)
        self.socket.connect((web.address, web.port))
        self.socket.sendall(web.request_text("/events"))
        self.file, self.seen = None, []

    def close(self):
        if self.file:
            self.file.close()
        self.socket.close()

    def begin(self):
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()
        self.file, self.headers, self.code = answer, answer.headers, answer.status
        return self

    def _next(self):
        """Name and data of the next event; None at the end of the stream."""
        name = None
        while line := self.file.readline():
            line = line.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
        return None

    def until(self, name, is_wanted=lambda data: True, seconds=10):
        """The data of the first event of that name, also of those that others were waited for before, that is wanted."""
        for data in [data for got, data in self.seen if got == name]:
            if is_wanted(data):
                return data
        by = time.monotonic() + seconds * SLOW
        while time.monotonic() < by:
            event = self._next()
            check(event, "the stream has ended")
            self.seen.append(event)
            if event[0] == name and is_wanted(event[1]):
                return event[1]
        raise Failure(f"no such {name} within {seconds * SLOW:g} s")

    def rest(self, seconds=10):
        """What is left when the stream ends."""
        by = time.monotonic() + seconds * SLOW
        while self._next():
            check(time.monotonic() < by, "the stream does not end")
        return self.file.read()


def serving(lab, *flags, **options):
    """A node with HTTP, at its own address."""
    address = lab.address()
    node = lab.node("-http", f"{address}:{PORT}", *flags, address=address, **options)
    web = Web(node)
    until(lambda: web.ask("/healthz")[0] == 200, 10, "it is healthy")
    return node, web
