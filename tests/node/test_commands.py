#!/usr/bin/env python3
"""What an operator asks and says of peers, in JSON lines.

Usage: test_commands.py PATH-OF-KITH [word of a test's name]...
"""
import collections
import json
import signal
import socket
import time

from kithnode import SLOW, check, few, memory_is_measured, run, until
from stopped import Stopped, thread_of

ASKED, MOST_SPECIAL = 16, 1024  # connections beyond -outgoing that may be asked for; special peers
FULL, UNDER_WAY = 307, 311
NO_SUCH_COMMAND = "no such command, or not with these fields"


def bans_and_scores(lab):
    node = lab.node("-exclusive")
    check(node.command("bans") == {"event": "bans", "bans": [], "id": 1}, "there are no bans yet")
    node.command("ban", address="10.1.2.3", seconds=3600)
    bans = node.command("bans")["bans"]
    check(len(bans) == 1 and bans[0]["address"] == "10.1.2.3" and 0 < bans[0]["left_ms"] <= 3600_000, f"{bans}")
    score = node.command("score", address="10.1.2.3")
    check(score["banned"] and score["refused"] and not score["discouraged"], f"{score}")
    node.command("unban", address="10.1.2.3")
    check(node.command("bans")["bans"] == [], "the ban has ended")
    score = node.command("score", address="10.1.2.3")
    check((score["quality"], score["standing"], score["banned"]) == (0, 0, False), f"{score}")


def a_report_sends_a_peer_away(lab):
    a, b, name_of_a, name_of_b = lab.pair()
    done = a.command("report", peer=name_of_b, points=-20)
    check(done["event"] == "done" and done["message"].endswith("is -20"), f"{done}")
    check(a.command("score", peer=name_of_b)["quality"] == -20, "its score")
    for points in (10001, -10001, "5", 1.5, None, True):
        refused = a.command("report", peer=name_of_b, points=points)
        check(refused["message"] == NO_SUCH_COMMAND, f"{points}: {refused}")
    a.command("report", peer=name_of_b, points=-1000)
    gone = a.wait("offline")
    check(gone["code"] == 126 and gone["reason"] == "its quality fell too low", f"{gone}")
    check(a.command("score", address=b.address)["refused"], "it is not let in again")
    refused = a.command("report", peer=name_of_b, points=-1)
    check(refused["event"] == "error", f"{refused}")
    del name_of_a


def special_peers_come_and_go(lab):
    a, b = lab.node("-exclusive"), lab.node("-exclusive")
    check(a.command("special-add", peers=b.endpoint)["event"] == "done", "it is added")
    a.wait_online(b)
    peers = a.command("peers")["peers"]
    check([p["special"] for p in peers] == [True], f"{peers}")
    failed = a.command("special-remove", peers="127.0.0.9:1")
    check(failed["event"] == "error" and failed["code"] == 301, f"{failed}")
    check(a.command("special-remove", peers=b.endpoint)["event"] == "done", "it is taken away")
    peers = a.command("peers")["peers"]
    check([p["special"] for p in peers] == [False], f"{peers}")
    for request in ({"peers": "no port"}, {"peers": 7}, {}):
        check(a.command("special-add", **request)["message"] == NO_SUCH_COMMAND, f"{request}")


def known_addresses(lab):
    b = lab.node("-exclusive")
    a = lab.node("-bootstrap", f"{b.endpoint} 127.0.0.9:1", "-outgoing", "1")
    a.wait_online(b)
    known = a.command("known")["known"]
    check([k["address"] for k in known] == [b.endpoint, "127.0.0.9:1"], f"{known}")
    check(known[0]["tried"] and known[0]["answered_ms"] > 0 and known[0]["source"] == "operator", f"{known}")
    check(not known[1]["tried"] and known[1]["answered_ms"] == 0, f"{known}")
    check(a.command("known", most=1)["known"][0]["address"] == b.endpoint, "the first of them")
    for most in (-1, "1", 0.5):
        check(a.command("known", most=most)["message"] == NO_SUCH_COMMAND, f"{most}")


def a_dial_is_answered_by_what_comes_of_it(lab):
    a, b = lab.node(), lab.node("-exclusive")
    done = a.command("dial", address=b.endpoint)
    check(done["event"] == "done", f"{done}")
    online = a.wait_online(b)
    check(online["peer"] == done["message"] and not online["special"], f"{online}, {done}")
    check(a.command("dial", address=b.endpoint)["message"] == done["message"], "it is there already")
    for address in (f"{lab.address()}:{b.port}", "localhost:9"):
        failed = a.command("dial", address=address)
        check(failed["event"] == "error" and failed["code"] == 101, f"{address}: {failed}")
    a.command("ban", address="127.0.0.7")
    check(a.command("dial", address="127.0.0.7:1")["code"] == 309, "it is banned")
    check(b.command("dial", address="127.0.0.8:1")["code"] == 308, "it is exclusive")
    for request in ({"address": "no port"}, {"address": f"{b.endpoint} {b.endpoint[:-1]}"}, {"address": 7}, {}):
        check(a.command("dial", **request)["message"] == NO_SUCH_COMMAND, f"{request}")


