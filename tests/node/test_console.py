#!/usr/bin/env python3
"""The console, on a terminal: commands, tables, the line that is being typed."""
import fcntl
import functools
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

import pyte

from kithnode import SLOW, Failure, Skipped, check, run, until
from stopped import Stopped, thread_of

EDITS = os.environ.get("KITH_TEST_LIBEDIT", "1") == "1"  # the program was built with it
PROMPT = "kith> " if EDITS else ""


class Terminal:
    """A terminal with a screen, and kith on it. `text` is all that was ever written to it."""

    def __init__(self, lab, *flags, columns=120, rows=40, environment=(), log_here=False, node=None, shell=None):
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
        self.line = " ".join(f"'{word}'" for word in line)  # for a shell, which starts it then
        with open(self.node.stderr_path, "ab") as stderr:
            self.process = self.node.process = subprocess.Popen(
                shell or line, stdin=self.slave, stdout=self.slave, stderr=self.slave if log_here or shell else stderr,
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

    def place(self):
        """Column and row of the cursor."""
        with self.lock:
            return self.screen.cursor.x, self.screen.cursor.y

    def scrolled(self):
        """All lines, those that have left the screen at its top first. With the lock."""
        top = ["".join(row[i].data for i in range(self.columns)) for row in self.screen.history.top]
        return top + list(self.screen.display)

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
    terminal = Terminal(lab, columns=120)
    terminal.shows("listening")
    terminal.enter("/help ban")
    terminal.shows(r"^/ban PEER\|IP \[TIME\] +ends its connections and refuses new ones \(15m, 2h\)$")
    check(not any("/unban" in line for line in terminal.lines()), "it told of others, too")
    terminal.enter("/help /peers")
    terminal.shows(r"^/peers \[ORDER\] +who is online")
    terminal.enter("/help")
    for command in ("send", "kind", "status", "qr", "unban", "disconnect", "special", "tx", "block", "chain", "quit"):
        terminal.shows(rf"^/{command}\b")
    shown = terminal.lines()
    start = next(i for i, line in enumerate(shown) if line.startswith("a line "))
    wide = [line for line in shown[start:] if len(line) > 80]
    check(not wide, f"wider than eighty columns: {wide}")
    terminal.enter("/help fly")
    terminal.shows(r"the form is /help \[COMMAND\], not /help fly")


def an_error_names_the_form_of_the_command(lab):
    _, terminal, _, _ = special_pair(lab)
    for typed, form in (("/ban", r"/ban PEER\|IP \[TIME\]"), ("/ban 10.1.1.1 soon", r"/ban PEER\|IP \[TIME\]"),
                        ("/ban 10.1.1.1 5 6", r"/ban PEER\|IP \[TIME\]"), ("/send", "/send PEER TEXT"),
                        ("/send 127.", "/send PEER TEXT"), ("/unban x", r"/unban IP\|ID"),
                        ("/disconnect", "/disconnect PEER"), ("/peers colour", r"/peers \[ORDER\]"),
                        ("/kind Message", r"/kind \[KIND PEER TEXT\]"), ("/dial", "/dial HOST:PORT"),
                        ("/special 1", r"/special \[add\|remove\] HOST:PORT ..."), ("/known -1", r"/known \[COUNT\]"),
                        ("/special add", r"/special \[add\|remove\] HOST:PORT ..."), ("/score", r"/score PEER\|IP"),
                        ("/report 127. much", "/report PEER POINTS"), ("/report 127. 10001", "/report PEER POINTS")):
        terminal.enter(typed)
        terminal.shows(rf"^\* the form is {form}, not {re.escape(typed)}$")
    terminal.enter("/fly away")
    terminal.shows(r"^\* no such command: /fly away \(/help shows them\)$")
    terminal.enter("/quti")
    terminal.shows(r"^\* no such command: /quti; did you mean /quit\?$")
    terminal.enter("/kind Massage 127. hello")
    terminal.shows(r"^\* /kind: there is no kind Massage \(/kind alone shows which there are\)$")
    terminal.enter("/send nobody hello")
    terminal.shows(r"^\* /send: ")


def the_beginning_of_a_name_stands_for_the_peer(lab):
    other, terminal, name, _ = special_pair(lab, columns=200)
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
    terminal.enter("/send nobody hello")
    terminal.shows(r"^\* /send: no peer's name begins with 'nobody'; /peers shows them")
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


def a_narrow_terminal_is_shown_less(lab):
    _, terminal, name, _ = special_pair(lab, columns=80)
    terminal.enter("/peers")
    terminal.shows(rf'^"{re.escape(name)}" .* \d+$')
    table = terminal.lines()
    head = next(line for line in table if line.startswith("peer "))
    check(head.endswith("dropped") and "quality" in head and "version" not in head, head)
    below = table[table.index(head) + 2:]  # the peer's line
    check(not below or below[0].startswith(PROMPT.strip() or " no such line"), "a line of it was wrapped")
    terminal.resize(40, 24)
    terminal.enter("/peers")
    terminal.shows(r"^peer +way$")
    terminal.shows(rf'^"{re.escape(name)}"  outgoing$')


def bans_scores_and_addresses_are_listed(lab):
    other, terminal, name, _ = special_pair(lab, "-exclusive=false")
    third = lab.node("-exclusive")
    terminal.enter("/bans")
    terminal.shows("^nobody is banned$")
    terminal.enter("/ban 10.1.2.5 2h")
    terminal.shows(r"^\* banned 10\.1\.2\.5 for 7200 s$")
    terminal.enter("/ban 10.1.2.3 5000")
    terminal.enter("/ban 10.1.2.4")
    terminal.enter("/bans")
    terminal.shows(r"^banned +for another$")
    terminal.shows(r"^10\.1\.2\.3 +1h 23m$")
    terminal.enter(f"/dial {third.endpoint}")
    online = terminal.shows(rf"online: ({re.escape(third.endpoint)} [0-9a-f]+), outgoing$").group(1)
    third.wait_from(terminal.node.address)
    terminal.enter("/known 5")
    terminal.shows(r"^address +state +told by +quality")
    terminal.shows(rf"^{re.escape(other.endpoint)} .* \d+s ")
    terminal.enter(f"/report {name} 20")
    terminal.enter(f"/score {name[:-1].split()[0]}")
    terminal.shows(rf"^{re.escape(other.address)}: quality 2\d, ")
    terminal.enter(f"/report {online} -10000")
    terminal.shows(rf"offline: {re.escape(online)}: ")
    terminal.enter(f"/score {third.address}")
    terminal.shows(rf"^{re.escape(third.address)}: quality -\d+, .*, refused$")
    terminal.enter(f"/special remove {other.endpoint}")
    terminal.enter("/peers kind")
    terminal.shows(rf'^"{re.escape(name)}" +outgoing +v')
    terminal.enter(f"/special add {other.endpoint}")
    terminal.enter("/peers kind")
    terminal.shows(rf'^"{re.escape(name)}" +outgoing +special +v')


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


# --- the line that is being typed ---

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F", "\x1b[3~"


def received(node, text):
    return node.wait("parcel", text=text)


def a_line_is_edited(lab):
    """Each line of keys sends the text beside it."""
    other, terminal, _, _ = special_pair(lab)
    terminal.ends_with(PROMPT)
    for keys, text in (
            ("helo" + LEFT + "l", "hello"), ("ello" + HOME + "h" + END + "!", "hello!"),
            ("\x1bOHab\x1bOF" + "\x1bOD" + "\x1bOD" + "x", "xab"), ("abc" + LEFT * 2 + DELETE + "x", "axc"),
            ("one two\x17three", "one three"), ("one two\x01\x0bthree", "three"), ("abc\x7f\x08d", "ad"),
            ("a b\x01\x1bf-", "a- b"), ("ab" + LEFT * 9 + RIGHT * 5 + "c", "abc"), ("a\x1b[15~b\x1b[1;2Pc\x1b[[Ad", "abcd"),
            ("a\x1b\x1b[Db", "ba"), ("a\x16\x1exb", "axb"), ("x\x14y\x00z\x1c", None),
            ("caf\u00e9 \u65e5\u672c\x7f\U0001f642", "caf\u00e9 \u65e5\U0001f642"), ("one\x15two", "two")):
        if text is None:
            continue
        terminal.type(keys)
        terminal.enter("")
        received(other, text)
        terminal.shows(rf"^{re.escape(PROMPT + text)}$")
    for byte in "slow \u65e5\u672c\x1b[D!".encode():
        terminal.type(bytes([byte]))
        time.sleep(0.005)
    terminal.enter("")
    received(other, "slow \u65e5!\u672c")
    terminal.type(b"bad \xff\xc3\xa9\xe2\x28 \xc2\x9b1 end\r")
    text = other.wait("parcel", where=lambda e: e["text"].startswith("bad"))["text"]
    # Such bytes go the way of all text: libedit's own way for a letter overruns its screen.
    check(text == "bad \ufffd\u00e9\ufffd( \ufffd1 end", text)


def messages_come_above_the_line(lab):
    other, terminal, name, back = special_pair(lab, columns=60, rows=20)
    terminal.ends_with(PROMPT)
    for line, left in (("hello wor", 0), ("in the middle", 6), ("a line that is longer than the terminal is wide " * 3, 0),
                       ("another that is longer than the terminal is wide " * 3, 70)):
        terminal.type(line + LEFT * left)
        shown = wrapped(PROMPT + line, 60)
        until(lambda s=shown: terminal.lines()[-len(s):] == s, 5, "the line is shown")
        where = terminal.place()
        for i in range(30):
            other.send(back, f"message {i} {line[:5]}")
        terminal.shows(rf"message 29 {line[:5]}")
        until(lambda s=shown: terminal.lines()[-len(s):] == s, 5, lambda: "\n".join(terminal.lines()))
        check(terminal.place() == where or terminal.place()[0] == where[0], f"the cursor is at {terminal.place()}")
        with terminal.lock:
            above = [line.rstrip() for line in terminal.scrolled()]
        messages = [text for text in above if re.search(rf"\] message \d+ {line[:5]}$", text)]
        check(messages == [f"[{name}] message {i} {line[:5]}" for i in range(30)], f"{messages}")
        terminal.type("!\r")
        at = len(line) - left
        received(other, line[:at] + "!" + line[at:])


def wrapped(text, width):
    return [text[i:i + width].rstrip() for i in range(0, len(text), width)]


def the_log_comes_above_the_line(lab):
    """That of a node whose standard error is the terminal, too; its end is on the terminal as well."""
    other, terminal, name, _ = special_pair(lab, "-logLevel", "debug", log_here=True)
    terminal.type("half a line")
    terminal.ends_with(PROMPT + "half a line")
    other.end()
    terminal.shows(rf"^\S+Z info: {re.escape(name)} ended, outgoing: ")
    terminal.ends_with(PROMPT + "half a line")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.ends()
    check(not any(PROMPT.strip() in line for line in terminal.lines()), "\n".join(terminal.lines()))


def the_history_is_kept(lab):
    """Across runs, for its owner alone, without what begins with a space."""
    node = lab.node("-exclusive", start=False)
    path = os.path.join(node.home, "history")
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    for line in ("/help ban", "caf\u00e9", "caf\u00e9", " /help qr", "/status"):
        terminal.enter(line)
    terminal.shows("queues:")
    terminal.type(UP + UP)
    terminal.ends_with(PROMPT + "caf\u00e9")
    terminal.type(UP + DOWN + DOWN)
    terminal.ends_with(PROMPT + "/status")
    terminal.type(DOWN + "typed" + UP + UP)
    terminal.ends_with(PROMPT + "caf\u00e9")
    terminal.type("\x15")
    terminal.enter("/quit")
    terminal.ends()
    with open(path, encoding="utf-8") as file:
        check(file.read() == "/help ban\ncaf\u00e9\n/status\ncaf\u00e9\n/quit\n".replace("/status\ncaf\u00e9\n", "/status\n"),
              open(path, encoding="utf-8").read())
    check(os.stat(path).st_mode & 0o777 == 0o600, f"{os.stat(path).st_mode:o}")
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    terminal.type(UP * 4)
    terminal.ends_with(PROMPT + "/help ban")
    terminal.type("\x03")
    terminal.ends_with(PROMPT)
    terminal.type("caf\x12")
    terminal.ends_with("search 'caf': caf\u00e9")
    terminal.type("\x05")  # any other key takes the line that was found
    terminal.ends_with(PROMPT + "caf\u00e9")
    terminal.type("\x15")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.ends()


def a_line_of_before_is_looked_for(lab):
    """As ^R of shells does it: letter by letter, from the last line on."""
    other, terminal, _, _ = special_pair(lab)
    for line in ("alpha one", "beta caf\u00e9", "alpha three", "alpha three", "gamma"):
        terminal.enter(line)
        received(other, line)
    for typed, shown in (("\x12", "search '': "), ("al", "search 'al': alpha three"), ("\x12", "search 'al': alpha one"),
                         ("\x12", "search 'al': alpha one"), ("x", "nothing has 'alx': alpha one"),
                         ("\x7f", "search 'al': alpha three"), ("\x07", PROMPT), ("draft\x12", "nothing has 'draft': draft"),
                         ("\x07", PROMPT + "draft"), ("\x15\x12f\u00e9", "search 'f\u00e9': beta caf\u00e9"),
                         ("\x7f", "search 'f': beta caf\u00e9"), (LEFT + "X", PROMPT + "beta cafX\u00e9"), ("\x03", PROMPT),
                         ("\x12" + "long" * 40, "search '': "), ("gam", "search 'gam': gamma")):
        terminal.type(typed)
        terminal.ends_with(shown)
    other.send("<FULLBROADCAST>", "while it is looked for")
    terminal.shows(r"^\[.*\] while it is looked for$")
    terminal.ends_with("search 'gam': gamma")
    terminal.type("\x03")
    terminal.ends_with(PROMPT)
    terminal.type("\x12one\r")
    received(other, "alpha one")
    terminal.type("\x12\x03")
    terminal.ends_with(PROMPT)
    terminal.type("\x12\x04")
    terminal.ends()


def a_history_that_is_no_such_file(lab):
    """Garbage is passed over, a pipe holds nothing up, and what cannot be written is told of."""
    node = lab.node("-exclusive", start=False)
    path = os.path.join(node.home, "history")
    with open(path, "wb") as file:
        file.write(b"\xff\xfe\n\x1b[2J\n" + b"a" * 70000 + b"\n/help\x00x\n\ngood\n")
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    terminal.type(UP * 3)
    terminal.ends_with(PROMPT + "good")
    terminal.type("\x15/quit\r")
    terminal.ends()
    os.remove(path)
    os.mkfifo(path)
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    terminal.enter("/quit")
    terminal.ends()
    os.remove(path)
    os.mkdir(path)
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    terminal.enter("/quit")
    terminal.ends()
    node.logged(r"warning: history: \S+/history: ")
    terminal = Terminal(lab, "-peersFile=")
    terminal.ends_with(PROMPT)
    terminal.enter("/quit")
    terminal.ends()
    check(not os.path.exists(os.path.join(terminal.node.home, "history")), "it kept a history")


def the_history_outlives_a_kill(lab):
    """Each line is in the file soon after it was entered; one without an end is not continued."""
    node = lab.node("-exclusive", start=False)
    path = os.path.join(node.home, "history")
    with open(path, "w", encoding="ascii") as file:
        file.write("/help ban\ncut")

    def kept():
        with open(path, encoding="utf-8") as file:
            return file.read()
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    for line in ("/help qr", " /help quit", "caf\u00e9"):
        terminal.enter(line)
    until(lambda: kept() == "/help ban\ncut\n/help qr\ncaf\u00e9\n", 5, kept)
    terminal.process.kill()
    terminal.process.wait()
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    terminal.type(UP)
    terminal.ends_with(PROMPT + "caf\u00e9")
    terminal.type("\x15/quit\r")
    terminal.ends()


def a_disk_that_stands_still_holds_up_nobody(lab):
    """More lines than may wait for it are entered, and the end takes no longer than usual."""
    node = lab.node("-exclusive", start=False)
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    with Stopped(thread_of(terminal.process.pid, "kith-history")) as stopped:
        for i in range(80):
            terminal.enter(f"/{i} {'x' * 1000}")
        terminal.enter("/status")
        terminal.shows("queues:", 20)
        terminal.enter("/quit")
        until(stopped.has_ended, 5, "it goes on")
    terminal.ends()
    node.logged(r"warning: history: \S+/history: Connection timed out")


def the_history_is_bounded(lab):
    node = lab.node("-exclusive", start=False)
    path = os.path.join(node.home, "history")
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"line {i} {'x' * 1100 if i % 2 else ''}\n" for i in range(4000))
    terminal = Terminal(lab, node=node)
    terminal.ends_with(PROMPT)
    until(lambda: os.path.getsize(path) <= 1000 * 1025, 5, "a program that is always killed would let it grow")
    terminal.enter("/quit")
    terminal.ends()
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    check(len(lines) <= 1000 and lines[-1] == "/quit" and lines[-2] == "line 3998 ", f"{len(lines)}: {lines[-2:]}")
    check(not any("x" in line for line in lines), "long lines were kept")


def words_are_completed(lab):
    other, terminal, name, _ = special_pair(lab)
    for typed, completed in (("/sta\t", "/status "), ("/disc\t", "/disconnect "), ("/un\t1", "/unban 1"),
                             ("/send 127\thi", f'/send "{name}" hi'), ('/send "12\thi', f'/send "{name}" hi'),
                             ("/disconnect \t", f'/disconnect "{name}" '), ("/ban \t5", f'/ban "{name}" 5'),
                             ("/send <R\tx", "/send <RANDOMPEER> x"), ("/kind M\t", "/kind Message "),
                             ("/kind Message 1\tx", f'/kind Message "{name}" x'), ("/help st\t", "/help status "), ("/special a\t", "/special add "),
                             ("/peers qu\t", "/peers quality "), ("/fly \tx", "/fly x"), ("text \tx", "text x"),
                             ("/ban 127 5 1\tx", "/ban 127 5 1x"), ("/zz\tx", "/zzx"),
                             ("/sta x" + LEFT * 2 + "\t", "/status  x"), ("\tx", "x")):
        terminal.type(typed)
        terminal.ends_with(PROMPT + completed)
        terminal.type("\x05\x15")
        terminal.ends_with(PROMPT)
    terminal.type("/s\t")
    terminal.shows(r"^/send +/status +/score +/special$")
    terminal.ends_with(PROMPT + "/s")
    terminal.type("\x15")
    names = crowd(lab, terminal, 2)
    terminal.type("/send 127\t")
    terminal.type("\t")
    terminal.shows(re.escape(f'"{names[1]}"'))
    common = os.path.commonprefix([name, *names])
    terminal.ends_with(f'{PROMPT}/send "{common}')
    terminal.type(names[0][len(common):] + "\thello")
    terminal.ends_with(f'{PROMPT}/send "{names[0]}" hello')


# --- the terminal ---

def keys_that_end(lab):
    """^C drops the line, and on an empty one ends the program; ^D ends it on an empty one alone. kill always does."""
    other, terminal, _, _ = special_pair(lab)
    terminal.type("a line")
    terminal.ends_with(PROMPT + "a line")
    terminal.type("\x03")
    terminal.ends_with(PROMPT)
    terminal.enter("another")
    received(other, "another")
    terminal.type("a line\x04")
    terminal.type("\x01\x04")
    terminal.ends_with(PROMPT + " line")
    terminal.type("\x03")
    terminal.ends_with(PROMPT)
    check(not other.all("parcel", since=0)[1:], "a line that was dropped went out")
    terminal.type("\x03")
    terminal.ends()
    # Keys that mean nothing, alone or behind ^X, take no other key with them.
    for ending in (lambda t: t.type("\x04"), lambda t: t.enter("/quit"),
                   lambda t: t.type("\x07\x04"), lambda t: t.type("\x18x\x04"),
                   lambda t: (t.type("a line"), t.ends_with(PROMPT + "a line"), t.process.send_signal(signal.SIGINT)),
                   lambda t: (t.type("a line"), t.ends_with(PROMPT + "a line"), t.process.send_signal(signal.SIGTERM))):
        terminal = Terminal(lab)
        terminal.ends_with(PROMPT)
        ending(terminal)
        terminal.ends()
        check(terminal.lines()[-1] in ("* listening on " + terminal.node.endpoint, PROMPT + "/quit"),
              "\n".join(terminal.lines()))


def a_terminal_that_changes_its_size(lab):
    other, terminal, _, _ = special_pair(lab, columns=80, rows=24)
    line = "a line of some length, more than the half of it"
    terminal.type(line)
    terminal.ends_with(PROMPT + line)
    for columns, rows in ((30, 24), (120, 40), (20, 40), (80, 40)):
        terminal.resize(columns, rows)
        shown = wrapped(PROMPT + line, columns)
        until(lambda s=shown: terminal.lines()[-len(s):] == s, 5, lambda: "\n".join(terminal.lines()))
        other.send("<FULLBROADCAST>", f"at {columns}")
        until(lambda c=columns: f"at{c}" in "".join(terminal.lines()).replace(" ", ""), 5, f"at {columns}")
        until(lambda s=shown: terminal.lines()[-len(s):] == s, 5, lambda: "\n".join(terminal.lines()))
    terminal.enter("")
    received(other, line)


def a_terminal_that_is_stopped_holds_nothing_up(lab):
    """^S: the node serves and answers its peers; ^Q: all is shown, and in order."""
    other, terminal, name, back = special_pair(lab, rows=24)
    terminal.ends_with(PROMPT)
    terminal.type("\x13")
    for i in range(300):
        other.send(back, f"message {i} {'x' * 200}")
    terminal.type("from the stopped terminal\r")
    received(other, "from the stopped terminal")
    terminal.type("\x1b[A\x15typed on")
    third = lab.node("-exclusive", "-peers", terminal.node.endpoint)
    third.wait_online(terminal.node)
    check(not any("message 299" in line for line in terminal.lines()), "the terminal was not stopped")
    terminal.type("\x11")
    terminal.shows("message 299", 10)
    terminal.ends_with(PROMPT + "typed on", 10)
    terminal.process.send_signal(signal.SIGTERM)
    terminal.ends()
    check(name, "a name")


def a_stopped_process_goes_on(lab):
    """kill -STOP and -CONT, without a shell that would care."""
    other, terminal, _, _ = special_pair(lab)
    terminal.type("half")
    terminal.ends_with(PROMPT + "half")
    terminal.process.send_signal(signal.SIGSTOP)
    os.waitpid(terminal.process.pid, os.WUNTRACED)
    termios.tcsetattr(terminal.slave, termios.TCSANOW, terminal.before)
    terminal.process.send_signal(signal.SIGCONT)
    until(lambda: termios.tcgetattr(terminal.slave) != terminal.before, 5, "keys are passed again")
    terminal.enter(" a line")
    received(other, "half a line")
    terminal.ends_with(PROMPT)
    check(sum("half" in line for line in terminal.lines()) == 1, "\n".join(terminal.lines()))
    terminal.type("\x1a")  # nobody could have it go on: it does not stop
    terminal.enter("still here")
    received(other, "still here")
    terminal.enter("/quit")
    terminal.ends()


def a_job_of_a_shell(lab):
    """^Z, bg, fg: the shell has the terminal as it left it, and the line comes back with the job."""
    other = lab.node("-exclusive")
    terminal = Terminal(lab, "-peers", other.endpoint, shell=["bash", "--norc", "--noprofile", "-i"],
                        environment={"PS1": "$ "})
    terminal.ends_with("$")
    terminal.enter(f"{terminal.line} 2>{terminal.node.stderr_path}")
    back = other.wait_from(terminal.node.address)
    terminal.ends_with(PROMPT)
    terminal.type("half a")
    terminal.ends_with(PROMPT + "half a")
    for there in ("stopped", "background"):
        terminal.type("\x1a")
        until(lambda: len(terminal.lines()) > 2 and "Stopped" in "".join(terminal.lines()[-4:]), 5, "it has stopped")
        terminal.ends_with("$")
        check(not any("half a" in line for line in terminal.lines()), "\n".join(terminal.lines()))
        if there == "background":
            terminal.enter("bg")
            other.send(back, "a message for the background")
            terminal.shows(r"\] a message for the background")
        terminal.enter(f"echo typed while {there} | tr a-z A-Z")
        terminal.shows(f"TYPED WHILE {there.upper()}")
        terminal.enter("fg")
        terminal.ends_with(PROMPT + "half a")
        terminal.type("\x0c")  # an empty screen
        until(lambda: len(terminal.lines()) == 1, 5, "an empty screen")
    terminal.enter(" line")
    received(other, "half a line")
    terminal.enter("/quit")
    terminal.ends_with("$")
    terminal.enter("echo back | tr a-z A-Z")
    terminal.shows("BACK")
    terminal.enter("exit")
    terminal.ends()


def very_long_lines(lab):
    """Pasted: up to 64 Ki characters are a line; of a longer one nothing is sent. The node serves meanwhile."""
    other, terminal, _, _ = special_pair(lab, rows=24)
    terminal.ends_with(PROMPT)
    text = "".join(f"{i:06x} " for i in range(9000))
    terminal.type(text + "\r")
    received(other, text)
    terminal.type("x" * 70000 + "\rshort\r")
    terminal.shows("line too long", 20)
    received(other, "short")
    check(len(other.all("parcel")) == 2, f"{[len(e['text']) for e in other.all('parcel')]}")
    lines = [f"line {i}" for i in range(200)]
    terminal.type("".join(line + "\r" for line in lines))
    received(other, lines[-1])
    check([e["text"] for e in other.all("parcel")][2:] == lines, "lines were lost, or came in another order")


def terminals_that_cannot(lab):
    """The terminal itself edits the line, as ever, and the prompt would be in the way."""
    for environment in ({"TERM": "dumb"}, {"TERM": "no-such-terminal"}, {"TERM": ""}):
        terminal = Terminal(lab, environment=environment)
        terminal.shows("listening")
        terminal.type("/stat\x7ftus\r")
        terminal.shows("queues:")
        check(b"kith> " not in terminal.text, f"{environment}: {terminal.text}")
        terminal.type("\x04")
        terminal.ends()


def needs_libedit(test):
    """Of a build without it there is nothing to show."""
    @functools.wraps(test)
    def tried(lab):
        if not EDITS:
            raise Skipped("built without libedit")
        return test(lab)
    return tried


if __name__ == "__main__":
    run([help_tells_of_one_command_or_of_all, an_error_names_the_form_of_the_command,
         the_beginning_of_a_name_stands_for_the_peer, the_table_of_peers_is_aligned_and_sorted,
         a_narrow_terminal_is_shown_less, bans_scores_and_addresses_are_listed, colours_are_for_terminals_that_want_them, terminals_that_cannot,
         *map(needs_libedit, [
             a_line_is_edited, messages_come_above_the_line, the_log_comes_above_the_line, the_history_is_kept,
             a_line_of_before_is_looked_for, a_history_that_is_no_such_file, the_history_outlives_a_kill,
             a_disk_that_stands_still_holds_up_nobody, the_history_is_bounded, words_are_completed, keys_that_end,
             a_job_of_a_shell, a_terminal_that_changes_its_size, a_terminal_that_is_stopped_holds_nothing_up, a_stopped_process_goes_on,
             very_long_lines])])
