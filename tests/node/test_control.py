#!/usr/bin/env python3
"""The control socket: many clients at once, those that harm, and a node that nobody reads the output of."""
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time

from kithnode import EVERYONE, SLOW, Failure, check, few, full_pipe, memory_is_measured, run, until

NO_GAP = ("-exclusive", "-acceptInterval", "0")
SLOW_S = 5  # after which a client that reads nothing is sent away
CLIENTS = 64
SENDS = 64  # of one that may be under way


class Client:
    """One connection with a control socket."""

    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)  # waits for a place among those that are not accepted yet; with a time limit it would fail
        self.socket.settimeout(timeout * SLOW)
        self.buffer, self.last = b"", 0

    def write(self, data):
        self.socket.sendall(data)

    def write_what_is_taken(self, data):
        """How many bytes that are, with tries over a few tenths of a second."""
        self.socket.setblocking(False)
        sent = 0
        for _ in range(30):
            try:
                sent += self.socket.send(data[sent:])
            except BlockingIOError:
                time.sleep(0.01)
        self.socket.settimeout(10 * SLOW)
        return sent

    def line(self):
        """The next object; None at the end."""
        while b"\n" not in self.buffer:
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def request(self, **request):
        self.write(json.dumps(request).encode() + b"\n")

    def ask(self, **request):
        """Its answer; what it is told meanwhile is passed over."""
        self.last += 1
        self.request(id=self.last, **request)
        while True:
            event = self.line()
            check(event is not None, f"no answer to {request}")
            if event.get("id") == self.last:
                return event

    def command(self, command, **fields):
        return self.ask(command=command, **fields)

    def wait(self, name):
        while True:
            event = self.line()
            check(event is not None, f"no {name}")
            if event["event"] == name:
                return event

    def is_silent(self, seconds=0.3):
        self.socket.settimeout(seconds)
        try:
            check(not self.buffer and not self.socket.recv(1, socket.MSG_PEEK), "it was told something")
        except TimeoutError:
            pass
        self.socket.settimeout(10 * SLOW)

    def close(self):
        self.socket.close()


def controlled(lab, *flags, **options):
    node = lab.node(*NO_GAP, *flags, "-control", "c.sock", **options)
    node.control = os.path.join(node.home, "c.sock")
    return node


def client(lab, node):
    return lab.closes(Client(node.control))


def peer_of(lab, node, *flags):
    """Another node that has dialed it."""
    peer = lab.node(*NO_GAP, "-peers", node.endpoint, *flags)
    peer.wait_online(node)
    return peer


# --- what it is for ---

def many_clients_are_answered_each_for_itself(lab):
    node = controlled(lab)
    peer = peer_of(lab, node)
    all_of_them = [client(lab, node) for _ in range(40)]
    for number, one in enumerate(all_of_them):
        for i in range(5):
            one.request(command="status", id=f"{number}/{i}")
        one.request(command="unban", address="9.9.9.9", id=number)
    for number, one in enumerate(all_of_them):
        ids = [one.line()["id"] for _ in range(6)]
        check(sorted(map(str, ids)) == sorted([str(number), *(f"{number}/{i}" for i in range(5))]), f"{number}: {ids}")
    check(all_of_them[3].ask(send=EVERYONE, text="by control")["peers"] == 1, "it was not sent")
    peer.wait("parcel", text="by control")
    check(not node.all("status") and not node.all("sent") and not node.all("error"), "the application was answered")


def each_hears_what_it_subscribes_to(lab):
    node = controlled(lab)
    quiet, online, all_of_it = (client(lab, node) for _ in range(3))
    check(quiet.command("status")["event"] == "status", "no status")
    check(online.command("subscribe", events=["online"])["event"] == "done", "not subscribed")
    check(all_of_it.command("subscribe")["event"] == "done", "not subscribed")
    peer = peer_of(lab, node)
    name = node.wait("online")["peer"]
    for one in (online, all_of_it):
        check(one.wait("online")["peer"] == name, "another one")
    peer.send(EVERYONE, "for all")
    parcel = all_of_it.wait("parcel")
    check(parcel["text"] == "for all" and parcel["peer"] == name, f"{parcel}")
    node.wait("parcel", text="for all")
    check(online.command("unsubscribe")["event"] == "done", "still subscribed")
    peer.end()
    check(all_of_it.wait("offline")["peer"] == name, "another one")
    for one in (online, quiet):
        one.is_silent()
    for events in (["nonsense"], "online", [7]):
        check(quiet.command("subscribe", events=events)["event"] == "error", f"{events}")
    node.end()
    check(all_of_it.wait("ended"), "no end")
    check(all_of_it.line() is None and quiet.line() is None, "it is still open")
    check(not os.path.exists(node.control), "the socket is still there")


