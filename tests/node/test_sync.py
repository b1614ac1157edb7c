#!/usr/bin/env python3
"""A newcomer fetches a chain: from several at once, among them liars and one that dies half-way; killed at any moment.

Two nodes of kith have the chain; they have fetched it from a peer of the standard library. Speeds are stated beside
what SQLite alone takes to insert the same rows, in as many transactions, on the same disk. By hand, with
KITH_TEST_LONG=1: 100,000 blocks, and 50 moments. KITH_TEST_BLOCKS and KITH_TEST_TRANSACTIONS choose others.

Usage: test_sync.py PATH-OF-KITH [word of a test's name]...
"""
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import ledgerpeers
from kithnode import check, few, promises, run, until
from ledgerwire import COIN_PORT, INFNOTE_PORT, Infnote, canonical

PORTS = {"infnote": INFNOTE_PORT, "coin": COIN_PORT}
IS_LONG = os.environ.get("KITH_TEST_LONG") == "1"
BLOCKS = int(os.environ.get("KITH_TEST_BLOCKS", "100000" if IS_LONG else few(3000)))
TRANSACTIONS = int(os.environ.get("KITH_TEST_TRANSACTIONS", "1"))
MOMENTS = 50 if IS_LONG else 5
LIMIT = 600 if IS_LONG else 60  # seconds
QUICK = ("-exclusive", "-acceptInterval", "0", "-redialSpecial", "200ms", "-savePeers", "500ms")


class Told:
    """What a node tells its program of blocks: counted, not read, as that would take longer than all else."""

    def __init__(self, node):
        self.count, self.last = 0, b""
        node.raw = self

    def __call__(self, line):
        if not line.startswith(b'{"event":"parcel"'):
            return False
        if line.endswith(b"\n"):  # a node that is killed may be in the middle of one
            self.count, self.last = self.count + 1, line
        return True

    def height(self):
        """Of the block that it was told of last; 0 for none."""
        return json.loads(json.loads(self.last)["text"])["number"] if self.last else 0


def make(lab, protocol, *flags, start=True):
    node = lab.node("-protocol", protocol, *QUICK, *flags, port=PORTS[protocol], start=False)
    node.told = Told(node)
    return node.start() if start else node


def peer(lab, kind, node, number, chain, **options):
    made = kind(node, lab.address(), number, chain, **options)
    lab.closes(made)
    made.start()
    return made


def height(node):
    return int(node.command("chain")["message"].split()[1].rstrip(","))


def tip(node):
    return node.command("chain")["message"].split()[2].rstrip(",")


def store_of(node, protocol):
    return Path(node.home, f"peers-{protocol}-LOCAL.json.store")


def have(node, chain, seconds=LIMIT):
    until(lambda: height(node) >= chain.height, seconds, lambda: f"{node} has block {chain.height}: {node.command('chain')}")
    check(tip(node) == chain.hashes[-1], f"{node}: {node.command('chain')}")


def seeds(lab, protocol, chain, count=2):
    """Nodes that have the chain. The first has fetched it from one peer alone; how long that took comes, too."""
    first = make(lab, protocol)
    began = time.monotonic()
    source = peer(lab, ledgerpeers.PEERS[protocol], first, 1, chain)
    have(first, chain)
    seconds = time.monotonic() - began
    source.die()
    first.end()
    nodes = [first] + [make(lab, protocol, start=False) for _ in range(count - 1)]
    for node in nodes[1:]:
        shutil.copy(store_of(first, protocol), store_of(node, protocol))
    return nodes, seconds


def whole(node, protocol):
    check(is_whole(node, protocol), f"the file of {node} is broken")


def is_whole(node, protocol):
    """Of a node that has ended."""
    with sqlite3.connect(store_of(node, protocol)) as base:
        return base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def is_that_chain(node, chain):
    """All that the node gives, by a client of the standard library: each hash is computed anew."""
    client = Infnote.meet(node, number=99)
    prev, number = "0" * 64, 0
    while number <= chain.height:
        client.say({"type": "GetBlockHashes", "from": number, "count": 2000})
        hashes = client.of("BlockHashes")["hashes"]
        check(hashes, f"it lists nothing from {number} on")
        for i in range(0, len(hashes), 128):
            wanted = hashes[i:i + 128]
            client.say({"type": "GetBlocks", "hashes": wanted})
            client.said.clear()
            got = []
            while len(got) < len(wanted):
                got += client.of("Blocks")["blocks"]
            for block, name in zip(got, wanted):
                said = block.pop("hash")
                real = hashlib.sha256(canonical(block)).hexdigest()
                check(said == name == real == chain.hashes[number] and block["prev"] == prev and block["number"] == number,
                      f"block {number} is another: {block}")
                prev, number = said, number + 1
    client.close()


