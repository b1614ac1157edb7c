#!/usr/bin/env python3
"""Networks that keep a chain: transactions and blocks reach everybody, once over each link, and stay.

Each test is of both protocols, Infnote and coin.

Usage: test_ledger.py PATH-OF-KITH [word of a test's name]...
"""
import functools
import hashlib
import json
import re
import signal
import sqlite3
from pathlib import Path

from kithnode import EVERYONE, check, few, promises, run, until
from ledgertap import Wiretap
from test_program import Console

PORTS = {"infnote": 8210, "coin": 8310}
# All that may be dialed is named, so that there is one link for each pair of neighbours.
QUICK = ("-exclusive", "-acceptInterval", "0", "-redialSpecial", "300ms", "-savePeers", "500ms")
SENDER, RECEIVER = "1" * 40, "2b" * 20
CHAIN = re.compile(r"block (\d+) ([0-9a-f]{64}), (\d+) transactions? waits?")


def of_both(*numbers):
    """Makes two tests of a function with a protocol, which show these promises: of Infnote, and of coin."""
    def mark(test):
        made = []
        for protocol in PORTS:
            @functools.wraps(test)
            def one(lab, protocol=protocol):
                return test(lab, protocol)
            one.__name__ = f"{test.__name__}_with_{protocol}"
            del one.__wrapped__
            promises(*(n for n in numbers if n[0] == protocol[0].upper()))(one)
            made.append(one)
        return made
    return mark


def ledger_node(lab, protocol, *flags, **options):
    return lab.node("-protocol", protocol, *QUICK, *flags, port=PORTS[protocol], **options)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def transaction(*message):
    return {"sender": SENDER, "receiver": RECEIVER, "message": list(message)}


def send(node, value, kind="Transaction"):
    """`value` is JSON, or text."""
    return node.ask(send=EVERYONE, kind=kind, text=value if isinstance(value, str) else json.dumps(value))


def sends(node, value, kind="Transaction"):
    answer = send(node, value, kind)
    check(answer["event"] == "sent", f"{node}: {answer}")
    return answer["peers"]


def chain(node):
    """Its height, its last block, and how many transactions wait."""
    answer = node.command("chain")
    found = CHAIN.match(answer["message"])
    check(answer["event"] == "done" and found, f"{node}: {answer}")
    return int(found[1]), found[2], int(found[3])


def makes_block(node):
    """Its number and its hash."""
    answer = node.command("block")
    found = re.match(r"block (\d+) ([0-9a-f]{64})\b", answer["message"])
    check(answer["event"] == "done" and found, f"{node}: {answer}")
    return int(found[1]), found[2]


def have_chain(nodes, height, tip, seconds=20):
    until(lambda: all(chain(n)[:2] == (height, tip) for n in nodes), seconds,
          lambda: f"block {height} {tip} at all: {[chain(n) for n in nodes]}")


def hears(node, kind, text):
    return node.wait("parcel", kind=kind, where=lambda e: e["text"] == text)


def line(lab, protocol, count, *flags):
    """Each but the first has dialed the one before."""
    nodes = [ledger_node(lab, protocol, *flags)]
    for _ in range(count - 1):
        nodes.append(ledger_node(lab, protocol, "-peers", nodes[-1].endpoint, *flags))
    for left, right in zip(nodes, nodes[1:]):
        right.wait_online(left)
        left.wait("online", direction="incoming")
    return nodes


def store_of(node, protocol):
    return Path(node.home, f"peers-{protocol}-LOCAL.json.store")


# --- three nodes ---

