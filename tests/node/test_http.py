#!/usr/bin/env python3
"""-http: figures for Prometheus, whether the node is healthy and ready, and those who ask badly."""
import ctypes
import glob
import os
import resource
import shutil
import subprocess
import threading
import time

import factomwire as wire
import promtext
from httpclient import PORT, Events, Web, serving
from kithnode import SLOW, Skipped, check, full_pipe, run, until
from stopped import Stopped, thread_of

NO_GAP = ("-exclusive", "-acceptInterval", "0")
CONNECTIONS, STREAMS = 64, 16  # app/http/state.h


# --- what it says ---

def the_metrics_are_wellformed_and_promtool_finds_nothing_in_them(lab):
    a, web = serving(lab, *NO_GAP)
    b = lab.node("-exclusive", "-peers", a.endpoint)
    a.wait("online")
    code, headers, body = web.ask("/metrics")
    check(code == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", headers)
    families = promtext.parse(body.decode())
    for name in ("kith_peers", "kith_dials_total", "kith_dropped_parcels_total", "kith_queue_fill_ratio",
                 "kith_peers_file_saves_total", "process_cpu_seconds_total", "process_open_fds"):
        check(name in families, f"no {name}")
    check(b.alive(), "the other has ended")
    if not shutil.which("promtool"):
        raise Skipped("no promtool: scripts/deps test")
    result = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True)
    check(result.returncode == 0 and not result.stdout + result.stderr, f"{result.stdout} {result.stderr}")


def the_figures_are_those_of_the_node(lab):
    a, web = serving(lab, *NO_GAP, "-stall", "10s")
    b = lab.node("-exclusive", "-peers", a.endpoint)
    a.wait("online")
    b.wait_online(a)
    for i in range(20):
        b.send("<FULLBROADCAST>", f"message {i}")
    for _ in range(20):
        a.wait("parcel")
    status = until(lambda: (s := web.status())["status"]["total_parcels_in"] >= 20 and s, 10, "20 messages")
    peer, = status["peers"]
    own = a.command("peers")["peers"][0]
    for key in ("peer", "connection", "address", "direction", "special", "version"):
        check(peer[key] == own[key], f"{key}: {peer[key]} {own[key]}")
    check(status["status"]["incoming"] == 1 and peer["rates"]["parcels_in"] >= 0, status)
    m = {name: family.samples for name, family in web.metrics().items()}
    check(m["kith_peers"][(("direction", "incoming"), ("special", "false"), ("relay", "false"))] == 1, m["kith_peers"])
    check(m["kith_received_parcels_total"][()] >= 20 and m["kith_received_bytes_total"][()] > 200, "what came")
    check(m["kith_build_info"] == {(("version", "0.1.0"), ("protocol", "factom"), ("network", "LOCAL")): 1}, "who it is")
    check(m["kith_connections_total"] == {(("direction", "outgoing"),): 0, (("direction", "incoming"),): 1}, "who came")
    check(abs(m["process_resident_memory_bytes"][()] / 2**20 - a.memory("VmRSS")) < 40 + a.memory("VmRSS") * SLOW,
          "its memory")
    check(abs(m["process_open_fds"][()] - a.descriptors()) <= 3 and m["process_threads"][()] >= 5, "descriptors")
    check(abs(m["process_start_time_seconds"][()] - os.stat(f"/proc/{a.process.pid}").st_ctime) < 5, "its start")
    there = web.metrics()
    check(there["kith_start_time_seconds"].samples == m["kith_start_time_seconds"], "its start is one time")


def the_clocks_of_peers(lab):
    """Not a number if none is known."""
    a, web = serving(lab, *NO_GAP, "-protocol", "mintlayer")
    outgoing, incoming = (("direction", "outgoing"),), (("direction", "incoming"),)

    def looks(web, clocks):
        """The last look may be of a second ago."""
        figures = until(lambda: (m := web.metrics())["kith_peer_clocks"].samples == clocks and m, 10, f"{clocks}")
        offsets = figures["kith_peer_clock_offset_seconds"].samples
        for direction, offset in offsets.items():
            check(abs(offset) < 2 * SLOW if clocks[direction] else offset != offset, f"{offsets}")

    looks(web, {outgoing: 0, incoming: 0})
    b, of_b = serving(lab, *NO_GAP, "-protocol", "mintlayer", "-peers", a.endpoint)
    b.wait_online(a)
    looks(of_b, {outgoing: 1, incoming: 0})
    looks(web, {outgoing: 0, incoming: 1})


