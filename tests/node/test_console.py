#!/usr/bin/env python3
"""The console, on a terminal: commands, tables, the line that is being typed."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

import pyte

from kithnode import SLOW, Failure, check, run, until

PROMPT = ""


class Terminal:
    """A terminal with a screen, and kith on it. `text` is all that was ever written to it."""

    def __init__(self, lab, *flags, columns=120, rows=40, environment=(), log_here=False, node=None):
        self.node = node or lab.node("-exclusive", *flags, start=False)
        self.node.kill, self.node.events = lambda: None, []
        self.columns, self.rows = columns, rows
        self.lock = threading.Lock()
        self.screen = pyte.HistoryScreen(columns, rows, history=5000)
        self.stream = pyte.ByteStream(self.screen)
        self.text, self.reads = b"", threading.Event()
        self.reads.set()
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows, tell=False)
        self.before = termios.tcgetattr(self.slave)
        line = [word for word in self.node.command_line() if word != "-json"]
        with open(self.node.stderr_path, "ab") as stderr:
            self.process = self.node.process = subprocess.Popen(
                line, stdin=self.slave, stdout=self.slave, stderr=self.slave if log_here else stderr,
                env={"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8",
                     **{k: v for k, v in os.environ.items() if "SAN_OPTIONS" in k}, **dict(environment)},
                preexec_fn=self._owns_terminal)
        threading.Thread(target=self._read, daemon=True).start()
        lab.closers.append(self.close)

    def _owns_terminal(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def _read(self):
        try:
            while True:
                self.reads.wait()
                text = os.read(self.master, 4096)
                with self.lock:
                    self.text += text
                    self.stream.feed(text)
        except OSError:
            pass  # it has ended

    # --- what the person does ---

    def type(self, keys):
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def enter(self, line):
        self.type(line + "\r")

    def resize(self, columns, rows, tell=True):
        with self.lock:
            self.screen.resize(rows, columns)
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.columns, self.rows = columns, rows

    # --- what the person sees ---

    def lines(self):
        """The lines of the screen, from the top, without the spaces at their ends."""
        with self.lock:
            lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def cursor(self):
        with self.lock:
            return self.screen.cursor.x

    def shows(self, pattern, seconds=5):
        """A line of the screen has it."""
        found = re.compile(pattern)
        return until(lambda: next(filter(None, map(found.search, self.lines())), None), seconds,
                     lambda: f"{pattern!r} on the screen:\n" + "\n".join(self.lines()))

    def ends_with(self, line, seconds=5):
        """The last line of the screen is that."""
        until(lambda: self.lines()[-1:] == [line.rstrip()], seconds,
              lambda: f"the last line {line!r}:\n" + "\n".join(self.lines()))

    def wrote(self, what, seconds=5):
        until(lambda: what in self.text, seconds, lambda: f"{what!r} in {self.text!r}")

    # --- its end ---

    def ends(self, status=0, seconds=5):
        try:
            self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failure("it did not end") from None
        check(self.process.returncode == status, f"exit status {self.process.returncode}")
        check(termios.tcgetattr(self.slave) == self.before, "the terminal is not as it was")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reads.set()
        os.close(self.slave)
        os.close(self.master)


def special_pair(lab, *flags, **options):
    """A node, and a terminal with another that has dialed it; and the peer's name on either side."""
    other = lab.node("-exclusive")
    terminal = Terminal(lab, "-peers", other.endpoint, *flags, **options)
    name = terminal.shows(r"online: (\S+ [0-9a-f]+), outgoing, special").group(1)
    return other, terminal, name, other.wait_from(terminal.node.address)


def crowd(lab, terminal, count):
    """Nodes that dial the one on the terminal; their names there."""
    nodes = [lab.node("-exclusive", "-peers", terminal.node.endpoint) for _ in range(count)]
    return [terminal.shows(rf"online: ({re.escape(n.endpoint)} [0-9a-f]+), incoming").group(1) for n in nodes]


# --- commands ---

def help_tells_of_one_command_or_of_all(lab):
    terminal = Terminal(lab, columns=80)
    terminal.shows("listening")
    terminal.enter("/help ban")
    terminal.shows(r"^/ban PEER\|IP \[SECONDS\]  ends its connections and refuses new ones$")
    check(not any("/unban" in line for line in terminal.lines()), "it told of others, too")
    terminal.enter("/help /peers")
    terminal.shows(r"^/peers \[ORDER\] +who is online")
    terminal.enter("/help")
    for command in ("send", "kind", "status", "qr", "unban", "disconnect", "special", "tx", "block", "chain", "quit"):
        terminal.shows(rf"^/{command}\b")
    terminal.enter("/help fly")
    terminal.shows(r"the form is /help \[COMMAND\], not /help fly")


