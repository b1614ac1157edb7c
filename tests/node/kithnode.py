"""Runs kith processes: what the tests in this folder and scripts/demo are made of.

Every node has a loopback address of its own and listens on the port of the network LOCAL. It ends when this program
does, whatever ends it: its standard input is a pipe that closes then.
"""
import base64
import contextlib
import io
import itertools
import json
import multiprocessing
import multiprocessing.connection
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW = float(os.environ.get("KITH_TEST_SLOW", "1"))  # under sanitizers, how much longer all may take
SHADOW = float(os.environ.get("KITH_TEST_SHADOW", "1"))  # under the thread sanitizer, how much memory makes of one byte
PORT = 8110
EVERYONE, PARCEL = "<FULLBROADCAST>", b'{"event":"parcel"'
AT_ONCE = 8 if SLOW == 1 else 2  # tests side by side: under sanitizers they wait less, and more would be late
TICKS = os.sysconf("SC_CLK_TCK")
# What tells a program of the person, or the service manager, that the tests were started by.
for _name in [_name for _name in os.environ if _name.startswith(("XDG_", "NOTIFY_", "WATCHDOG_")) or _name in (
        "JOURNAL_STREAM", "INVOCATION_ID", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CONFIGURATION_DIRECTORY")]:
    del os.environ[_name]
FAULTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


class Failure(Exception):
    """What a test expected has not happened."""


class Skipped(Exception):
    """A test cannot run here, and says why."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def memory_is_measured():
    """The nodes that are started from now on give back what they free: nothing is written to memory that is only
    reserved, and the address sanitizer, which keeps freed blocks, keeps few."""
    os.environ.pop("MALLOC_PERTURB_", None)
    os.environ["ASAN_OPTIONS"] = ":".join(filter(None, (
        os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1", "thread_local_quarantine_size_kb=64")))


def few(count):
    """A count of messages or connections, made smaller where all is slower."""
    return max(1, int(count / SLOW))


def until(condition, seconds, what):
    """Waits until condition() is true and returns what it gave; `what` may be a function that makes the text."""
    by = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > by:
            raise Failure(f"not within {seconds * SLOW:g} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def full_pipe():
    """Nobody reads it. Both ends, the one to read from first."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, bytes(65536)):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    return reader, writer


def loopback_addresses():
    """Addresses that no other process of the tests uses at the same time: the process id chooses the block."""
    pid = os.getpid()
    first = 16 + pid % 224
    block = pid // 224 % 64 * 4
    return (f"127.{first}.{block + i // 254}.{1 + i % 254}" for i in range(4 * 254))


def payload_of(event):
    """The bytes of an event "parcel"."""
    if "bytes" in event:
        return event["payload"]
    return event["text"].encode() if "text" in event else base64.b64decode(event["base64"])


class Node:
    """One kith process that speaks JSON. May be started again, at the same address and with the same home."""

    def __init__(self, kith, address, home, flags=(), port=PORT):
        self.kith, self.address, self.home, self.flags, self.port = kith, address, home, list(flags), port
        self.endpoint = f"{address}:{port}"
        self.stderr_path = os.path.join(home, "stderr")
        self.raw = None  # is given each line first, as bytes; true where it has dealt with it
        self.process = None
        self.ids = itertools.count(1)
        os.makedirs(home, exist_ok=True)

    def __repr__(self):
        return self.endpoint

    def command_line(self):
        return [self.kith, "-json", "-network", "LOCAL", "-bind", self.address, "-networkPort", str(self.port),
                "-home", self.home, "-seedURL=", *self.flags]

    def start(self, wait=True):
        self.events, self.online = [], {}
        self.news, self.closed = threading.Condition(), False
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(self.command_line(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=stderr, bufsize=1 << 20)
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        if wait:
            self.wait("listening")
        return self

    def _read(self, stdout):
        for line in stdout:
            if self.raw and self.raw(line):
                continue
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "not JSON", "line": line}
            if event["event"] == "parcel" and "bytes" in event:
                event["payload"] = stdout.read(event["bytes"])
            with self.news:
                self._note(event)
                self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def _note(self, event):
        self.events.append(event)
        key = event.get("peer"), event.get("direction")
        if event["event"] == "online":
            self.online[key] = event
        elif event["event"] == "offline":
            self.online.pop(key, None)

    # --- what it says ---

    def mark(self):
        return len(self.events)

    def all(self, name, since=0):
        with self.news:
            return [e for e in self.events[since:] if e["event"] == name]

    def wait(self, name, seconds=10, since=0, where=None, **fields):
        """The first event of that name, from `since` on, that has these fields."""
        by = time.monotonic() + seconds * SLOW
        with self.news:
            while True:
                while since < len(self.events):
                    event = self.events[since]
                    since += 1
                    if event["event"] == name and all(event.get(k) == v for k, v in fields.items()) \
                            and (where is None or where(event)):
                        return event
                left = by - time.monotonic()
                if self.closed or left <= 0:
                    how = "it has ended" if self.closed else f"not within {seconds * SLOW:g} s"
                    raise Failure(f"{self}: no event {name} {fields or ''}: {how}")
                self.news.wait(left)

    def wait_online(self, other, seconds=10, since=0, **fields):
        """`other` is a Node, or "address:port"."""
        where = str(other)
        return self.wait("online", seconds, since, where=lambda e: e["address"] == where, **fields)

    def wait_from(self, address, seconds=10):
        """The name of the peer that has come from that IP address."""
        return self.wait("online", seconds, where=lambda e: e["peer"].startswith(f"{address}:"))["peer"]

    def count(self, direction):
        with self.news:
            return sum(1 for _, d in self.online if d == direction)

    def peers(self):
        """The hashes of its peers: each once, though there may be a connection each way."""
        with self.news:
            return {peer for peer, _ in self.online}

    # --- what it is told ---

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def request(self, **request):
        self.write(json.dumps(request).encode() + b"\n")

    def send(self, target, text, **fields):
        """Answers with the event "sent", or "error"."""
        return self.ask(send=target, text=text, **fields)

    def ask(self, within=10, **request):
        """The event that answers the request."""
        number, since = next(self.ids), self.mark()
        self.request(id=number, **request)
        by = time.monotonic() + within * SLOW
        with self.news:
            while True:
                for event in self.events[since:]:
                    if event.get("id") == number:
                        return event
                left = by - time.monotonic()
                if self.closed or left <= 0:
                    raise Failure(f"{self}: no answer to {request}")
                self.news.wait(left)

    def command(self, command, **fields):
        return self.ask(command=command, **fields)

    def status(self):
        return self.command("status")

    def quality(self, address):
        """Of a peer at that IP address; waits until it is online."""
        def told():
            return [p["quality"] for p in self.command("peers")["peers"] if p["peer"].startswith(f"{address}:")]
        return until(told, 10, f"{self}: {address} is online")[0]

    def ended(self, cause):
        """How many connections have ended by that cause."""
        return self.status()["ended"][cause]

    # --- how it is ---

    def _proc(self, name):
        with open(f"/proc/{self.process.pid}/{name}", encoding="ascii") as file:
            return file.read()

    def memory(self, key="VmHWM"):
        """MiB; VmHWM is the most that it ever had, VmRSS what it has. What a sanitizer keeps beside is left out."""
        return int(re.search(key + r":\s+(\d+) kB", self._proc("status")).group(1)) / 1024 / SHADOW

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return int(re.search(r"Threads:\s+(\d+)", self._proc("status")).group(1))

    def cpu(self):
        """Seconds of processor time so far."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def logged(self, pattern, seconds=10):
        """Waits for a line of the log."""
        line = re.compile(pattern)
        until(lambda: line.search(self.stderr()), seconds, f"\"{pattern}\" in the log of {self}")

    # --- its end ---

    def send_signal(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Ends it; returns how long that took. It must end well."""
        before = time.monotonic()
        if number:
            self.send_signal(number)
        self.join()
        seconds = time.monotonic() - before
        check(self.process.returncode == 0, f"{self}: exit status {self.process.returncode}")
        return seconds

    def join(self, seconds=5):
        try:
            self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self}: did not end") from None
        self.reader.join(seconds * SLOW)

    def kill(self):
        if self.process is None:
            return
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass  # what was not written any more has nobody to go to


class SeedServer:
    """A seed list over HTTP, or HTTPS with the context `tls`. `lines` may be changed at any time; with `leads_to`, a URL,
    it sends whoever asks there."""

    def __init__(self, lines=(), port=0, tls=None):
        self.lines, self.fetches, self.path, self.leads_to = list(lines), 0, None, None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = "".join(f"{line}\n" for line in server.lines).encode()
                server.fetches += 1
                server.path = self.path
                self.send_response(302 if server.leads_to else 200)
                if server.leads_to:
                    self.send_header("Location", server.leads_to)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/seeds.txt"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Lab:
    """The nodes and servers of one test, ended with it."""

    def __init__(self, kith, addresses):
        self.kith, self.addresses = kith, addresses
        self.home = tempfile.mkdtemp(prefix="kith-test-")
        self.nodes, self.closers = [], []

    def address(self):
        return next(self.addresses)

    def speaks(self, protocol):
        """Whether the program was built with it."""
        return subprocess.run([self.kith, "-protocol", protocol, "-help"], capture_output=True, check=False).returncode == 0

    def needs(self, protocol):
        if not self.speaks(protocol):
            raise Skipped(f"this build has no {protocol}")

    def node(self, *flags, address=None, start=True, kith=None, port=PORT):
        home = os.path.join(self.home, f"n{len(self.nodes)}")
        node = Node(kith or self.kith, address or self.address(), home, flags, port)
        self.nodes.append(node)
        return node.start() if start else node

    def pair(self, *flags):
        """Two nodes and the one connection between them: the second has dialed the first."""
        a = self.node("-exclusive", *flags)
        b = self.node("-exclusive", "-peers", a.endpoint, *flags)
        return a, b, b.wait_online(a)["peer"], a.wait_online(b)["peer"]

    def closes(self, *things):
        """They are closed at the end of the test."""
        self.closers += [thing.close for thing in things]
        return things[0]

    def seeds(self, lines=(), **options):
        return self.closes(SeedServer(lines, **options))

    def faults(self):
        """What sanitizers and asserts wrote."""
        return [f"{n}: {m.group(0)}" for n in self.nodes if n.process for m in FAULTS.finditer(n.stderr())]

    def close(self):
        """Nodes are asked to end, so that a sanitizer looks for leaks; those that do not are killed."""
        alive = [n for n in self.nodes if n.alive()]
        for node in alive:
            node.send_signal(signal.SIGTERM)
        for node in alive:
            try:
                node.process.wait(3 * SLOW)
            except subprocess.TimeoutExpired:
                pass
        for node in self.nodes:
            node.kill()
        for closer in reversed(self.closers):  # the last one first: a stopped process is let go on before it is ended
            closer()

    def explain(self):
        print(f"  files are left in {self.home}")
        for node in filter(lambda n: n.process, self.nodes):
            print(f"  --- {node} -> {node.process.returncode}, the end of its log:")
            for line in node.stderr().splitlines()[-25:]:
                print(f"  | {line}")
            for event in node.events[-8:]:
                print(f"  > {str(event)[:300]}")


def promises(*numbers):
    """Marks a test as one that shows promises of docs/checklist.md, or that what docs/pitfalls.md tells of does not
    happen here: @promises("F5", "P12"). scripts/checklist finds the numbers, and in the log whether the test passed.
    """
    def mark(test):
        test.promises = numbers
        return test
    return mark


def title(test):
    numbers = getattr(test, "promises", ())
    return test.__name__.replace("_", " ") + (f" [{' '.join(numbers)}]" if numbers else "")


def run_one(kith, test, answer):
    """In a process of its own. Answers with whether the test passed, and what is to be printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        passed = run_here(kith, test)
    answer.send((passed, said.getvalue()))


def run_here(kith, test):
    lab, before, problem, result = Lab(kith, loopback_addresses()), time.monotonic(), None, "ok"
    try:
        said = test(lab)
    except Skipped as skipped:
        result, said = "skipped", skipped
    except Failure as failure:
        problem, said = str(failure), None
    except Exception:
        problem, said = traceback.format_exc(), None
    lab.close()
    if problem is None and lab.faults():
        problem = "; ".join(lab.faults())
    print(f"{result if problem is None else 'FAILED':6} {title(test)} ({time.monotonic() - before:.1f} s)"
          + (f": {said}" if said else ""))
    if problem is None:
        shutil.rmtree(lab.home, ignore_errors=True)
    else:
        print(f"  {problem}")
        lab.explain()
    return problem is None


def start_one(kith, test):
    """Starts a process with its own addresses, which come of its process id. Answers with where its answer comes."""
    fork = multiprocessing.get_context("fork")
    answers, answer = fork.Pipe(duplex=False)
    process = fork.Process(target=run_one, args=(kith, test, answer))
    process.start()
    answer.close()  # the test alone has it: if its process is killed, this end is told at once
    return answers, process


def finish_one(test, answers, process):
    try:
        passed, said = answers.recv()
    except EOFError:
        passed, said = False, None
    answers.close()
    process.join()
    print(f"FAILED {title(test)}: its process ended with {process.exitcode}\n" if said is None else said, end="",
          flush=True)
    return passed


def run_all(kith, tests, at_once):
    """At most so many side by side. Answers with whether each passed."""
    results, left, running = [], list(tests), {}
    while left or running:
        while left and len(running) < at_once:
            test = left.pop(0)
            answers, process = start_one(kith, test)
            running[answers] = test, process
        for answers in multiprocessing.connection.wait(list(running)):
            test, process = running.pop(answers)
            results.append(finish_one(test, answers, process))
    return results


def run(tests, alone=(), at_once=AT_ONCE):
    """usage: test_x.py KITH [--beside | --alone] [word of a test's name]...

    `tests` run side by side, in the order given: they wait most of the time, the longest first. Those of `alone` run
    after them, one by one: they measure time or need the processors. --beside: not those; --alone: only those.
    """
    if len(sys.argv) < 2:
        sys.exit(run.__doc__)
    kith, words = os.path.abspath(sys.argv[1]), sys.argv[2:]
    if words[:1] in (["--beside"], ["--alone"]):
        tests, alone = ((), alone) if words.pop(0) == "--alone" else (tests, ())
    chosen, apart = ([t for t in some if not words or any(w in t.__name__ for w in words)] for some in (tests, alone))
    results = run_all(kith, chosen, at_once) + run_all(kith, apart, 1)
    sys.exit(0 if results and all(results) else 1)
