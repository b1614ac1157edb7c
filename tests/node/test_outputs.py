#!/usr/bin/env python3
"""What the program writes to and reads from, when that does not behave: outputs that nobody reads or that refuse, a
terminal that is shared, input of every sort."""
import copy
import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import factomwire as wire
from kithnode import SLOW, Failure, check, few, run, until

NO_GAP = ("-exclusive", "-acceptInterval", "0")
FULL = "/dev/full"


class Program:
    """A kith whose standard descriptors the test chooses; what it writes to a pipe is read only if asked for."""

    def __init__(self, lab, *flags, json=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, **options):
        self.node = lab.node(*flags, start=False)
        self.address, self.endpoint = self.node.address, self.node.endpoint
        line = [word for word in self.node.command_line() if json or word != "-json"]
        with open(self.node.stderr_path, "ab") as file:
            self.process = subprocess.Popen(line, stdin=stdin, stdout=stdout, stderr=stderr or file, **options)
        lab.closers.append(self.close)
        self.text = b""

    def read(self):
        """Reads its standard output from now on."""
        def keep():
            for line in self.process.stdout:
                self.text += line
        threading.Thread(target=keep, daemon=True).start()
        return self

    def type(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def shows(self, what, seconds=10):
        return until(lambda: what in self.text, seconds, lambda: f"{what!r} in {self.text!r}")

    def stderr(self):
        return self.node.stderr()

    def ends(self, number=signal.SIGTERM, seconds=5):
        """Its exit status."""
        if number:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failure(f"it did not end within {seconds * SLOW:g} s") from None

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                if pipe:
                    pipe.close()
            except OSError:
                pass


def raw_peers(lab, program, count):
    """So many peers come, are served, and go: each is an event, and the ends are lines of the log."""
    for i in range(count):
        peer = until(lambda i=i: greeted(lab, program, i), 5, f"peer {i} is served")
        peer.close()


def greeted(lab, program, i):
    try:
        return wire.RawPeer(program, lab.address(), node_id=i + 10)
    except (OSError, Failure):
        return None


def small_pipe():
    """One that holds 4 KiB, and is full."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, bytes(4096))
    return reader, writer


def terminal(stopped=False):
    """Its master and its slave; nobody reads it, or ^S has been typed."""
    master, slave = pty.openpty()
    if stopped:
        os.write(master, b"\x13")
    return master, slave


# --- outputs that nobody reads ---

def nobody_reads_the_log(lab):
    """The node serves, answers and ends, whatever it is that nobody reads; the descriptor stays as it was."""
    for what, (other, fd) in {"a pipe": small_pipe(), "a terminal": terminal(), "^S": terminal(True)}.items():
        program = Program(lab, *NO_GAP, "-logLevel", "debug", stderr=fd).read()
        program.shows(b"listening")
        raw_peers(lab, program, 40)
        program.type(b'{"command":"status","id":1}\n')
        program.shows(b'"id":1')
        check(not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK, f"{what}: it is non-blocking for others, too")
        check(program.ends() == 0, f"{what}: exit status {program.process.returncode}")
        os.close(other)
        os.close(fd)


def nobody_reads_standard_output(lab):
    """It serves its peers until its queues are full, and SIGTERM ends it."""
    for json in (True, False):
        for what, (other, fd) in {"a pipe": small_pipe(), "a terminal": terminal(), "^S": terminal(True)}.items():
            program = Program(lab, *NO_GAP, json=json, stdout=fd)
            until(lambda p=program: greeted(lab, p, 1), 5, "it serves")
            raw_peers(lab, program, 20)
            program.type(b'{"command":"status"}\n' * 200 if json else b"/help\n" * 200)
            time.sleep(0.2)
            raw_peers(lab, program, 3)
            check(not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK, f"{what}: it is non-blocking for others, too")
            check(program.ends() == 0, f"{what}: exit status {program.process.returncode}")
            os.close(other)
            os.close(fd)


def a_slow_reader_gets_all_lines_whole(lab):
    program = Program(lab, *NO_GAP)
    program.type(b"".join(b'{"command":"status","id":%d}\n' % i for i in range(3000)))
    ids, text = [], b""
    while len(ids) < 3000:
        text += os.read(program.process.stdout.fileno(), 3000)
        *lines, text = text.split(b"\n")
        ids += [int(line.rpartition(b'"id":')[2].rstrip(b"}")) for line in lines if b'"id":' in line]
    check(ids == list(range(3000)), "answers were lost, or came in another order")
    check(program.ends() == 0, f"exit status {program.process.returncode}")


def the_last_lines_go_out_while_they_are_read(lab):
    """What has been said when the end comes is not lost to a reader that needs a second for it; what nobody reads is
    told of."""
    for reads in (True, False):
        program = Program(lab, *NO_GAP)
        fcntl.fcntl(program.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        other = lab.node("-exclusive", "-redialSpecial", "100ms", "-peers", program.endpoint)
        other.wait("online")
        program.type(b'{"command":"status"}\n' * 80 + b'{"command":"ban","peer":"%s"}\n' % other.address.encode())
        other.wait("offline")  # commands are worked off in their order
        program.process.send_signal(signal.SIGTERM)
        text, next_read = b"", time.monotonic()
        while reads and not text.endswith(b'{"event":"ended"}\n'):
            more = os.read(program.process.stdout.fileno(), 8192)
            check(more, f"the output ends with {text[-100:]}")
            text += more
            next_read += 0.02
            time.sleep(max(0, next_read - time.monotonic()))
        check(program.ends(None) == 0, f"exit status {program.process.returncode}")
        check(("bytes were not read" in program.stderr()) != reads, program.stderr())
        check(text.count(b'"status"') == (80 if reads else 0), f"{text.count(b'status')} answers")


# --- outputs that refuse ---

def standard_output_that_cannot_be_written(lab):
    """The last line on standard error says so, and the exit status is 1."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    for flags in (["-version"], ["-help"]):
        with open(FULL, "wb") as full:
            done = subprocess.run([lab.kith, *flags], stdout=full, stderr=subprocess.PIPE, check=False)
        check(done.returncode == 1 and b"No space left" in done.stderr, f"{flags}: {done}")
    with open(FULL, "wb") as full:
        program = Program(lab, *NO_GAP, stdout=full)
    check(program.ends(None) == 1, f"a full disk: exit status {program.process.returncode}")
    check("standard output: No space left" in program.stderr().splitlines()[-1], program.stderr())
    with open(os.path.join(lab.home, "limited"), "wb") as limited:
        program = Program(lab, *NO_GAP, "-peersFile=", "-logLevel", "silent", stdout=limited, preexec_fn=limit)
    program.type(b'{"command":"status"}\n' * 50)
    check(program.ends(None) == 1, f"a file size limit: exit status {program.process.returncode}")
    check("standard output: File too large" in program.stderr(), program.stderr())


def the_last_line_that_cannot_be_written(lab):
    """It is at the end alone that the disk is full."""
    path = os.path.join(lab.home, "small")
    with open(path, "wb") as file:
        program = Program(lab, *NO_GAP, "-peersFile=", stdout=file, stderr=subprocess.PIPE)
        until(lambda: b"listening" in open(path, "rb").read(), 5, "it listens")
        size = os.path.getsize(path) + 1
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (size, size))
        check(program.ends() == 1, f"exit status {program.process.returncode}")
    with program.process.stderr as stderr:
        said = stderr.read()
    check(b"standard output: File too large" in said, f"{said}")