def an_error_names_the_form_of_the_command(lab):
    _, terminal, _, _ = special_pair(lab)
    for typed, form in (("/ban", r"/ban PEER\|IP \[SECONDS\]"), ("/ban 10.1.1.1 soon", r"/ban PEER\|IP \[SECONDS\]"),
                        ("/ban 10.1.1.1 5 6", r"/ban PEER\|IP \[SECONDS\]"), ("/send", "/send PEER TEXT"),
                        ("/send 127.", "/send PEER TEXT"), ("/unban x", r"/unban IP\|ID"),
                        ("/disconnect", "/disconnect PEER"), ("/peers colour", r"/peers \[ORDER\]"),
                        ("/kind Message", r"/kind \[KIND PEER TEXT\]"), ("/special 1", "/special HOST:PORT ...")):
        terminal.enter(typed)
        terminal.shows(rf"^\* the form is {form}, not {re.escape(typed)}$")
    terminal.enter("/fly away")
    terminal.shows(r"^\* no such command: /fly away \(/help shows them\)$")
    terminal.enter("/kind Massage 127. hello")
    terminal.shows(r"^\* /kind: there is no kind Massage \(/kind alone shows which there are\)$")
    terminal.enter("/send nobody hello")
    terminal.shows(r"^\* /send: ")


def the_beginning_of_a_name_stands_for_the_peer(lab):
    other, terminal, name, _ = special_pair(lab)
    terminal.enter(f"/send {name[:-1]} cut")
    other.wait("parcel", text=f"{name.split()[1][:-1]} cut")
    terminal.enter(f"/send {name} whole")
    other.wait("parcel", text="whole")
    terminal.enter(f"/send {name.split()[0]} address")
    other.wait("parcel", text="address")
    terminal.enter(f"/send \"{name[:-2]}\" quoted")
    other.wait("parcel", text="quoted")
    terminal.enter(f"/send {name[:8]}... shortened")
    other.wait("parcel", text="shortened")
    terminal.enter("/kind Message 127. kind")
    other.wait("parcel", text="kind")
    names = crowd(lab, terminal, 2)
    terminal.enter("/send 127. which")
    said = terminal.shows(r"^\* 127\. may be any of 3 peers: (.*)").group(1)
    check(said == ", ".join(f'"{n}"' for n in sorted([name, *names])), said)
    terminal.enter("/disconnect 127.")
    terminal.enter("/ban 127.")
    until(lambda: sum("may be any of 3" in line for line in terminal.lines()) == 3, 5, "three errors")
    terminal.enter(f"/disconnect {names[0][:-1]}")
    terminal.shows(rf"offline: {re.escape(names[0])}")
    terminal.enter(f'/ban "{names[1][:-1]}"')
    terminal.shows(rf"offline: {re.escape(names[1])}")
    check(not any("which" in str(e) for e in other.all("parcel")), "an ambiguous name was sent to")


def the_table_of_peers_is_aligned_and_sorted(lab):
    _, terminal, name, _ = special_pair(lab)
    names = crowd(lab, terminal, 3)
    for text in ("a", "b", "c"):
        terminal.enter(f"/send {names[1]} {text}")
    until(lambda: sum("sent to 1" in line for line in terminal.lines()) == 3, 5, "three messages are sent")

    def rows(order):
        terminal.enter(f"/peers {order}")
        def whole():
            lines = terminal.lines()
            starts = [i for i, line in enumerate(lines) if line.startswith(f"{PROMPT}/peers {order}".rstrip())]
            return lines[starts[-1] + 1:starts[-1] + 6] if starts and len(lines) >= starts[-1] + 6 else None
        return until(whole, 5, lambda: "\n".join(terminal.lines()))

    table = rows("")
    check(table[0].split()[:6] == ["peer", "way", "kind", "version", "quality", "online"], table[0])
    check([row.split('"')[1] for row in table[1:]] == [name, *sorted(names)], f"{table}")
    check(re.search(r"outgoing +special +v\d+ +\d+ +\d+s ", table[1]), table[1])
    for heading in ("way", "kind"):
        at = table[0].index(heading)
        check(all(row[at - 1] == " " and (heading == "kind" or row[at] != " ") for row in table[1:]), f"{table}")
    for heading in ("version", "quality", "in", "out", "dropped"):
        end = re.search(rf"\b{heading}\b", table[0]).end()
        check(all(row[end - 1] != " " and row[end:end + 1] in (" ", "") for row in table[1:]), f"{heading}: {table}")
    check(rows("out")[1].split('"')[1] == names[1], "not sorted by what went out")
    check([row.split('"')[1] for row in rows("name")[1:]] == sorted([name, *names]), "not sorted by name")


def colours_are_for_terminals_that_want_them(lab):
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
                                  ({"TERM": "dumb"}, False)):
        _, terminal, _, _ = special_pair(lab, environment=environment)
        terminal.type("/peers\r")
        terminal.shows("special +v")
        check((b"\x1b[32mspecial\x1b[0m" in terminal.text) == coloured, f"{environment}: {terminal.text}")
    piped = lab.node("-exclusive", start=False)
    done = subprocess.run([w for w in piped.command_line() if w != "-json"], input=b"/help\n/peers\n", timeout=5 * SLOW,
                          capture_output=True, check=False, env={**os.environ, "TERM": "xterm"})
    check(b"\x1b" not in done.stdout and b"kith> " not in done.stdout, f"{done.stdout}")


if __name__ == "__main__":
    run([help_tells_of_one_command_or_of_all, an_error_names_the_form_of_the_command,
         the_beginning_of_a_name_stands_for_the_peer, the_table_of_peers_is_aligned_and_sorted,
         colours_are_for_terminals_that_want_them])
