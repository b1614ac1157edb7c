#!/usr/bin/env python3
"""Every flag does something: the flags that no other test needs, each by what changes with it."""
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import factomwire as wire
import gobwire
from factomwire import MESSAGE, PEER_REQUEST, PEER_RESPONSE, RawListener, RawPeer, closed_within, dial, try_dial
from gobwire import GobPeer
from kithnode import EVERYONE, PORT, SLOW, check, promises, run, until

TESTS = Path(__file__).resolve().parents[1]
LONELY = ("-exclusive", "-acceptInterval", "0")
PART = 7
# What takes longer to show than a test may run, and where the clock is not the real one.
IN_UNIT_TESTS = {"forget": ("test_controller.c", "timings.forget"), "bannedQuality": ("test_book.c", "quality_banned")}


@promises("P26", "P41")
def every_flag_is_used_by_a_test(lab):
    shown = subprocess.run([lab.kith, "-help"], capture_output=True, text=True, timeout=10 * SLOW, check=True).stdout
    names = re.findall(r"^  -(\w+)", shown, re.M)
    check(len(names) > 50, f"{names}")
    sources = "".join(path.read_text(encoding="utf-8") for path in (*TESTS.glob("node/*.py"), *TESTS.glob("check_*.py")))
    for name, (file, text) in IN_UNIT_TESTS.items():
        check(text in TESTS.joinpath("unit", file).read_text(encoding="utf-8"), f"-{name} is not in {file}")
    unused = [name for name in names if name not in IN_UNIT_TESTS and not re.search(rf"[\"'{{]--?{name}\b", sources)]
    check(not unused, f"no test uses {unused}")
    return f"{len(names)} flags"


def refused(node, address, data, seconds=2):
    """What the node says to that before it closes."""
    sock = try_dial(node.address, address, data)
    if sock is None:
        return b""
    with sock:
        return closed_within(sock, seconds)[1]


def guests(lab, node, count):
    made = [RawPeer(node, lab.address(), node_id=i + 1) for i in range(count)]
    until(lambda: len(node.online) == count, 5, lambda: f"{len(node.online)} of {count} are online")
    return made


@promises("P26")
def ban(lab):
    """How long a ban is for which no length is said."""
    a, b, _, name = lab.pair("-ban", "700ms", "-redialSpecial", "200ms", "-acceptInterval", "0")
    mark = a.mark()
    a.command("ban", peer=name)
    a.wait("offline", since=mark)
    check(a.status()["bans"] == 1, "no ban")
    a.wait_online(b, since=mark)


@promises("P26")
def echo(lab):
    for flags, back in (((), 0), (("-echo", "0"), 1)):
        node = lab.node(*LONELY, *flags)
        (peer,) = guests(lab, node, 1)
        peer.send(MESSAGE, b"an echo")
        node.wait("parcel", text="an echo")
        check(node.send(EVERYONE, "an echo")["peers"] == back, f"{flags}")


@promises("P26")
def per_ip_and_pending(lab):
    node, source = lab.node(*LONELY, "-perIP", "2", "-pending", "3"), lab.address()
    peers = [RawPeer(node, source, node_id=i + 1) for i in range(2)]
    until(lambda: len(node.online) == 2, 3, "two of one address")
    check(refused(node, source, wire.handshake(node_id=3)) == b"", "a third was answered")
    halves = [dial(node.address, lab.address()) for _ in range(3)]
    time.sleep(0.2)
    check(refused(node, lab.address(), b"") == b"", "a fourth was answered")
    for half in halves:
        half.settimeout(0.05)
        try:
            check(half.recv(1), "one of the first three was closed")
        except socket.timeout:
            pass
        half.close()
    for peer in peers:
        peer.alive()