def it_can_ban_disconnect_and_quit(lab):
    node = controlled(lab)
    peer = peer_of(lab, node, "-redialSpecial", "200ms")
    name = node.wait("online")["peer"]
    one = client(lab, node)
    mark = node.mark()
    check(one.command("disconnect", peer=name)["event"] == "done", "not disconnected")
    node.wait_online(peer, since=mark)
    mark = node.mark()
    check(one.command("ban", address=peer.address)["event"] == "done", "not banned")
    node.wait("offline", since=mark)
    check(one.command("status")["bans"] == 1, "no ban")
    one.request(command="quit")
    node.join()
    check(node.process.returncode == 0, f"{node.process.returncode}")


def it_works_though_nobody_reads_standard_output(lab):
    """The application takes nothing for long, so that its queues are full."""
    reader, writer = full_pipe()
    node = controlled(lab, "-queue", "20", "-stall", "200ms", start=False)
    with open(node.stderr_path, "ab") as stderr:
        process = subprocess.Popen(node.command_line(), stdin=subprocess.PIPE, stdout=writer, stderr=stderr)
    lab.closers.append(process.kill)
    until(lambda: os.path.exists(node.control), 10, "it listens")
    one = client(lab, node)
    one.command("subscribe", events=["parcel", "online"])
    peer = lab.node(*NO_GAP, "-peers", node.endpoint)
    peer.wait_online(node)
    name = one.wait("online")["peer"]
    for i in range(100):
        check(peer.send(EVERYONE, f"number {i}")["event"] == "sent", "it was not sent")
    for i in range(100):
        check(one.wait("parcel")["text"] == f"number {i}", "another one")
    check(one.ask(send=name, text="back")["peers"] == 1, "it was not sent")
    peer.wait("parcel", text="back")
    check(one.command("peers")["peers"][0]["peer"] == name, "another one")
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    check(process.wait(5 * SLOW) == 0 and time.monotonic() - before < 2.5 * SLOW, "its end took long")
    os.close(reader)
    os.close(writer)


# --- who harms ---

def garbage_is_answered_and_harms_nobody(lab):
    node = controlled(lab, "-maxParcel", "64K")
    one, other = client(lab, node), client(lab, node)
    for line in (b"garbage", b"{", b"[]", b"{}", b"\0\0\0", b"\xff\xfe", b'{"command":7}', b'{"command":"special"}',
                 b'{"send":"x"}', b'{"command":"subscribe","events":{}}', b"[" * 10000,
                 b'{"a":' * 10000, b'{"command":"status","command":"quit"}', b'{"command":"sta\xc3(tus"}',
                 b'{"command":"quit\\u0000"}', b'{"command":"ban","address":"9.9.9.9","seconds":1e999}',
                 b'{"command":"ban","address":"9.9.9.9","seconds":-1}', b'{"command":"known","most":1e30}',
                 b'{"command":"known","most":99999999999999999999999}'):
        one.write(line + b"\n")
        check(one.line()["event"] == "error", f"{line[:40]}")
    one.write(b'{"id":7,"command":"' + bytes(3 << 20) + b'"}\n{"command":"status","id":8}\n')
    check(one.line() == {"event": "error", "message": "line too long", "id": 7}, "a line that is too long")
    check(one.line()["id"] == 8, "the line behind one that is too long")
    check(other.command("status")["event"] == "status", "another one")


def one_long_request_at_a_time(lab):
    """The others wait for it, and if it stands still it is sent away: so one line's memory is enough for all."""
    node = controlled(lab, "-maxParcel", "8M")
    peer = peer_of(lab, node)
    first, second, third = (client(lab, node) for _ in range(3))
    text = "x" * (6 << 20)
    whole = json.dumps({"send": EVERYONE, "text": text, "id": 1}).encode() + b"\n"
    first.write(whole[:5 << 20])
    sent = second.write_what_is_taken(whole)
    check(sent < 2 << 20, f"{sent} bytes were taken of the second")
    check(third.command("status")["event"] == "status", "short requests wait, too")
    second.socket.settimeout(40 * SLOW)
    second.write(whole[sent:])  # once the first one's time is over
    check(second.wait("sent")["peers"] == 1, "it was not sent")
    check(peer.wait("parcel")["text"] == text, "another one")
    check(first.line() is None, "it is still there")
    node.logged("was sent away: its long request stood still")