def readers_that_have_gone(lab):
    """Nobody is there to work for, which is no fault: a pipe, a terminal."""
    program = Program(lab, *NO_GAP)
    check(b"listening" in program.process.stdout.readline(), "it does not listen")
    program.process.stdout.close()
    program.type(b'{"command":"status"}\n')
    check(program.ends(None) == 0, f"a pipe: exit status {program.process.returncode}")
    master, slave = pty.openpty()
    program = Program(lab, *NO_GAP, stdout=slave)
    os.close(slave)
    check(b"listening" in os.read(master, 4096), "it does not listen")
    os.close(master)
    program.type(b'{"command":"status"}\n')
    check(program.ends(None) == 0, f"a terminal: exit status {program.process.returncode}")


def standard_error_that_refuses(lab):
    """A log that cannot be written is no reason to end."""
    reader, writer = os.pipe()
    os.close(reader)
    for what, fd in (("a full disk", os.open(FULL, os.O_WRONLY)), ("a closed pipe", writer)):
        program = Program(lab, *NO_GAP, "-logLevel", "debug", stderr=fd).read()
        os.close(fd)
        program.shows(b"listening")
        raw_peers(lab, program, 5)
        program.process.send_signal(signal.SIGHUP)
        program.type(b'{"command":"status","id":1}\n')
        program.shows(b'"id":1')
        check(program.ends() == 0, f"{what}: exit status {program.process.returncode}")


