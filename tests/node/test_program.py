#!/usr/bin/env python3
"""The program as its user meets it: flags, files, signals, the JSON lines, the console."""
import base64
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import factomwire as wire
from kithnode import PORT, SLOW, Failure, check, payload_of, promises, run, until

VECTORS = Path(__file__).parent.parent / "vectors" / "factom.json"


def call(lab, *flags):
    return subprocess.run([lab.kith, *flags], capture_output=True, text=True, timeout=10 * SLOW,
                          stdin=subprocess.DEVNULL, check=False)


def version_and_help(lab):
    for flag in ("-version", "--version"):
        done = call(lab, flag)
        check(done.returncode == 0 and re.fullmatch(r"kith \d+\.\d+\.\d+\n", done.stdout), f"{flag}: {done}")
    for flag in ("-help", "--help", "-help=true"):
        done = call(lab, flag)
        check(done.returncode == 0 and "-networkPort" in done.stdout and not done.stderr, f"{flag}: {done}")
        check(max(map(len, done.stdout.splitlines())) <= 80, "the help is wider than 80 columns")


def bad_configuration(lab):
    """Each is refused with one line that names the option, and exit status 2."""
    broken = Path(lab.home, "broken.conf")
    broken.write_text("Network = LOCAL\nthis is no setting\n", encoding="utf-8")
    wrong = Path(lab.home, "wrong.conf")
    wrong.write_text("NetworkPort = 99999\n", encoding="utf-8")
    cases = [
        (["-noSuchFlag", "1"], "noSuchFlag"),
        (["word"], "word"),
        (["-networkPort", "70000"], "-networkPort"),
        (["-networkPort", "-1"], "-networkPort"),
        (["-networkPort=8110x"], "-networkPort"),
        (["--networkPort"], "-networkPort"),
        (["-network", "NOWHERE"], "-network"),
        (["-network", "CUSTOM"], "-customnet"),
        (["-network=LOCAL", "-customnet=garden"], "-customnet"),
        (["-peers", "127.0.0.1"], "-peers"),
        (["-peers", "127.0.0.1:0"], "-peers"),
        (["-bind", "not an address"], "-bind"),
        (["-silence", "10s", "-ping", "10s"], "-ping"),
        (["-stall", "1 fortnight"], "-stall"),
        (["-protocol", "smoke-signals"], "-protocol"),
        (["-protocolVersion", "8"], "-protocolVersion"),
        (["-protocolVersionMinimum", "11", "-protocolVersion", "9"], "-protocolVersionMinimum"),
        (["-maxParcel", "1T"], "-maxParcel"),
        (["-json=maybe"], "-json"),
        (["-seedURL", "gopher://x"], "-seedURL"),
        (["-identity"], "-identity: protocol factom"),
        (["-identityFile", ""], "-identityFile"),
        (["-peers", "00ff@127.0.0.1:8110"], "-peers: 127.0.0.1:8110"),
        (["-peers", "00f@127.0.0.1:8110"], "-peers"),
        (["-bootstrap", "node.example:8110"], "-bootstrap: 'node.example'"),
        (["-bootstrap", "127.0.0.1"], "-bootstrap"),
        (["-anyPort=8110"], "-anyPort"),
        (["-lan"], "-lan: protocol factom has no datagrams"),
        (["-rate", "-1"], "-rate"),
        (["-dials", "0"], "-dials"),
        (["-config", os.path.join(lab.home, "absent.conf")], "absent.conf"),
        (["-config", str(broken)], "broken.conf:2"),
        (["-config", str(wrong)], "NetworkPort"),
    ]
    for flags, named in cases:
        done = call(lab, "-home", lab.home, *flags)
        check(done.returncode == 2, f"{flags}: exit status {done.returncode}, {done.stderr!r}")
        check(done.stderr.count("\n") == 1 and named in done.stderr, f"{flags}: {done.stderr!r}")
        check(not done.stdout, f"{flags}: wrote {done.stdout!r}")
    return f"{len(cases)} cases"


