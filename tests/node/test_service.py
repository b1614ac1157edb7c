#!/usr/bin/env python3
"""kith as a service: the log's forms, and what a service manager is told."""
import json
import os
import re
import socket
import struct
import subprocess
import threading

from kithnode import SLOW, check, run, until
from namespace import in_namespaces, sh

JOURNAL = "/run/systemd/journal/socket"
WITHOUT = "built without"


# --- the log ---

def json_lines_are_objects_and_debug_is_one_of_their_levels(lab):
    a = lab.node("-exclusive", "-logFormat", "json", "-logLevel", "debug")
    b = lab.node("-exclusive", "-logFormat", "text", "-peers", a.endpoint)
    b.wait_online(a)
    a.end()
    lines = [json.loads(line) for line in a.stderr().splitlines()]
    check(lines and all(sorted(line) == ["level", "message", "time"] for line in lines), f"{lines}")
    check(re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{3}Z", lines[0]["time"]), f"{lines[0]}")
    check({line["level"] for line in lines} >= {"info", "debug"}, f"{lines}")
    check(lines[0]["message"].startswith("kith ") and a.home in lines[0]["message"], f"{lines[0]}")
    check(re.match(r"\S+Z info: kith ", b.stderr()), b.stderr())


def the_last_line_of_a_node_that_cannot_start_has_the_form_of_the_others(lab):
    node = lab.node(start=False)
    taken = lab.closes(socket.create_server((node.address, node.port)))
    done = subprocess.run([*node.command_line(), "-logFormat=json"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=10 * SLOW, check=False)
    last = json.loads(done.stderr.splitlines()[-1])
    check(done.returncode == 1 and last["level"] == "error" and str(taken.getsockname()[1]) in last["message"], f"{done}")


class Journal:
    """What journald does with the socket: takes datagrams of fields, long ones as a descriptor."""

    def __init__(self):
        os.makedirs("/run/systemd", exist_ok=True)
        sh("mount", "-t", "tmpfs", "none", "/run/systemd")
        os.makedirs(os.path.dirname(JOURNAL))
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(JOURNAL)
        self.entries = []

    def read(self):
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self):
        while True:
            self.entries.append(self.fields(self.sock.recv(1 << 16)))

    @staticmethod
    def fields(data):
        found = {}
        while data:
            name, separator, rest = data.partition(b"\n")
            if b"=" in name:
                name, _, value = name.partition(b"=")
                data = rest
            else:  # a value with a newline in it: its length stands before
                size = struct.unpack("<Q", rest[:8])[0]
                value, data = rest[8:8 + size], rest[9 + size:]
            found[name.decode()] = value.decode()
        return found


def has_journal(lab):
    done = subprocess.run([lab.kith, "-logFormat=journal", "-home", lab.home], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=10 * SLOW, check=False)
    return WITHOUT not in done.stderr


@in_namespaces
def a_journal_that_is_not_there_is_an_error_of_the_option(lab):
    os.makedirs("/run/systemd", exist_ok=True)
    sh("mount", "-t", "tmpfs", "none", "/run/systemd")
    home = os.path.join(lab.home, "never")
    done = subprocess.run([lab.kith, "-logFormat=journal", "-home", home], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=10 * SLOW, check=False)
    check(done.returncode == 2 and done.stderr.startswith("kith: -logFormat: ") and done.stderr.count("\n") == 1, f"{done}")
    check(not os.path.exists(home), "it made its home all the same")


@in_namespaces
def lines_go_to_the_journal_with_their_priority(lab):
    if not has_journal(lab):
        return "built without the journal"
    journal = Journal().read()
    a = lab.node("-exclusive", "-logFormat", "journal", "-logLevel", "debug")
    b = lab.node("-exclusive", "-peers", a.endpoint)
    b.wait_online(a)
    a.end()
    check(a.stderr() == "", a.stderr())
    until(lambda: len({entry["PRIORITY"] for entry in journal.entries}) == 2, 5, lambda: f"{journal.entries}")
    first = journal.entries[0]
    check(sorted(first) == ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"], f"{first}")
    check(first["MESSAGE"].startswith("kith ") and first["SYSLOG_IDENTIFIER"] == "kith", f"{first}")
    check({entry["PRIORITY"] for entry in journal.entries} == {"6", "7"}, "another priority")


@in_namespaces
def a_journal_that_takes_nothing_holds_up_nobody(lab):
    if not has_journal(lab):
        return "built without the journal"
    journal = Journal()
    a = lab.node("-exclusive", "-logFormat", "journal", "-logLevel", "debug", "-acceptInterval", "0")
    for _ in range(30):
        lab.closes(socket.create_connection((a.address, a.port)))
    check(a.status()["event"] == "status", "no status")
    check(a.end() < 3 * SLOW, "it did not end in time")
    check(journal.sock.recv(1 << 16), "it had nothing to say")


@in_namespaces
def stderr_that_leads_to_the_journal_is_told_by_the_environment(lab):
    if not has_journal(lab):
        return "built without the journal"
    journal = Journal().read()
    node = lab.node(start=False)
    with open(node.stderr_path, "ab") as stderr:
        its = os.fstat(stderr.fileno())
    for stream, form, there in ((f"{its.st_dev}:{its.st_ino}", (), True), (f"{its.st_dev}:{its.st_ino + 1}", (), False),
                                (f"{its.st_dev}:{its.st_ino}", ("-logFormat=text",), False), ("nonsense", (), False)):
        os.environ["JOURNAL_STREAM"] = stream
        journal.entries.clear()
        before = len(node.stderr())
        node.flags = ["-exclusive", *form]
        node.start().end()
        written = node.stderr()[before:]
        check((written == "") == there, f"{stream}: {written}")
        if there:
            until(lambda: journal.entries, 5, "lines in the journal")


if __name__ == "__main__":
    run([json_lines_are_objects_and_debug_is_one_of_their_levels,
         the_last_line_of_a_node_that_cannot_start_has_the_form_of_the_others,
         a_journal_that_is_not_there_is_an_error_of_the_option,
         lines_go_to_the_journal_with_their_priority,
         a_journal_that_takes_nothing_holds_up_nobody,
         stderr_that_leads_to_the_journal_is_told_by_the_environment])
