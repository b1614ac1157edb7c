#!/usr/bin/env python3
"""A client of the coin protocol that shares no code with kith walks every method and every violation against a real node.

Usage: test_coin.py PATH-OF-KITH [word of a test's name]...
"""
import json
import random
import shutil
import socket
import subprocess
import time

from kithnode import SLOW, Skipped, check, few, promises, run, until
from ledgerwire import COIN_PORT, Coin, digest, genesis, next_block, transaction

ALONE = ("-exclusive", "-redialSpecial", "500ms")  # dials nobody but its special peers
START = genesis()


def coin(lab, *flags, start=True):
    return lab.node("-protocol", "coin", *ALONE, *flags, start=start, port=COIN_PORT)


def costs(node, source, points, what):
    until(lambda: node.quality(source) == -points, 10, lambda: f"{points} points for {what}, but {node.quality(source)}")


# --- meeting ---

@promises("C1", "C3", "C4", "C5")
def a_person_speaks_with_it_by_netcat(lab):
    if not shutil.which("nc"):
        raise Skipped("there is no nc")
    node = coin(lab)
    peer = Coin.dial(node)
    words = "".join(json.dumps(o) + "\\n" for o in (peer.hello(), peer.hey(), {"GETBLOCK": 0}, {"GETADDR": 0}))
    peer.close()
    done = subprocess.run(["sh", "-c", f"printf '{words}' | timeout {10 * SLOW} nc -N {node.address} {node.port}"], check=False,
                          capture_output=True, text=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    check([list(o) for o in said[:2]] == [["HEY"], ["HELLO"]], f"it says {done.stdout}")
    check({"BLOCK": START} in said and any("ADDR" in o for o in said), f"it says {done.stdout}")


@promises("C1", "C3", "C4", "C5")
def it_says_hey_and_hello_as_the_page_says(lab):
    node = coin(lab)
    peer = Coin.dial(node)
    peer.sock.settimeout(0.5)
    try:
        check(not peer.sock.recv(1), "it speaks first")
    except TimeoutError:
        pass
    peer.sock.settimeout(10 * SLOW)
    peer.say(peer.hello(port=4001))
    hey, hello = peer.take()["HEY"], peer.take()["HELLO"]
    check(list(hey) == ["blocks", "time"] and list(hello) == ["blocks", "time", "port", "genesis"], f"{peer.said}")
    check(hey["blocks"] == hello["blocks"] == 1 and abs(hello["time"] - time.time()) < 60, f"{peer.said}")
    check(hello["port"] == COIN_PORT and hello["genesis"] == START["hash"], f"{hello}")
    check(not node.all("online"), "connected before HEY")
    peer.say(peer.hey())
    node.wait("online", peer="{}:{}".format(*peer.sock.getsockname()))
    check(peer.is_alive(), "HELLO is not answered later")


@promises("C5")
def it_dials_and_takes_the_answer_in_both_orders(lab):
    server = socket.create_server((lab.address(), COIN_PORT))
    server.settimeout(10 * SLOW)
    lab.closers.append(server.close)
    node = coin(lab, "-peers", f"{server.getsockname()[0]}:{COIN_PORT}")
    for number in range(2):
        peer = Coin(server.accept()[0])
        check(list(peer.take()) == ["HELLO"], f"{peer.said}")
        answers = [peer.hey(), peer.hello()]
        peer.say(*(answers if number else reversed(answers)))
        check(list(peer.take()) == ["HEY"], f"{peer.said}")
        until(lambda: len(node.all("online")) == number + 1, 10, "it is online")
        peer.close()


# --- each method ---

@promises("C6", "C7", "C8", "C9", "C10", "C11")
def every_method_is_understood(lab):
    node = coin(lab)
    peer = Coin.meet(node)
    peer.say({"GETADDR": 0})
    check(isinstance(peer.of("ADDR"), list), f"{peer.said}")
    peer.say({"ADDR": ["127.0.0.77:8310", "[::1]:8310"]})
    one, two = transaction("one"), transaction("two")
    peer.say({"PUSHTRANSACTION": one}, {"PUSHTRANSACTION": [two, transaction("three")]})
    until(lambda: len(node.all("parcel")) == 3, 10, "three transactions")
    third = transaction("four")
    peer.say({"BROADCASTTRANSACTION": digest(third)})
    check(peer.of("GETBLOCK") == digest(third), f"{peer.said}")
    peer.say({"PUSHTRANSACTION": third}, {"GETBLOCK": digest(two)})
    check(peer.of("PUSHTRANSACTION") == two, f"{peer.said}")
    new = next_block(START, one)
    peer.say({"BROADCASTBLOCK": 1})
    check(peer.of("GETBLOCK") == 1, f"{peer.said}")
    peer.say({"BLOCK": new})
    check(json.loads(node.wait("parcel", kind="Block")["text"]) == new, "another block")
    peer.say({"GETBLOCK": 1}, {"GETBLOCK": 0})
    got = [peer.of("BLOCK"), peer.of("BLOCK")]
    check(sorted(b["number"] for b in got) == [0, 1] and all(b in (START, new) for b in got), f"{got}")
    peer.say({"GETLISTOFBLOCKS": 0})
    check(peer.of("LISTOFBLOCKS") == [1], f"{peer.said}")
    peer.say({"GETLISTOFBLOCKS": 9})
    check(peer.of("GETLISTOFBLOCKS") == 1, f"{peer.said}")
    check(not node.all("offline"), "it has ended")


@promises("C7", "C8", "C11")
def what_the_application_sends_is_announced(lab):
    node = coin(lab)
    peer = Coin.meet(node)
    node.wait("online")
    t = transaction("from the application")
    answer = node.send("<FULLBROADCAST>", json.dumps(t), kind="Transaction")
    check(answer["event"] == "sent" and answer["peers"] == 1, f"{answer}")
    check(peer.of("BROADCASTTRANSACTION") == digest(t), f"{peer.said}")
    peer.say({"GETBLOCK": digest(t)})
    check(peer.of("PUSHTRANSACTION") == t, f"{peer.said}")
    new = next_block(START, t)
    answer = node.send("<FULLBROADCAST>", json.dumps(new), kind="Block")
    check(answer["event"] == "sent" and answer["peers"] == 1, f"{answer}")
    check(peer.of("BROADCASTBLOCK") == 1, f"{peer.said}")
    peer.say({"GETBLOCK": 1})
    check(peer.of("BLOCK") == new, f"{peer.said}")
    peer.say(peer.hello())
    check(peer.of("HEY")["blocks"] == 2, f"{peer.said}")


def silence_causes_a_hello_and_then_the_end(lab):
    node = coin(lab, "-ping", "300ms", "-silence", "1200ms")
    peer = Coin.meet(node)
    peer.of("HELLO")
    peer.say(peer.hey())
    peer.until_closed()
    until(lambda: node.ended("silent too long") == 1, 10, "it was silent")


# --- what does not fit ---

@promises("C3", "C5")
def who_does_not_fit_is_left(lab):
    node = coin(lab, "-handshakeTimeout", "2s")
    peer = Coin.dial(node)
    rows = [[peer.hey()], [{"GETADDR": 0}], [peer.hello(), {"GETADDR": 0}], [peer.hello(), peer.hello()], [peer.hello(network="TEST")],
            [peer.hello(ahead=7300)], [peer.hello(ahead=-7300)], [peer.hello(), peer.hey(ahead=7300)], [peer.hello()], []]
    for said in rows:
        peer = Coin.dial(node, lab.address())
        peer.say(*said)
        peer.until_closed()
    check(not node.all("online"), "somebody was online all the same")


def it_does_not_stay_with_itself(lab):
    node = coin(lab, start=False)
    node.flags += ["-peers", node.endpoint]
    node.start()
    until(lambda: node.ended("connected to ourselves"), 10, "it has seen that it dialed itself")


# --- bad input ---

def lines_that_are_bad():
    good = next_block(START, transaction("x"))
    rows = [{}, {"GETADDR": 0, "ADDR": []}, {"PING": 0}, {"getaddr": 0}, {"type": "Ping"}, {"GETADDR": "0"}, {"GETADDR": 65536},
            {"HELLO": {"blocks": 1}}, {"HEY": {"blocks": 1, "time": 1, "more": 1}}, {"ADDR": ["a.example:1"]},
            {"ADDR": ["1.2.3.4:1"] * 101}, {"BROADCASTBLOCK": -1}, {"GETBLOCK": "1"}, {"GETLISTOFBLOCKS": 1.5},
            {"LISTOFBLOCKS": [2, 1]}, {"LISTOFBLOCKS": list(range(2001))}, {"PUSHTRANSACTION": []},
            {"PUSHTRANSACTION": {**transaction("x"), "sender": "aa"}}, {"PUSHTRANSACTION": [{**transaction("x"), "more": 1}]},
            {"BROADCASTTRANSACTION": "00"}, [], 1, [good]]
    yield from (json.dumps(row).encode() for row in rows)
    yield b""
    yield b"x"
    yield b'{"GETADDR":0'
    yield b'{"GETADDR":0,"GETADDR":0}'
    yield b'{"GETADDR":' + b"[" * 1000 + b"]" * 1000 + b"}"
    yield b'{"GETADDR":' + b"7" * 400 + b"}"
    yield b'{"BROADCASTTRANSACTION":"\\ud800"}'
    yield b'{"BROADCASTTRANSACTION":"' + b"x" * (2 << 20)


def give(peer, line):
    try:
        peer.say_bytes(line + b"\n")
        peer.until_closed()
    except (BrokenPipeError, ConnectionResetError):  # it has closed before it was all said
        pass


@promises("C1", "C2")
def what_does_not_obey_is_rejected_and_costs_ten_points(lab):
    node = coin(lab, "-meritGood", "0")
    watcher = Coin.meet(node, lab.address())
    n = 0
    for n, line in enumerate(lines_that_are_bad(), 1):
        source = lab.address()
        give(Coin.meet(node, source), line)
        again = Coin.meet(node, source)
        costs(node, source, 10, line[:80])
        again.close()
    check(watcher.is_alive(), "others have to pay")
    check(node.memory() < 200, f"{node.memory():.0f} MiB")
    return f"{n} kinds"


def a_block_that_is_not_well_formed_costs_fifty(lab):
    node = coin(lab, "-meritGood", "0")
    good = next_block(START, transaction("x"))
    for bad in (1, {}, {**good, "hash": good["prev"]}, {**good, "more": 1}):
        source = lab.address()
        give(Coin.meet(node, source), json.dumps({"BLOCK": bad}).encode())
        again = Coin.meet(node, source)
        costs(node, source, 50, bad)
        again.close()


def mutant(dice, lines):
    """A line of those with something wrong in it."""
    data = bytearray(dice.choice(lines))
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                del data[at:at + dice.randrange(1, 9)]
            case 2:
                data[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 9)))
            case _:
                data[at:at] = data[:dice.randrange(len(data) + 1)]
        data = data or bytearray(b"{")
    return bytes(data).replace(b"\n", b" ")


