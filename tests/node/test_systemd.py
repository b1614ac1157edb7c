#!/usr/bin/env python3
"""kith@.service under systemd itself, which a machine of the test's own has booted: that a node works with all that the unit
forbids it, and that systemd does with it what the unit says."""
import json
import os
import re
import subprocess

from kithnode import SLOW, Skipped, check, run, until
from machine import Machine
from stopped import Stopped, thread_of

LOCAL = "network = LOCAL\nlogLevel = debug\nseedURL =\nredialSpecial = 300ms\nacceptInterval = 0\n"
PORTS = {"factom": 8110, "ddrp": 9097, "mintlayer": 23031, "infnote": 8210, "coin": 8310}


class Computer(Machine):
    """With kith installed."""

    def __init__(self, lab):
        if SLOW != 1:
            raise Skipped("sanitizers need what the unit forbids")
        super().__init__(lab)
        subprocess.run(["meson", "install", "-C", os.path.dirname(lab.kith), "--no-rebuild", "--quiet", "--destdir",
                        self.path("/")], check=True, capture_output=True)
        if self.try_run("systemctl", "cat", "kith@one").returncode:
            self.run("systemctl", "daemon-reload")
        if self.try_run("systemctl", "cat", "kith@one").returncode:
            raise Skipped("this build installs no unit")
        self.run("systemd-sysusers")
        self.run("systemd-tmpfiles", "--create")

    def configure(self, name, text=""):
        self.write(f"/etc/kith/{name}.conf", LOCAL + text)
        self.run("systemd-tmpfiles", "--create")

    def node(self, name, text=""):
        """Starts one; returns as systemctl does, once it is ready."""
        self.configure(name, text)
        started = self.try_run("systemctl", "start", f"kith@{name}")
        check(started.returncode == 0, started.returncode and self.run("journalctl", "-u", f"kith@{name}", "-o", "cat"))

    def change(self, *lines):
        self.write("/run/systemd/system/kith@.service.d/test.conf", "\n".join(["[Service]", *lines, ""]))
        self.run("systemctl", "daemon-reload")

    def show(self, name, what):
        return self.run("systemctl", "show", f"kith@{name}", f"--property={what}", "--value").strip()

    def pid(self, name):
        """As this computer counts."""
        inside = self.show(name, "MainPID")
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/status", encoding="utf-8") as file:
                    numbers = re.search(r"^NSpid:(.*)", file.read(), re.M).group(1).split()
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    is_kith = f"/kith/{name}.conf".encode() in file.read()
                # Two computers may each have a process of that number.
                is_ours = self.has_process(process)
            except OSError:
                continue
            if is_kith and numbers[-1] == inside and is_ours:
                return int(process)
        return None

    def proc(self, name, file):
        with open(f"/proc/{self.pid(name)}/{file}", encoding="utf-8") as open_file:
            return open_file.read()

    def logged(self, name):
        lines = self.run("journalctl", "-u", f"kith@{name}", "-t", "kith", "-o", "json").splitlines()
        return [json.loads(line) for line in lines]

    def shows(self, name, what, pattern, seconds=10):
        until(lambda: re.search(pattern, self.show(name, what)), seconds, lambda: f"{name}: {what}={self.show(name, what)}\n"
              + self.run("journalctl", "-u", f"kith@{name}", "-n", "20", "-o", "short-monotonic"))


