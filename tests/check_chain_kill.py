#!/usr/bin/env python3
"""Kills who adds to a chain at 50 random moments, fewer if that would take minutes, and looks at a copy of the database
after each: SQLite finds it whole, everything that was acknowledged is there, and its tables agree with each other. It shares
no code with kith.

usage: check_chain_kill.py PATH-OF-chain_kill [SEED]
"""

import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

KILLS = 50
SECONDS = 60  # for all of them, at most
TITLE = "the chain is whole after each kill"


def digest(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def check(true, what):
    if not true:
        raise AssertionError(what)


def run_and_kill(helper, path, seconds):
    """What was acknowledged: the lines that were printed whole."""
    with subprocess.Popen([helper, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        time.sleep(seconds)
        writer.kill()
        output, errors = writer.communicate()
    check(writer.returncode == -9 and not errors, "the writer ended by itself: %s" % errors.decode(errors="replace"))
    return [line.split() for line in output.decode().split("\n")[:-1] if " " in line]


def copy_of(path, folder):
    """The files as they lie there: SQLite, which mends them when it opens them, must mend the writer's own later."""
    copy = os.path.join(folder, "copy")
    for suffix in ("", "-wal"):
        if os.path.exists(copy + suffix):
            os.remove(copy + suffix)
        if os.path.exists(path + suffix):
            shutil.copyfile(path + suffix, copy + suffix)
    return copy


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


def check_blocks(db, first):
    """Main from the number `first` on: hashes, parents, and where its transactions lie. Its height, and the ids of those."""
    indexed = one(db, "SELECT indexed FROM about")
    ids, places = {}, {}
    for number, at, size in db.execute("SELECT number, at, size FROM found WHERE number >= ?", (first,)):
        places.setdefault(number, []).append((at, size))
    prev = db.execute("SELECT hash FROM main WHERE number = ?", (first - 1,)).fetchone()
    prev = prev[0] if prev else bytes(32)
    height = first - 1
    for number, block_hash, text in db.execute("SELECT number, hash, text FROM main WHERE number >= ? ORDER BY number", (first,)):
        block = json.loads(text)
        check(number == height + 1 == block["number"], "block %d is missing" % (height + 1))
        check(block["prev"] == prev.hex() and block.pop("hash") == block_hash.hex(), "block %d is another's" % number)
        check(digest(block) == block_hash, "block %d has a wrong hash" % number)
        for each in block["transactions"]:
            ids[digest(each)] = number
        if number <= indexed:
            check([digest(each) for each in block["transactions"]] == [hashlib.sha256(text[at:at + size]).digest()
                  for at, size in sorted(places.pop(number, ()))], "block %d: its transactions are elsewhere" % number)
        prev, height = block_hash, number
    check(not places and indexed <= height, "a transaction of a block that is not there")
    return height, ids


def look(path, folder, first, acknowledged):
    """Checks a copy of the database; returns main's height and whether the log held something."""
    copy = copy_of(path, folder)
    had_log = os.path.exists(copy + "-wal") and os.path.getsize(copy + "-wal") > 0
    db = sqlite3.connect(copy)
    try:
        check(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "SQLite finds the database damaged")
        if one(db, "SELECT count(*) FROM sqlite_schema") == 0:
            check(not acknowledged, "the tables are lost")
            return 0, had_log
        height, ids = check_blocks(db, first)
        check(height == one(db, "SELECT max(number) FROM main"), "main has a gap")
        for what, name in acknowledged:
            name = bytes.fromhex(name)
            if what == "block":
                there = one(db, "SELECT count(*) FROM main WHERE hash = ?", name) + one(db, "SELECT count(*) FROM side WHERE hash = ?", name)
            else:
                there = (name in ids) + one(db, "SELECT count(*) FROM pool WHERE id = ?", name)
            check(there == 1, "%s %s was acknowledged and is there %d times" % (what, name.hex(), there))
        check(not any(name in ids for name, in db.execute("SELECT id FROM pool")), "a transaction waits that main has")
        check(one(db, "SELECT count(*) FROM main JOIN side USING(hash)") == 0, "a block is beside main and in it")
        check(one(db, "SELECT count(*) FROM side s WHERE children <> (SELECT count(*) FROM side c WHERE c.prev = s.hash)") == 0,
              "children are miscounted")
        check(one(db, "SELECT count(*) FROM side s WHERE prev NOT IN (SELECT hash FROM main) AND prev NOT IN (SELECT hash FROM side)") == 0,
              "a side branch hangs on nothing")
        return height, had_log
    finally:
        db.close()


def longest(helper, path):
    """Seconds that a writer may live, here and now: enough for a few answers."""
    before = time.monotonic()
    with subprocess.Popen([helper, path], stdout=subprocess.PIPE) as writer:
        for _ in range(12):
            writer.stdout.readline()
        seconds = time.monotonic() - before
        writer.kill()
    return max(0.03, 2 * seconds)


def main():
    helper = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    moments = random.Random(seed)
    kills = height = logs = told = 0
    verdict = "good"
    with tempfile.TemporaryDirectory(prefix="kith-chain-kill-") as folder:
        path = os.path.join(folder, "chain")
        try:
            most = longest(helper, os.path.join(folder, "first"))
            by = time.monotonic() + SECONDS
            while kills < KILLS and time.monotonic() < by:
                kills += 1
                acknowledged = run_and_kill(helper, path, moments.uniform(0.0, most))
                told += len(acknowledged)
                height, had_log = look(path, folder, max(0, height - 50), acknowledged)
                logs += had_log
            look(path, folder, 0, [])
            if not logs or not told or height == 0:
                verdict = "BAD: no kill hit a write, so nothing was tested"
        except (AssertionError, OSError, ValueError, KeyError, sqlite3.Error) as e:
            verdict = "BAD: %s" % e
    print("seed %d: %d kills, %d with a log, %d answers, %d blocks: %s" % (seed, kills, logs, told, height, verdict))
    print(f"{'ok' if verdict == 'good' else 'FAILED':6} {TITLE}")
    return 0 if verdict == "good" else 1


if __name__ == "__main__":
    sys.exit(main())
