#!/usr/bin/env python3
"""Checks tests/node/kithnode.py's run: a test whose process is killed is a failure, at once and by its name, and the
others are run all the same.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "node"))
from kithnode import check, run  # noqa: E402


def is_killed(lab):
    os.kill(os.getpid(), signal.SIGKILL)


def fails(lab):
    check(False, "as it should")


def passes(lab):
    time.sleep(0.2)


def main():
    done = subprocess.run([sys.executable, __file__, "kith"], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    words = [line.partition(" (")[0] for line in done.stdout.splitlines() if line[:1] != " "]
    want = ["FAILED is killed: its process ended with -9", "FAILED fails", "ok     passes"]
    if done.returncode != 1 or sorted(words) != sorted(want * 2):
        sys.exit(f"exit code {done.returncode}, and this was said:\n{done.stdout}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run([is_killed, fails, passes], alone=[passes, is_killed, fails])
    main()
