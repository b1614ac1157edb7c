"""WebSocket as RFC 6455 says, without kith and without a package: a client, a browser, and somebody in between."""
import base64
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.request

from kithnode import SLOW, Failure, Skipped, check

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FIN = 0x80


class Client:
    """Has dialed a node, and asked for an upgrade."""

    def __init__(self, node, path="/", version="13", key=None, upgrade=True):
        self.sock, self.buffer = socket.create_connection((node.address, node.port), 10 * SLOW), b""
        self.key = key or base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {node}", "Origin: https://anywhere.example"]
        if upgrade:
            lines += ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Version: {version}",
                      f"Sec-WebSocket-Key: {self.key}"]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        head = self.bytes_until(b"\r\n\r\n").decode().splitlines()
        self.status, self.fields = int(head[0].split()[1]), dict(line.lower().split(": ", 1) for line in head[1:] if line)
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1(self.key.encode() + GUID).digest()).decode()
            check(self.fields["sec-websocket-accept"] == accept.lower(), f"{self.fields}")

    def close(self):
        self.sock.close()

    def more(self):
        try:
            more = self.sock.recv(1 << 16)
        except ConnectionResetError:
            more = b""
        except TimeoutError:
            raise Failure("nothing came") from None
        self.buffer += more
        return bool(more)

    def bytes_until(self, end):
        while end not in self.buffer:
            check(self.more(), f"closed after {self.buffer}")
        head, _, self.buffer = self.buffer.partition(end)
        return head

    def bytes(self, n):
        while len(self.buffer) < n:
            check(self.more(), f"closed after {self.buffer}")
        some, self.buffer = self.buffer[:n], self.buffer[n:]
        return some

    def is_closed(self):
        """Nothing more has come, and nothing will."""
        return not self.buffer and not self.more()

    # --- frames ---

    def send(self, first, payload=b"", masked=True):
        mask, n = os.urandom(4) if masked else b"", len(payload)
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if masked else payload
        self.sock.sendall(bytes([first, size[0] | (FIN if masked else 0)]) + size[1:] + mask + body)

    def frame(self):
        """What comes next: its first byte without FIN, and the payload. The node never masks, and sends no fragments."""
        first, size = self.bytes(2)
        check(first & FIN and not size & FIN, f"a frame that begins with {first:x} {size:x}")
        n = size if size < 126 else struct.unpack(">H", self.bytes(2))[0] if size == 126 else struct.unpack(">Q", self.bytes(8))[0]
        return first & 0x7f, self.bytes(n)

    def say(self, *objects):
        for one in objects:
            self.send(FIN | TEXT, json.dumps(one).encode())

    def take(self):
        """The next object."""
        kind, payload = self.frame()
        check(kind == TEXT, f"a frame {kind}: {payload}")
        return json.loads(payload)

    def wait_pong(self, payload):
        while self.frame() != (PONG, payload):
            pass

    def of(self, kind):
        while True:
            said = self.take()
            if said["type"] == kind:
                return said

    def code(self):
        """Of the close frame, before which there may be text. Then the connection ends."""
        while True:
            kind, payload = self.frame()
            if kind == CLOSE:
                check(self.is_closed(), "it goes on behind a close")
                return struct.unpack(">H", payload[:2])[0] if payload else None
            check(kind == TEXT, f"a frame {kind}: {payload}")

    def meet(self, number=1):
        """A member of Infnote's network, that serves no blocks."""
        self.say({"type": "Hello", "p2pVersion": "1", "clientId": "a test", "listenPort": "0",
                  "nodeId": hashlib.sha512(b"websocket %d" % number).hexdigest()})
        self.of("Hello")
        self.say({**self.of("Status"), "height": 0})
        return self


class Tap:
    """Passes one connection after the other on to a node, and keeps what each side says first."""

    def __init__(self, to):
        self.to, self.listener, self.said = to, socket.create_server(("127.0.0.1", 0)), []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
                there = socket.create_connection((self.to.address, self.to.port))
            except OSError:
                return
            said = {}
            self.said.append(said)
            for name, one, other in (("dialer", here, there), ("dialed", there, here)):
                threading.Thread(target=self.pass_on, args=(said, name, one, other), daemon=True).start()

    def pass_on(self, said, name, one, other):
        said[name] = b""
        try:
            while data := one.recv(1 << 16):
                said[name] += data
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class Browser:
    """Debian's chromium without a window, driven by WebDriver."""

    def __init__(self, lab):
        if not shutil.which("chromium") or not shutil.which("chromedriver"):
            raise Skipped("no chromium, or no chromedriver: scripts/deps test")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url, self.home = f"http://127.0.0.1:{port}", os.path.join(lab.home, "browser")
        os.makedirs(self.home)
        with open(os.path.join(self.home, "log"), "wb") as log:
            self.process = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=log, stderr=log,
                                            env={**os.environ, "HOME": self.home}, start_new_session=True)
        self.session = ""
        lab.closers.append(self.close)
        self.wait_ready(time.monotonic() + 30 * SLOW)
        options = {"binary": shutil.which("chromium"), "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
            f"--user-data-dir={self.home}/profile"]}
        self.session = "/session/" + self.call("POST", "/session", capabilities={
            "alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}})["sessionId"]

    def wait_ready(self, by):
        while True:
            try:
                self.call("GET", "/status")
                return
            except OSError as error:
                check(time.monotonic() < by, f"chromedriver does not answer: {error}")
                time.sleep(0.05)

    def call(self, method, path, **body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if method == "POST" else None,
                                         {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60 * SLOW) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", self.session + "/url", url=url)

    def run(self, script):
        return self.call("POST", self.session + "/execute/sync", script=script, args=[])

    def close(self):
        if self.session:
            try:
                self.call("DELETE", self.session)
            except OSError:
                pass
        self.process.terminate()
        try:
            self.process.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