@of_both("I18", "I22", "C10", "C12")
def a_transaction_and_a_block_reach_all(lab, protocol):
    a, b, c = line(lab, protocol, 3)
    wanted = transaction("hello", 5, {"ü": None})
    check(sends(a, json.dumps(wanted, indent=1)) == 1, "others were told than its one neighbour")
    for node in (b, c):
        hears(node, "Transaction", canonical(wanted))
    until(lambda: all(chain(n)[2] == 1 for n in (a, b, c)), 10, "it waits at all")
    number, tip = makes_block(a)
    check(number == 1, f"block {number} is the first")
    have_chain((a, b, c), 1, tip)
    for node in (b, c):
        block = json.loads(node.wait("parcel", kind="Block")["text"])
        check(block["hash"] == tip and block["transactions"] == [wanted] and block["number"] == 1, f"{block}")
        unsigned = {name: value for name, value in block.items() if name != "hash"}
        check(sha256(canonical(unsigned)) == tip, "its hash is another")
    check(chain(c)[2] == 0, "what is in a block waits no more")
    # Whoever has the block makes the next one.
    sends(c, transaction("from the other end"))
    hears(a, "Transaction", canonical(transaction("from the other end")))
    number, tip = makes_block(b)
    have_chain((a, b, c), 2, tip)
    check(sum(len(n.all("parcel")) for n in (a, b, c)) == 2 * 2 + 2 + 2, "somebody got something twice")


@of_both()
def a_block_of_an_application_is_taken_as_others(lab, protocol):
    a, b = line(lab, protocol, 2)
    genesis = chain(a)[1]
    block = {"number": 1, "prev": genesis, "time": 1700000000, "transactions": [transaction("made elsewhere")]}
    block["hash"] = sha256(canonical(block))
    sends(a, block, "Block")
    hears(b, "Block", canonical(block))
    have_chain((a, b), 1, block["hash"])


@of_both()
def the_chain_and_the_pool_outlive_the_node(lab, protocol):
    a, b = line(lab, protocol, 2)
    sends(a, transaction("first"))
    hears(b, "Transaction", canonical(transaction("first")))
    number, tip = makes_block(b)
    have_chain((a, b), number, tip)
    sends(a, transaction("second"))
    hears(b, "Transaction", canonical(transaction("second")))
    for node in (a, b):
        node.end()
        node.start()
        check(chain(node) == (number, tip, 1), f"{chain(node)}")
    b.wait_online(a)
    number, tip = makes_block(a)
    have_chain((a, b), number, tip)