def is_fit(line):
    """Whether it is a dictionary of one key that is a method's name: then its payload may be right by chance."""
    try:
        names = list(json.loads(line))
        return len(names) == 1 and names[0] in ("HELLO", "HEY", "GETADDR", "ADDR", "BROADCASTBLOCK", "GETBLOCK", "BLOCK",
                                                "GETLISTOFBLOCKS", "LISTOFBLOCKS", "PUSHTRANSACTION", "BROADCASTTRANSACTION")
    except (ValueError, TypeError):
        return False


@promises("C2")
def a_thousand_mutants_are_rejected(lab):
    node = coin(lab, "-incoming", "500", "-meritBad", "0")
    dice, source = random.Random(42), lab.address()
    peer = Coin.dial(node)
    lines = [json.dumps(o).encode() for o in (
        peer.hello(), peer.hey(), {"GETADDR": 0}, {"ADDR": ["1.2.3.4:5"]}, {"BROADCASTBLOCK": 0}, {"GETBLOCK": 0}, {"BLOCK": START},
        {"GETLISTOFBLOCKS": 0}, {"LISTOFBLOCKS": [0]}, {"PUSHTRANSACTION": transaction("x")},
        {"BROADCASTTRANSACTION": START["hash"]})]
    n, met = few(1000), (peer.hello(), peer.hey())
    bad = (line for line in iter(lambda: mutant(dice, lines), None) if not is_fit(line))
    for first in range(0, n, 20):
        peers = [Coin.dial(node, source) for _ in range(min(20, n - first))]
        for peer in peers:
            peer.say(*met)
            peer.say_bytes(next(bad) + b"\n")
        for peer in peers:
            peer.until_closed()
            peer.close()
    until(lambda: node.ended("bad parcel") == n, 10, lambda: f"{n} rejected, but {node.ended('bad parcel')}")
    check(Coin.meet(node, lab.address()).is_alive(), "it is not there any more")
    return f"{n}"


