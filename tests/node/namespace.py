"""Namespaces of a test's own: a network that nothing else is in, and files that only its processes see."""
import concurrent.futures
import ctypes
import functools
import os
import socket
import struct
import subprocess
import threading

from kithnode import Skipped, check

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD


def sh(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}")


def enter():
    """Only this thread, and the threads and processes that it starts, are in there; with the last of them it goes."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS):
        raise Skipped(f"no namespaces here: {os.strerror(ctypes.get_errno())}")
    sh("mount", "--make-rprivate", "/")
    sh("ip", "link", "set", "lo", "up")


def in_namespaces(test):
    """A test that runs on loopback addresses of its own. Skipped if one is not root."""
    @functools.wraps(test)
    def alone(lab):
        def body():
            enter()
            return test(lab)
        if os.geteuid() != 0:
            raise Skipped("only root may make namespaces")
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            return executor.submit(body).result()
    return alone


def on_public_addresses(test):
    """On addresses that anybody may be told of, each in a network group of its own: lab.address gives the next."""
    @in_namespaces
    @functools.wraps(test)
    def in_public(lab):
        def each():
            for group in range(1, 100):
                sh("ip", "address", "add", f"5.{group}.0.1/32", "dev", "lo")
                yield f"5.{group}.0.1"
        lab.addresses = each()
        return test(lab)
    return in_public


def cover(path, lab, text):
    """Lets a file of the system have another content."""
    new = os.path.join(lab.home, os.path.basename(path))
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
    sh("mount", "--bind", new, os.path.realpath(path))


def certificate(lab, host):
    """A certificate for that host, which vouches for itself, and its key."""
    path, key = os.path.join(lab.home, "certificate"), os.path.join(lab.home, "key")
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
       "-out", path, "-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
    return path, key


def wire_up(address, gateway):
    """An interface that leads to a gateway which swallows everything."""
    sh("ip", "link", "add", "outside", "type", "veth", "peer", "name", "swallows")
    sh("ip", "link", "set", "swallows", "up")
    sh("ip", "link", "set", "outside", "up")
    sh("ip", "address", "add", f"{address}/24", "dev", "outside")
    sh("ip", "neighbour", "add", gateway, "lladdr", "02:00:00:00:00:01", "dev", "outside", "nud", "permanent")
    sh("ip", "route", "add", "default", "via", gateway)


class Capture:
    """What goes over any interface of the namespace, as (protocol, source, its port, destination, its port); for what
    has no ports they are the ICMP type and 0."""

    def __init__(self):
        self.packets = set()
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.sock.settimeout(0.1)
        self.open = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.open:
            try:
                data, (_, ethertype, *_) = self.sock.recvfrom(65536)
            except socket.timeout:
                continue
            if ethertype in (ETH_P_IP, ETH_P_IPV6):
                self.packets.add(parse(data))

    def close(self):
        self.open = False
        self.thread.join()
        self.sock.close()


def parse(data):
    if data[0] >> 4 == 4:
        protocol, rest = data[9], data[(data[0] & 15) * 4:]
        source, destination = (socket.inet_ntop(socket.AF_INET, data[at:at + 4]) for at in (12, 16))
    else:
        protocol, rest = data[6], data[40:]
        source, destination = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16]) for at in (8, 24))
        if protocol == 0:  # options for each hop, which the kernel puts before its reports of multicast groups
            protocol, rest = rest[0], rest[(rest[1] + 1) * 8:]
    if protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        source_port, destination_port = struct.unpack(">HH", rest[:4])
    else:
        source_port, destination_port = rest[0], 0
    return protocol, source, source_port, destination, destination_port