def who_goes_passes_the_turn_on(lab):
    """The long request behind the one that is given up goes on, though nothing else wakes the node."""
    node = controlled(lab, "-maxParcel", "8M")
    first, second = client(lab, node), client(lab, node)
    whole = json.dumps({"send": EVERYONE, "text": "x" * (6 << 20), "id": 1}).encode() + b"\n"
    first.write(whole[:5 << 20])
    sent = second.write_what_is_taken(whole)
    first.close()
    second.write(whole[sent:])
    check(second.wait("sent")["id"] == 1, "another one")


def long_requests_of_many_have_their_turns(lab):
    """Those that have one long request after another leave the others their turns."""
    node = controlled(lab, "-maxParcel", "8M")
    busy = [client(lab, node) for _ in range(8)]
    other = client(lab, node)
    whole = json.dumps({"send": EVERYONE, "text": "x" * (1 << 20), "id": 1}).encode() + b"\n"
    has_come = threading.Event()
    answers = [0] * len(busy)

    def write(one):
        while not has_come.is_set():
            one.write(whole)

    def read(i):
        while not has_come.is_set() or answers[i] < 1:
            check(busy[i].line()["event"] == "sent", "an answer")
            answers[i] += 1
    threads = [threading.Thread(target=f, args=(a,)) for i, one in enumerate(busy) for f, a in ((write, one), (read, i))]
    for thread in threads:
        thread.start()
    until(lambda: sum(answers) > 30, 10, "they are at it")
    other.write(whole)
    check(other.wait("sent")["id"] == 1, "another one")
    has_come.set()
    for thread in threads:
        thread.join()


def who_does_not_read_delays_nobody_and_is_sent_away(lab):
    memory_is_measured()
    node = controlled(lab, "-stall", "10s")
    peer = peer_of(lab, node)
    name = peer.wait("online")["peer"]
    slow, quick = client(lab, node), client(lab, node)
    for one in (slow, quick):
        one.command("subscribe", events=["parcel", "missed"])
    text, count, worst = "y" * 50000, 150, 0
    for i in range(count):
        before = time.monotonic()
        peer.send(name, f"{i}{text}")
        node.wait("parcel", where=lambda e, i=i: e["text"].startswith(f"{i}y"))
        worst = max(worst, time.monotonic() - before)
        check(quick.wait("parcel")["text"].startswith(f"{i}y"), "another one")
    check(worst < 1 * SLOW, f"a message needed {worst:.2f} s")
    node.logged("was sent away: it did not read what it was told; 1 so far", SLOW_S + 5)
    got = 0
    while slow.line() is not None:
        got += 1
    check(0 < got < count, f"{got} of {count}")
    check(node.memory("VmHWM") < 130, f"{node.memory('VmHWM'):.0f} MiB")
    check(quick.command("status")["event"] == "status", "the other one")


def who_reads_late_is_told_how_much_it_missed(lab):
    node = controlled(lab, "-stall", "10s")
    peer = peer_of(lab, node)
    name = peer.wait("online")["peer"]
    late = client(lab, node)
    late.command("subscribe", events=["parcel", "missed"])
    count = 40
    for i in range(count):
        check(peer.send(name, f"{i}" + "z" * 400000)["peers"] == 1, "it was not sent")
    until(lambda: len(node.all("parcel")) == count, 10, "all have come")
    got = missed = 0
    while got + missed < count:
        event = late.line()
        check(event is not None, f"it was sent away after {got} and {missed}")
        got += event["event"] == "parcel"
        missed += event.get("events", 0) if event["event"] == "missed" else 0
    check(got and missed and got + missed == count, f"{got} got, {missed} missed")
    late.is_silent()