@promises("P35")
def a_port_in_use_is_an_error(lab):
    node = lab.node()
    done = call(lab, "-json", "-bind", node.address, "-networkPort", str(PORT), "-home", os.path.join(lab.home, "x"))
    check(done.returncode == 1, f"exit status {done.returncode}")
    check(f"{node.address}" in done.stderr.splitlines()[-1] or str(PORT) in done.stderr.splitlines()[-1], done.stderr)


def flags_in_each_spelling(lab):
    address, names = lab.address(), set()
    for flags in (["-bind", address, "-nodeName", "x"], ["--bind", address, "--nodeName", "x"],
                               [f"-bind={address}", "-nodeName=x"], [f"--bind={address}", "--nodeName=x"]):
        node = lab.node(*flags, address="127.0.0.1", start=False)  # the later -bind counts
        event = node.start(wait=False).wait("listening")
        check(event["address"] == f"{address}:{PORT}", f"{flags}: {event}")
        names.add(node.status()["node_id"])
        node.end()
    check(len(names) == 1, f"one name, but the node ids {names}")


def any_free_port(lab):
    a = lab.node("-networkPort", "0")
    port = int(a.wait("listening")["address"].rpartition(":")[2])
    check(port not in (0, PORT) and a.status()["port"] == port, f"port {port}")
    b = lab.node("-exclusive", "-peers", f"{a.address}:{port}")
    b.wait_online(f"{a.address}:{port}")


@promises("F22", "F26")
def configuration_file(lab):
    """Foreign keys are named in one line; a key for the network wins over the general one, a flag over both."""
    file_address, flag_address = lab.address(), lab.address()
    config = Path(lab.home, "shared.conf")
    config.write_text(f"""; a file that another program reads, too
[app]
LogLevel = notice
ControlPanelPort = 8090
DBType = "Map"
networkport = 9001
LocalNetworkPort = 9002
MainNetworkPort = 9003
OUTGOING = 3  ; a comment
bind = {file_address}
LocalSeedURL = ""
""", encoding="utf-8")
    node = lab.node("-config", str(config), start=False)
    line = [lab.kith, "-json", "-config", str(config), "-home", node.home]
    node.command_line = lambda: line
    event = node.start(wait=False).wait("listening")
    check(event["address"] == f"{file_address}:9002", f"{event}")
    node.end()
    named = [entry for entry in node.stderr().splitlines() if "ControlPanelPort" in entry]
    check(len(named) == 1 and "DBType" in named[0] and "OUTGOING" not in named[0], f"{named}")
    line += ["-networkPort", "9004", f"-bind={flag_address}"]
    event = node.start(wait=False).wait("listening")
    check(event["address"] == f"{flag_address}:9004", f"{event}")


@promises("F19")
def sighup_reads_the_special_peers_again(lab):
    flag, old, new = (lab.node("-exclusive") for _ in range(3))
    config = Path(lab.home, "special.conf")
    config.write_text(f"LocalSpecialPeers = {old}\n", encoding="utf-8")
    node = lab.node("-config", str(config), "-exclusive", "-peers", flag.endpoint, "-redialSpecial", "300ms")
    for other in (flag, old):
        check(node.wait_online(other)["special"], f"{other} is not special")
    config.write_text(f"LocalSpecialPeers = \"{new}\"\n", encoding="utf-8")
    node.send_signal(signal.SIGHUP)
    check(node.wait_online(new)["special"], "the new one is not special")
    special = {p["address"]: p["special"] for p in node.command("peers")["peers"]}
    check(special == {flag.endpoint: True, old.endpoint: False, new.endpoint: True}, f"{special}")
    old.kill()
    node.wait("offline", where=lambda e: e["peer"].startswith(old.endpoint))
    old.start()
    time.sleep(1)
    check(old.count("incoming") == 0, "a peer that is no longer special was dialed")

    config.write_text("LocalSpecialPeers = \"no port here\"\n", encoding="utf-8")
    node.send_signal(signal.SIGHUP)
    until(lambda: "special.conf" in node.stderr(), 3, "a line about the fault in the file")
    check(node.alive() and node.status()["special"] == 2, "a fault in the file changed something")


