#!/usr/bin/env python3
"""kith-ctl beside real nodes: each verb, the beginnings of names, and its exit status."""
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import threading

from kithnode import SLOW, Skipped, check, run, until

NO_GAP = ("-exclusive", "-acceptInterval", "0", "-redialSpecial", "200ms")
DONE, FAILED, USAGE, NO_NODE = range(4)
HOSTILE = "bell \a, a colour \x1b[31m and a line\nend"


class Ctl:
    """kith-ctl, which lies beside kith, for one node."""

    def __init__(self, lab, node):
        self.program = os.path.join(os.path.dirname(lab.kith), "kith-ctl")
        self.flags = ("-control", node.control)

    def __call__(self, *words, status=DONE, **options):
        """What it says; what it complains about if it is to fail."""
        done = subprocess.run([self.program, *self.flags, *words], capture_output=True, check=False, timeout=60 * SLOW,
                              **{"stdin": subprocess.DEVNULL} | options)
        out, err = done.stdout.decode(), done.stderr.decode()
        check(done.returncode == status, f"{words}: exit status {done.returncode}: {out}{err}")
        check((err == "") == (status == DONE) and (status != DONE or "ERROR" not in out), f"{words}: {err}")
        return err if status != DONE else out

    def json(self, *words, **options):
        return json.loads(self("-json", *words, **options))

    def start(self, *words):
        return subprocess.Popen([self.program, *self.flags, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)


def controlled(lab, *flags):
    node = lab.node(*NO_GAP, *flags, "-control", "c.sock")
    node.control = os.path.join(node.home, "c.sock")
    return node, Ctl(lab, node)


def pair(lab, *flags):
    node, ctl = controlled(lab, *flags)
    peer = lab.node(*NO_GAP, "-peers", node.endpoint)
    peer.wait_online(node)
    return node, ctl, peer, node.wait_from(peer.address)


def columns(text):
    """A table's rows, by the names of its columns."""
    head, *rows = text.splitlines()
    return head.split(), rows


def it_shows_the_node(lab):
    node, ctl, peer, name = pair(lab)
    names, rows = columns(ctl("peers"))
    check(names[:2] == ["peer", "way"] and "address" in names and len(rows) == 1 and rows[0].startswith(name), f"{names} {rows}")
    check(peer.endpoint in rows[0] and "incoming" in rows[0], rows)
    status = dict(line.split(maxsplit=1) for line in ctl("status").splitlines() if len(line.split()) == 2)
    check(status["network"] == "LOCAL" and status["incoming"] == "1" and status["port"] == "8110", f"{status}")
    check(ctl.json("status")["node_id"] == node.status()["node_id"], "another node")
    check(ctl.json("peers")["peers"][0]["peer"] == name, "another peer")
    names, rows = columns(ctl("known"))
    check(names[0] == "address" and any(peer.endpoint in row for row in rows), f"{names} {rows}")
    check(len(ctl.json("known", "1")["known"]) == 1, "not one")
    score = ctl("score", peer.address)
    check("quality" in score and "banned" in score, score)
    check(ctl.json("score", name)["address"] == peer.address, "another address")
    peer.end()
    until(lambda: ctl("peers") == "no peers\n", 5, "no peers")


def it_bans_and_unbans(lab):
    node, ctl, peer, name = pair(lab)
    check(ctl("bans") == "no bans\n", "bans")
    mark = node.mark()
    check(ctl("ban", name[:len(name) - 2], "2h").startswith(f"banned {peer.address} for 7200 s"), "not banned")
    node.wait("offline", since=mark)
    names, rows = columns(ctl("bans"))
    check(names[0] == "address" and rows[0].split()[0] == peer.address and "1h 59m" in rows[0], f"{names} {rows}")
    check(abs(ctl.json("bans")["bans"][0]["left_ms"] - 7200000) < 60000 * SLOW, "another time")
    check(ctl("unban", peer.address) == f"unbanned {peer.address}\n", "not unbanned")
    check("is not banned" in ctl("unban", peer.address, status=FAILED), "it was not banned")
    node.wait_from(peer.address)
    for time, seconds in (("90", 90), ("1.5m", 90), ("7d", 604800), ("30s", 30)):
        check(f"for {seconds} s" in ctl("ban", "9.9.9.9", time), time)
    for time in ("0", "-1", "x", "5w", "1h30", ""):
        check("is no time" in ctl("ban", "9.9.9.9", time, status=USAGE), time)


def it_dials_pins_and_disconnects(lab):
    node, ctl = controlled(lab, "-exclusive=false")
    other = lab.node(*NO_GAP)
    check(ctl("dial", other.endpoint).startswith(other.endpoint), "it was not dialed")
    name = other.wait("online")["peer"]
    check(name.startswith(node.address), name)
    node.wait_online(other)
    mark = node.mark()
    ctl("disconnect", f"{other.address}:")
    node.wait("offline", since=mark)
    nobody = f"{lab.address()}:8110"
    check("kith-ctl: " in ctl("dial", nobody, status=FAILED), "somebody is there")
    ctl("dial", "no address", status=FAILED)
    ctl("special", "add", other.endpoint, nobody)
    node.wait_online(other, since=mark)
    check(ctl.json("peers")["peers"][0]["special"], "it is not special")
    check("special" in ctl("peers"), "it is not shown as special")
    ctl("special", "remove", other.endpoint)
    until(lambda: not ctl.json("peers")["peers"][0]["special"], 5, "it is an ordinary one")
    ctl("special", "set")
    check(ctl.json("special", "set", nobody)["event"] == "done", "not set")
    ctl("special", "remove", "1.2.3.4:5", status=FAILED)
    check("usage: special add|remove|set" in ctl("special", "add", "nonsense:x", status=FAILED), "no usage")
    for words in (["add"], ["remove"], ["nonsense", "x"], ["list"]):
        ctl("special", *words, status=USAGE)
    before = ctl.json("score", other.address)["quality"]
    ctl("report", other.address, "-7")
    check(ctl.json("score", other.address)["quality"] == before - 7, "no points")
    for points in ("x", "10001", ""):
        ctl("report", other.address, points, status=USAGE)


def it_sends(lab):
    node, ctl, peer, name = pair(lab)
    for words, text in ((["all", "to", "all"], "to all"), (["broadcast", "b"], "b"), (["random", "r"], "r"),
                        ([name[:12], "--", "-m"], "-m"), (["-kind", "Message", "all", "é"], "é")):
        check(ctl("send", *words) == "sent to 1 peer\n", f"{words}")
        peer.wait("parcel", text=text)
    check(ctl.json("send", "all", "as json")["peers"] == 1, "not sent")
    reader, writer = os.pipe()
    data = bytes(range(256)) * 1000
    threading.Thread(target=lambda: (os.write(writer, data[:60000]), os.write(writer, data[60000:]), os.close(writer)),
                     daemon=True).start()
    ctl("send", "all", stdin=reader)
    os.close(reader)
    peer.wait("parcel", where=lambda e: len(e.get("base64", "")) == len(data) // 3 * 4 + 4)
    ctl("send", "all", "-kind", "Nonsense", "x", status=FAILED)
    ctl("send", "nobody", "x", status=FAILED)
    ctl("send", "all", b"\xff", status=USAGE)
    peer.end()
    node.wait("offline")
    check("went to nobody" in ctl("send", "all", "x", status=FAILED), "somebody was there")


def beginnings_of_names(lab):
    """One that several begin with is refused, and tells them; a whole name is itself, also if others begin so."""
    node, ctl = controlled(lab)
    peers = [lab.node(*NO_GAP, "-peers", node.endpoint) for _ in range(3)]
    names = [node.wait_from(peer.address) for peer in peers]
    common = os.path.commonprefix(names)
    said = ctl("disconnect", common, status=FAILED)
    check("3 peers' names begin with" in said and all(name in said for name in names), said)
    check("no peer's name begins with" in ctl("disconnect", "x", status=FAILED), "somebody")
    mark = node.mark()
    ctl("disconnect", names[1])
    check(node.wait("offline", since=mark)["peer"] == names[1], "another one")


def a_whole_name_is_itself(lab):
    """Also if others begin so."""
    if subprocess.run([lab.kith, "-protocol", "coin", "-help"], capture_output=True, check=False).returncode:
        raise Skipped("a build without coin")
    address = lab.address()
    peers = [lab.node(*NO_GAP, "-protocol", "coin", address=address, port=port) for port in (8310, 831)]
    names = {peer.endpoint for peer in peers}
    node, ctl = controlled(lab, "-protocol", "coin", "-peers", " ".join(names))
    until(lambda: {p["peer"] for p in ctl.json("peers")["peers"]} == names, 10, f"{names}")
    mark = node.mark()
    ctl("disconnect", f"{address}:831")
    check(node.wait("offline", since=mark)["peer"] == f"{address}:831", "another one")


def it_follows(lab):
    node, ctl, peer, name = pair(lab)
    every, messages, raw = ctl.start("tail"), ctl.start("tail", "-m", "online"), ctl.start("-json", "tail", "parcel")
    until(lambda: ctl.json("status"), 5, "the node")

    def told(process, what):
        for line in process.stdout:
            if what in line:
                return line
        raise AssertionError(what)
    # Each is subscribed once it shows something: what comes is said until then.
    def say():
        while not stop.wait(0.05):
            peer.send(name_of_node, HOSTILE)
    stop, name_of_node = threading.Event(), next(iter(peer.peers()))
    sayer = threading.Thread(target=say)
    sayer.start()
    shown = told(messages, "parcel")
    check(json.loads(told(raw, "parcel"))["text"] == HOSTILE, "another message")
    stop.set()
    sayer.join()
    check(name in shown and r"\x1b[31m" in shown and r"\x07" in shown and r"\x0aend" in shown, shown)
    peer.end()
    check(name in told(every, " offline"), "another one")
    peer.start()
    check(peer.address in told(messages, " online"), "another one")
    node.end()
    for process in (every, messages, raw):
        out, err = process.communicate(timeout=10 * SLOW)
        check(process.returncode == (DONE if process is every else NO_NODE), f"{process.returncode} {err}")
        check("parcel" not in out or process is not every, "a message that was not asked for")


def where_there_is_no_node(lab):
    node, ctl = controlled(lab)
    program, control = ctl.program, node.control
    node.end()
    check("no node there" in ctl("peers", status=NO_NODE), "a node")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(control)
    check("no node there" in ctl("peers", status=NO_NODE), "a node")
    stale.close()
    ctl.flags = ("-control", "/" + "x" * 300)
    ctl("peers", status=NO_NODE)
    ctl.flags = ()
    check("-control" in ctl("peers", status=NO_NODE, env={}), "a place")
    runtime = os.path.join(lab.home, "run")
    os.mkdir(runtime)
    os.environ["XDG_RUNTIME_DIR"] = runtime
    check(f"{runtime}/kith/control.sock" in ctl("peers", status=NO_NODE), "another place")
    lab.node(*NO_GAP)
    check(ctl("peers") == "no peers\n", "not at the default place")
    check(os.access(program, os.X_OK), program)


def a_node_that_stands_still_or_goes(lab):
    node, ctl = controlled(lab)
    follower = ctl.start("tail", "missed")
    until(lambda: ctl.json("status"), 5, "the node")
    check(ctl("quit") == "", "it said something")
    node.join()
    check(node.process.returncode == 0, f"{node.process.returncode}")
    check(follower.wait(10 * SLOW) == NO_NODE, f"{follower.returncode}")


class Impostor:
    """At a node's place, answers one request of each connection by what `answer` makes of it: bytes."""

    def __init__(self, lab, answer):
        self.control = os.path.join(lab.home, f"impostor{len(os.listdir(lab.home))}")
        self.answer, self.listening = answer, lab.closes(socket.socket(socket.AF_UNIX))
        self.listening.bind(self.control)
        self.listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self.listening.accept()[0]
                with connection, connection.makefile("rb") as requests:
                    connection.sendall(self.answer(json.loads(requests.readline())), socket.MSG_NOSIGNAL)
            except OSError:
                if self.listening.fileno() < 0:
                    return


def the_status_is_in_groups_without_zeros(lab):
    node, ctl, _, _ = pair(lab)
    shown, everything = ctl("status").splitlines(), ctl("-a", "status").splitlines()
    titles = [line for line in shown if not line.startswith(" ")]
    check(titles[:2] == ["Node", "Peers"], f"{titles}")
    check(not [line for line in shown if line.split()[-1] in ("0", "none", "never") and line.split()[0] not in ("outgoing", "incoming", "known")],
          f"{shown}")
    check(any(line.split() == ["outgoing", "0"] for line in shown), "that there are no outgoing peers")
    check(set(key.replace("_ms", "").replace("_", " ") for key, value in node.status().items() if key not in ("event", "id") and value != "")
          == set(line[2:22].strip() for line in everything if line.startswith("  ") and line[2] != " "), f"{everything}")
    check(max(map(len, shown + everything)) <= 80, "it is too wide")
    told = {"event": "status", "clocks_outgoing": 3, "clock_offset_ms": -12345, "clock_offset_in_ms": 0}
    shown = Ctl(lab, Impostor(lab, said(told)))("status").splitlines()
    check(shown == ["Clocks of peers, beside ours", "  clocks outgoing     3", "  clock offset        -12.3s"], f"{shown}")
    told = {"event": "status", "dials": {f"cause {i}": i for i in range(20)}, "identity": "02" * 33, "new_figure": 3, "shed": 0}
    shown = Ctl(lab, Impostor(lab, said(told)))("status").splitlines()
    check(max(map(len, shown)) <= 80 and shown[-2:] == ["Others", "  new figure          3"] and "    " + "02" * 33 in shown, f"{shown}")
    check(" ".join(" ".join(shown).split()).endswith("dials " + ", ".join(f"{i} cause {i}" for i in range(1, 20)) + " Others new figure 3"),
          f"{shown}")


def said(answer):
    """An impostor's answer to all."""
    return lambda request: json.dumps(answer | {"id": request["id"]}, ensure_ascii=False).encode() + b"\n"


def what_an_impostor_says_harms_no_terminal(lab):
    """A node that somebody has taken over speaks with those who administer it."""
    evil = "\x1b]0;evil\x07\x9b31m"
    peer = {name: evil for name in ("peer", "address", "direction")} | {"version": 1}
    for verb, answer in (("peers", {"event": "peers", "peers": [peer]}), ("bans", {"event": "bans", "bans": [{"address": evil}]}),
                         ("known", {"event": "known", "known": [{"address": evil, "source": evil, "peer_id": evil}]}),
                         ("status", {"event": evil, evil: 7, "network": evil, "dials": {evil: 3}}),
                         ("status", {"event": "done", "message": evil})):
        shown = Ctl(lab, Impostor(lab, said(answer)))(verb)
        check("\x1b" not in shown and "\x07" not in shown and "\x9b" not in shown and "evil" in shown, f"{verb}: {shown!r}")
    events = [{"event": "done", "id": 1}, {"event": evil}, {"event": "parcel", "peer": evil, "kind": evil, "text": evil},
              {"event": "error", "message": evil, "reason": evil, "cause": evil, "address": evil}, {"event": "ended"}]
    lines = b"".join(json.dumps(e, ensure_ascii=False).encode() + b"\n" for e in events)
    shown = Ctl(lab, Impostor(lab, lambda request: lines))("tail")
    check("\x1b" not in shown and "\x07" not in shown and "\x9b" not in shown and shown.count("\n") == 4, f"{shown!r}")


def what_an_impostor_says_is_bounded(lab):
    names = [{"peer": "p" + str(i) + "x" * 5000} for i in range(9)]
    ctl = Ctl(lab, Impostor(lab, said({"event": "peers", "peers": names})))
    check("9 peers' names begin with 'p'" in ctl("disconnect", "p", status=FAILED), "another answer")
    for answer in (b"\0garbage\n", b"[" * 100000 + b"\n", bytes(65 << 20)):
        ctl = Ctl(lab, Impostor(lab, lambda request, answer=answer: answer))
        check("is no answer of a node" in ctl("status", status=FAILED), "another answer")


def a_node_that_has_no_place_for_it_says_so(lab):
    node, ctl = controlled(lab)
    there = [lab.closes(socket.socket(socket.AF_UNIX)) for _ in range(64)]
    for one in there:
        one.connect(node.control)
        one.sendall(b'{"command":"status"}\n')
        check(one.recv(9) == b'{"event":', "no place")
    for words in (("peers",), ("disconnect", "p"), ("tail",), ("quit",)):
        check("too many clients" in ctl(*words, status=FAILED), f"{words}")


def usage(lab):
    node, ctl = controlled(lab)
    for words in ((), ("nonsense",), ("-nonsense", "peers"), ("peers", "x"), ("ban",), ("ban", "a", "1", "b"), ("-kind",),
                  ("send",), ("known", "x"), ("known", "0"), ("unban", b"\xff"), ("dial", b"\xff"), ("special", "add", b"\xff"),
                  ("tail", "online", b"\xff"), ("send", "-kind", b"\xff", "all", "x")):
        check(ctl(*words, status=USAGE).startswith("kith-ctl: "), f"{words}")
    check("did you mean peers?" in ctl("peer", status=USAGE) and "-help" in ctl("frobnicate", status=USAGE), "no advice")
    check("usage: ban PEER|IP [TIME]" in ctl("ban", status=USAGE), "its form")
    check(ctl("-help").startswith("usage: kith-ctl") and ctl("peers", "-h").startswith("usage: "), "no help")
    check(ctl("-version").startswith("kith-ctl "), "no version")
    check(ctl("--json", "peers").startswith('{"event":"peers"'), "two dashes")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([ctl.program, *ctl.flags, "status"], stdout=full, stderr=subprocess.PIPE, check=False)
    check(done.returncode == FAILED and b"standard output: " in done.stderr, f"{done}")
    check(node.status()["event"] == "status", "the node")


def seen_in_a_terminal(ctl, width, *words, **environment):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, width))
    subprocess.run([ctl.program, *ctl.flags, *words], stdout=slave, env=environment, check=True)
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    return shown