def why_there_is_no_node_is_told_to_a_late_reader(lab):
    """Of standard error, which is full until then."""
    other = lab.node("-exclusive")
    reader, writer = small_pipe()
    program = Program(lab, "-bind", other.address, stderr=writer)
    os.close(writer)
    time.sleep(0.5)
    with open(reader, "rb") as stderr:
        said = stderr.read()
    check(b"Address already in use" in said.splitlines()[-1], f"{said.strip(bytes(1))}")
    check(program.ends(None) == 1, f"exit status {program.process.returncode}")


# --- text that JSON or a terminal cannot carry ---

def names_that_are_no_text(lab):
    """Refused, with one line that names the option, from wherever they come; a path may be any bytes."""
    config = os.path.join(lab.home, "latin.conf")
    for name, value in (("customnet", b"caf\xe9"), ("customnet", b"a\xed\xa0\x80b"), ("customnet", b"a\xc2\x9bb"),
                        ("nodeName", b"caf\xe9"), ("seedURL", b"http://caf\xe9/"), ("peers", b"caf\xe9:8110"),
                        ("bootstrap", b"caf\xe9:8110"), ("network", b"caf\xe9"), ("bind", b"\xff")):
        with open(config, "wb") as file:
            file.write(name.encode() + b" = " + value + b"\n")
        for flags in (["-" + name, value], ["-config", config]):
            done = subprocess.run([lab.kith, "-home", lab.home, *flags], stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=10 * SLOW, check=False)
            check(done.returncode == 2, f"{flags}: exit status {done.returncode}")
            check(name in done.stderr.decode() and done.stderr.count(b"\n") == 1, f"{flags}: {done.stderr}")
            check(not done.stdout, f"{flags}: {done.stdout}")
    home = os.path.join(os.fsencode(lab.home), b"caf\xe9")
    node = lab.node("-customnet", "caf\u00e9", start=False)
    line = [*node.command_line(), "-network", "CUSTOM"]
    line[line.index("-home") + 1] = home
    node.command_line = lambda: line
    node.start()
    check(node.status()["network"] == "caf\u00e9", f"{node.status()}")
    node.command("ban", peer="10.1.1.1")
    node.end()
    check(any(name.startswith(b"peers-") for name in os.listdir(home)), f"{os.listdir(home)}")


def control_characters_are_shown_by_number(lab):
    """What is typed comes back in errors, what peers send is shown: neither moves the cursor."""
    other = lab.node("-exclusive")
    program = Program(lab, "-exclusive", "-peers", other.endpoint, json=False).read()
    program.shows(b"online")
    program.type(b"/fly \x1b[2J\x9b\xc2\x9bcaf\xc3\xa9\n/" + b"a" * 9000 + b"\n/status\n")
    program.shows(b"no such command: /fly \\x1b[2J\\x9b\\xc2\\x9bcaf\xc3\xa9 (")
    program.shows(b"aaa... (/help shows them)\nnetwork LOCAL")
    other.wait_from(program.address)
    other.request(send="<BROADCAST>", base64="Gx1baGmbwptjYWbDqQ==")
    program.shows(b"] \\x1b\\x1d[hi\\x9b\\xc2\\x9bcaf\xc3\xa9\n")
    check(not any(c < 0x20 and c != 10 for c in program.text), f"{program.text}")


# --- input of every sort ---

def line_ends_and_byte_order_marks(lab):
    """CR LF ends a line as LF does, and a byte order mark stands before the first line only."""
    other = lab.node("-exclusive")
    console = Program(lab, "-exclusive", "-peers", other.endpoint, json=False).read()
    console.shows(b"online")
    other.wait_from(console.address)
    console.type(b"\xef\xbb\xbf/status\r\n\r\na line\r\n\xef\xbb\xbfmark\r\n/quit\r")
    console.shows(b"network LOCAL")
    other.wait("parcel", text="a line")
    other.wait("parcel", text="\ufeffmark")
    console.process.stdin.close()
    check(console.ends(None) == 0, f"exit status {console.process.returncode}")
    check(b"no such command" not in console.text, f"{console.text}")
    check(len(other.all("parcel")) == 2, f"{other.all('parcel')}")
    program = Program(lab, "-exclusive").read()
    for part in (b"\xef", b"\xbb", b'\xbf{"command":"status",', b'"id":1}\r\n{"command":"status","id":2}\r\n'):
        program.type(part)
        time.sleep(0.05)
    program.shows(b'"id":1}')
    program.shows(b'"id":2}')
    check(b'"event":"error"' not in program.text, f"{program.text}")


