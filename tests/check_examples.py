#!/usr/bin/env python3
"""Builds the programs of examples/ against what was installed, by the command that each one's first comment names, and runs
them: several processes each, on loopback addresses of this process alone.

Usage: check_examples.py FOLDER-OF-THE-BUILD VERSION
Prints how each test ended. Exit code: 0 all hold, 1 some do not.
"""
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "node"))
from check_install import Installed  # noqa: E402
from checking import check, run_all  # noqa: E402
from kithnode import SLOW, loopback_addresses  # noqa: E402

EXAMPLES = HERE.parent / "examples"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-O1"]
SECONDS = 60


class Program:
    """A process, and the lines that it has written to stdout and stderr."""

    def __init__(self, lab, example, words, options):
        self.address = next(lab.addresses)
        options = {"bind": self.address, "home": str(lab.folder / self.address), "seedURL": "", "logLevel": "error",
                   "exclusive": "true", "redialSpecial": "200ms", **options}
        command = [lab.programs[example], *words, *(word for pair in options.items() for word in pair)]
        self.lines, self.news = [], threading.Condition()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.STDOUT, env={**os.environ, "LD_LIBRARY_PATH": str(lab.tree.lib)})
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def wait(self, pattern, seconds=SECONDS):
        by = time.monotonic() + seconds * SLOW
        with self.news:
            while True:
                found = next((line for line in self.lines if re.search(pattern, line)), None)
                if found is not None:
                    return found
                left = by - time.monotonic()
                check(left > 0, f"{self.address}: no line \"{pattern}\" among {self.lines[-5:]}")
                self.news.wait(left)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def end(self):
        """The input ends; the exit code."""
        self.process.stdin.close()
        return self.process.wait(SECONDS * SLOW)

    def kill(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


class Lab:
    def __init__(self, tree, folder):
        self.tree, self.folder, self.addresses = tree, folder, loopback_addresses()
        self.programs, self.running = {}, []

    def build(self, name):
        """By the command in its comment, with the packages that it names; they are looked for here, and kith where it was
        installed."""
        source = EXAMPLES / f"{name}.c"
        packages = re.search(r"\$\(pkg-config --cflags --libs kith ?([^)]*)\)", source.read_text()).group(1).split()
        flags = self.tree.config("--cflags", "--libs")
        if packages:
            flags += subprocess.run(["pkg-config", "--cflags", "--libs", *packages], capture_output=True, text=True,
                                    check=True).stdout.split()
        self.programs[name] = str(self.folder / name)
        done = subprocess.run(["cc", *WARNINGS, str(source), "-o", self.programs[name], *flags], capture_output=True,
                              text=True, check=False)
        check(done.returncode == 0, done.stderr)

    def run(self, example, *words, **options):
        program = Program(self, example, words, options)
        self.running.append(program)
        return program

    def close(self):
        for program in self.running:
            program.kill()
        self.running = []


def at(program):
    return f"{program.address}:8110"


def each_is_short(lab):
    for source in EXAMPLES.glob("*.c"):
        lines = len(source.read_text().splitlines())
        check(lines < 100, f"{source.name} has {lines} lines")
        lab.build(source.stem)


def what_one_says_all_the_others_read(lab):
    alice = lab.run("chat", "alice")
    bob, carol = (lab.run("chat", name, peers=at(alice)) for name in ("bob", "carol"))
    for _ in (bob, carol):
        alice.wait(r"^\* .* has come")
    bob.wait(r"^\* .* has come")
    carol.wait(r"^\* .* has come")
    alice.say("hello, all")
    for other in (bob, carol):
        check(other.wait("hello") == "<alice> hello, all", f"{other.lines}")
    alice.say("hello\x1b[31m red\x07 \u009b1m and \u00e9")
    check(bob.wait("red") == "<alice> hello?[31m red? ?1m and \u00e9", f"{bob.lines}")
    bob.say("hi")
    check(alice.wait("<bob>") == "<bob> hi", f"{alice.lines}")
    alice.say("last words")
    check(alice.end() == 0, "it ends well")
    bob.wait("<alice> last words")
    carol.wait("has gone: closed by peer")


def a_file_comes_whole_to_all(lab):
    data = os.urandom(20 << 20)
    (lab.folder / "file").write_bytes(data)
    sender = lab.run("sendfile", "send", str(lab.folder / "file"))
    first, second, third = (lab.run("sendfile", "receive", str(lab.folder / f"copy{i}"),
                                    peers=at(sender)) for i in range(3))
    third.stop()  # who stands still delays nobody
    for i, receiver in enumerate((first, second)):
        receiver.wait("complete")
        copy = (lab.folder / f"copy{i}").read_bytes()
        check(hashlib.sha256(copy).digest() == hashlib.sha256(data).digest(), f"copy{i} is another file")
    third.process.send_signal(signal.SIGCONT)
    third.wait("complete")
    sender.kill()
    lab.running.remove(sender)
    late = lab.run("sendfile", "receive", str(lab.folder / "late"), peers=at(first))  # from one that has it
    late.wait("complete")
    check((lab.folder / "late").read_bytes() == data, "late is another file")


def what_cannot_be_read_ends_with_one_line(lab):
    for path, words in ((lab.folder, "a folder"), (lab.folder / "missing", "No such file or directory")):
        done = subprocess.run([lab.programs["sendfile"], "send", str(path)], capture_output=True, text=True, check=False,
                              env={**os.environ, "LD_LIBRARY_PATH": str(lab.tree.lib)})
        check(done.returncode == 2 and done.stderr.count("\n") == 1 and str(path) in done.stderr, f"{words}: {done}")


def a_broken_transfer_goes_on(lab):
    data = os.urandom(32 << 20)
    (lab.folder / "large").write_bytes(data)
    receiver = lab.run("sendfile", "receive", str(lab.folder / "copy"))
    for _ in range(3):  # the sender is killed, more than once
        sender = lab.run("sendfile", "send", str(lab.folder / "large"), peers=at(receiver))
        time.sleep(0.1)  # anywhere on the way will do
        sender.kill()
        lab.running.remove(sender)
    lab.run("sendfile", "send", str(lab.folder / "large"), peers=at(receiver))
    receiver.wait("complete")
    check((lab.folder / "copy").read_bytes() == data, "it is another file")


def all_have_what_was_written_last(lab):
    a = lab.run("gossip_kv")
    b = lab.run("gossip_kv", peers=at(a))
    c = lab.run("gossip_kv", peers=at(b))  # a and c know each other through b alone
    a.say("colour red")
    b.wait("^colour = red")
    c.wait("^colour = red")
    c.say("colour dark blue")
    a.wait("^colour = dark blue")
    a.say("taste sour")
    c.wait("^taste = sour")
    late = lab.run("gossip_kv", peers=at(c))  # it is told all that was written before
    late.wait("^colour = dark blue")
    late.wait("^taste = sour")
    a.say("colour \x1b[31mred")  # nobody writes that
    a.say("colour \u00e9cru")
    c.wait("^colour = \u00e9cru$")
    check(not any("\x1b" in line for line in a.lines + c.lines), f"{a.lines} {c.lines}")
    late.say("taste")
    late.say("smell")
    late.wait("^smell = $")
    check(late.end() == 0, "it ends well")


def who_sends_nonsense_has_to_go(lab):
    node = lab.run("gossip_kv")
    liar = lab.run("chat", "liar", peers=at(node))
    liar.wait("has come")
    for i in range(30):  # "<liar> ..." is no entry
        liar.say(f"nonsense {i}")
    liar.wait("has gone")


TESTS = [each_is_short, what_one_says_all_the_others_read, a_file_comes_whole_to_all,
         what_cannot_be_read_ends_with_one_line, a_broken_transfer_goes_on, all_have_what_was_written_last, who_sends_nonsense_has_to_go]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if subprocess.run(["pkg-config", "--exists", "libuv"], check=False).returncode != 0:
        print("libuv is not here")
        return 77
    with tempfile.TemporaryDirectory(prefix="kith-examples-") as folder:
        tree = Installed(sys.argv[1], sys.argv[2], Path(folder) / "installed")
        lab = Lab(tree, Path(folder))
        return run_all(TESTS, lab, after=lab.close)


if __name__ == "__main__":
    sys.exit(main())