def clients_that_disappear(lab):
    """Without a word, within a request, with answers under way; each leaves nothing behind."""
    node = controlled(lab)
    first = client(lab, node)
    first.command("status")
    before = node.descriptors()
    for i in range(few(1000)):
        one = Client(node.control)
        one.write((b"", b'{"command":"sta', b'{"command":"status"}\n' * 100, b'{"command":"subscribe"}\n')[i % 4])
        one.close()
    check(first.command("status")["event"] == "status", "the first one")
    until(lambda: node.descriptors() == before, 5, lambda: f"{node.descriptors()} descriptors, {before} before")
    node.send_signal(signal.SIGSTOP)  # so that they come all at once, more than there are places
    for i in range(100):
        gone = Client(node.control)
        gone.write(b'{"command":"ban","address":"9.8.7.%d"}\n' % i)
        gone.close()
    node.send_signal(signal.SIGCONT)
    until(lambda: first.command("status")["bans"] == 100, 5, "what they asked for is done")



def what_a_client_asked_for_last_waits_for_room(lab):
    """Also if it has closed meanwhile."""
    node = controlled(lab, "-stall", "60s", "-queue", "4")
    peer = peer_of(lab, node)
    name = node.wait_from(peer.address)
    peer.send_signal(signal.SIGSTOP)
    one = client(lab, node)
    one.socket.setblocking(False)
    lines = b"".join(b'{"send":"%s","text":"%s"}\n' % (name.encode(), b"f" * 500000) for _ in range(60))
    left = memoryview(lines)
    for _ in range(40):  # until it is not read any more, as no room is left
        try:
            left = left[one.socket.send(left):]
        except BlockingIOError:
            time.sleep(0.02)
    check(len(left) > 0, "there is room for all")
    gone = Client(node.control)
    gone.write(b'{"send":"%s","text":"the last"}\n' % name.encode())
    gone.close()
    time.sleep(0.3)
    peer.send_signal(signal.SIGCONT)
    peer.wait("parcel", text="the last")


def come_and_go(node, lines):
    """Whether there was a place among those that are not accepted yet."""
    one = socket.socket(socket.AF_UNIX)
    one.setblocking(False)
    try:
        one.connect(node.control)
        one.sendall(lines)
        return True
    except BlockingIOError:
        return False
    finally:
        one.close()


def answers_to_those_who_have_gone_push_out_nobodys(lab):
    """Each asks for much, and gives its place to the next at once: the watch has room for so many answers."""
    node = controlled(lab)
    one = client(lab, node)
    one.command("subscribe", events=["missed"])
    lines, came = b'{"send":"<BROADCAST>","text":"x"}\n' * (SENDS - 1), 0
    for _ in range(few(20)):
        node.send_signal(signal.SIGSTOP)  # so that they come at once
        came += sum(come_and_go(node, lines) for _ in range(130))
        node.send_signal(signal.SIGCONT)
        check(one.command("status")["event"] == "status", "its answer was lost")
    check(came > few(20) * 30, f"{came} have come")
    before = node.descriptors()
    there = [client(lab, node) for _ in range(CLIENTS - 1)]
    for other in there:
        check(other.command("status")["event"] == "status", "a place is lost")
    for other in there:
        other.close()
    until(lambda: node.descriptors() <= before, 5, "they have gone")
    one.is_silent()  # nothing was missed


def who_takes_the_place_of_one_that_has_gone_hears_none_of_its_answers(lab):
    """A dial takes seconds: meanwhile others have come and gone at that place, each with its first request."""
    node = controlled(lab, "-dialTimeout", "1s", "-handshakeTimeout", "1s")
    silent = lab.closes(socket.socket())
    silent.bind((lab.address(), 8110))
    silent.listen()
    stays = client(lab, node)
    stays.request(command="dial", address="%s:%d" % silent.getsockname(), id="its own")
    for i in range(20):
        gone = Client(node.control)
        gone.request(command="dial", address=f"{silent.getsockname()[0]}:{9000 + i}", id="of one that has gone")
        gone.close()
        there = client(lab, node)
        check(there.command("unban", address=f"9.9.9.{i}")["message"] == f"unban: 9.9.9.{i} is not banned", "another's")
        there.is_silent(0.01)
        there.close()
    last = [client(lab, node) for _ in range(CLIENTS - 1)]
    check(stays.line()["id"] == "its own", "another one")
    for one in last:
        one.is_silent(0.001)
        check(one.command("status")["event"] == "status", "no answer")
    stays.is_silent(0.01)


