#!/usr/bin/env python3
"""SIGTERM ends a node within two seconds, whatever flows and whoever hangs."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

from factomwire import MESSAGE, RawPeer
from kithnode import SLOW, check, full_pipe, run, until
from namespace import cover, in_namespaces

MEGA = 1 << 20
FLOODERS = 8
FLAGS = ("-outgoing", "4", "-acceptInterval", "0", "-logLevel", "debug", "-maxParcel", "16M")


def silent_server(lab, address, port):
    """It takes connections, and says nothing."""
    sock = socket.create_server((address, port))
    lab.closers.append(sock.close)


def silent_name_server(lab):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.9.9.53", 53))
    lab.closers.append(sock.close)
    cover("/etc/resolv.conf", lab, "nameserver 127.9.9.53\noptions timeout:30 attempts:5\n")


def flood(peer, size):
    payload = bytes(size)
    try:
        while True:
            peer.send(MESSAGE, payload)
    except OSError:
        pass


def ends(lab, *flags, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, sizes=(100, 60_000, 8 * MEGA)):
    """How long it takes after SIGTERM, while eight peers flood it."""
    home = os.path.join(lab.home, f"e{len(lab.closers)}")
    process = subprocess.Popen([lab.kith, "-network", "LOCAL", "-bind", "127.9.0.1", "-home", home, *FLAGS, *flags],
                               stdin=subprocess.PIPE, stdout=stdout, stderr=stderr)
    lab.closers.append(process.kill)
    node = type("Served", (), {"address": "127.9.0.1", "port": 8110})

    def come(i):
        try:
            return RawPeer(node, f"127.{71 + i}.0.1", node_id=i + 1)
        except OSError:
            return None
    for i in range(FLOODERS):
        peer = until(lambda i=i: come(i), 5, "it serves")
        peer.sock.settimeout(5 * SLOW)
        threading.Thread(target=flood, args=(peer, sizes[i % len(sizes)]), daemon=True).start()
    time.sleep(0.5)
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10 * SLOW)
    except subprocess.TimeoutExpired:
        pass
    took = time.monotonic() - before
    check(took < 2 * SLOW, f"{flags}: it took {took:.1f} s")
    check(process.returncode == 0, f"{flags}: exit status {process.returncode}")
    return took


@in_namespaces
def nobody_hangs(lab):
    return f"{ends(lab, '-json', '-seedURL='):.2f} s"


@in_namespaces
def everybody_hangs(lab):
    """Standard output and the log are not read, a seed server takes the request and does not answer, and no name is ever
    found."""
    silent_server(lab, "127.9.9.80", 80)
    silent_name_server(lab)
    said = []
    for seeds in ("http://127.9.9.80/seeds.txt", "http://seeds.example/seeds.txt"):
        for json in (["-json"], []):
            (out, stdout), (log, stderr) = full_pipe(), full_pipe()
            said.append(ends(lab, *json, "-seedURL", seeds, "-peers", "a.example:8110 b.example:8110", stdout=stdout,
                             stderr=stderr))
            for fd in (out, stdout, log, stderr):
                os.close(fd)
    return ", ".join(f"{took:.2f} s" for took in said)


if __name__ == "__main__":
    run((), alone=(nobody_hangs, everybody_hangs))
