#!/usr/bin/env python3
"""Kills a writer of the peers file at 200 random moments, fewer if that would take minutes, and looks at the file
after each: it must be whole, and hold every peer that a finished version held before.

usage: check_peers_file_kill.py PATH-OF-peers_file_kill [SEED]
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time

KILLS = 200
SECONDS = 60  # for all of them, at most
TITLE = "the peers file is whole after each kill [F25]"
LEAST = 0.06  # seconds that a writer may live, at least: reading, then several writes


def endpoint(n):
    return "10.%d.%d.%d:8108" % (n >> 16 & 255, n >> 8 & 255, n & 255)


def longest(helper, folder):
    """Seconds that a writer may live, here and now: enough for a few versions."""
    before = time.monotonic()
    with subprocess.Popen([helper, os.path.join(folder, "first.json")], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        seconds = time.monotonic() - before
        writer.kill()
    return max(LEAST, 2 * seconds)


def run_and_kill(helper, path, seconds):
    """How many peers the last finished version held, 0 where none was finished."""
    with subprocess.Popen([helper, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        time.sleep(seconds)
        writer.kill()
        output, errors = writer.communicate()
    if writer.returncode != -9 or errors:
        raise AssertionError("the writer ended by itself: %s" % errors.decode(errors="replace"))
    # A line without its end was not printed whole.
    lines = output.split(b"\n")[:-1]
    return int(lines[-1]) if lines else 0


def look(path, least):
    """Checks the folder; returns how many peers the file holds and what writes that were cut off left behind."""
    names = os.listdir(os.path.dirname(path))
    if any(".corrupt-" in name for name in names):
        raise AssertionError("a corrupt file was set aside: %s" % names)
    leftovers = [name for name in names if ".tmp-" in name]
    if len(leftovers) > 1:
        raise AssertionError("temporary files pile up: %s" % leftovers)
    if least == 0 and not os.path.exists(path):
        return 0, leftovers
    with open(path, encoding="utf-8") as f:
        root = json.load(f)
    held = {peer["address"] for peer in root["peers"]}
    lost = [n for n in range(least) if endpoint(n) not in held]
    if lost:
        raise AssertionError("%d peers are lost, the first is %s" % (len(lost), endpoint(lost[0])))
    return len(held), leftovers


def main():
    helper = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    moments = random.Random(seed)
    least = kills = 0
    cut_off = set()
    verdict = "good"
    with tempfile.TemporaryDirectory(prefix="kith-peers-kill-") as folder:
        path = os.path.join(folder, "killed", "peers.json")
        try:
            os.mkdir(os.path.dirname(path))
            most = longest(helper, folder)
            by = time.monotonic() + SECONDS
            # On, if none has hit a write yet: if the writer starts slowly, most come before it writes.
            while (kills < KILLS or not cut_off) and time.monotonic() < by:
                kills += 1
                finished = run_and_kill(helper, path, moments.uniform(0.0, most))
                held, leftovers = look(path, max(least, finished))
                least = held
                cut_off.update(leftovers)
            if not cut_off or least == 0:
                verdict = "BAD: no kill hit a write, so nothing was tested"
        except (AssertionError, OSError, ValueError, KeyError) as e:
            verdict = "BAD: %s" % e
    print("seed %d: %d kills, %d of them in the middle of a write, %d peers: %s"
          % (seed, kills, len(cut_off), least, verdict))
    print(f"{'ok' if verdict == 'good' else 'FAILED':6} {TITLE}")
    return 0 if verdict == "good" else 1


if __name__ == "__main__":
    sys.exit(main())