@promises("P25")
def signals_end_it(lab):
    times = []
    for number in (signal.SIGTERM, signal.SIGINT):
        a, b, _, _ = lab.pair()
        seconds = b.end(number)
        times.append(seconds)
        check(seconds < 2 * SLOW, f"{number!r}: took {seconds:.1f} s")
        check(b.events[-1]["event"] == "ended", f"the last event is {b.events[-1]}")
        book = json.loads(Path(b.home, "peers-LOCAL.json").read_text(encoding="utf-8"))
        check(a.endpoint in [p["address"] for p in book["peers"]], f"{a} is not in {book}")
    return f"within {max(times):.2f} s"


def quit_and_the_end_of_input(lab):
    """With nothing left to do it does not use up the two seconds that it may take."""
    for _ in range(5):
        a, b, _, _ = lab.pair()
        b.request(command="quit")
        check(b.end(None) < 1 * SLOW, "quit took its time")
        a.process.stdin.close()
        check(a.end(None) < 1 * SLOW, "the end of the input took its time")


def garbage_on_stdin(lab):
    """One error for each line, and nothing else happens."""
    a, b, _, name = lab.pair()
    before = a.status()
    lines = [
        b"{", b"[]", b"5", b"\"x\"", b"nonsense", b"{}", b"\xff\xfe{\"send\":1}", b"{\"command\":\"status\"} trailing",
        b"{\"send\":5,\"text\":\"x\"}", b"{\"send\":\"<BROADCAST>\"}", b"{\"send\":\"<BROADCAST>\",\"text\":\"\"}",
        b"{\"send\":\"<BROADCAST>\",\"text\":\"a\",\"base64\":\"YQ==\"}",
        b"{\"send\":\"<BROADCAST>\",\"text\":\"a\",\"kind\":5}",
        b"{\"send\":\"<BROADCAST>\",\"text\":\"a\",\"kind\":\"message\"}",
        b"{\"send\":\"<BROADCAST>\",\"base64\":\"***\"}", b"{\"send\":\"<BROADCAST>\",\"text\":7}",
        b"{\"command\":\"peers\",\"command\":\"status\"}", b"{\"command\":\"peers\",\"send\":\"<BROADCAST>\"}",
        b"{\"command\":\"fly\"}", b"{\"command\":4}", b"{\"command\":\"ban\"}", b"{\"command\":\"unban\"}",
        b"{\"command\":\"ban\",\"peer\":\"127.0.0.1\",\"seconds\":-1}",
        b"{\"command\":\"ban\",\"peer\":\"127.0.0.1\",\"seconds\":\"long\"}", b"{\"command\":\"disconnect\"}",
        b"{\"command\":\"special\"}", b"{\"command\":\"special\",\"peers\":\"no port\"}",
        b"{\"command\":\"block\"}", b"{\"command\":\"chain\"}",
        b"[" * 100000, b"x" * 100000,
    ]
    for line in lines:
        since = a.mark()
        a.write(line + b"\n")
        a.wait("error", since=since)
    a.request(id=6, send="<BROADCAST>", text="a", kind="Update")
    check('"Update"' in a.wait("error", id=6)["message"], "the kind is not named")
    a.request(id=7, command="fly")
    check(a.wait("error", id=7)["message"], "no message")
    after = a.status()
    for key in ("outgoing", "incoming", "special", "known", "bans", "dropped"):
        check(before[key] == after[key], f"{key}: {before[key]} before, {after[key]} after")
    check(len(a.all("error")) == len(lines) + 2, f"{len(a.all('error'))} errors for {len(lines) + 2} lines")
    a.send(name, "still here")
    b.wait("parcel", text="still here")
    check(len(b.all("parcel")) == 1, f"something was sent: {b.all('parcel')}")


def a_line_that_is_too_long(lab):
    node = lab.node("-maxParcel", "1K")
    node.write(b"{\"send\":\"<BROADCAST>\",\"text\":\"" + b"x" * 300000 + b"\"}\n")
    node.wait("error", where=lambda e: "long" in e["message"])
    check(node.status()["event"] == "status", "it is not itself again")
    check(len(node.all("error")) == 1, "the rest of the line was read as another")


