#!/usr/bin/env python3
"""A client of Infnote that shares no code with kith walks every message and every violation against a real node.

Usage: test_infnote.py PATH-OF-KITH [word of a test's name]...
"""
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time

from kithnode import SLOW, Skipped, check, promises, run, until
from ledgerwire import INFNOTE_PORT, Infnote, digest, genesis, next_block, transaction

ALONE = ("-exclusive", "-redialSpecial", "500ms")  # dials nobody but its special peers
LOST = {"type": "Disconnect", "reason": 6}
START = genesis()


def infnote(lab, *flags, start=True):
    return lab.node("-protocol", "infnote", *ALONE, *flags, start=start, port=INFNOTE_PORT)


def quality(node, number):
    """Of the peer whose id is made from that number; waits until it is online."""
    name = hashlib.sha512(b"%d" % number).hexdigest()

    def told():
        return [p["quality"] for p in node.command("peers")["peers"] if p["peer"] == name]
    return until(told, 10, f"{node}: {number} is online")[0]


def costs(node, number, points, what):
    until(lambda: quality(node, number) == -points, 10, lambda: f"{points} points for {what}, but {quality(node, number)}")


# --- meeting ---

@promises("I12", "I14", "I17")
def a_person_speaks_with_it_by_netcat(lab):
    if not shutil.which("nc"):
        raise Skipped("there is no nc")
    node = infnote(lab)
    peer = Infnote.dial(node)
    words = "".join(json.dumps(o) + "\\n" for o in (peer.hello(7), peer.status(), {"type": "Ping"}, {"type": "getaddr"}))
    peer.close()
    done = subprocess.run(["sh", "-c", f"printf '{words}' | timeout {10 * SLOW} nc -N {node.address} {node.port}"], check=False,
                          capture_output=True, text=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    check([o["type"] for o in said[:3]] == ["Hello", "Status", "Pong"], f"it says {done.stdout}")
    check(any(o["type"] == "addr" for o in said), f"no addr in {done.stdout}")
    check(said[-1]["type"] != "Disconnect", f"who has closed its side is told why it ends: {done.stdout}")


@promises("I11", "I12", "I13", "I14", "I15")
def it_says_hello_and_status_as_the_page_says(lab):
    node = infnote(lab)
    peer = Infnote.dial(node)
    peer.sock.settimeout(0.5)
    try:
        check(not peer.sock.recv(1), "it speaks first")
    except TimeoutError:
        pass
    peer.sock.settimeout(10 * SLOW)
    peer.say(peer.hello(port="4001"))
    hello, status = peer.take(), peer.take()
    check(list(hello) == ["type", "p2pVersion", "clientId", "listenPort", "nodeId"], f"{hello}")
    check(hello["p2pVersion"] == "1" and hello["clientId"].startswith("kith/") and hello["clientId"].endswith(" full"), f"{hello}")
    check(hello["listenPort"] == str(INFNOTE_PORT) and len(bytes.fromhex(hello["nodeId"])) == 64, f"{hello}")
    check(status == {"type": "Status", "height": 0, "genesisHash": START["hash"], "network_id": "LOCAL"}, f"{status}")
    check(not node.all("online"), "active before Status")
    peer.say(peer.status())
    online = node.wait("online")
    check(online["peer"] == hashlib.sha512(b"1").hexdigest(), f"{online}")


@promises("I12", "I14")
def it_dials_and_speaks_first(lab):
    server = socket.create_server((lab.address(), INFNOTE_PORT))
    server.settimeout(10 * SLOW)
    lab.closers.append(server.close)
    node = infnote(lab, "-peers", f"{server.getsockname()[0]}:{INFNOTE_PORT}")
    peer = Infnote(server.accept()[0])
    check([peer.take()["type"] for _ in range(2)] == ["Hello", "Status"], f"{peer.said}")
    peer.say(peer.hello(3))
    check(not node.all("online"), "active before Status")
    peer.say(peer.status())
    node.wait("online", direction="outgoing")
    check(peer.is_alive(), "no Pong")


@promises("I13")
def the_node_id_is_kept_beside_the_peers_file(lab):
    node = infnote(lab)
    ids = []
    for _ in range(2):
        peer = Infnote.meet(node)
        ids.append(peer.said[0]["nodeId"])
        peer.close()
        node.end()
        node.start()
    check(ids[0] == ids[1], f"another one after a restart: {ids}")
    check(any(name.startswith("identity-infnote") for name in os.listdir(node.home)), f"{os.listdir(node.home)}")
    shown = subprocess.run([lab.kith, "-protocol", "infnote", "-home", node.home, "-identity"], check=True, capture_output=True,
                           text=True).stdout
    check(ids[0] in shown, f"-identity says {shown}")


# --- each message ---

@promises("I7", "I11", "I17", "I18", "I20", "I21", "I22")
def every_message_is_understood(lab):
    node = infnote(lab)
    peer = Infnote.meet(node)
    began = time.monotonic()
    check(peer.is_alive(), "no Pong")
    check(time.monotonic() - began < 1 * SLOW, "late")
    peer.say({"type": "Pong"}, {"type": "getaddr", "pad": "x" * 100})
    check(isinstance(peer.of("addr")["peers"], list), f"{peer.said}")
    peer.say({"type": "addr", "peers": [{"ip": "127.0.0.77", "port": 8210, "timestamp": 1 << 40}]})
    t = transaction("hello", 1, {"a": [True, None]})
    peer.say({"type": "Transactions", "transactions": [t]})
    check(json.loads(node.wait("parcel", kind="Transaction")["text"]) == t, "another transaction")
    new = next_block(START, t)
    peer.say({"type": "NewBlock", "block": new})
    check(json.loads(node.wait("parcel", kind="Block")["text"]) == new, "another block")
    peer.say({"type": "GetBlockHashes", "from": 0, "count": 2000})
    check(peer.of("BlockHashes") == {"type": "BlockHashes", "from": 0, "hashes": [START["hash"], new["hash"]]}, f"{peer.said}")
    peer.say({"type": "GetBlocks", "hashes": [new["hash"], START["hash"], digest("nothing")]})
    blocks = peer.of("Blocks")["blocks"]
    check(sorted(b["number"] for b in blocks) == [0, 1] and all(b in (START, new) for b in blocks), f"{blocks}")
    check(peer.is_alive() and not node.all("offline"), "it has ended")


@promises("I11")
def unknown_types_cost_a_point_and_unknown_fields_nothing(lab):
    node = infnote(lab, "-meritGood", "0")
    peer = Infnote.meet(node)
    peer.say({"type": "Blah"}, {"type": "ping", "x": 1})
    check(peer.is_alive(), "no Pong")
    peer.say({"z": 1, "type": "Ping", "x": {"y": [0.5]}})
    peer.of("Pong")
    costs(node, 1, 2, "two of an unknown type")


@promises("I18", "I22")
def what_the_application_sends_reaches_the_peer(lab):
    node = infnote(lab)
    peer = Infnote.meet(node)
    node.wait("online")
    t = transaction("from the application")
    answer = node.send("<FULLBROADCAST>", json.dumps(t), kind="Transaction")
    check(answer["event"] == "sent" and answer["peers"] == 1, f"{answer}")
    check(peer.of("Transactions")["transactions"] == [t], f"{peer.said}")
    new = next_block(START, t)
    answer = node.send("<FULLBROADCAST>", json.dumps(new), kind="Block")
    check(answer["event"] == "sent" and answer["peers"] == 1, f"{answer}")
    check(peer.of("NewBlock")["block"] == new, f"{peer.said}")


# --- what does not fit ---

def misfits(peer):
    other = genesis("TEST")["hash"]
    return [
        (3, [peer.hello(p2pVersion="2")]),
        (4, [peer.hello(), peer.status(network="TEST")]),
        (5, [peer.hello(), peer.status(genesisHash=other)]),
        (6, [peer.hello(nodeId="ab" * 16)]),
        (6, [peer.hello(listenPort=0)]),
        (6, [{k: v for k, v in peer.hello().items() if k != "clientId"}]),
        (6, [peer.status()]),
        (6, [{"type": "Ping"}]),
        (6, [peer.hello(), {"type": "Ping"}]),
        (6, [peer.hello(), peer.status(height="0")]),
        (6, [peer.hello(), peer.status(), peer.hello()]),
    ]


@promises("I14", "I15", "I16")
def who_does_not_fit_is_told_why(lab):
    node = infnote(lab)
    for i in range(11):
        peer = Infnote.dial(node, lab.address())
        reason, said = misfits(peer)[i]
        peer.say(*said)
        last = peer.until_closed()
        check(last == {"type": "Disconnect", "reason": reason}, f"{said}: {last}, not reason {reason}")
        peer.close()
    node.wait("online")  # who says a second Hello
    check(len(node.all("online")) == 1, "somebody was online all the same")


@promises("I16")
def every_reason_is_told(lab):
    node = infnote(lab, "-incoming", "1")
    first = Infnote.meet(node, lab.address(), number=1)
    node.wait("online")
    second = Infnote.dial(node, lab.address())
    second.say(second.hello(2))
    check(second.until_closed() == {"type": "Disconnect", "reason": 1}, f"{second.said}")
    node.send_signal(signal.SIGTERM)
    check(first.until_closed() == {"type": "Disconnect", "reason": 7}, f"{first.said}")
    node.join()
    node = infnote(lab)
    peer = Infnote.meet(node, lab.address())
    twin = Infnote.dial(node, lab.address())
    twin.say(twin.hello(), twin.status())
    check(twin.take()["type"] == "Hello" and twin.take()["type"] == "Status", f"{twin.said}")
    # The older one stays because it has something to say meanwhile.
    until(lambda: peer.is_alive() and select.select([twin.sock], [], [], 0.1)[0], 10, "the newer one is sent away")
    check(twin.until_closed() == {"type": "Disconnect", "reason": 2}, f"{twin.said}")
    check(peer.is_alive(), "the older one went")
    own = Infnote.dial(node, lab.address())
    own.say(own.hello(nodeId=peer.said[0]["nodeId"]))
    check(own.until_closed() == {"type": "Disconnect", "reason": 8}, f"{own.said}")


@promises("I16")
def what_a_peer_says_at_its_end_is_logged_by_name(lab):
    node = infnote(lab)
    for reason, name in ((7, "quitting"), (0, "TCP error"), (1, "too many peers"), (99, "an unknown reason, 99"), (None, "no reason")):
        peer = Infnote.meet(node, lab.address(), number=reason or 50)
        peer.say({"type": "Disconnect", **({} if reason is None else {"reason": reason})})
        check(peer.until_closed() is not LOST, "it is a fault")
        node.logged(f"the peer says:? {name}")


def it_does_not_connect_with_itself(lab):
    node = infnote(lab, start=False)
    node.flags += ["-peers", node.endpoint]
    node.start()
    until(lambda: node.ended("connected to ourselves"), 10, "it has seen that it dialed itself")
    check(not node.all("online"), "it was online with itself")


@promises("I17")
def silence_causes_a_ping_and_then_the_end(lab):
    node = infnote(lab, "-ping", "300ms", "-silence", "1200ms")
    peer = Infnote.meet(node)
    peer.of("Ping")
    peer.say({"type": "Pong"})
    last = peer.until_closed()
    check(last == {"type": "Disconnect", "reason": 0}, f"{last}")


# --- bad input ---

def lines_that_are_bad():
    def obj(**fields):
        return json.dumps(fields).encode()
    good = next_block(START, transaction("x"))
    yield b"x"
    yield b""
    yield b"[]"
    yield b'{"type":"Ping"'
    yield b'{"type":"Ping","a":' + b"[" * 1000 + b"]" * 1000 + b"}"
    yield b'{"type":"Ping","a":' + b"7" * 400 + b"}"
    yield b'{"type":"Ping","type":"Ping"}'
    yield b'{"type":"Ping","a":"\\ud800"}'
    yield b'{"type":"Ping","a":"\xff"}'
    yield b"{}"
    yield obj(type=1)
    yield obj(type="getaddr", pad=1)
    yield obj(type="addr")
    yield obj(type="addr", peers=[{"ip": "a.example", "port": 1, "timestamp": 1}])
    yield obj(type="addr", peers=[{"ip": "1.2.3.4", "port": 1, "timestamp": 1}] * 101)
    yield obj(type="addr", host="1.2.3.4", port=1)
    yield obj(type="Transactions", transactions=[])
    yield obj(type="Transactions", transactions=[{**transaction("x"), "sender": "aa"}])
    yield obj(type="Transactions", transactions=[{**transaction("x"), "more": 1}])
    yield obj(type="GetBlockHashes", count=1)
    yield obj(type="GetBlockHashes", **{"from": 0, "count": 2001})
    yield obj(type="BlockHashes", **{"from": 0, "hashes": [START["hash"]] * 2001})
    yield obj(type="GetBlocks", hashes=[START["hash"]] * 129)
    yield obj(type="GetBlocks", hashes=["00"])
    yield obj(type="Blocks", blocks=1)
    yield obj(type="NewBlock", block=[good])
    yield b'{"type":"Ping","pad":"' + b"x" * (2 << 20)


@promises("I11", "I18")
def bad_input_ends_the_session_and_costs_ten_points(lab):
    node = infnote(lab, "-meritGood", "0")
    watcher = Infnote.meet(node, lab.address(), number=999)
    n = 0
    for n, line in enumerate(lines_that_are_bad(), 1):
        source = lab.address()
        peer = Infnote.meet(node, source, number=n)
        try:
            peer.say_bytes(line + b"\n")
        except OSError:  # it has closed before it was all said
            pass
        last = peer.until_closed()
        check(last == LOST, f"{line[:80]}: {last}")
        peer.close()
        again = Infnote.meet(node, source, number=n + 1000)
        costs(node, n + 1000, 10, line[:80])
        again.close()
    check(watcher.is_alive(), "others have to pay")
    check(node.memory() < 200, f"{node.memory():.0f} MiB")
    return f"{n} kinds"


def a_block_that_is_not_well_formed_costs_fifty(lab):
    node = infnote(lab, "-meritGood", "0")
    good = next_block(START, transaction("x"))
    for i, bad in enumerate(({**good, "hash": good["prev"]}, {**good, "number": 2}, {**good, "more": 1}, {**good, "time": 1.5},
                             {k: v for k, v in good.items() if k != "prev"})):
        source = lab.address()
        peer = Infnote.meet(node, source, number=i)
        peer.say({"type": "NewBlock", "block": bad} if i % 2 else {"type": "Blocks", "blocks": [bad]})
        check(peer.until_closed() == LOST, f"{bad}: {peer.said}")
        again = Infnote.meet(node, source, number=100 + i)
        costs(node, 100 + i, 50, bad)
        again.close()


def bytes_may_come_one_by_one(lab):
    node = infnote(lab)
    peer = Infnote.dial(node)
    peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"".join(json.dumps(o).encode() + b"\r\n" for o in (peer.hello(), peer.status(), {"type": "Ping"})):
        peer.say_bytes(bytes([byte]))
    peer.of("Pong")
    peer.say_bytes(b'{"type":"Ping"}\n' * 1000)  # and many at once
    for _ in range(1000):
        peer.of("Pong")


if __name__ == "__main__":
    run([bad_input_ends_the_session_and_costs_ten_points, a_person_speaks_with_it_by_netcat, who_does_not_fit_is_told_why,
         it_says_hello_and_status_as_the_page_says, it_dials_and_speaks_first, the_node_id_is_kept_beside_the_peers_file,
         every_message_is_understood, unknown_types_cost_a_point_and_unknown_fields_nothing,
         what_the_application_sends_reaches_the_peer, every_reason_is_told, what_a_peer_says_at_its_end_is_logged_by_name,
         it_does_not_connect_with_itself, silence_causes_a_ping_and_then_the_end, a_block_that_is_not_well_formed_costs_fifty,
         bytes_may_come_one_by_one])