def a_nul_is_an_error_and_cuts_nothing_off(lab):
    other = lab.node("-exclusive")
    program = Program(lab, "-exclusive", "-peers", other.endpoint).read()
    program.shows(b"online")
    for i, request in enumerate((b'"send":"<BROADCAST>\\u0000x","text":"a"', b'"command":"quit\\u0000x"',
                                 b'"command":"ban","peer":"10.1.1.1\\u0000.example"',
                                 b'"command":"ban","address":"10.1.1.1\\u0000"',
                                 b'"command":"unban","address":"10.1.1.1\\u0000"',
                                 b'"command":"disconnect","peer":"x\\u0000"',
                                 b'"command":"special","peers":"10.1.1.1:1\\u0000"',
                                 b'"send":"<BROADCAST>","kind":"Message\\u0000x","text":"a"',
                                 b'"send":"<BROADCAST>","base64":"YQ==\\u0000"')):
        program.type(b'{"id":%d,%s}\n' % (100 + i, request))
        program.shows(b'"id":%d}' % (100 + i))
    check(program.text.count(b'"event":"error"') == 9, f"{program.text}")
    program.type(b'{"id":5,"send":"<BROADCAST>","text":"a\\u0000b"}\n')  # a message may hold one
    other.wait("parcel", text="a\0b")
    console = Program(lab, "-exclusive", json=False).read()
    console.type(b"/quit\0x\na\0b\n/status\n")
    console.shows(b"network LOCAL")
    check(console.text.count(b"NUL") == 2, f"{console.text}")


def a_message_may_be_escaped_throughout(lab):
    """Within -maxParcel, whatever the client writes for it."""
    b = lab.node("-exclusive", "-maxParcel", "300K")
    a = lab.node("-exclusive", "-maxParcel", "300K", "-peers", b.endpoint)
    a.wait_online(b)
    for i, text in enumerate(("\\u0001" * 300 * 1024, "\\u00e9" * 150 * 1024, "\\ud83d\\ude42" * 75 * 1024)):
        since = b.mark()
        a.write(b'{"send":"<BROADCAST>","id":%d,"text":"%s"}\n' % (i, text.encode()))
        check(a.wait("sent", id=i)["peers"] == 1, f"{i}")
        check(b.wait("parcel", since=since)["text"].encode() == text.encode().decode("unicode_escape").encode(
            "utf-16", "surrogatepass").decode("utf-16").encode(), f"{i}: another text")
    escaped = "".join(f"\\u{ord(c):04x}" for c in "QUJD" * 100 * 1024)
    a.write(b'{"send":"<BROADCAST>","id":7,"base64":"%s"}\n' % escaped.encode())
    check(a.wait("sent", id=7)["peers"] == 1, "base64")
    b.wait("parcel", text="ABC" * 100 * 1024)
    a.request(id=8, send="<BROADCAST>", text="x" * (300 * 1024 + 1))
    check("maxParcel" in a.wait("error", id=8)["message"], "a message that is too long")
    a.write(b'{"id":9,"send":"<BROADCAST>","text":"%s"}\n' % (b"x" * 4 * 1024 * 1024))
    check("long" in a.wait("error", id=9)["message"], "a line that is too long, its id at the beginning")


def the_id_comes_back_whatever_it_is(lab):
    """Integers of any size, as they were written; and from requests that cannot be read."""
    program = Program(lab, "-exclusive").read()
    for number in (b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"-9223372036854775809",
                   b"1" + b"0" * 60, b'"a\\u0000b"', b"null", b'[1,{"a":"}"}]'):
        program.type(b'{"x":[1,"{\\"id\\":3"],"id": %s ,"command":"status"}\n' % number)
        program.shows(b'"eclipse_risk":')
        program.shows(b',"id":%s}\n' % number)
        program.text = b""
    for i, request in enumerate((b'"text":"\xff","send":"<BROADCAST>"', b'"text":"\\ud800","send":"<BROADCAST>"',
                                 b'"command":"ban","peer":"10.1.1.1","seconds":1e999', b'"command":"fly"', b'"command":',
                                 b'"command":"status","command":"peers"', b'"seconds":99999999999999999999', b'!')):
        for number in (b"%d" % (50 + i), b"1844674407370955161%d" % i):
            program.type(b'{"id":%s,%s}\n' % (number, request))
            program.shows(b',"id":%s}\n' % number)
    check(program.text.count(b'"event":"error"') == 16, f"{program.text}")