def halves_of_requests_take_nobodys_place_for_more(lab):
    """All but one client stop within a line; one sends 100 MB without an end of line."""
    memory_is_measured()
    node = controlled(lab, "-maxParcel", "64K")
    one = client(lab, node)
    one.command("status")
    before = node.memory("VmRSS")
    halves = [client(lab, node) for _ in range(CLIENTS - 2)]
    for half in halves:
        half.write(b'{"command":"' + b"x" * 60000)
    endless, block = client(lab, node), bytes(1 << 20)
    for _ in range(100):
        endless.write(block)
        check(one.command("status")["event"] == "status", "it waits for the others")
    check(node.memory("VmRSS") - before < 30, f"{node.memory('VmRSS') - before:.0f} MiB more")
    for half in halves:
        half.write(b'"}\n')
        check(half.line()["event"] == "error", "the other half")
    endless.write(b"\n")
    check(endless.line() == {"event": "error", "message": "line too long"}, "its answer")


def subscriptions_without_end(lab):
    node = controlled(lab)
    one, other = client(lab, node), client(lab, node)
    count = few(5000)
    for _ in range(count // 50):
        one.write(b'{"command":"subscribe"}\n{"command":"unsubscribe"}\n' * 25)
        check(all(one.line()["event"] == "done" for _ in range(50)), "not done")
    check(other.command("status")["event"] == "status", "it waits for the other")
    one.is_silent(0.05)


def too_many_clients(lab):
    """Those that are there are served, and a place that becomes free is given on."""
    node = controlled(lab)
    there = [client(lab, node) for _ in range(CLIENTS)]
    for one in there:
        check(one.command("status")["event"] == "status", "no place")
    beyond = client(lab, node)
    check(beyond.line() == {"event": "error", "message": "too many clients"} and beyond.line() is None, "a place")
    there.pop().close()

    def place():
        one = client(lab, node)
        try:
            one.request(command="status")
            return one.line()["event"] == "status"
        except OSError:
            return False
    until(place, 5, "the place is free")
    for one in there:
        check(one.command("status")["event"] == "status", "it has lost its place")


def requests_without_end_that_nobody_reads(lab):
    """They wait in the socket: the node keeps neither them nor their answers."""
    memory_is_measured()
    node = controlled(lab)
    before = node.memory("VmRSS")
    one = client(lab, node)
    one.socket.settimeout(0.5 * SLOW)
    try:
        for _ in range(2000):
            one.write(b'{"command":"peers"}\n' * 1000)
        raise Failure("all of it was taken")
    except TimeoutError:
        pass
    check(client(lab, node).command("status")["event"] == "status", "others wait for it")
    check(node.memory("VmRSS") - before < 20, f"{node.memory('VmRSS') - before:.0f} MiB more")


# --- its place ---

def the_socket_is_for_its_group_and_the_folder_for_its_owner(lab):
    path = os.path.join(lab.home, "new", "c.sock")
    node = lab.node(*NO_GAP, "-control", path)
    check(stat.S_IMODE(os.stat(path).st_mode) == 0o660, f"{os.stat(path).st_mode:o}")
    check(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700, "the folder is open to others")
    node.end()
    check(not os.path.exists(path), "it is still there")


def its_mode_is_the_same_whatever_the_umask(lab):
    for mask in (0, 0o077):
        before = os.umask(mask)
        try:
            node = controlled(lab)
        finally:
            os.umask(before)
        check(stat.S_IMODE(os.stat(node.control).st_mode) == 0o660, f"{os.stat(node.control).st_mode:o}")
        check(stat.S_IMODE(os.stat(node.control + ".lock").st_mode) == 0o600, "others may write its lock")


def a_dead_node_leaves_its_place(lab):
    node = controlled(lab)
    client(lab, node).command("status")
    node.kill()
    check(os.path.exists(node.control), "there is no socket to replace")
    node.start()
    check(client(lab, node).command("status")["event"] == "status", "it is not replaced")


def start_fails(lab, path, status, *words):
    node = lab.node("-control", path, start=False)
    done = subprocess.run(node.command_line(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=10 * SLOW)
    last = done.stderr.splitlines()[-1]
    check(done.returncode == status and "-control: " in last and all(word in last for word in words), f"{done}")


def a_place_that_cannot_be_had(lab):
    node = controlled(lab)
    start_fails(lab, node.control, 1, f"another node (process {node.process.pid}) has")
    check(client(lab, node).command("status")["event"] == "status", "the first one has lost it")
    start_fails(lab, "/" + "x" * 200, 2)
    start_fails(lab, "x" * 100, 2, "longer than the 107 bytes")
    file = os.path.join(lab.home, "file")
    with open(file, "w", encoding="ascii") as text:
        text.write("precious")
    start_fails(lab, file, 1, "is no socket")
    with open(file, encoding="ascii") as text:
        check(text.read() == "precious", "it was replaced")
    for link, leads_to in ("link", file), ("nowhere", os.path.join(lab.home, "missing")), ("to", node.control):
        link = os.path.join(lab.home, link)
        os.symlink(leads_to, link)
        start_fails(lab, link, 1, "is no socket")
        check(os.readlink(link) == leads_to, "it was replaced")
    start_fails(lab, "/proc/kith/c.sock", 1, "cannot be made")
    other = lab.closes(socket.socket(socket.AF_UNIX))
    other.bind(os.path.join(lab.home, "other"))
    other.listen()
    start_fails(lab, os.path.join(lab.home, "other"), 1, "another program listens")


def two_nodes_share_one_default(lab):
    """The second says so, and goes on without; so does one that cannot make the folder."""
    runtime = os.path.join(lab.home, "run")
    os.mkdir(runtime, 0o700)
    os.environ["XDG_RUNTIME_DIR"] = runtime
    path = os.path.join(runtime, "kith", "control.sock")
    first = lab.node(*NO_GAP)
    check(Client(path).command("status")["event"] == "status", "no socket at the default place")
    check(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700, "the folder is open to others")
    second = lab.node(*NO_GAP)
    second.logged(rf"no control socket: another node \(process {first.process.pid}\) has '{path}'")
    check(second.status()["event"] == "status", "the second one")
    none = lab.node(*NO_GAP, "-control=")
    check("control" not in none.stderr(), none.stderr())
    first.end()
    third = lab.node(*NO_GAP)
    check(Client(path).command("status")["node_id"] == third.status()["node_id"], "it is not the third one's")
    os.environ["XDG_RUNTIME_DIR"] = "/nowhere"
    lab.node(*NO_GAP).logged("no control socket: the folder '/nowhere/kith' cannot be made")
    for value in ("relative", "/" + "x" * 200, ""):
        os.environ["XDG_RUNTIME_DIR"] = value
        check("control" not in lab.node(*NO_GAP).stderr(), value)


def starts_at_once(lab):
    """Of many that start at one place, exactly one has it, dead ones' socket or not."""
    path = os.path.join(lab.home, "c.sock")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    nodes = [lab.node(*NO_GAP, "-control", path, start=False) for _ in range(6)]
    for node in nodes:
        node.start(wait=False)
    until(lambda: sum(node.alive() for node in nodes) == 1, 10, lambda: f"{sum(n.alive() for n in nodes)} are alive")
    (winner,) = (node for node in nodes if node.alive())
    winner.wait("listening")
    check(Client(path).command("status")["node_id"] == winner.status()["node_id"], "another one listens")


if __name__ == "__main__":
    run([who_does_not_read_delays_nobody_and_is_sent_away, one_long_request_at_a_time, clients_that_disappear,
         who_goes_passes_the_turn_on, long_requests_of_many_have_their_turns,
         what_a_client_asked_for_last_waits_for_room,
         many_clients_are_answered_each_for_itself, each_hears_what_it_subscribes_to, it_can_ban_disconnect_and_quit,
         it_works_though_nobody_reads_standard_output, garbage_is_answered_and_harms_nobody,
         who_reads_late_is_told_how_much_it_missed, too_many_clients, requests_without_end_that_nobody_reads,
         the_socket_is_for_its_group_and_the_folder_for_its_owner, a_dead_node_leaves_its_place,
         answers_to_those_who_have_gone_push_out_nobodys,
         who_takes_the_place_of_one_that_has_gone_hears_none_of_its_answers,
         halves_of_requests_take_nobodys_place_for_more, subscriptions_without_end,
         its_mode_is_the_same_whatever_the_umask, a_place_that_cannot_be_had, two_nodes_share_one_default, starts_at_once])