def grown(web, before):
    """The counters now: the same ones, and none is less than before."""
    now = promtext.counters(web.metrics())
    check(set(now) == set(before), f"others: {set(now) ^ set(before)}")
    less = {key: (before[key], now[key]) for key in now if now[key] < before[key]}
    check(not less, f"became less: {less}")
    return now


def counters_only_grow_whoever_comes_and_goes(lab):
    a, web = serving(lab, *NO_GAP, "-peers", f"{lab.address()}:8110", "-redialSpecial", "200")
    before = promtext.counters(web.metrics())
    for round in range(3):
        b = lab.node("-exclusive", "-peers", a.endpoint)
        since = a.mark()
        a.wait("online", since=since - 1 if since else 0)
        b.wait("online")
        for i in range(5):
            b.send("<FULLBROADCAST>", f"{round} {i}")
        until(lambda: len(a.all("parcel")) == 5 * (round + 1), 10, "its messages")
        until(lambda: web.status()["status"]["parcels_in"] >= 5, 5, "a look at the node that has them")
        before = grown(web, before)
        b.kill()
        a.wait("offline", since=since)
        until(lambda: not web.status()["peers"], 5, "nobody is there")
        before = grown(web, before)
    until(lambda: promtext.counters(web.metrics())[("kith_received_parcels_total", ())] >= 15, 5, "all are counted")
    now = promtext.counters(web.metrics())
    check(now[("kith_connections_total", (("direction", "incoming"),))] == 3, "three came")
    check(now[("kith_dials_total", (("result", "dial failed"),))] >= 1, "dials that failed")


def what_is_dropped_is_told_by_cause(lab):
    a, web = serving(lab, *NO_GAP, "-stall", "100", "-queue", "16")
    b = lab.node("-exclusive", "-peers", a.endpoint, "-stall", "100")
    b.wait("online")
    name = a.wait("online")["peer"]
    os.kill(b.process.pid, 19)
    try:
        def dropped():
            for _ in range(50):
                a.request(send=name, text="x" * 100000)
            return a.all("dropped")
        until(dropped, 20, "parcels are dropped")
    finally:
        os.kill(b.process.pid, 18)
    key = ("kith_dropped_parcels_total", (("cause", "peer stalled"),))
    until(lambda: promtext.counters(web.metrics())[key] > 0, 5, "the drops")
    peers = web.status()["peers"]
    check(not peers or peers[0]["dropped_by"].get("peer stalled", 0) > 0, f"{peers}")


# --- healthy, ready ---