@promises("F31")
def messages_both_ways(lab):
    a, b, name_of_a, name_of_b = lab.pair()
    texts = ["hello", "ünïcödé ☃ 🙂", "a\nline\tand \"quotes\"", "with a \0 inside", "x" * 100000]
    for i, text in enumerate(texts):
        for sender, receiver, to, by in ((a, b, name_of_b, name_of_a), (b, a, name_of_a, name_of_b)):
            answer = sender.send(to, f"{sender} {text}")
            check(answer["event"] == "sent" and answer["peers"] == 1, f"{answer}")
            got = receiver.wait("parcel", where=lambda e: e["text"] == f"{sender} {text}")
            check(list(got)[:4] == ["event", "peer", "connection", "kind"] and got["kind"] == "Message", f"{got}")
            check(got["peer"] == by and "base64" not in got, f"{i}: {got}")
    data = bytes(range(256))
    a.ask(send=name_of_b, kind="Message", base64=base64.b64encode(data).decode())
    got = b.wait("parcel", where=lambda e: "text" not in e)
    check(base64.b64decode(got["base64"]) == data, "other bytes came")


@promises("F29")
def kinds_of_targets(lab):
    hub = lab.node("-exclusive", "-broadcastnum", "1")
    others = [lab.node("-exclusive", "-peers", hub.endpoint) for _ in range(3)]
    names = {o: hub.wait_online(o)["peer"] for o in others}
    expected = {"<BROADCAST>": 1, "<FULLBROADCAST>": 3, "<FULLBORADCAST>": 3, "<RANDOMPEER>": 1, names[others[1]]: 1}
    for i, (target, count) in enumerate(expected.items()):
        answer = hub.send(target, f"message {i}")
        check(answer.get("peers") == count, f"{target}: {answer}")
    hub.send("<FULLBROADCAST>", "the end")
    for other in others:
        other.wait("parcel", text="the end")
    for i, (target, count) in enumerate(expected.items()):
        got = [o for o in others if any(e["text"] == f"message {i}" for e in o.all("parcel"))]
        check(len(got) == count, f"{target}: {len(got)} got it")
        check(target not in names.values() or names[got[0]] == target, f"{target}: {got} got it")
    # What came from a peer is not sent back to it.
    others[0].send("<BROADCAST>", "echo")
    hub.wait("parcel", text="echo")
    check(hub.send("<FULLBROADCAST>", "echo")["peers"] == 2, "a message was sent back to its sender")


def send_to_nobody(lab):
    node = lab.node()
    for target in ("127.0.0.1:8110 0badcafe", "<NOBODY>", "", "x" * 500):
        answer = node.send(target, "hello")
        check(answer["event"] == "error" and answer["message"], f"{target}: {answer}")
    check(node.send("<BROADCAST>", "hello")["peers"] == 0, "a broadcast without peers")
    check(node.command("disconnect", peer="127.0.0.1:8110 0badcafe")["event"] == "error", "disconnect")
    check(node.command("ban", peer="127.0.0.1:8110 0badcafe")["event"] == "error", "ban")
    check(node.command("unban", address="10.1.1.1")["event"] == "error", "unban of what is not banned")


def ids_come_back(lab):
    node = lab.node()
    for number in (0, 1, -5, 2 ** 53):
        since = node.mark()
        node.request(id=number, command="status")
        node.wait("status", since=since, id=number)
    node.request(command="peers")
    check("id" not in node.wait("peers"), "an id that nobody gave")