def sqlite_alone(path, into, transactions):
    """Seconds that SQLite takes to insert the rows of that file, in so many transactions, as durable as kith's; and only
    a row with its hash for each block."""
    with sqlite3.connect(path) as base:
        tables = [sql for sql, in base.execute("SELECT sql FROM sqlite_schema WHERE name IN ('main', 'found')")]
        main = base.execute("SELECT * FROM main WHERE number > 0 ORDER BY number").fetchall()
        columns = {name: [row[1] for row in base.execute(f"PRAGMA table_info({name})")] for name in ("main", "found")}
        at = columns["found"].index("number")
        found = {}
        for row in base.execute("SELECT * FROM found"):
            found.setdefault(row[at], []).append(row)
    size = max(1, len(main) // transactions)
    took = []
    for all_rows in (True, False):
        for end in ("", "-wal", "-shm"):
            Path(f"{into}{end}").unlink(missing_ok=True)
        base = sqlite3.connect(into, isolation_level=None)
        base.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA locking_mode=EXCLUSIVE;"
                           "PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=4096;")
        for table in tables if all_rows else ["CREATE TABLE main(number INTEGER PRIMARY KEY, hash BLOB UNIQUE, text BLOB)"]:
            base.execute(table)
        names = ["number", "hash", "text"]
        rows = main if all_rows else [[row[columns["main"].index(name)] for name in names] for row in main]
        insert = f"INSERT INTO main VALUES({','.join('?' * len(rows[0]))})"
        note = f"INSERT OR IGNORE INTO found VALUES({','.join('?' * len(columns['found']))})"
        began = time.monotonic()
        for first in range(0, len(rows), size):
            base.execute("BEGIN")
            base.executemany(insert, rows[first:first + size])
            if all_rows:
                base.executemany(note, [f for number in range(first + 1, first + size + 1) for f in found.get(number, ())])
            base.execute("COMMIT")
        took.append(time.monotonic() - began)
        base.close()
    return took


def rate(chain, seconds):
    return f"{chain.height / seconds:.0f}/s"


# --- three at once, a liar and one that dies ---

def liars_of(protocol, chain):
    if protocol == "coin":
        return [(ledgerpeers.GivesOthersByNumber, ledgerpeers.Chain(chain.height + 3, 0, (chain, chain.height)))]
    behind = max(0, chain.height - 500)
    longer = ledgerpeers.Chain(chain.height + 3, 1, (chain, chain.height))
    return [(ledgerpeers.ListsWhatNobodyHas, longer), (ledgerpeers.GivesOthers, longer),
            (ledgerpeers.InfnotePeer, ledgerpeers.invalid_in_the_middle(chain, behind, 200, 400))]