def verdicts_decide_what_is_passed_on(lab):
    relay = lab.node("-exclusive", "-relay=validated", "-verdictTime", "1s", "-verdicts", "64", "-meritRejected", "-30")
    a, b = (lab.node("-exclusive", "-peers", relay.endpoint) for _ in range(2))
    for node in a, b:
        node.wait_online(relay)
        relay.wait_online(node)
    words = {"one": "accept", "two": "ignore", "three": "reject", "four": None, "five": "accept"}
    for text, verdict in words.items():
        a.send("<BROADCAST>", text)
        ticket = relay.wait("parcel", text=text)["ticket"]
        if verdict:
            relay.request(command="verdict", ticket=ticket, verdict=verdict)
    b.wait("parcel", text="five")
    check([e["text"] for e in b.all("parcel")] == ["one", "five"], f"{b.all('parcel')}")
    check("ticket" not in b.all("parcel")[0], "b waits for no verdict")
    dropped = relay.wait("dropped")
    check((dropped["cause"], dropped["code"], dropped["parcels"]) == ("no verdict", 209, 1), f"{dropped}")
    check(relay.status()["verdicts"] == {"accepted": 2, "ignored": 1, "rejected": 1, "unjudged": 1, "awaiting": 0},
          f"{relay.status()['verdicts']}")
    check(relay.command("score", address=a.address)["quality"] <= -29, "what it costs")
    check(relay.command("verdict", ticket=ticket, verdict="accept")["event"] == "done", "with an id it is answered")
    for request in ({"ticket": 1, "verdict": "maybe"}, {"ticket": "1", "verdict": "accept"}, {"verdict": "accept"},
                    {"ticket": 0, "verdict": "accept"}, {"ticket": 1}):
        check(relay.command("verdict", **request)["message"] == NO_SUCH_COMMAND, f"{request}")
    check(a.command("verdict", ticket=1, verdict="accept")["message"] == NO_SUCH_COMMAND, "a does not relay")