@promises("P21", "P43")
def ban_and_unban(lab):
    a, b, _, name_of_b = lab.pair("-redialSpecial", "300ms")
    check(a.command("ban", peer=name_of_b, seconds=60)["event"] == "done", "ban by hash")
    check(a.wait("offline", peer=name_of_b)["reason"] == "banned", "the reason")
    check(a.status()["bans"] == 1, "the ban is not counted")
    mark = a.mark()
    time.sleep(1.2)
    check(not a.all("online", mark), "a banned peer came online")
    check(a.command("unban", address=b.endpoint)["event"] == "done", "unban")
    a.wait_online(b, since=mark)
    mark = a.mark()
    check(a.command("ban", peer=b.address, seconds=1)["event"] == "done", "ban by address")
    a.wait("offline", since=mark)
    a.wait_online(b, since=mark)  # a ban ends by itself
    mark = a.mark()
    check(a.command("ban", peer=b.endpoint, seconds=60)["event"] == "done", "ban by address and port")
    a.wait("offline", since=mark)
    check(a.command("unban", address=b.address)["event"] == "done", "unban without the port")


def disconnect_and_special(lab):
    a, b, name_of_a, name_of_b = lab.pair("-redialSpecial", "300ms")
    mark = a.mark()
    check(a.command("disconnect", peer=name_of_b)["event"] == "done", "disconnect")
    check(a.wait("offline", since=mark)["peer"] == name_of_b, "offline")
    a.wait_online(b, since=mark)  # b sees to that
    c = lab.node("-exclusive")
    check(b.command("special", peers=c.endpoint)["event"] == "done", "special")
    check(b.wait_online(c)["special"], "the new one")
    check([p["special"] for p in b.command("peers")["peers"] if p["peer"] == name_of_a] == [False], "the old one")


def status_and_peers(lab):
    a, b, _, name_of_b = lab.pair("-nodeName", "")
    b.send("<BROADCAST>", "hello")
    a.wait("parcel")
    status = a.status()
    for key, value in {"network": "LOCAL", "network_id": wire.LOCAL, "protocol": "factom", "port": PORT, "incoming": 1,
                       "outgoing": 0, "special": 0, "bans": 0, "to_network": 0, "shed": 0,
                       "eclipse_risk": 0, "eclipse_reason": ""}.items():
        check(status[key] == value, f"{key}: {status[key]}")
    check(status["parcels_in"] >= 1 and status["bytes_in"] > 0 and status["uptime_ms"] > 0, f"{status}")
    check(re.fullmatch("[0-9a-f]{8,16}", status["node_id"]), status["node_id"])
    check("identity" not in status, "an identity without a proof of it")
    check(status["datagrams_dropped"] == {}, "a protocol without datagrams has dropped some")
    (peer,) = a.command("peers")["peers"]
    for key, value in {"peer": name_of_b, "address": b.endpoint, "direction": "incoming", "protocol": "factom",
                       "version": 10, "special": False, "dropped": 0}.items():
        check(peer[key] == value, f"{key}: {peer[key]}")
    check(peer["quality"] >= 1 and peer["parcels_in"] >= 1 and peer["online_ms"] >= 0, f"{peer}")
    check(name_of_b == f"{b.endpoint} {b.status()['node_id']}", name_of_b)


def connections_are_numbered(lab):
    """Two nodes that dial each other are online twice, under one hash and two numbers."""
    a = lab.node("-exclusive", "-redialSpecial", "300ms")
    b = lab.node("-exclusive", "-peers", a.endpoint, "-redialSpecial", "300ms")
    a.wait_online(b)
    mark = a.mark()
    check(a.command("special", peers=b.endpoint)["event"] == "done", "special")
    a.wait_online(b, direction="outgoing", since=mark)
    online = {e["direction"]: e for e in a.all("online")}
    check(len({e["peer"] for e in online.values()}) == 1, f"{online}")
    numbers = {direction: e["connection"] for direction, e in online.items()}
    check(len(set(numbers.values())) == 2 and min(numbers.values()) > 0, f"{numbers}")
    told = {p["direction"]: p["connection"] for p in a.command("peers")["peers"]}
    check(told == numbers, f"{told}, not {numbers}")
    b.send("<FULLBROADCAST>", "hello")
    check(a.wait("parcel")["connection"] in numbers.values(), "the parcel's")
    b.end()
    until(lambda: len(a.all("offline")) >= 2, 5, "both have gone")
    gone = {e["direction"]: e["connection"] for e in a.all("offline")}
    check(gone == numbers, f"{gone}, not {numbers}")


