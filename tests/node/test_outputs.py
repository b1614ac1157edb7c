#!/usr/bin/env python3
"""What the program writes to and reads from, when that does not behave: outputs that nobody reads or that refuse, a
terminal that is shared, input of every sort."""
import fcntl
import os
import pty
import resource
import signal
import subprocess
import threading
import time

import factomwire as wire
from kithnode import SLOW, Failure, check, run, until

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

    def shows(self, what, seconds=5):
        return until(lambda: what in self.text, seconds, lambda: f"{what!r} in {self.text!r}")

    def stderr(self):
        return self.node.stderr()

    def ends(self, number=signal.SIGTERM, seconds=2):
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
        program = Program(lab, *NO_GAP, "-peersFile=", stdout=file)
        until(lambda: b"listening" in open(path, "rb").read(), 5, "it listens")
        size = os.path.getsize(path) + 1
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (size, size))
        check(program.ends() == 1, f"exit status {program.process.returncode}")
    check("standard output: File too large" in program.stderr(), program.stderr())


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


if __name__ == "__main__":
    run([nobody_reads_the_log, nobody_reads_standard_output, a_slow_reader_gets_all_lines_whole,
         standard_output_that_cannot_be_written, the_last_line_that_cannot_be_written, readers_that_have_gone,
         standard_error_that_refuses])