@promises("P26")
def redial_and_give_up(lab):
    """The node is not alone, or it would try everybody again."""
    friend, absent, server = lab.node("-exclusive"), RawListener(lab.address()), lab.seeds()
    lab.closers.append(absent.close)
    server.lines = [absent.endpoint]
    lab.node("-redial", "600ms", "-giveUp", "3", "-peers", friend.endpoint, "-seedURL", server.url).wait_online(friend)
    times = []
    for _ in range(3):
        absent.accept(5).close()
        times.append(time.monotonic())
    check(times[2] - times[0] > 0.6, f"three dials within {times[2] - times[0]:.1f} s")
    absent.not_dialed(1.2, "it was not given up")


@promises("P26")
def retry(lab):
    """Whoever failed waits longer than whoever was there, unless it is a seed."""
    met, seed, server = RawListener(lab.address()), RawListener(lab.address()), lab.seeds()
    lab.closers += [met.close, seed.close]
    server.lines = [seed.endpoint]
    friend = lab.node("-exclusive")
    node = lab.node("-redial", "100ms", "-retry", "1500ms", "-peers", friend.endpoint, "-seedURL", server.url)
    before = time.monotonic()
    for _ in range(4):
        seed.accept().close()
    check(time.monotonic() - before < 1.2, f"the seed was dialed again within {time.monotonic() - before:.1f} s")
    RawPeer(node, met.address).close()
    met.accept().close()
    before = time.monotonic()
    met.accept().close()
    check(time.monotonic() - before > 1.2, f"dialed again after {time.monotonic() - before:.1f} s")


@promises("P26")
def retry_first(lab):
    """The pause after a failure begins short, and doubles with each: on average, as each is drawn."""
    met = [RawListener(lab.address()) for _ in range(16)]
    lab.closers += [each.close for each in met]
    node = lab.node("-redial", "100ms", "-retry", "30s", "-retryFirst", "100ms", "-giveUp", "100", "-outgoing", "16")

    def pauses(listener):
        at = []
        for _ in range(5):
            listener.accept(30).close()
            at.append(time.monotonic())
        return [after - before for before, after in zip(at, at[1:])]
    with ThreadPoolExecutor(len(met)) as pool:
        found = [pool.submit(pauses, each) for each in met]
        for each in met:
            RawPeer(node, each.address).close()
        first, *_, last = (sum(times) / len(met) for times in zip(*(each.result() for each in found)))
    check(last > 1.5 * first, f"the first pause takes {first:.2f} s, the fourth {last:.2f} s")
    return f"the first pause takes {first:.2f} s, the fourth {last:.2f} s"


@promises("P26")
def rate(lab):
    """A burst is read at once, what is over it as the rate says; nothing is lost, and others are not kept waiting."""
    node = lab.node(*LONELY, "-rate", "50", "-rateBurst", "20")
    fast, other = guests(lab, node, 2)
    before = time.monotonic()
    for number in range(120):
        fast.send(MESSAGE, b"%d" % number)
    until(lambda: len(node.all("parcel")) >= 15, 5, "the burst")
    came, spent = len(node.all("parcel")), time.monotonic() - before
    check(came <= 21 + 50 * spent, f"more than a burst: {came} within {spent:.2f} s")
    other.alive()
    check(len(node.all("parcel")) < 120, "the other had to wait")
    until(lambda: len(node.all("parcel")) == 120, 10, lambda: f"{len(node.all('parcel'))} messages")
    spent = time.monotonic() - before
    check(spent > 1.7, f"120 messages within {spent:.1f} s")
    check([e["text"] for e in node.all("parcel")] == [str(n) for n in range(120)], "out of order")


@promises("P26")
def dials(lab):
    """So many that say nothing are dialed at once, and no more."""
    mute, server = [RawListener(lab.address()) for _ in range(6)], lab.seeds()
    lab.closers += [m.close for m in mute]
    server.lines = [m.endpoint for m in mute]
    node = lab.node("-dials", "2", "-handshakeTimeout", f"{int(1500 * SLOW)}ms", "-seedURL", server.url)
    seen = set()

    def all_were_dialed():
        seen.add(node.status()["dialing"])
        return len([p for p in mute if p.was_dialed()]) == 6

    until(all_were_dialed, 10, "all are dialed at last")
    check(max(seen) == 2, f"{max(seen)} dials at once")