def every_protocol_works_with_all_that_the_unit_forbids(lab):
    """Two nodes each, which find each other: keys, chains, datagrams and names among what they need."""
    computer = Computer(lab)
    names = [f"127.0.{number}.1 {protocol}-one\n" for number, protocol in enumerate(PORTS, 1)]
    computer.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join(names))
    for number, (protocol, port) in enumerate(PORTS.items(), 1):
        one, two = f"{protocol}-one", f"{protocol}-two"
        computer.node(one, f"protocol = {protocol}\nbind = 127.0.{number}.1\n")
        computer.node(two, f"protocol = {protocol}\nbind = 127.0.{number}.2\npeers = {one}:{port}\n")
        computer.shows(two, "StatusText", r"^1 peer \(1 outgoing, 0 incoming\)")
    computer.node("lan-one", "protocol = infnote\nnetworkPort = 8999\nlan = true\n")
    computer.configure("page", "networkPort = 0\nhttp = 127.0.0.1:9110\n")
    if computer.try_run("systemctl", "start", "kith@page").returncode == 0:
        health = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9110/healthz').status)"
        check(computer.run("python3", "-c", health).strip() == "200", "the page is not healthy")
    else:
        check("built without" in computer.run("journalctl", "-u", "kith@page", "-o", "cat"), "no page")
    for name in (*(f"{protocol}-one" for protocol in PORTS), "lan-one"):
        lines = computer.logged(name)
        check(lines and {line["PRIORITY"] for line in lines} <= {"6", "7"}, [line["MESSAGE"] for line in lines])
        check(computer.run("stat", "-c", "%U %a", f"/var/lib/kith/{name}").strip() == "kith 700", "another owner of its files")
        status = computer.proc(name, "status")
        check(re.search(r"^Seccomp:\s+2$", status, re.M) and re.search(r"^CapBnd:\s+0+$", status, re.M), status)


ASK = """import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"command":"status","id":7}\\n')
print(s.makefile().readline())
"""


def the_group_speaks_with_it_and_others_do_not(lab):
    computer = Computer(lab)
    computer.node("one", "bind = 127.0.0.1\n")
    group = computer.run("getent", "group", "kith").split(":")[2]

    def ask(*groups):
        return computer.try_run("setpriv", "--reuid=12345", "--regid=12345", *groups, "python3", "-c", ASK,
                                "/run/kith/one/control.sock")
    done = ask("--groups", group)
    check(done.returncode == 0 and json.loads(done.stdout)["id"] == 7, f"{done}")
    check("PermissionError" in ask("--clear-groups").stderr, "somebody else was let in")
    check("factom" in computer.run("kith-ctl", "status"), "kith-ctl does not find the one service")
    computer.node("two", "bind = 127.0.0.2\n")
    for place in ("XDG_RUNTIME_DIR=", "XDG_RUNTIME_DIR=/run/user/0"):  # of a person who has no node of his own
        done = computer.try_run("env", place, "kith-ctl", "status")
        check(done.returncode == 3 and done.stderr.endswith("which: one two\n"), f"{place}: {done}")
    check("factom" in computer.run("kith-ctl", "-control", "two", "status"), "a service is not found by its name")
    done = computer.try_run("kith-ctl", "-control", "three", "status")
    check(done.returncode == 3 and "/run/kith/three/control.sock" in done.stderr, f"{done}")
    computer.run("systemctl", "stop", "kith@one")
    check(not os.path.exists(computer.path("/run/kith/one")), "its folder in /run is left")
    check(os.path.exists(computer.path("/run/kith")), "the others' is gone")


def a_node_sees_its_own_files_alone(lab):
    """And can write no others."""
    computer = Computer(lab)
    for number, name in enumerate(("one", "two"), 1):
        computer.node(name, f"bind = 127.0.0.{number}\n")

    def inside(*command):
        return computer.try_run("nsenter", "--target", computer.show("one", "MainPID"), "--mount", "setpriv", "--reuid=kith",
                                "--regid=kith", "--clear-groups", *command)
    for folder in ("/var/lib/kith", "/run/kith"):
        check(inside("ls", folder).stdout.split() == ["one"], f"{inside('ls', folder)}")
    for path in ("/var/lib/kith/one", "/run/kith/one"):
        check(inside("touch", f"{path}/file").returncode == 0, f"{path} cannot be written")
    for path in ("/", "/etc/kith", "/var/lib", "/var/lib/kith", "/home", "/usr"):
        check(inside("touch", f"{path}/file").returncode != 0, f"{path} can be written")
    # As docs/operations.md says, for those who want that, too.
    check(inside("cat", "/etc/kith/two.conf").returncode == 0, "a reload would not find the file")
    page = open(os.path.join(os.path.dirname(__file__), "../../docs/operations.md"), encoding="utf-8").read()
    computer.change(*re.search(r"^\[Service\]\n(ConfigurationDirectory=.*?)^```", page, re.M | re.S)[1].splitlines())
    computer.run("systemctl", "restart", "kith@one")
    check(inside("ls", "/etc/kith").stdout.split() == ["one.conf"], f"{inside('ls', '/etc/kith')}")