def the_debug_log_tells_of_dials_and_handshakes(lab):
    a, b, name_of_a, name_of_b = lab.pair("-logLevel", "debug")
    number = b.wait("online")["connection"]
    by_b = (f"connection {number}: dials {a.endpoint}, a special peer",
            f"connection {number}, to {a.endpoint}: handshake of {name_of_a}, version 10",
            f"{name_of_a} told us of ")
    by_a = (f": handshake of {name_of_b}, version 10", f"{name_of_b} was told of ")
    for node, lines in ((b, by_b), (a, by_a)):
        for line in lines:
            until(lambda: line in Path(node.stderr_path).read_text(), 5, f"{node} logs {line!r}")


def versions_of_the_protocol(lab):
    """The dialer's version is spoken, but a listener of version 9 answers 9."""
    for dialer, listener, spoken in ((9, 10, 9), (10, 10, 10), (11, 10, 11), (10, 9, 9), (11, 9, 11), (10, 11, 10)):
        a = lab.node("-exclusive", "-protocolVersion", str(listener))
        b = lab.node("-exclusive", "-protocolVersion", str(dialer), "-peers", a.endpoint)
        check(b.wait_online(a)["version"] == spoken, f"{dialer} dials {listener}: {b.all('online')}")
        check(a.wait_online(b)["version"] == spoken, f"{dialer} dials {listener}: {a.all('online')}")
        for sender, receiver in ((a, b), (b, a)):
            sender.send("<FULLBROADCAST>", f"from {sender}")
            receiver.wait("parcel", text=f"from {sender}")


def recorded_streams(lab):
    """What nodes of other makes wrote is understood, byte by byte as it comes."""
    streams = {s["name"]: s for s in json.loads(VECTORS.read_text(encoding="utf-8"))["streams"]}
    for name in ("v10_stream", "v11_stream"):
        node, frames = lab.node("-exclusive"), streams[name]["frames"]
        with wire.dial(node.address, lab.address()) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(bytes.fromhex(frames[0]["hex"]))
            peer = node.wait("online")["peer"]
            check(peer.endswith(":8110 01020304"), peer)
            for byte in b"".join(bytes.fromhex(f["hex"]) for f in frames[1:]):
                sock.send(bytes([byte]))
            messages = [bytes.fromhex(f["fields"]["Payload"]) for f in frames[1:] if f["fields"]["Type"] == 6]
            until(lambda: len(node.all("parcel")) >= len(messages), 5, f"{len(messages)} messages of {name}")
            check([payload_of(e) for e in node.all("parcel")] == messages, f"{name}: others came")
            check(node.command("peers")["peers"][0]["quality"] > 0, f"{name}: something was thought bad")