@promises("P26")
def share(lab):
    node = lab.node(*LONELY, "-shareAbove", "-1", "-share", "2")
    peers = guests(lab, node, 5)
    peers[0].send(PEER_REQUEST, b"Peer Request")
    count = len(list(wire.fields(peers[0].receive_kind(PEER_RESPONSE))))
    check(count == 2, f"{count} addresses of four")


@promises("P26")
def cat_and_what_it_keeps(lab):
    node = lab.node(*LONELY, "-cat", f"{int(700 * SLOW)}ms", "-catKeep", "2")
    # A round may come before the last of them.
    made = [RawPeer(node, lab.address(), node_id=i + 1) for i in range(6)]
    until(lambda: node.ended("dropped in a CAT round") == 4, 5, lambda: f"{len(node.online)} are online")
    time.sleep(1 * SLOW)
    check(len(node.online) == 2 and node.ended("dropped in a CAT round") == 4, f"{node.status()}")
    for peer in made:
        peer.close()


@promises("P26")
def queue_bytes(lab):
    """A peer that reads nothing: what the kernel does not hold is in the queue, or is lost after the stall time."""
    for flags, lost in (((), False), (("-queueBytes", "1M"), True)):
        node = lab.node(*LONELY, *flags, "-stall", "200ms")
        peer = RawPeer(node, lab.address(), receive_buffer=4096)
        name = node.wait_from(peer.sock.getsockname()[0])
        for i in range(300):
            node.request(send=name, text=f"{i}".ljust(50000))
        until(lambda n=node: n.status()["to_network"] == 0, 10, "ToNetwork is empty")
        check((node.status()["dropped"]["peer stalled"] > 0) == lost, f"{flags}: {node.status()['dropped']}")
        peer.close()


@promises("P26")
def limits_of_handshakes(lab):
    """Each is good, but for the one limit."""
    long_port = wire.PREAMBLE + wire.frame(b"\0" * 2000)[:4]
    cases = (("-maxHandshake", "1K", long_port), ("-gobTypes", "1", gobwire.handshake(10)),
             ("-gobDepth", "1", gobwire.handshake(10)), ("-gobDefinition", "64", gobwire.handshake(10)))
    for flag, least, data in cases:
        node = lab.node(*LONELY, flag, least, "-handshakeTimeout", "30s")
        check(refused(node, lab.address(), data) == b"", f"{flag} {least}: it was answered")
        until(lambda n=node: n.ended("bad handshake") == 1, 2, f"{flag}: a bad handshake")
        plain = lab.node(*LONELY, "-handshakeTimeout", "300ms")
        with dial(plain.address, lab.address()) as sock:
            sock.sendall(data)
            time.sleep(0.1)
            check(plain.ended("bad handshake") == 0, f"without {flag}: {plain.status()['ended']}")


@promises("P26")
def parts(lab):
    """The second part comes too late, or the first was too long; in time, and short, they are a message."""
    for flags, length, pause, whole in (((), 3000, 0.6, True), (("-assemble", "300ms"), 3000, 0.6, False),
                                        (("-assembleBytes", "2K"), 3000, 0, False)):
        node, source = lab.node(*LONELY, *flags), lab.address()
        peer = GobPeer(node, source)
        node.wait_from(source)
        text = b"x" * length
        peer.send(PART, text, PartNo=0, PartsTotal=2, AppHash=b"one")
        time.sleep(pause)
        peer.send(PART, b"y", PartNo=1, PartsTotal=2, AppHash=b"one")
        peer.send(MESSAGE, b"behind it")
        node.wait("parcel", text="behind it")
        got = [e["text"] for e in node.all("parcel")][:-1]
        check(got == ([text.decode() + "y"] if whole else []), f"{flags}: {len(got)} messages")
        peer.close()


