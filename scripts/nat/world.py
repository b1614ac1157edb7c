"""Network namespaces: sites, each of which is a gateway with one or two hosts behind it, and the helper outside.

The namespaces have no names: they, their interfaces and rules are gone as soon as this process and those that it
started are.
"""
import contextlib
import ctypes
import fcntl
import ipaddress
import os
import shutil
import socket
import struct
import subprocess

from .wire import Wire

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
HELPERS = ("198.19.255.1", "198.19.255.2")
LIBC = ctypes.CDLL(None, use_errno=True)


class Lacking(Exception):
    """What this machine lacks for the experiment."""


def call(function, *arguments):
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Namespace:
    def __init__(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            call(LIBC.unshare, CLONE_NEWNET)
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            call(LIBC.setns, home, CLONE_NEWNET)
        finally:
            os.close(home)

    @contextlib.contextmanager
    def entered(self):
        """This thread alone is inside meanwhile. Sockets that are made here stay inside."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call(LIBC.setns, self.fd, CLONE_NEWNET)
        try:
            yield
        finally:
            call(LIBC.setns, home, CLONE_NEWNET)
            os.close(home)

    def run(self, text, *command):
        with self.entered():
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Lacking(f"{command[0]}: {done.stderr.strip().splitlines()[0]}")

    def ip(self, *lines):
        self.run("\n".join(lines) + "\n", "ip", "-batch", "-")

    def tun(self):
        """The other end of the interface "out"."""
        with self.entered():
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"out", IFF_TUN | IFF_NO_PI))
        return fd

    def write(self, name, value):
        with self.entered(), open("/proc/sys/net/" + name, "w", encoding="ascii") as file:
            file.write(str(value))

    def read(self, path):
        with self.entered(), open(path, encoding="ascii") as file:
            return file.read()

    def close(self):
        os.close(self.fd)


class Host:
    """A machine inside."""

    def __init__(self, gateway, number, address, network):
        self.address, self.next_port, self.namespace = address, 2000, Namespace()
        gateway.ip(f"link add port{number} type veth peer name eth0 netns /proc/{os.getpid()}/fd/{self.namespace.fd}",
                   f"link set port{number} master in", f"link set port{number} up")
        self.namespace.ip("link set lo up", f"address add {address}/{network.prefixlen} dev eth0", "link set eth0 up",
                          f"route add default via {network[1]}")

    def port(self):
        """One that no other try has used; a gateway may still remember those."""
        self.next_port += 1
        return self.next_port - 1

    def socket(self, port):
        """A TCP socket that shares its port with others of this host that are made here."""
        with self.namespace.entered():
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((str(self.address), port))
        return sock


class Site:
    """A gateway of some kind with its hosts."""

    def __init__(self, number, kind, delay, hosts=1):
        self.kind, self.delay = kind, delay
        self.prefix = bytes((198, 18, number))
        self.public = f"198.18.{number}.1"
        self.gateway = Namespace()
        self.tun = self.gateway.tun()
        self.gateway.ip("link set lo up", *(f"address add 198.18.{number}.{i}/32 dev out" for i in range(1, 5)),
                        "link set out up", "route add default dev out")
        network = ipaddress.ip_network("10.0.0.0/24" if kind.nat else f"198.18.{number}.8/29")
        self.gateway.ip("link add in type bridge", f"address add {network[1]}/{network.prefixlen} dev in",
                        "link set in up")
        self.gateway.write("ipv4/ip_forward", 1)
        with contextlib.suppress(FileNotFoundError):  # hosts reach each other as by a switch, which translates nothing
            self.gateway.write("bridge/bridge-nf-call-iptables", 0)
        self.hosts = [Host(self.gateway, i, network[2 + i], network) for i in range(hosts)]
        self.gateway.run(kind.rules(self.public), "nft", "-f", "-")

    @property
    def host(self):
        return self.hosts[0]

    def tracked(self):
        """The states of the gateway's connections, as (state, what the kernel says of it)."""
        for line in self.gateway.read("/proc/thread-self/net/nf_conntrack").splitlines():
            words = line.split()
            if words[2] == "tcp":
                yield words[5], line


class World:
    def __init__(self, helper_delay=0.0):
        for program in ("ip", "nft"):
            if not shutil.which(program):
                raise Lacking(f"there is no program {program}")
        if os.geteuid() != 0:
            raise Lacking("only root may make namespaces")
        self.sites, self.helper_delay, self.wire = [], helper_delay, None
        try:
            self.helper = Namespace()
            self.helper_tun = self.helper.tun()
            self.helper.ip("link set lo up", *(f"address add {address}/32 dev out" for address in HELPERS),
                           "link set out up", "route add default dev out")
        except OSError as error:
            raise Lacking(f"no namespaces here: {error}") from None

    def site(self, kind, delay=0.01, hosts=1):
        """All sites must be made before the wire is started."""
        if len(self.sites) > 250:
            raise ValueError("too many sites")
        self.sites.append(Site(len(self.sites), kind, delay, hosts))
        return self.sites[-1]

    def start(self):
        ways = [(site.prefix, site.tun, site.delay, True) for site in self.sites]
        self.wire = Wire(ways + [(bytes((198, 19, 255)), self.helper_tun, self.helper_delay, False)])
        return self

    def close(self):
        if self.wire:
            self.wire.close()
        for site in self.sites:
            os.close(site.tun)
            site.gateway.close()
            for host in site.hosts:
                host.namespace.close()
        os.close(self.helper_tun)
        self.helper.close()