def from_many(lab, protocol, blocks):
    chain = ledgerpeers.Chain(blocks, TRANSACTIONS)
    nodes, alone_s = seeds(lab, protocol, chain)
    newcomer = make(lab, protocol)
    liars = [peer(lab, kind, newcomer, 10 + i, lie, comes_again=True)
             for i, (kind, lie) in enumerate(liars_of(protocol, chain))]
    until(lambda: any(liar.lists + liar.blocks for liar in liars), 10, "a liar is asked")
    watcher = peer(lab, ledgerpeers.PEERS[protocol], newcomer, 20, None)
    until(lambda: watcher.sessions, 10, "the watcher is in")
    dying = peer(lab, ledgerpeers.dies_after(protocol, blocks // 8), newcomer, 21, chain)
    for node in nodes:
        node.flags += ["-peers", newcomer.endpoint]
        node.start()
    began, cpu = time.monotonic(), newcomer.cpu()
    have(newcomer, chain)
    seconds, cpu = time.monotonic() - began, newcomer.cpu() - cpu
    check(dying.is_over and dying.blocks >= blocks // 8, f"it did not die half-way: {dying.blocks} blocks")
    packs = max(1, len(watcher.heard))
    # Who claims more than there is stays to be asked: it must have been, and nothing came of it.
    for liar in liars:
        until(lambda: liar.lists + liar.blocks, 60, f"{type(liar).__name__} is asked")
    until(lambda: "fetching" not in newcomer.command("chain")["message"], 60, "it is through")
    check(tip(newcomer) == chain.hashes[-1], "it believed a liar")
    # A liar's branch may have been the longest for a while: then its program was told of those blocks, too.
    until(lambda: newcomer.told.height() == blocks and newcomer.told.count >= blocks, 60,
          lambda: f"its program was told of {newcomer.told.count} blocks, the last is {newcomer.told.height()}")
    if protocol == "infnote":
        is_that_chain(newcomer, chain)
    newcomer.end()
    whole(newcomer, protocol)
    same_s, least_s = sqlite_alone(store_of(newcomer, protocol), Path(lab.home, "alone"), packs)
    return (f"{blocks} blocks: {rate(chain, seconds)} from several, {cpu / blocks * 1e6:.0f} us of a processor each; "
            f"{rate(chain, alone_s)} from one; SQLite alone {rate(chain, same_s)} with the same rows, "
            f"{rate(chain, least_s)} with one row each, in {packs} transactions: {same_s / seconds:.2f}, {least_s / seconds:.2f}")


@promises("I20")
def infnote_a_newcomer_fetches_from_several_while_some_lie_and_one_dies(lab):
    return from_many(lab, "infnote", BLOCKS)


@promises("C15")
def coin_a_newcomer_fetches_from_several_while_some_lie_and_one_dies(lab):
    return from_many(lab, "coin", BLOCKS // 5 if IS_LONG else BLOCKS)


# --- killed at any moment ---

def killed_at_moments(lab, protocol):
    chain = ledgerpeers.Chain(BLOCKS, TRANSACTIONS)
    nodes, alone_s = seeds(lab, protocol, chain)
    newcomer = make(lab, protocol, start=False)
    for node in nodes:
        node.flags += ["-peers", newcomer.endpoint]
        node.start()
    # From a moment to the next about twice the time that a tenth of the chain takes.
    pace = max(0.02, alone_s / 10)
    kept, kills, rounds, grown = 0, 0, 0, 0
    while kills < MOMENTS:
        newcomer.told.last = b""
        newcomer.start()
        at_start = height(newcomer)
        check(at_start >= kept, f"after {kills} kills it has block {at_start}, and had told of {kept}")
        grown += at_start > 0
        if at_start == chain.height:  # a new newcomer
            newcomer.end()
            whole(newcomer, protocol)
            store_of(newcomer, protocol).unlink()
            kept, rounds = 0, rounds + 1
            continue
        watcher = peer(lab, ledgerpeers.PEERS[protocol], newcomer, 20, None)
        for node in nodes:
            newcomer.wait("online", where=lambda e: e["address"].startswith(f"{node.address}:"))
        time.sleep(random.uniform(0, pace))
        newcomer.send_signal(signal.SIGKILL)
        newcomer.process.wait()
        newcomer.kill()
        kills += 1
        watcher.join(10)
        kept = max([at_start, newcomer.told.height(), *watcher.heard])
        if kills % max(1, MOMENTS // 5) == 0:
            copy = Path(lab.home, f"copy{kills}")  # beside no log of another
            for end in ("", "-wal"):
                if Path(f"{store_of(newcomer, protocol)}{end}").exists():
                    shutil.copy(f"{store_of(newcomer, protocol)}{end}", f"{copy}{end}")
            base = sqlite3.connect(copy)
            check(base.execute("PRAGMA integrity_check").fetchall() == [("ok",)], f"broken after {kills} kills")
            base.close()
    newcomer.start()
    have(newcomer, chain)
    if protocol == "infnote":
        is_that_chain(newcomer, chain)
    newcomer.end()
    whole(newcomer, protocol)
    return f"{kills} moments, {grown} of them with blocks from before, {rounds} times through in between; {chain.height} blocks"


@promises("I20")
def infnote_a_newcomer_that_is_killed_goes_on(lab):
    return killed_at_moments(lab, "infnote")


@promises("C15")
def coin_a_newcomer_that_is_killed_goes_on(lab):
    return killed_at_moments(lab, "coin")


if __name__ == "__main__":
    TESTS = [infnote_a_newcomer_that_is_killed_goes_on, coin_a_newcomer_that_is_killed_goes_on,
             infnote_a_newcomer_fetches_from_several_while_some_lie_and_one_dies,
             coin_a_newcomer_fetches_from_several_while_some_lie_and_one_dies]
    run(*([], TESTS) if IS_LONG else (TESTS, []))