# --- a terminal that is shared, and where input ends ---

class Shell:
    """bash on a terminal, with job control."""

    def __init__(self, lab):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        lab.closers.append(self.close)
        threading.Thread(target=self._read, daemon=True).start()
        self.type("echo ready | tr a-z A-Z")
        self.shows(b"READY")

    def _read(self):
        try:
            while True:
                self.text += os.read(self.fd, 4096)
        except OSError:
            pass  # it has ended

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def shows(self, what, seconds=10):
        return until(lambda: what in self.text, seconds, lambda: f"{what!r} in {self.text!r}")

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def a_job_in_the_background(lab):
    """It serves its peers and writes, whatever is typed for others; in the foreground it reads."""
    shell, other = Shell(lab), lab.node("-exclusive")
    node = lab.node("-exclusive", "-peers", other.endpoint, start=False)
    line = " ".join(f"'{word}'" for word in node.command_line() if word != "-json")
    shell.type(f"stty tostop; {line} 2>{node.stderr_path} & echo $! >{lab.home}/pid")
    name = other.wait_from(node.address)
    with open(f"{lab.home}/pid", encoding="ascii") as file:
        pid = int(file.read())
    lab.closers.insert(0, lambda: os.path.exists(f"/proc/{pid}") and os.kill(pid, signal.SIGKILL))
    shell.shows(b"online: ")
    shell.type("sleep 1")
    time.sleep(0.3)
    shell.type("echo typed ahead | tr a-z A-Z")
    shell.shows(b"TYPED AHEAD")
    other.send(name, "a message")
    shell.shows(b"] a message")
    check(state_of(pid) in "SR", f"its state is {state_of(pid)}")
    shell.type("fg")
    time.sleep(1 * SLOW)
    shell.type("to the network")
    check(other.wait("parcel")["text"] == "to the network", f"{other.all('parcel')}")
    shell.type("/quit")
    until(lambda: not os.path.exists(f"/proc/{pid}"), 5, "it has ended")
    shell.type("echo back | tr a-z A-Z")
    shell.shows(b"BACK")


def input_that_processes_share(lab):
    """All wake for each line, and one gets it: nobody is held up by a line that has gone when it looks."""
    reader, writer = os.pipe()
    programs = [Program(lab, "-exclusive", stdin=reader).read() for _ in range(4)]
    for program in programs:
        program.shows(b"listening")
    for i in range(3000):
        os.write(writer, b'{"command":"status","id":%d}\n' % i)
        time.sleep(0.0005)
    until(lambda: sum(p.text.count(b'"id":') for p in programs) == 3000, 5, "each request is answered once")
    for program in programs:
        check(program.ends() == 0, f"exit status {program.process.returncode}")
    os.close(reader)
    os.close(writer)


def the_console_ends_with_its_input(lab):
    """That of a pipe, as with -json; a file and /dev/null just end."""
    for json in (False, True):
        program = Program(lab, "-exclusive", json=json).read()
        program.shows(b"listening")
        program.process.stdin.close()
        check(program.ends(None) == 0, f"exit status {program.process.returncode}")
        program = Program(lab, "-exclusive", json=json, stdin=subprocess.DEVNULL).read()
        program.shows(b"listening")
        time.sleep(0.3)
        check(program.process.poll() is None, "it ended with /dev/null")


# --- what it says of itself ---