def a_table_is_no_wider_than_the_terminal(lab):
    node, ctl, peer, name = pair(lab, "-relay")
    narrow, wide = (seen_in_a_terminal(ctl, width, "peers", TERM="dumb") for width in (80, 200))
    check(all(len(line) <= 80 for line in narrow.splitlines()) and name in narrow and "dropped" in narrow, narrow)
    check("bytes out" in wide and "bytes out" in ctl("peers") and "bytes out" not in narrow, wide)
    check(node.alive() and peer.alive(), "they have ended")


def colours_are_for_terminals(lab):
    """A special peer that loses points is red there; not with NO_COLOR, nor in a pipe."""
    node, ctl, peer, name = pair(lab)
    ctl("report", name, "-3")
    for environment, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        shown = seen_in_a_terminal(ctl, 80, "peers", **environment)
        check(("\x1b[" in shown) == coloured and name in shown, f"{environment}: {shown}")
    check("\x1b" not in ctl("peers"), "colours in a pipe")
    check(node.alive() and peer.alive(), "they have ended")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    run([it_dials_pins_and_disconnects, it_follows, it_shows_the_node, the_status_is_in_groups_without_zeros, it_bans_and_unbans, it_sends,
         beginnings_of_names, a_whole_name_is_itself,
         where_there_is_no_node, a_node_that_stands_still_or_goes,
         what_an_impostor_says_harms_no_terminal, what_an_impostor_says_is_bounded, a_node_that_has_no_place_for_it_says_so, usage, a_table_is_no_wider_than_the_terminal, colours_are_for_terminals])
