#!/usr/bin/env python3
"""The README's ledger of three nodes does what the README says.

Usage: test_readme.py PATH-OF-KITH [word of a test's name]...
"""
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from kithnode import SLOW, Skipped, check, run, until
from test_program import Console

README = Path(__file__).resolve().parents[2] / "README.md"


def commands():
    """The indented lines of the part about the ledger."""
    part = re.search(r"^A ledger of three nodes.*?(?=^A dozen nodes)", README.read_text(encoding="utf-8"), re.M | re.S)[0]
    return [line[4:] for line in part.splitlines() if line.startswith("    ")]


def moved(lab, words):
    """The addresses of the README are these of the test: nobody else's nodes listen there."""
    places = vars(lab).setdefault("places", {})
    return [re.sub(r"127\.0\.0\.\d", lambda m: places.setdefault(m[0], lab.address()), word) for word in words]


def start(lab, line, home=None):
    """A node of `scripts/run ...` at a terminal."""
    flags = moved(lab, shlex.split(line)[1:])
    node = lab.node(start=False, port=8210)
    home = home or node.home
    node.command_line = lambda: [lab.kith, *flags, "-home", home]
    node.kill = lambda: None  # the terminal sees to it
    node.events = []
    terminal = Console(node)
    lab.closers.append(terminal.close)
    terminal.shows("listening on")
    return terminal


def chain(terminal):
    terminal.text = ""
    terminal.type("/chain")
    return terminal.shows(r"\* (block \d+ [0-9a-f]{64}), 0 transactions wait").group(1)


def a_ledger_of_three_nodes(lab):
    starts = [line for line in commands() if line.startswith("scripts/run")]
    typed = [line for line in commands() if line.startswith("/")]
    check(len(starts) == 3 and [t.split()[0] for t in typed] == ["/tx", "/block", "/chain"], f"{commands()}")
    first, second, third = (start(lab, line) for line in starts)
    for terminal in (first, second, third):
        terminal.shows("online: ")
    for line, shown in zip(typed, (r"sent to \d peers", r"\* block 1 [0-9a-f]{64}: 1 transactions", r"\* block 1 ")):
        first.type(line)
        first.shows(shown)
    for terminal in (second, third):
        terminal.shows(r"\] transaction [0-9a-f]{16} from 1{40} to 2{40}: \[\"five\",\"apples\"\]")
        terminal.shows(r"\] block [0-9a-f]{16}, number 1, 1 transactions")
        until(lambda t=terminal: chain(t) == chain(first), 10, "they have one chain")
    third.type("/quit")
    third.node.process.wait(5 * SLOW)
    first.type("/block")
    first.shows(r"\* block 2 ")
    third = start(lab, starts[2], third.node.home)
    until(lambda: chain(third) == chain(first), 20, "the third has that block, too")


def a_program_sends_json(lab):
    """With whole addresses in place of dots."""
    lines = [line for line in commands() if line.startswith("{")]
    check(len(lines) == 2, f"{lines}")
    node = lab.node("-protocol", "infnote", port=8210)
    for line, kind in zip(lines, ("sent", "done")):
        node.write(line.replace("11...", "1" * 40).replace("22...", "2" * 40).encode() + b"\n")
        node.wait(kind, id=json.loads(line)["id"])


def a_hello_by_hand(lab):
    if not shutil.which("nc"):
        raise Skipped("there is no nc")
    (line,) = (line for line in commands() if line.startswith("printf"))
    terminal = start(lab, commands()[0])
    done = subprocess.run(["sh", "-c", moved(lab, [line])[0]], capture_output=True, text=True, timeout=10 * SLOW, check=False)
    check(json.loads(done.stdout.splitlines()[0])["type"] == "Hello", f"{done}")
    terminal.type("/quit")
    terminal.node.process.wait(5 * SLOW)


if __name__ == "__main__":
    run([a_ledger_of_three_nodes, a_program_sends_json, a_hello_by_hand])