def the_first_line_of_the_log(lab):
    config = os.path.join(lab.home, "some.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("Stall = 1s\nControlPanelPort = 8090\n")
    node = lab.node("-config", config)
    first, second = node.stderr().splitlines()[:2]
    check(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info: kith \d+\.\d+\.\d+, ", first), first)
    for word in ("network LOCAL", "protocol factom", "port 8110", f"home {node.home}",
                 f"peers file {node.home}/peers-LOCAL.json", f"configuration file {config}"):
        check(word in first, f"{word}: {first}")
    check("ControlPanelPort" in second, second)
    node = lab.node("-customnet", "garden", "-networkPort", "0", "-peersFile=", start=False)
    line = [word for word in node.command_line() if word not in ("-network", "LOCAL")]
    node.command_line = lambda: line
    first = node.start().stderr().splitlines()[0]
    for word in ("network garden", "port any", "peers file none", "configuration file none"):
        check(word in first, f"{word}: {first}")


def scripts_run_is_silent_if_there_is_nothing_to_do(lab):
    scripts = Path(__file__).parent.parent.parent / "scripts"
    root, tools = Path(lab.home, "sources"), Path(lab.home, "tools")
    shutil.copytree(scripts, root / "scripts")
    for path, text in ((root / "build/kith", "echo node"), (root / "build/build.ninja", ""),
                       (root / "scripts/deps", ""), (tools / "ninja", "echo 'ninja: no work to do.'")):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
    done = subprocess.run([root / "scripts/run"], env={"PATH": f"{tools}:{os.environ['PATH']}"}, capture_output=True,
                          check=False)
    check((done.returncode, done.stdout, done.stderr) == (0, b"node\n", b""), f"{done}")
    (tools / "ninja").write_text("#!/bin/sh\necho 'FAILED: x'; exit 1\n", encoding="utf-8")
    done = subprocess.run([root / "scripts/run"], env={"PATH": f"{tools}:{os.environ['PATH']}"}, capture_output=True,
                          check=False)
    check(done.returncode == 1 and done.stderr == b"FAILED: x\n" and not done.stdout, f"{done}")


def who_reads_no_answers_asks_for_no_more(lab):
    """Sends and commands without end, and nobody reads: they wait, the memory is bounded, and each is answered once."""
    program, count = Program(lab, "-exclusive"), few(40000)
    text = "".join(f'{{{what},"id":"{i:08}{"x" * 900}"}}\n' for i in range(count)
                   for what in ['"send":"<BROADCAST>","text":"x"' if i % 2 else '"command":"unban","address":"10.0.0.1"'])
    feeder = threading.Thread(target=program.type, args=(text.encode(),), daemon=True)
    feeder.start()
    node = copy.copy(program.node)  # for its figures: the lab ends the program itself
    node.process = program.process
    last = None

    def stands_still():
        nonlocal last
        before, last = last, node.cpu()
        time.sleep(0.2)
        return before == last
    until(stands_still, 30, "it has read what it wants to read")
    check(feeder.is_alive(), "it has read all")
    check(node.memory() < 100 * SLOW, f"{node.memory()} MiB")
    answers = []
    threading.Thread(target=lambda: answers.extend(int(line.partition(b'"id":"')[2][:8] or -1) for line in program.process.stdout),
                     daemon=True).start()
    until(lambda: len(answers) > count, 30, lambda: f"{len(answers)} lines")
    answers.remove(-1)  # it listens
    check(sorted(answers) == list(range(count)), f"{len(answers)} answers, to {len(set(answers))} requests")


def the_id_of_a_request_is_short(lab):
    node = lab.node("-exclusive")
    for size, event in ((1022, "bans"), (1023, "error")):  # and two quotes
        node.request(command="bans", id="x" * size)
        node.wait(event, id="x" * size)
    check(node.all("error")[0]["message"] == '"id" is longer than 1024 bytes', f"{node.all('error')}")


if __name__ == "__main__":
    run([who_reads_no_answers_asks_for_no_more, the_id_of_a_request_is_short, nobody_reads_the_log, nobody_reads_standard_output, a_slow_reader_gets_all_lines_whole,
         the_last_lines_go_out_while_they_are_read, standard_output_that_cannot_be_written,
         the_last_line_that_cannot_be_written, readers_that_have_gone, standard_error_that_refuses,
         why_there_is_no_node_is_told_to_a_late_reader,
         names_that_are_no_text, control_characters_are_shown_by_number, line_ends_and_byte_order_marks,
         a_nul_is_an_error_and_cuts_nothing_off, a_message_may_be_escaped_throughout, the_id_comes_back_whatever_it_is,
         a_job_in_the_background, input_that_processes_share, the_console_ends_with_its_input,
         the_first_line_of_the_log, scripts_run_is_silent_if_there_is_nothing_to_do])
