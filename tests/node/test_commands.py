#!/usr/bin/env python3
"""What an operator asks and says of peers, in JSON lines.

Usage: test_commands.py PATH-OF-KITH [word of a test's name]...
"""
import signal
import socket

from kithnode import check, few, run, until
from stopped import Stopped, thread_of

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


if __name__ == "__main__":
    run([a_dial_under_way_slows_no_requests, bans_and_scores, a_report_sends_a_peer_away, special_peers_come_and_go, known_addresses,
         a_dial_is_answered_by_what_comes_of_it, a_reload_that_finds_no_room_is_told, verdicts_decide_what_is_passed_on])
