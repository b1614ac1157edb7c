#!/usr/bin/env python3
"""Strangers cannot fill the log, nor hide in it what the operator brings about: all that is left out is counted. And
nobody waits for a log that is not read."""
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

import factomwire as wire
from factomwire import RawPeer
from kithnode import SLOW, check, few, full_pipe, run, until
from namespace import in_namespaces

IP_BIND_ADDRESS_NO_PORT = 24
RESET = (1).to_bytes(4, "little") + bytes(4)
MOST_AT_ONCE, EACH_S = 50, 2  # lines of a kind that strangers bring about
FLAGS = ("-outgoing", "0", "-incoming", "200", "-acceptInterval", "0")


def strangers(node, count, data, source=None):
    """Each comes from an address of its own, or all from `source`, says something, perhaps, and leaves with a reset."""
    come = 0
    for i in range(count):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.settimeout(1)
        try:
            sock.bind((source or f"127.{110 + i % 100}.{i // 100 % 250}.1", 0))
            sock.connect((node.address, node.port))
            come += 1
            sock.sendall(data(i))
            if i % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            pass
        sock.close()
        time.sleep(0.001)  # so that not all find the places for handshakes taken
    return come


def handshake(i):
    return wire.handshake(node_id=i + 1, port=b"8110")


def left_out(log, what):
    return sum(int(n) for n in re.findall(rf"(\d+) more lines? about {what} (?:was|were) left out", log))


def all_have_ended(node, come):
    """How many connections had an end that the log tells of."""
    def ended():
        status = node.status()
        return sum(status["ended"].values()) + status["shed"] >= come and status
    return sum(until(ended, 10, "the strangers have gone")["ended"].values())


def flood(node, data, source):
    """Lines a second are few, and the number of those that are missing is told when it ends."""
    before, count = time.monotonic(), few(1500)
    come = sum(strangers(node, count // 3, d, source) for d in data)
    ended = all_have_ended(node, come)
    took = time.monotonic() - before
    node.end()
    log = node.stderr()
    kinds = 1 if source else MOST_AT_ONCE
    most = 2 * (kinds + took / EACH_S + took / 10 + 2) + took + 10
    check(len(log.splitlines()) < most, f"{len(log.splitlines())} lines of {come} strangers in {took:.1f} s")
    told = log.count(" ended, incoming: ") + left_out(log, "connections that ended")
    check(told == ended > come / 10, f"{ended} connections ended, the log tells of {told}")
    check(not source or "from 1 address" in log, log[-2000:])
    return f"{len(log.splitlines())} lines of {come} strangers in {took:.1f} s"


@in_namespaces
def strangers_of_many_addresses(lab):
    node = lab.node(*FLAGS, address="127.9.0.1")
    return flood(node, (handshake, lambda i: b"GET / HTTP/1.1\r\n\r\n", lambda i: b""), None)


@in_namespaces
def one_stranger_again_and_again(lab):
    node = lab.node(*FLAGS, address="127.9.0.1")
    return flood(node, (handshake, lambda i: b"GET / HTTP/1.1\r\n\r\n", lambda i: b""), "127.77.0.1")


@in_namespaces
def what_the_operator_brings_about_is_told_all_the_same(lab):
    node = lab.node(*FLAGS, "-peers", "127.9.0.2:8110", "-redialSpecial", "200ms", address="127.9.0.1")
    strangers(node, few(300), lambda i: b"GET / HTTP/1.1\r\n\r\n")
    friend = lab.node("-exclusive", address="127.9.0.2")
    node.logged("127.9.0.2:8110 .* online, outgoing", 10)
    peer = RawPeer(node, "127.9.0.3")
    name = node.wait_from("127.9.0.3")
    node.command("ban", peer="127.9.0.3", seconds=5)
    node.logged("127.9.0.3 banned for 5 s")
    node.logged(re.escape(name) + " ended, incoming: banned")
    peer.close()
    friend.end()
    node.logged("127.9.0.2:8110 .* ended, outgoing")


@in_namespaces
def strangers_on_the_console(lab):
    """Who comes and goes by the hundred is counted there, too."""
    program = subprocess.Popen([lab.kith, "-network", "LOCAL", "-bind", "127.9.0.1", "-home", lab.home, "-seedURL=",
                                *FLAGS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lab.closers.append(program.kill)
    node = type("Served", (), {"address": "127.9.0.1", "port": 8110})
    until(lambda: strangers(node, 1, handshake), 5, "it serves")
    before, count = time.monotonic(), few(300)
    strangers(node, count, handshake)
    until(lambda: strangers(node, 1, handshake), 5, "it serves")
    program.stdin.write(b"/quit\n")
    text = program.communicate(timeout=10 * SLOW)[0].decode()
    took = time.monotonic() - before
    lines = re.findall(r"^\* (?:online|offline): ", text, re.M)
    check(len(lines) <= MOST_AT_ONCE + took / EACH_S + 1, f"{len(lines)} lines in {took:.1f} s")
    unshown = sum(int(n) for n in re.findall(r"^\* (\d+) more lines about peers were not shown$", text, re.M))
    check(unshown + len(lines) > 2 * MOST_AT_ONCE, f"{len(lines)} lines, {unshown} not shown")
    return f"{len(lines)} lines, {unshown} not shown"


@in_namespaces
def a_log_that_nobody_reads_holds_up_nobody(lab):
    """Standard error is a full pipe. A peer is served, and the end takes no longer."""
    reads, writes = full_pipe()
    node = lab.node(*FLAGS, "-logLevel", "debug", address="127.9.0.1", start=False)
    popen = subprocess.Popen
    try:
        subprocess.Popen = lambda *a, **k: popen(*a, **{**k, "stderr": writes})
        node.start()
    finally:
        subprocess.Popen = popen
    friend = RawPeer(node, "127.71.0.1")
    strangers(node, few(600), handshake)
    friend.alive()
    before = time.monotonic()
    node.status()
    check(time.monotonic() - before < SLOW, "status took its time")
    took = node.end()
    check(took < 4 * SLOW, f"the end took {took:.1f} s")
    os.close(reads)
    os.close(writes)
    return f"ended within {took:.2f} s"


if __name__ == "__main__":
    run((), alone=(strangers_of_many_addresses, one_stranger_again_and_again, strangers_on_the_console,
                   what_the_operator_brings_about_is_told_all_the_same, a_log_that_nobody_reads_holds_up_nobody))