@of_both("I5")
def a_node_that_is_killed_while_blocks_come_goes_on(lab, protocol):
    """At three moments; afterwards its file is whole, and it has the chain of the others."""
    a, b, c = line(lab, protocol, 3)
    blocks = few(20)
    for height in (blocks, 2 * blocks, 3 * blocks):
        for i in range(blocks):
            a.request(send=EVERYONE, kind="Transaction", text=json.dumps(transaction(height, i)))
            a.request(command="block")
            if i == blocks // 2:
                until(lambda: chain(b)[0] > height - blocks, 20, lambda: "b has none of the new blocks: " + "; ".join(
                    node.command("chain")["message"] for node in (a, b, c)))
                b.send_signal(signal.SIGKILL)
                b.process.wait()
        b.kill()
        b.start()
        b.wait_online(a)
        until(lambda: chain(a)[0] == height, 20, "a has made its last block")
        have_chain((a, b, c), *chain(a)[:2], seconds=30)
    b.send_signal(signal.SIGKILL)
    b.process.wait()
    with sqlite3.connect(store_of(b, protocol)) as base:
        check(base.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the file is broken")
    return f"{3 * blocks} blocks"


@of_both()
def what_is_no_transaction_is_refused_with_a_reason(lab, protocol):
    node = ledger_node(lab, protocol)
    good = transaction("good")
    sends(node, good)
    bad = ["no JSON", "{", "[]", "[" * 100, canonical(good)]  # the last is there already
    bad += [json.dumps(dict(good, sender="1" * 39)), json.dumps(dict(good, receiver="g" * 40)),
            json.dumps(dict(good, message="hello")), json.dumps(dict(good, extra=1)),
            json.dumps(dict(good, message=[0.5])), json.dumps(dict(good, message=["x" * 300000])),
            canonical(good)[:-1] + ',"sender":"' + SENDER + '"}']
    for text in bad:
        answer = send(node, text)
        check(answer["event"] == "error" and answer["message"], f"{text[:80]}: {answer}")
    block = {"number": 1, "prev": chain(node)[1], "time": 1700000000, "transactions": []}
    block["hash"] = "0" * 64
    for text in (json.dumps(block), canonical(good), "7"):
        check(send(node, text, "Block")["event"] == "error", f"{text[:80]} was taken as a block")
    check(chain(node)[0] == 0 and chain(node)[2] == 1, f"{chain(node)}")
    dropped = node.status()["dropped"]
    check(dropped["refused"] == len(bad) + 3, f"{dropped}")
    check(makes_block(node)[0] == 1, "no block")
    check(send(node, good)["event"] == "error", "what is in a block was taken again")


# --- each link once ---

def announces(protocol, kind, item, number):
    """Whether a line tells of that item."""
    def infnote(said):
        if kind == "Transaction":
            return said.get("type") == "Transactions" and item in map(canonical, said["transactions"])
        return said.get("type") == "NewBlock" and said["block"]["number"] == number

    def coin(said):
        if kind == "Transaction":
            return sha256(item) in said.get("BROADCASTTRANSACTION", ())
        return said.get("BROADCASTBLOCK") == number
    return infnote if protocol == "infnote" else coin


def carries(protocol, kind, item, number):
    """Whether a line has its body."""
    def infnote(said):
        blocks = said.get("blocks", ()) if said.get("type") == "Blocks" else ()
        return announces(protocol, kind, item, number)(said) or any(b["number"] == number for b in blocks)

    def coin(said):
        if kind == "Transaction":
            pushed = said.get("PUSHTRANSACTION", ())
            return item in map(canonical, pushed if isinstance(pushed, list) else [pushed])
        return said.get("BLOCK", {}).get("number") == number
    return infnote if protocol == "infnote" else coin


def tapped(lab, protocol, count, is_ring):
    """Nodes in a line or a ring, and the taps between neighbours."""
    wires, nodes, taps = lab.closes(Wiretap()), [], []
    for _ in range(count):
        nodes.append(ledger_node(lab, protocol, start=False))
    for i in range(count if is_ring else count - 1):
        next_one = nodes[(i + 1) % count]
        taps.append(wires.tap(next_one.address, (next_one.address, next_one.port)))
        nodes[i].flags += ["-peers", taps[-1].endpoint]
    for node in nodes:
        node.start()
    for i, node in enumerate(nodes):
        if is_ring or i < count - 1:
            node.wait("online", direction="outgoing")
        if is_ring or i > 0:
            node.wait("online", direction="incoming")
    return nodes, taps


def spreads_once(protocol, nodes, taps, kind, item, number):
    """Each neighbour tells the other at most once, and one of them alone, but for a pair that crosses: in a ring the
    last two may tell each other at the same time."""
    tells = [tap.count(announces(protocol, kind, item, number)) for tap in taps]
    bodies = [tap.count(carries(protocol, kind, item, number)) for tap in taps]
    for tap in taps:
        check(tap.connections == 1, f"{tap.connections} connections of one pair")
    check(all(n == 1 for link in tells + bodies for n in link.values()), f"{kind}: {tells}, {bodies}")
    told, carried = sum(map(len, tells)), sum(map(len, bodies))
    links, others = len(taps), len(nodes) - 1
    check(others <= told <= links + 1, f"{kind}: told {told} times over {links} links: {tells}")
    check(others <= carried <= links + 1, f"{kind}: carried {carried} times over {links} links: {bodies}")
    return f"{kind}: told {told} times, carried {carried} times"


def spread(lab, protocol, count, is_ring):
    nodes, taps = tapped(lab, protocol, count, is_ring)
    item = canonical(transaction("once"))
    sends(nodes[0], item)
    for node in nodes[1:]:
        hears(node, "Transaction", item)
    number, tip = makes_block(nodes[-1])
    have_chain(nodes, number, tip)
    # What would come late has come once something later has gone round: a second transaction and block.
    last = canonical(transaction("behind it"))
    sends(nodes[0], last)
    for node in nodes[1:]:
        hears(node, "Transaction", last)
    have_chain(nodes, *makes_block(nodes[-1]))
    said = [spreads_once(protocol, nodes, taps, "Transaction", item, None),
            spreads_once(protocol, nodes, taps, "Block", None, number)]
    for node in nodes:
        got = [e["text"] for e in node.all("parcel") if e["kind"] == "Transaction"]
        check(got.count(item) == (0 if node is nodes[0] else 1), f"{node} was given it {got.count(item)} times")
    return f"{count} nodes, {len(taps)} links; {'; '.join(said)}"


@of_both("I19", "I22", "C12", "C13")
def in_a_line_of_five_each_link_tells_once(lab, protocol):
    return spread(lab, protocol, 5, False)


@of_both("I19", "C12", "C13")
def in_a_ring_of_ten_each_link_tells_once(lab, protocol):
    return spread(lab, protocol, 10, True)


# --- the console ---

@of_both()
def the_console_speaks_of_transactions_and_blocks(lab, protocol):
    other = ledger_node(lab, protocol)
    node = ledger_node(lab, protocol, "-peers", other.endpoint, start=False)
    node.kill = lambda: None  # the console sees to it
    node.events = []
    terminal = Console(node)
    lab.closers.append(terminal.close)
    terminal.shows(rf"\* online: ([0-9a-f]{{16}}\.\.\. )?{re.escape(other.endpoint)}( [0-9a-f]+)?, outgoing, special\r")
    other.wait("online", direction="incoming")
    form = r"\* /tx SENDER RECEIVER WORD \.\.\.: "
    form_is = r"\* the form is /tx SENDER RECEIVER WORD \.\.\., not "
    for typed, shown in (("/tx", form_is + "/tx"), (f"/tx {SENDER}", form_is + "/tx"),
                         (f"/tx {SENDER} {RECEIVER}", form + "a message has at least one word"),
                         (f"/tx {SENDER}0 {RECEIVER} x", form + "sender and receiver are 40 hex digits each"),
                         (f"/tx {SENDER}g {RECEIVER} x", form + "sender and receiver are 40 hex digits each"),
                         (f"/tx {SENDER} {'g' * 40} x", form + "sender and receiver are 40 hex digits each"),
                         ("a line", r"\* here a line is a transaction in JSON; /tx makes one of words"), ("/chain", r"\* block 0 [0-9a-f]{64}, 0 transactions wait")):
        terminal.text = ""
        terminal.type(typed)
        terminal.shows(shown)
    terminal.type(f"/tx {SENDER} {RECEIVER} hello world \"a b\"")
    terminal.shows(r"\* sent to 1 peer\b")
    wanted = transaction("hello", "world", "a b")
    hears(other, "Transaction", canonical(wanted))
    terminal.type("/block")
    tip = terminal.shows(r"\* block 1 ([0-9a-f]{64}): 1 transaction, 1 peer was told").group(1)
    have_chain([other], 1, tip)
    theirs = canonical(transaction("control \x1b[2J", "x" * 1000))
    sends(other, theirs)
    terminal.shows(rf"\[\S+\] transaction {sha256(theirs)[:16]} from {SENDER} to {RECEIVER}: "
                   r'\["control \\u001[bB]\[2J","x{300,400}\.\.\.\r')
    number, tip = makes_block(other)
    terminal.shows(rf"\[\S+\] block {tip[:16]}, number {number}, 1 transaction, made \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    check("\x1b" not in terminal.text, "a control sequence came through")
    check("\n\r\n" not in terminal.text, f"an empty line: {terminal.text!r}")
    terminal.type("/quit")
    node.process.wait(5)


if __name__ == "__main__":
    run([*in_a_ring_of_ten_each_link_tells_once, *a_node_that_is_killed_while_blocks_come_goes_on,
         *in_a_line_of_five_each_link_tells_once, *a_transaction_and_a_block_reach_all,
         *a_block_of_an_application_is_taken_as_others, *the_chain_and_the_pool_outlive_the_node,
         *what_is_no_transaction_is_refused_with_a_reason, *the_console_speaks_of_transactions_and_blocks])