class Frozen:
    """One thread of a process, stopped."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, node, name):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.thread = next(int(path.split("/")[4]) for path in glob.glob(f"/proc/{node.process.pid}/task/*/comm")
                           if open(path, encoding="ascii").read().strip() == name)

    def trace(self, what):
        if self.libc.ptrace(what, self.thread, None, None) != 0:
            raise Skipped(f"ptrace: {os.strerror(ctypes.get_errno())}")

    def __enter__(self):
        self.trace(self.SEIZE)
        self.trace(self.INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_):
        self.trace(self.DETACH)


def a_node_whose_controller_hangs_is_not_healthy(lab):
    node, web = serving(lab, *NO_GAP)
    check(web.ask("/healthz")[::2] == (200, b"ok\n"), "healthy")
    with Frozen(node, "kith-control"):
        def unwell():
            code, _, body = web.ask("/healthz")
            return code == 503 and body
        body = until(unwell, 15, "not healthy")
        check(b"controller does not answer" in body, body)
        check(web.ask("/metrics")[0] == 503, "nor are there figures")
    until(lambda: web.ask("/healthz")[0] == 200, 15, "healthy again")


def a_node_that_listens_is_ready_and_one_that_can_reach_nobody_is_not(lab):
    _, web = serving(lab, *NO_GAP)
    check(web.ask("/readyz")[::2] == (200, b"ready: the node listens\n"), web.ask("/readyz"))
    address, proxied = lab.address(), lab.address()
    lonely = lab.node("-http", f"{address}:{PORT}", "-exclusive", address=address, start=False)
    lonely.command_line = lambda: [lonely.kith, "-json", "-home", lonely.home, "-seedURL=", "-proxy", f"{proxied}:9",
                                   *lonely.flags]
    lonely.start(wait=False)
    web = Web(lonely)
    until(lambda: not connection_fails(web), 10, "it answers")
    code, _, body = web.ask("/readyz")
    check(code == 503 and b"does not listen" in body, f"{code} {body}")
    check(web.ask("/healthz")[0] == 200, "but it is healthy")


def connection_fails(web):
    try:
        web.connect().close()
        return False
    except OSError:
        return True


def it_answers_while_nobody_reads_standard_output(lab):
    address = lab.address()
    node = lab.node("-http", f"{address}:{PORT}", *NO_GAP, address=address, start=False)
    _, writer = full_pipe()
    process = subprocess.Popen(node.command_line(), stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.DEVNULL)
    lab.closers.append(lambda: (process.kill(), process.wait()))
    web = Web(node)
    until(lambda: not connection_fails(web), 10, "it answers")
    check(web.ask("/healthz")[0] == 200 and web.status()["status"]["port"] == 8110, "it is healthy")


def a_stream_tells_of_the_node_and_its_log_until_the_end(lab):
    node, web = serving(lab, *NO_GAP)
    events = lab.closes(Events(web)).begin()
    check(events.headers["Content-Type"].startswith("text/event-stream"), events.headers)
    check(events.until("view")["peers"] == [], "nobody is there")
    events.until("log", lambda lines: any("network LOCAL" in line["text"] for line in lines))
    b = lab.node("-exclusive", "-peers", node.endpoint)
    events.until("view", lambda view: view["peers"])
    events.until("log", lambda lines: any("online" in line["text"] for line in lines))
    check(b.alive(), "the other has ended")
    node.end()
    check(not events.rest(), "the stream has ended")


def lines_that_come_too_fast_for_the_page_are_counted(lab):
    """256 of them may wait for it."""
    node, web = serving(lab, *NO_GAP)
    with Stopped(thread_of(node.process.pid, "kith-desk")):
        for i in range(300):
            node.command("ban", peer=f"10.1.{i // 250}.{i % 250 + 1}")
    until(lambda: web.metrics()["kith_http_log_lines_missed_total"].samples[()] >= 300 - 256, 10, "they are counted")
    check(web.status()["log_lines_missed"] == web.metrics()["kith_http_log_lines_missed_total"].samples[()], "not on the page")


# --- those who ask badly ---

def only_reading_is_possible_and_only_by_our_own_names(lab):
    _, web = serving(lab, *NO_GAP)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FROB"):
        code, headers, _ = web.ask("/metrics", method=method)
        check(code == 405 and headers["Allow"] == "GET, HEAD", f"{method}: {code}")
    check(web.ask("/", method="POST", body=b"x" * 100000)[0] == 405, "a body")
    check(web.ask("/", body=b"x")[0] == 400, "a body with GET")
    check(web.ask("/metrics", method="HEAD")[::2] == (200, b""), "HEAD")
    check(web.ask("/events", method="HEAD")[::2] == (200, b""), "HEAD of a stream")
    for host in ("evil.example", "evil.example:9110", "127.0.0.1.evil.example", "", "localhost.evil.example", "[::1", "a" * 300):
        check(web.ask("/status.json", headers={"Host": host})[0] in (400, 421), f"host {host}")
    for host in (web.address, f"{web.address}:{PORT}", "localhost", "LocalHost:1", "[::1]:9110", "10.1.2.3"):
        check(web.ask("/status.json", headers={"Host": host})[0] == 200, f"host {host}")
    twice = ("Host: localhost\r\nHost: evil.example", "Host: evil.example\r\nHost: localhost",
             "Host: localhost\r\nContent-Length: 0\r\nContent-Length: 0", "Host: localhost\r\nContent-Length: 0\r\ncontent-length: 9")
    for lines in twice:
        with web.connect() as talk:
            talk.sendall(f"GET /status.json HTTP/1.1\r\n{lines}\r\nConnection: close\r\n\r\n".encode())
            check(talk.recv(12) == b"HTTP/1.1 400", lines)
    for path in ("/nothing", "//", "/../etc/passwd", "/%2e%2e/etc/passwd", "/metrics/", "/?x=1", "/status.json?x"):
        code = web.ask(path)[0]
        check(code == (200 if "?" in path else 404), f"{path}: {code}")
    for path in ("/", "/metrics", "/nothing"):
        headers = {name.lower(): value for name, value in web.ask(path)[1].items()}
        check("access-control-allow-origin" not in headers, "others' pages may not read it")
        check(headers["x-content-type-options"] == "nosniff" and "content-security-policy" in headers, headers)


def garbage_ends_its_own_connection_alone(lab):
    node, web = serving(lab, *NO_GAP)
    web.raw(os.urandom(5000))
    web.raw(b"\0" * 5000)
    web.raw(b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n")
    web.raw(b"GET / HTTP/1.1\r\nno colon\r\n\r\n")
    web.raw(b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    web.raw(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100000 + b"\r\n\r\n")
    web.raw(b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(5000)) + b"\r\n")
    web.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
    web.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n")
    web.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n")
    web.raw(b"".join(web.request_text("/metrics") for _ in range(100)))
    check(node.alive() and web.ask("/healthz")[0] == 200, "it is there")
    until(lambda: web.metrics()["kith_http_connections"].samples[()] == 1, 25, "their connections are closed")


class Talk(threading.Thread):
    """Two nodes that talk; the longest time that a message took."""

    def __init__(self, sender, receiver):
        super().__init__(daemon=True)
        self.sender, self.receiver, self.longest, self.over = sender, receiver, 0, False

    def run(self):
        number = 0
        while not self.over:
            number += 1
            since, before = self.receiver.mark(), time.monotonic()
            self.sender.request(send="<FULLBROADCAST>", text=f"talk {number}")
            self.receiver.wait("parcel", since=since, text=f"talk {number}")
            self.longest = max(self.longest, time.monotonic() - before)
            time.sleep(0.01)

    def end(self):
        self.over = True
        self.join()
        return self.longest


def slow_askers_and_a_crowd_keep_nobody_out_and_delay_no_peer(lab):
    node, web = serving(lab, *NO_GAP)
    b = lab.node("-exclusive", "-peers", node.endpoint)
    b.wait("online")
    talk = Talk(b, node)
    talk.start()
    sockets = [web.connect() for _ in range(200)]
    for i, s in enumerate(sockets):
        s.setblocking(False)
        s.send(b"GET / HTTP/1.1\r\n" if i % 2 else b"")
    over = threading.Event()

    def dribble():
        while not over.wait(0.2):
            for s in sockets:
                try:
                    s.send(b"X")
                except OSError:
                    pass
    dribbler = threading.Thread(target=dribble, daemon=True)
    dribbler.start()
    before = time.monotonic()
    code = web.ask("/healthz", timeout=40)[0]
    waited = time.monotonic() - before
    over.set()
    dribbler.join()
    check(code == 200 and waited < 1.2 * SLOW, f"{code} after {waited:.1f} s: whoever has taken longest makes room")
    for s in sockets:
        s.close()
    longest = talk.end()
    check(longest < 1 * SLOW, f"a message took {longest:.2f} s")
    until(lambda: web.metrics()["kith_http_connections"].samples[()] == 1, 25, "they have gone")
    late = web.metrics()["kith_http_connections_late_total"].samples[()]
    check(late >= CONNECTIONS, f"{late} were late")
    return f"a request waited for {waited:.1f} s beside 200, a message for {longest * 1000:.0f} ms"


def streams_are_bounded_and_one_that_is_not_read_is_closed(lab):
    node, web = serving(lab, *NO_GAP, "-logLevel", "debug")
    streams = [lab.closes(Events(web)).begin() for _ in range(STREAMS)]
    refused = lab.closes(Events(web)).begin()
    check(all(s.code == 200 for s in streams) and refused.code == 503, f"{refused.code}")
    until(lambda: web.metrics()["kith_http_streams"].samples[()] == STREAMS, 5, "they are counted")
    for s in streams[1:]:
        s.close()
    until(lambda: web.metrics()["kith_http_streams"].samples[()] == 1, 10, "who goes makes room")
    slow = lab.closes(Events(web, buffer=4096))
    fill(lab, node, web)
    until(lambda: web.metrics()["kith_http_slow_streams_total"].samples[()] == 1, 60, "the slow one is closed")
    seen = streams[0].until("view", lambda view: len(view["peers"]) == 40)
    check(streams[0].until("view", lambda view: view["at_ms"] > seen["at_ms"]) and node.alive(), "the other goes on")
    slow.close()


def fill(lab, node, web):
    """So many peers that what a page is told of them is long."""
    for i in range(40):
        lab.closes(wire.RawPeer(node, lab.address(), node_id=i + 1))
    until(lambda: len(web.status()["peers"]) == 40, 20, "40 peers")


# --- where it listens ---

def a_port_that_is_taken_or_no_port_is_told_with_the_options_name(lab):
    _, web = serving(lab, *NO_GAP)
    for value, code, words in ((f"{web.address}:{PORT}", 1, "Address already in use"), ("nonsense", 2, "-http"),
                               ("127.0.0.1:70000", 2, "70000"), ("127.0.0.1", 2, "127.0.0.1"),
                               (":", 2, "-http"), ("[::1:80", 2, "-http")):
        other = lab.node("-http", value, start=False)
        result = subprocess.run(other.command_line(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=10 * SLOW)
        check(result.returncode == code, f"{value}: exit status {result.returncode}")
        line = result.stderr.splitlines()[-1]
        check("-http" in line and words in line, f"{value}: {line}")


def a_port_alone_means_loopback_and_an_ipv6_address_stands_in_brackets(lab):
    for value, start in (("0", "http://127.0.0.1:"), (":0", "http://127.0.0.1:"), ("[::1]:0", "http://[::1]:"),
                         ("localhost:0", "http://")):
        node = lab.node("-http", value)
        node.logged(r"HTTP: http://\S+:[1-9]\d*/")
        check(f"HTTP: {start}" in node.stderr(), f"{value}: {node.stderr()}")
        check(value != "0" or "the page" not in node.stderr(), "loopback needs no warning")


def processor_time(thread):
    """Seconds."""
    with open(f"/proc/{thread}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def who_waits_for_a_descriptor_costs_nothing(lab):
    """Of the whole process none is left, and nobody else is connected: else the end of that would be waited for."""
    node, web = serving(lab, *NO_GAP)
    desk = thread_of(node.process.pid, "kith-desk")
    before = resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (16, before[1]))
    with web.connect() as s:
        s.sendall(web.request_text("/healthz"))
        since = processor_time(desk)
        time.sleep(1)
        used = processor_time(desk) - since
        check(used < 0.1 * SLOW, f"{used:.2f} s of a processor in one")
        resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, before)
        check(s.recv(15) == b"HTTP/1.1 200 OK", "an answer")


if __name__ == "__main__":
    run([
        streams_are_bounded_and_one_that_is_not_read_is_closed,
        slow_askers_and_a_crowd_keep_nobody_out_and_delay_no_peer,
        a_node_whose_controller_hangs_is_not_healthy,
        who_waits_for_a_descriptor_costs_nothing,
        the_metrics_are_wellformed_and_promtool_finds_nothing_in_them,
        the_figures_are_those_of_the_node, the_clocks_of_peers,
        counters_only_grow_whoever_comes_and_goes,
        what_is_dropped_is_told_by_cause,
        a_node_that_listens_is_ready_and_one_that_can_reach_nobody_is_not,
        it_answers_while_nobody_reads_standard_output,
        a_stream_tells_of_the_node_and_its_log_until_the_end,
        lines_that_come_too_fast_for_the_page_are_counted,
        only_reading_is_possible_and_only_by_our_own_names,
        garbage_ends_its_own_connection_alone,
        a_port_that_is_taken_or_no_port_is_told_with_the_options_name,
        a_port_alone_means_loopback_and_an_ipv6_address_stands_in_brackets,
    ])
