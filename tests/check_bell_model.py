#!/usr/bin/env python3
"""Checks queue/bell.pml with spin: each model as it is has no error, and without any one of its steps it has one.

Usage: check_bell_model.py [path of bell.pml]
Exit code: 0 all as expected, 1 not, 77 where spin or gcc is not installed.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MODELS = {
    "MODEL_BELL": ["NO_RING_FENCE", "NO_SLEEP_FENCE", "NO_LAST_LOOK", "RING_BEFORE_PUT"],
    "MODEL_READY": ["NO_RING_FENCE", "NO_SLEEP_FENCE", "UNLIST_AFTER_DRAIN", "UNLIST_BY_STORE", "LIST_BY_LOAD",
                    "RING_BEFORE_LIST"],
    "MODEL_ROOM": ["NO_RING_FENCE", "NO_WANT_FENCE", "NO_SECOND_LOOK", "NO_ROOM_FENCE",
                   "NO_POST_AGAIN", "LOWER_AFTER_RING"],
}
TIME_LIMIT_S = 60
DEPTH = 20000  # of a search, at most: one that would go deeper is a failure
CACHE = ["ccache"] if shutil.which("ccache") else []  # compiling takes longer than searching


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=TIME_LIMIT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def search(source, macros):
    """Returns the error found (None for none) and the states seen; raises if no error is not proof of none."""
    with tempfile.TemporaryDirectory(prefix="kith-bell-") as folder:
        run(folder, "spin", "-a", *(f"-D{macro}" for macro in macros), str(source))
        run(folder, *CACHE, "gcc", "-O0", "-w", "-DSAFETY", "-DMEMLIM=1024", "-c", "-o", "pan.o", "pan.c")
        run(folder, "gcc", "-o", "pan", "pan.o")
        said = run(folder, "./pan", f"-m{DEPTH}")
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d+) states, stored", said)
    if not errors or not states:
        raise RuntimeError(f"pan's answer is not understood:\n{said}")
    if errors[1] == "0":
        if "max search depth too small" in said or "Search not completed" in said:
            raise RuntimeError(f"the search was cut short:\n{said}")
        return None, int(states[1])
    kind = re.search(r"pan:\d+: (.*?) \(at depth", said)
    return kind[1] if kind else "an error", int(states[1])


def check(source, model, mutation):
    name = f"{model} {mutation or 'as it is'}"
    try:
        error, states = search(source, [model] + ([mutation] if mutation else []))
    except (RuntimeError, subprocess.TimeoutExpired) as failure:
        return False, f"FAIL {name}: {failure}"
    good = (error is not None) == bool(mutation)
    return good, f"{'ok  ' if good else 'FAIL'} {name}: {error or 'no error'}, {states} states"


def main():
    for tool in ("spin", "gcc"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            return 77
    default = pathlib.Path(__file__).resolve().parent.parent / "queue" / "bell.pml"
    source = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    jobs = [(model, mutation) for model, mutations in MODELS.items() for mutation in [None] + mutations]
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = list(pool.map(lambda job: check(source, *job), jobs))
    for _, line in results:
        print(line)
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