def it_ends_reloads_and_is_started_again_as_the_unit_says(lab):
    computer = Computer(lab)
    computer.change("RestartSec=100ms")
    computer.node("one", "bind = 127.0.0.1\n")
    computer.node("two", "bind = 127.0.0.2\n")
    computer.configure("two", "bind = 127.0.0.2\npeers = 127.0.0.1:8110\n")
    computer.run("systemctl", "reload", "kith@two")
    computer.shows("two", "StatusText", r"\(1 outgoing")
    first = computer.show("one", "MainPID")
    computer.run("systemctl", "kill", "-s", "KILL", "kith@one")
    until(lambda: computer.show("one", "MainPID") not in (first, "0"), 15, "it is started again")
    computer.shows("one", "ActiveState", "^active$")
    computer.shows("two", "StatusText", r"\(1 outgoing", 15)  # the other may have dialed it, too
    computer.run("systemctl", "stop", "kith@two")
    check(computer.show("two", "Result") == "success", computer.show("two", "Result"))
    check("127.0.0.1:8110" in computer.read("/var/lib/kith/two/peers-LOCAL.json"), "the peers file was not written")


def a_bad_configuration_is_told_and_not_tried_again(lab):
    computer = Computer(lab)
    computer.configure("bad", "outgoing = many\n")
    check(computer.try_run("systemctl", "start", "kith@bad").returncode != 0, "it started")
    check(computer.show("bad", "ExecMainStatus") == "2" and computer.show("bad", "ActiveState") == "failed", "not failed")
    check(computer.show("bad", "NRestarts") == "0", "it was tried again")
    said = computer.run("journalctl", "-u", "kith@bad", "-o", "cat")
    check("outgoing: 'many' is not a number" in said, said)
    check(computer.try_run("systemctl", "start", "kith@missing").returncode != 0, "it started without a configuration")


def a_controller_that_stands_still_is_started_again(lab):
    computer = Computer(lab)
    computer.change("WatchdogSec=600ms", "RestartSec=100ms")
    computer.node("one", "bind = 127.0.0.1\n")
    pid = computer.pid("one")
    check(computer.proc("one", "comm").strip() == "kith", "another process")
    with Stopped(thread_of(pid, "kith-control")) as stopped:
        until(stopped.has_ended, 10, "systemd has ended it")
    computer.shows("one", "NRestarts", "^[1-9]")
    computer.shows("one", "ActiveState", "^active$")


def the_unit_is_as_strict_as_the_page_says(lab):
    computer = Computer(lab)
    computer.run("systemd-analyze", "verify", "--man=no", "/usr/local/lib/systemd/system/kith@.service")
    said = computer.run("systemd-analyze", "security", "--no-pager", "kith@one.service")
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1)
    check(float(score) <= 1.1, said)
    return f"exposure {score}"


if __name__ == "__main__":
    run([every_protocol_works_with_all_that_the_unit_forbids, it_ends_reloads_and_is_started_again_as_the_unit_says,
         a_controller_that_stands_still_is_started_again, a_bad_configuration_is_told_and_not_tried_again,
         the_group_speaks_with_it_and_others_do_not, a_node_sees_its_own_files_alone,
         the_unit_is_as_strict_as_the_page_says])