# --- its options ---

def trackers_are_ip_addresses_with_ports(lab):
    for value, why in (("x:1", "host name"), ("1.2.3.4", "not host:port"), ("1.2.3.4:0", "not host:port"), ("1.2.3.4:65536", "not host:port"),
                       (",".join(f"1.2.3.4:{p}" for p in range(1, 66)), "more than 64")):
        done = subprocess.run([lab.kith, "-protocol", "coin", "-home", lab.home, "-trackers", value], check=False, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL)
        check(done.returncode == 2 and done.stderr.startswith("kith: -trackers: ") and why in done.stderr and
              done.stderr.count("\n") == 1, f"{value}: {done.returncode}, {done.stderr}")
    for option in (["-tracker"], ["-trackers", "1.2.3.4:5"]):
        done = subprocess.run([lab.kith, "-protocol", "infnote", "-home", lab.home, *option], check=False, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        check(done.returncode == 2 and "has no such option" in done.stderr, f"{option}: {done.stderr}")
    node = coin(lab, "-tracker", "-trackers", f"{lab.address()}:1,[::1]:2")
    check(Coin.meet(node).is_alive(), "it does not answer")


if __name__ == "__main__":
    run([a_thousand_mutants_are_rejected, what_does_not_obey_is_rejected_and_costs_ten_points, who_does_not_fit_is_left,
         a_person_speaks_with_it_by_netcat, it_says_hey_and_hello_as_the_page_says, it_dials_and_takes_the_answer_in_both_orders,
         every_method_is_understood, what_the_application_sends_is_announced, silence_causes_a_hello_and_then_the_end,
         it_does_not_stay_with_itself, a_block_that_is_not_well_formed_costs_fifty, trackers_are_ip_addresses_with_ports])