@promises("P26", "P42")
def merits(lab):
    node = lab.node(*LONELY, "-meritGood", "7", "-meritBad", "-1000", "-meritLost", "-300", "-meritHandshake", "-5000",
                    "-refuseBelow", "-6000")
    source = lab.address()
    peer = RawPeer(node, source)
    for i in range(10):
        peer.send(MESSAGE, b"%d" % i)
    node.wait("parcel", text="9")
    good = node.quality(source)
    check(good == 7, f"ten messages within a minute: {good}")
    peer.receive_kind(PEER_REQUEST)
    peer.send(PEER_RESPONSE, b"no share")
    until(lambda: node.quality(source) <= 7 - 1000, 2, lambda: f"a bad share: {node.quality(source)}")
    peer.close()
    node.wait("offline")
    peer = RawPeer(node, source)
    check(-1293 <= node.quality(source) <= -1286, f"a lost connection: {node.quality(source)}")
    refused(node, source, wire.handshake(network=wire.MAIN))
    until(lambda: -6293 <= node.quality(source) <= -6286, 2, lambda: f"a bad handshake: {node.quality(source)}")
    check(refused(node, source, wire.handshake(node_id=9)) == b"", "below -6000 it was answered")


@promises("P26")
def decay(lab):
    node, source = lab.node(*LONELY, "-decay", "100ms"), lab.address()
    refused(node, source, wire.handshake(network=wire.MAIN))
    time.sleep(1.5)
    peer = RawPeer(node, source)
    check(node.quality(source) >= 0, f"{node.quality(source)}")
    peer.close()


@promises("P26")
def dial_timeout(lab):
    """The listener's queue is full, so that the kernel does not answer."""
    busy, address = socket.socket(), lab.address()
    busy.bind((address, PORT))
    busy.listen(0)
    waiting = [socket.socket() for _ in range(3)]
    for sock in waiting:
        sock.setblocking(False)
        sock.connect_ex((address, PORT))
    node = lab.node("-exclusive", "-dialTimeout", "400ms", "-peers", f"{address}:{PORT}")
    until(lambda: node.ended("dial failed") == 1, 10, lambda: f"{node.status()['ended']}")
    check(node.status()["uptime_ms"] >= 400, "it did not wait so long")
    for sock in (busy, *waiting):
        sock.close()


@promises("P26")
def log_level(lab):
    lines = {}
    for level in ("silent", "warning", "info", "debug"):
        node, banned = lab.node(*LONELY, "-logLevel", level), lab.address()
        node.command("ban", peer=banned, seconds=9)
        refused(node, banned, b"")
        node.end()
        lines[level] = len(node.stderr().splitlines())
    check(lines["silent"] == lines["warning"] == 0 < lines["info"] < lines["debug"], f"{lines}")


@promises("P26", "P41")
def a_misspelt_key_is_warned_of(lab):
    """One that is nearly ours is a warning with its place; those of others are one line for whoever wants to know."""
    node = lab.node("-logLevel", "warning", start=False)
    config = f"{node.home}/kith.conf"
    with open(config, "w", encoding="ascii") as file:
        file.write("ConsensusKey = x\nLocalNetworkPrt = 1\n")
    node.start()
    node.logged(rf"warning: {config}:2: LocalNetworkPrt is no key of kith's, and is passed over; did you mean LocalNetworkPort\?")
    check("ConsensusKey" not in node.stderr(), node.stderr())


def peers_file(lab):
    for flag, left in (("-peersFile=elsewhere/own.json", ["elsewhere/own.json"]), ("-peersFile=", []),
                       ("-logLevel=info", ["peers-LOCAL.json"])):
        node = lab.node(*LONELY, flag, start=False)
        home = Path(node.home)
        home.joinpath("elsewhere").mkdir()
        node.start()
        node.end()
        found = [str(path.relative_to(home)) for path in home.rglob("*.json")]
        check(found == left, f"{flag}: {found}")


if __name__ == "__main__":
    run([every_flag_is_used_by_a_test, a_misspelt_key_is_warned_of, ban, echo, per_ip_and_pending, redial_and_give_up, rate, dials, share,
         cat_and_what_it_keeps, queue_bytes, limits_of_handshakes, parts, merits, decay, dial_timeout, log_level,
         peers_file],
        alone=[retry, retry_first])
