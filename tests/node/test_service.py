#!/usr/bin/env python3
"""kith as a service: the log's forms, and what a service manager is told."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from kithnode import SLOW, check, run, until
from namespace import in_namespaces, sh
from stopped import Stopped, thread_of

JOURNAL = "/run/systemd/journal/socket"
WITHOUT = "built without"


# --- the log ---

def json_lines_are_objects_and_debug_is_one_of_their_levels(lab):
    a = lab.node("-exclusive", "-logFormat", "json", "-logLevel", "debug")
    b = lab.node("-exclusive", "-logFormat", "text", "-peers", a.endpoint)
    b.wait_online(a)
    a.end()
    lines = [json.loads(line) for line in a.stderr().splitlines()]
    check(lines and all({*line} - {"peer", "ip"} == {"level", "message", "time"} for line in lines), f"{lines}")
    check(re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{3}Z", lines[0]["time"]), f"{lines[0]}")
    check({line["level"] for line in lines} >= {"info", "debug"}, f"{lines}")
    check(lines[0]["message"].startswith("kith ") and a.home in lines[0]["message"], f"{lines[0]}")
    check(re.match(r"\S+Z info: kith ", b.stderr()), b.stderr())


def json_lines_name_whom_they_are_about(lab):
    a = lab.node("-exclusive", "-logFormat", "json", "-logLevel", "debug")
    b = lab.node("-exclusive", "-peers", a.endpoint)
    name = a.wait_from(b.address)
    b.end()
    a.wait("offline")
    with socket.create_connection((a.address, a.port), source_address=("127.0.0.1", 0)) as stranger:
        stranger.sendall(b"x" * 4096)
        a.logged('"ip":"127.0.0.1"')
    a.end()
    lines = [json.loads(line) for line in a.stderr().splitlines()]
    about = [line["message"].partition(name)[2] for line in lines if (line.get("peer"), line.get("ip")) == (name, b.address)]
    check(any(text.startswith(" online") for text in about) and any(text.startswith(" ended") for text in about), f"{lines}")
    check(all("peer" not in line for line in lines if line.get("ip") == "127.0.0.1"), f"a stranger has no name: {lines}")
    check("peer" not in lines[0] and "ip" not in lines[0], f"{lines[0]}")


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
    until(lambda: any(" online" in entry["MESSAGE"] and entry["MESSAGE"].startswith(entry.get("KITH_PEER", "?"))
                      and entry.get("KITH_IP") == b.address for entry in journal.entries), 5, lambda: f"{journal.entries}")


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


# --- the service manager ---

class Manager:
    """Listens as a service manager does; what is said is a list of dictionaries."""

    def __init__(self, lab, name=None, **environment):
        self.sock = lab.closes(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.path = name or os.path.join(lab.home, "notify")
        self.sock.bind(self.path.replace("@", "\0"))
        self.said = []
        os.environ.update(NOTIFY_SOCKET=self.path, **environment)

    def take(self, timeout):
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(1 << 16).decode()
        except TimeoutError:
            return None
        if data != "filler":
            self.said.append(dict(line.split("=", 1) for line in data.splitlines()))
        return data

    def hears(self, key, value=None, seconds=10):
        """The next word with that key, and a value that matches."""
        by = time.monotonic() + seconds * SLOW
        while True:
            while self.said:
                word = self.said.pop(0)
                if key in word and (value is None or re.search(value, word[key])):
                    return word
            left = by - time.monotonic()
            check(left > 0, f"the manager did not hear {key}={value or ''}")
            self.take(left)

    def hears_nothing(self, key, seconds):
        by = time.monotonic() + seconds
        while (left := by - time.monotonic()) > 0:
            self.take(left)
        check(not any(key in word for word in self.said), f"{self.said}")

    def fill(self):
        filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        filler.setblocking(False)
        try:
            while True:
                filler.sendto(b"filler", self.path)
        except BlockingIOError:
            filler.close()


def a_manager_hears_when_it_listens_who_is_there_and_that_it_stops(lab):
    manager = Manager(lab)
    a = lab.node("-exclusive", start=False).start(wait=False)
    manager.hears("READY", "^1$")
    socket.create_connection((a.address, a.port)).close()
    del os.environ["NOTIFY_SOCKET"]
    b = lab.node("-exclusive", "-acceptInterval", "0", "-peers", a.endpoint)
    manager.hears("STATUS", r"^1 peer \(0 outgoing, 1 incoming\)")
    b.end()
    manager.hears("STATUS", "^0 peers")
    a.end()
    manager.hears("STOPPING", "^1$")


def a_node_that_cannot_listen_is_never_ready(lab):
    manager = Manager(lab)
    node = lab.node(start=False)
    lab.closes(socket.create_server((node.address, node.port)))
    done = subprocess.run(node.command_line(), stdin=subprocess.DEVNULL, capture_output=True, timeout=10 * SLOW, check=False)
    check(done.returncode == 1, f"{done}")
    manager.hears_nothing("READY", 0.1)


def a_node_that_does_not_listen_is_ready_once_it_has_started(lab):
    manager = Manager(lab, "@kith-test-" + os.path.basename(lab.home))
    node = lab.node(start=False)
    node.command_line = lambda: [lab.kith, "-json", "-home", node.home, "-exclusive", "-proxy", "127.0.0.1:9"]
    node.start(wait=False)
    manager.hears("READY", "^1$")


def a_manager_hears_of_a_reload_and_of_its_end(lab):
    manager = Manager(lab)
    node = lab.node("-exclusive")
    manager.hears("READY")
    before = time.monotonic()
    node.send_signal(signal.SIGHUP)
    word = manager.hears("RELOADING", "^1$")
    check(before - 0.002 <= int(word["MONOTONIC_USEC"]) / 1e6 <= time.monotonic(), f"{word} at {before}")
    manager.hears("READY", "^1$")


def the_watchdog_hears_nothing_while_the_controller_stands_still(lab):
    """It hears each half of its time, from the controller: other threads that go on do not count."""
    manager = Manager(lab, WATCHDOG_USEC="600000")
    node = lab.node("-exclusive")
    for _ in range(3):
        manager.hears("WATCHDOG", "^1$", 0.6)
    with Stopped(thread_of(node.process.pid, "kith-control")):
        manager.take(0.1)
        manager.said.clear()
        manager.hears_nothing("WATCHDOG", 1.5)
    manager.hears("WATCHDOG", "^1$", 2)


def a_watchdog_that_is_meant_for_another_process_hears_nothing(lab):
    manager = Manager(lab, WATCHDOG_USEC="200000", WATCHDOG_PID="1")
    lab.node("-exclusive")
    manager.hears("READY")
    manager.hears_nothing("WATCHDOG", 0.5)


def a_manager_that_takes_nothing_holds_up_nobody(lab):
    manager = Manager(lab, WATCHDOG_USEC="100000")
    manager.fill()
    node = lab.node("-exclusive")
    check(node.status()["event"] == "status", "no status")
    node.send_signal(signal.SIGHUP)
    check(node.status()["event"] == "status", "no status after a reload")
    while manager.take(0.01) == "filler":
        pass
    manager.hears("READY", "^1$")
    manager.fill()
    check(node.end() < 2 * SLOW, "it did not end in time")


if __name__ == "__main__":
    run([the_watchdog_hears_nothing_while_the_controller_stands_still,
         a_manager_hears_when_it_listens_who_is_there_and_that_it_stops,
         a_node_that_cannot_listen_is_never_ready,
         a_node_that_does_not_listen_is_ready_once_it_has_started,
         a_manager_hears_of_a_reload_and_of_its_end,
         a_watchdog_that_is_meant_for_another_process_hears_nothing,
         a_manager_that_takes_nothing_holds_up_nobody,
         json_lines_name_whom_they_are_about, json_lines_are_objects_and_debug_is_one_of_their_levels,
         the_last_line_of_a_node_that_cannot_start_has_the_form_of_the_others,
         a_journal_that_is_not_there_is_an_error_of_the_option,
         lines_go_to_the_journal_with_their_priority,
         a_journal_that_takes_nothing_holds_up_nobody,
         stderr_that_leads_to_the_journal_is_told_by_the_environment])