def a_dial_under_way_slows_no_requests(lab):
    """Its answer takes seconds; those of many sends are found meanwhile as fast as ever."""
    node, count = lab.node(), few(60000)
    silent = lab.closes(socket.socket())
    silent.bind((lab.address(), 8110))
    silent.listen()
    answered = 0

    def note(line):
        nonlocal answered
        answered += line.startswith(b'{"event":"sent"')
        return line.startswith(b'{"event":"sent"')
    node.raw = note

    def cost():
        nonlocal answered
        before, answered = node.cpu(), 0
        for _ in range(count // 100):
            node.write(b'{"send":"<BROADCAST>","text":"x","id":1}\n' * 100)
        until(lambda: answered == count // 100 * 100, 60, lambda: f"{answered} answers")
        return node.cpu() - before
    alone = cost()
    node.request(command="dial", address="%s:%d" % silent.getsockname(), id=2)
    beside = cost()
    check(not node.all("error"), "the dial is over")
    check(beside < 3 * alone + 0.3, f"{beside:.2f} s of a processor, {alone:.2f} s without a dial")


def a_reload_that_finds_no_room_is_told(lab):
    node = lab.node("-exclusive")
    with Stopped(thread_of(node.process.pid, "kith-control")):
        node.write(b'{"command":"status"}\n' * 5000)  # more than may wait

        def is_told():
            node.send_signal(signal.SIGHUP)
            return "too many commands wait; the special peers stay as they are" in node.stderr()
        until(is_told, 20, "a line of the log")
    check(node.command("bans")["event"] == "bans", "it goes on")


class Flood:
    """Counts the answers to requests, by what they say, as they come; the requests have no other."""

    def __init__(self, node):
        self.node, self.by_code, self.answers = node, collections.Counter(), 0
        node.raw = self._note

    def _note(self, line):
        if b'"id":"flood"' not in line:
            return False
        event = json.loads(line)
        self.by_code[event.get("code", event["event"])] += 1
        self.answers += 1
        return True

    def run(self, requests, beside):
        """Makes them all, with beside() now and then, and waits for all answers."""
        lines = [json.dumps({**r, "id": "flood"}).encode() + b"\n" for r in requests]
        before, size = self.answers, 250
        for at in range(0, len(lines), size):
            self.node.write(b"".join(lines[at:at + size]))
            beside()
        until(lambda: self.answers - before >= len(lines), 60, lambda: f"{self.answers - before} of {len(lines)}")
        check(self.answers - before == len(lines), f"{self.answers - before} answers to {len(lines)}")


class Watched:
    """A node under a flood that relays between two honest peers: what it takes, and how long a message needs."""

    def __init__(self, node, peer, other):
        self.node, self.peer, self.other, self.sent = node, peer, other, 0
        self.threads = self.descriptors = self.worst = 0

    def look(self):
        self.threads = max(self.threads, self.node.threads())
        self.descriptors = max(self.descriptors, self.node.descriptors())
        before, self.sent = time.monotonic(), self.sent + 1
        self.peer.send("<FULLBROADCAST>", f"number {self.sent}")
        self.other.wait("parcel", text=f"number {self.sent}")
        self.worst = max(self.worst, time.monotonic() - before)


def beside_honest_peers(lab, *flags):
    node = lab.node("-relay", *flags)
    peers = [lab.node("-exclusive", "-peers", node.endpoint) for _ in range(2)]
    for peer in peers:
        peer.wait_online(node)
        node.wait_online(peer)
    return node, Watched(node, *peers)


def a_flood_of_dials_is_answered_and_delays_no_peer(lab):
    memory_is_measured()
    dials, outgoing = 16, 8
    node, watched = beside_honest_peers(lab, "-dials", str(dials), "-outgoing", str(outgoing), "-handshakeTimeout", "2s")
    silent = [lab.closes(socket.socket()) for _ in range(40)]
    for one in silent:
        one.bind((lab.address(), 8110))
        one.listen()
    mute = ["%s:%d" % one.getsockname() for one in silent]
    refused = [f"127.200.{i % 250}.{i // 250 % 250 + 1}:{1 + i % 999}" for i in range(few(5000))]
    threads, descriptors, memory = node.threads(), node.descriptors(), node.memory("VmRSS")
    flood = Flood(node)
    flood.run([{"command": "dial", "address": a} for a in refused], watched.look)
    flood.run([{"command": "dial", "address": mute[0]}] * few(2500), watched.look)
    flood.run([{"command": "dial", "address": mute[i % len(mute)]} for i in range(few(2500))], watched.look)
    full, dialed, under_way = (flood.by_code[code] for code in (FULL, 101, UNDER_WAY))
    check(full and dialed and under_way, f"{flood.by_code}")
    check(watched.threads <= threads + outgoing + ASKED + dials, f"{watched.threads} threads, {threads} before")
    check(watched.descriptors <= descriptors + 4 * (outgoing + ASKED + dials), f"{watched.descriptors} descriptors")
    check(node.memory("VmHWM") < memory + 60, f"{node.memory('VmHWM'):.0f} MiB, {memory:.0f} before")
    check(watched.worst < 0.5 * SLOW, f"a message needed {watched.worst:.2f} s")
    check(node.status()["dialing"] <= dials, "too many dials")
    return f"{flood.by_code}, a message needed {watched.worst:.3f} s"


def special_peers_come_and_go_without_end(lab):
    """One that is connected, and as many others as the list holds."""
    memory_is_measured()
    node, watched = beside_honest_peers(lab, "-dials", "16")
    where, flood = watched.peer.endpoint, Flood(node)
    threads, memory = node.threads(), node.memory("VmRSS")
    flood.run([{"command": f"special-{what}", "peers": where} for _ in range(few(1000)) for what in ("add", "remove")],
              watched.look)
    check(set(flood.by_code) == {"done"}, f"{flood.by_code}")
    check(not node.all("offline"), "it has lost its connection")
    others = [f"[fd00::{i + 1:x}]:9" for i in range(MOST_SPECIAL)]  # which a node of IPv4 does not dial
    all_of_them = " ".join(others)
    check(node.command("special-add", peers=all_of_them)["event"] == "done", "they are as many as may be")
    flood.by_code.clear()
    flood.run([{"command": "special-add", "peers": f"[fd01::{i % 250}]:9"} for i in range(few(2000))], watched.look)
    check(set(flood.by_code) == {FULL}, f"{flood.by_code}")
    flood.by_code.clear()
    flood.run([{"command": f"special-{what}", "peers": all_of_them} for _ in range(few(15)) for what in ("remove", "add")],
              watched.look)
    check(set(flood.by_code) == {"done"}, f"{flood.by_code}")
    check(node.command("special-remove", peers=all_of_them)["message"] == "0 special peers", "some are left")
    check(watched.threads <= threads + 16 + ASKED, f"{watched.threads} threads, {threads} before")
    check(node.memory("VmHWM") < memory + 60, f"{node.memory('VmHWM'):.0f} MiB, {memory:.0f} before")
    check(watched.worst < 0.5 * SLOW, f"a message needed {watched.worst:.2f} s")
    return f"a message needed {watched.worst:.3f} s"


if __name__ == "__main__":
    run([special_peers_come_and_go_without_end, a_flood_of_dials_is_answered_and_delays_no_peer,
         a_dial_under_way_slows_no_requests, bans_and_scores, a_report_sends_a_peer_away, special_peers_come_and_go, known_addresses,
         a_dial_is_answered_by_what_comes_of_it, a_reload_that_finds_no_room_is_told, verdicts_decide_what_is_passed_on])