def nobody_reads_its_output(lab):
    """Its reader has closed the pipe: there is nobody to work for."""
    node = lab.node(start=False)
    with subprocess.Popen(node.command_line(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        check(b"listening" in process.stdout.readline(), "it does not listen")
        process.stdout.close()
        process.stdin.write(b'{"command":"status"}\n')
        process.stdin.flush()
        try:
            check(process.wait(1 * SLOW) == 0, f"exit status {process.returncode}")
        except subprocess.TimeoutExpired:
            raise Failure("it did not end at once") from None
        finally:
            process.kill()


class Console:
    """kith on a terminal that cannot move its cursor (test_console.py has one that can)."""

    def __init__(self, node):
        self.node, (self.master, slave) = node, pty.openpty()
        line = [word for word in node.command_line() if word != "-json"]
        with open(node.stderr_path, "ab") as stderr:
            node.process = subprocess.Popen(line, stdin=slave, stdout=slave, stderr=stderr,
                                            env={**os.environ, "TERM": "dumb"})
        node.stdout, self.text = None, ""
        os.close(slave)
        os.set_blocking(self.master, False)

    def type(self, line):
        os.write(self.master, line.encode() + b"\n")

    def shows(self, pattern, seconds=5):
        def look():
            try:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            except (BlockingIOError, OSError):
                pass  # EIO: the program has ended
            return re.search(pattern, self.text)
        return until(look, seconds, lambda: f"{pattern!r} on the console:\n{self.text}")

    def close(self):
        os.close(self.master)
        if self.node.process.poll() is None:
            self.node.process.kill()
        self.node.process.wait()


def closed_standard_descriptors(lab):
    """What it writes to standard output must not go into the first socket or file that it opens."""
    node = lab.node("-json=false", start=False)
    with open(node.stderr_path, "wb") as stderr:
        process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&-', "sh", *node.command_line()], stderr=stderr)
    try:
        lab.node("-exclusive", "-peers", node.endpoint, "-redialSpecial", "100").wait_online(node)
        for fd in (0, 1):
            target = os.readlink(f"/proc/{process.pid}/fd/{fd}")
            check(target == "/dev/null", f"descriptor {fd} is {target}")
    finally:
        process.terminate()
        process.wait(5 * SLOW)


def console(lab):
    other = lab.node("-exclusive")
    node = lab.node("-exclusive", "-peers", other.endpoint, start=False)
    node.kill = lambda: None  # the console sees to it
    node.events = []
    terminal = Console(node)
    lab.closers.append(terminal.close)
    terminal.shows(rf"listening on {re.escape(node.endpoint)}")
    terminal.shows(rf"online: {re.escape(other.endpoint)} [0-9a-f]+, outgoing, special")
    name = other.wait_online(node)["peer"]

    terminal.type("a typed line")
    check(other.wait("parcel", text="a typed line")["peer"] == name, "another sender")
    other.send("<FULLBROADCAST>", "an answer\x1b[2J")
    sender = terminal.shows(r"\[(\S+ [0-9a-f]+)\] an answer").group(1)
    check("\x1b" not in terminal.text, "a control sequence came through")
    terminal.type(f"/send \"{sender}\" by name")
    other.wait("parcel", text="by name")
    terminal.type(f"/kind Message \"{sender}\" by kind")
    check(other.wait("parcel", text="by kind")["kind"] == "Message", "another kind")
    for typed, shown in (("/help", r"/disconnect PEER"), ("/peers", rf"\"{sender}\"  outgoing  \S*special\S* +v10"),
                         ("/status", r"network LOCAL \(00beaded\)"), ("/fly", r"no such command"),
                         ("/ban", r"the form is /ban PEER"), ("/send nobody hello", r"\* .*(no|nobody).*"),
                         ("/block", r"/block: the protocol factom keeps no chain"),
                         ("/chain", r"/chain: the protocol factom keeps no chain"),
                         ("/tx a b c", r"/tx: the protocol factom keeps no chain"),
                         (f"/disconnect \"{sender}\"", r"offline: ")):
        terminal.type(typed)
        terminal.shows(shown)
    terminal.type("/quit")
    node.process.wait(5 * SLOW)
    check(node.process.returncode == 0, f"exit status {node.process.returncode}")


def console_ends_with_its_input(lab):
    """^D on a terminal is the end; the end of a file is not."""
    node = lab.node(start=False)
    node.kill = lambda: None
    node.events = []
    terminal = Console(node)
    lab.closers.append(terminal.close)
    terminal.shows("listening")
    os.write(terminal.master, b"\x04")
    try:
        node.process.wait(1 * SLOW)
    except subprocess.TimeoutExpired:
        raise Failure("^D did not end it at once") from None
    check(node.process.returncode == 0, f"exit status {node.process.returncode}")


if __name__ == "__main__":
    run([version_and_help, bad_configuration, a_port_in_use_is_an_error, flags_in_each_spelling, any_free_port,
         configuration_file, sighup_reads_the_special_peers_again, signals_end_it, quit_and_the_end_of_input,
         garbage_on_stdin, a_line_that_is_too_long, messages_both_ways, kinds_of_targets, send_to_nobody, ids_come_back,
         ban_and_unban, disconnect_and_special, status_and_peers, connections_are_numbered,
         the_debug_log_tells_of_dials_and_handshakes, versions_of_the_protocol, recorded_streams, nobody_reads_its_output,
         closed_standard_descriptors, console, console_ends_with_its_input])
