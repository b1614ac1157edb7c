#!/usr/bin/env python3
"""Nodes behind a SOCKS5 proxy that is not ours: microsocks, which knows names that nobody else does."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from kithnode import PORT, Node, Skipped, check, promises, run, until
from namespace import Capture, cover, in_namespaces

AT, DNS = "127.0.0.1:1080", 53
QUICK = ("-exclusive", "-redialSpecial", "500ms", "-acceptInterval", "0")
LOGIN, PASSWORD = ("-u", "me", "-P", "s3same:@open"), "s3same:@open"


class Proxy:
    """Its log says whom it was told to connect to. The names are in a table of hosts of its own."""

    def __init__(self, lab, *flags, names=""):
        if not shutil.which("microsocks"):
            raise Skipped("no microsocks: scripts/deps test")
        self.hosts, self.path = Path(lab.home, "proxy-hosts"), Path(lab.home, "proxy-log")
        self.hosts.write_text("127.0.0.1 localhost\n" + names, encoding="utf-8")
        self.flags, self.process = flags, None
        lab.closers.append(self.kill)
        self.start()

    def start(self):
        address, _, port = AT.rpartition(":")
        script = 'mount --bind "$0" /etc/hosts && exec microsocks "$@"'
        with open(self.path, "ab") as log:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script, self.hosts, "-i", address, "-p", port,
                                             *self.flags], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self.listens, 5, "the proxy listens")
        return self

    def listens(self):
        return AT in subprocess.run(["ss", "-ltn"], capture_output=True, text=True, check=True).stdout

    def log(self):
        return self.path.read_text(encoding="utf-8")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def quiet_names(lab):
    """Look-ups of names would go to a name server on loopback, where Capture sees them."""
    cover("/etc/resolv.conf", lab, "nameserver 127.0.0.99\n")
    cover("/etc/hosts", lab, "127.0.0.1 localhost\n")
    cover("/etc/nsswitch.conf", lab, "hosts: files dns\n")


def talk(node, other, name):
    """Each gets what the other sends. `other` has no further peer: it speaks with the first that it finds."""
    for one, text in ((node, "to the peer"), (other, "from the peer")):
        far = other if one is node else node
        mark = far.mark()
        peer = name if one is node else next(iter(other.peers()))
        check(one.send(peer, text)["event"] == "sent", "it is not sent")
        far.wait("parcel", since=mark, text=text)


@promises("M5")
@in_namespaces
def a_name_goes_to_the_proxy_unresolved(lab):
    quiet_names(lab)
    capture = lab.closes(Capture())
    proxy = Proxy(lab, names="127.0.0.50 abc.onion\n127.0.0.51 xyz.b32.i2p\n")
    peers = [lab.node("-exclusive", address=f"127.0.0.5{i}") for i in range(2)]
    node = lab.node(*QUICK, "-proxy", AT, "-peers", f"abc.onion:{PORT} xyz.b32.i2p:{PORT}", "-logLevel", "debug")
    for peer, name in zip(peers, ("abc.onion", "xyz.b32.i2p")):
        event = node.wait_online(f"{name}:{PORT}")
        check(event["peer"].startswith(f"{name}:{PORT} ") and event["special"], f"{event}")
        talk(node, peer, event["peer"])
        check(f"connected to {name}:{PORT}" in proxy.log(), f"the proxy was told otherwise: {proxy.log()}")
    asked = [p for p in capture.packets if DNS in (p[2], p[4])]
    check(not asked, f"names were looked up: {asked}")
    refused = node.command("ban", peer=event["peer"])
    check("the proxy alone knows" in json.dumps(refused), f"{refused}")


@in_namespaces
def the_proxy_may_demand_a_password(lab):
    """It comes from the configuration file as well, and nothing that the node says tells it."""
    Proxy(lab, *LOGIN)
    peer = lab.node("-exclusive")
    nodes = [lab.node(*QUICK, "-peers", peer.endpoint, "-logLevel", "debug", "-proxy", f"me:{PASSWORD}@{AT}"),
             lab.node(*QUICK, "-peers", peer.endpoint, "-logLevel", "debug", start=False)]
    Path(nodes[1].home, "kith.conf").write_text(f'Proxy = "me:{PASSWORD}@{AT}"\n', encoding="utf-8")
    talk(nodes[0], peer, nodes[0].wait_online(peer)["peer"])
    nodes[1].start()  # the peer speaks with the only one that it has
    for node in nodes:
        node.wait_online(peer)
        said = node.stderr() + json.dumps(node.status()) + json.dumps(node.events)
        check("s3same" not in said, "the password is told")
        check(f"proxy {AT}," in node.stderr(), "the log does not name the proxy")


@in_namespaces
def a_proxy_that_refuses_is_named_in_the_log(lab):
    Proxy(lab, *LOGIN)
    peer = lab.node("-exclusive")
    for login, why in (("", "the proxy: it wants a user name and a password"),
                       ("me:wrong@", "the proxy: it refuses the user name or the password")):
        node = lab.node(*QUICK, "-proxy", login + AT, "-peers", peer.endpoint)
        node.logged(f"{peer.endpoint} ended, outgoing: {why}")
        check(node.ended("our own network failed") > 0, "it is not our own failure")


@in_namespaces
def a_peer_that_the_proxy_cannot_reach_is_at_fault_itself(lab):
    Proxy(lab)
    node = lab.node(*QUICK, "-proxy", AT, "-peers", f"127.0.0.50:{PORT}")
    node.logged("127.0.0.50:8110 ended, outgoing: the proxy: it says: connection refused")
    check(node.ended("dial failed") > 0 and node.ended("our own network failed") == 0, "it is our own failure")


@in_namespaces
def a_proxy_that_is_down_is_no_peers_fault(lab):
    """Who may be dialed once in ten minutes, and is given up after one failure, is there as soon as the proxy is."""
    others = [lab.node("-exclusive", address=f"127.0.0.5{i}") for i in range(2)]
    node = lab.node("-proxy", AT, "-peers", f"127.0.0.50:{PORT}", "-bootstrap", f"127.0.0.51:{PORT}", "-redialSpecial",
                    "10m", "-redial", "10m", "-giveUp", "1", "-savePeers", "100ms")
    until(lambda: node.stderr().count("the proxy: Connection refused") >= 4, 10, "it tries again and again")
    peers = json.loads(Path(node.home, "peers-LOCAL.json").read_text(encoding="utf-8"))["peers"]
    check([p["failures"] for p in peers] == [0], f"{peers}")
    Proxy(lab)
    for other in others:
        node.wait_online(other, 35)


@in_namespaces
def a_proxy_that_is_cut_off_is_dialed_again(lab):
    """In the middle of the words with it, and while it carries a connection."""
    proxy = Proxy(lab)
    proxy.process.send_signal(signal.SIGSTOP)
    peer = lab.node("-exclusive", "-acceptInterval", "0")
    node = lab.node(*QUICK, "-proxy", AT, "-peers", peer.endpoint, "-dialTimeout", "20s")
    until(lambda: node.status()["dialing"] == 1, 5, "it talks with the proxy")
    until(lambda: "ESTAB" in subprocess.run(["ss", "-tn", "dst", AT], capture_output=True, text=True, check=True).stdout,
          5, "it is connected with the proxy")
    proxy.kill()
    node.logged("the proxy: it has closed the connection|the proxy: Connection reset")
    proxy.start()
    node.wait_online(peer)
    mark = node.mark()
    proxy.kill()
    node.wait("offline", since=mark)
    proxy.start()
    node.wait_online(peer, since=mark)


@in_namespaces
def the_other_protocols_go_through_it_too(lab):
    proxy = Proxy(lab, names="127.0.0.50 abc.onion\n")
    said = subprocess.run([lab.kith, "-protocol", "?"], capture_output=True, text=True, check=False).stderr
    for protocol in filter(said.count, ("mintlayer", "ddrp", "fnd")):
        peer = lab.node("-protocol", protocol, "-exclusive", "-acceptInterval", "0", address="127.0.0.50")
        own = peer.status().get("identity")
        node = lab.node("-protocol", protocol, *QUICK, "-proxy", AT, "-peers", f"{own}@" * bool(own) + f"abc.onion:{PORT}")
        event = node.wait_online(f"abc.onion:{PORT}")
        check(event["peer"] == (own or f"abc.onion:{PORT}"), f"{event}")
        until(peer.peers, 5, "the peer knows of it")
        if own:
            talk(node, peer, own)
        node.end()
        peer.end()
        check("connected to abc.onion:8110" in proxy.log(), proxy.log())


@in_namespaces
def seeds_go_through_it_too(lab):
    """By the name that it alone knows, and whatever the environment says. Names in the list are not looked up."""
    quiet_names(lab)
    os.environ.update(no_proxy="*", NO_PROXY="*")
    capture = lab.closes(Capture())
    proxy = Proxy(lab, *LOGIN, names="127.0.0.1 seeds.example\n")
    peer = lab.node("-exclusive", address="127.0.0.50")
    server = lab.seeds([peer.endpoint, f"other.example:{PORT}"])
    url = server.url.replace("127.0.0.1", "seeds.example")
    node = lab.node("-proxy", f"me:{PASSWORD}@{AT}", "-seedURL", url)
    node.wait_online(peer)
    node.logged("seed: 1 host names are not looked up: that would go past the proxy")
    check(f"connected to seeds.example:{server.port}" in proxy.log(), proxy.log())
    asked = [p for p in capture.packets if DNS in (p[2], p[4])]
    check(not asked, f"names were looked up: {asked}")


class Unbound(Node):
    """A node that is not told where to listen."""

    def command_line(self):
        line = super().command_line()
        at = line.index("-bind")
        return line[:at] + line[at + 2:]


def listeners(node):
    said = subprocess.run(["ss", "-lntup"], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if f"pid={node.process.pid}," in line]


@in_namespaces
def it_listens_only_where_bind_says(lab):
    Proxy(lab)
    peer = lab.node("-exclusive")
    bound = lab.node(*QUICK, "-proxy", AT, "-peers", peer.endpoint)
    check([bound.endpoint in line for line in listeners(bound)] == [True], f"{listeners(bound)}")
    hidden = Unbound(lab.kith, "127.0.0.1", os.path.join(lab.home, "hidden"), [*QUICK, "-proxy", AT, "-peers", peer.endpoint])
    lab.nodes.append(hidden)
    hidden.start(wait=False)
    hidden.wait_online(peer)
    check(not listeners(hidden) and hidden.status()["port"] == 0, f"{listeners(hidden)}")
    hidden.logged("nobody can dial this node")


def bad_values_end_the_program_with_one_line(lab):
    for value in ("nowhere", "127.0.0.1", "127.0.0.1:0", ":s3same@127.0.0.1:1080", "s3same@127.0.0.1:1080", "me:@127.0.0.1:1",
                  "me:s3same@", f"{'u' * 256}:s3same@127.0.0.1:1080", f"me:{'s3same' * 43}@127.0.0.1:1080"):
        done = subprocess.run([lab.kith, "-home", lab.home, "-proxy", value], capture_output=True, text=True, timeout=10,
                              check=False)
        check(done.returncode == 2, f"{value}: exit status {done.returncode}")
        check(done.stderr.count("\n") == 1 and "-proxy: " in done.stderr, f"{value}: {done.stderr}")
        check("s3same" not in done.stderr, f"the password is told: {done.stderr}")
    done = subprocess.run([lab.kith, "-home", lab.home, "-peers", "abc.onion:8110"], capture_output=True, text=True, timeout=10,
                          check=False)
    check(done.returncode == 2 and "-peers: abc.onion is reached through a proxy alone" in done.stderr, done.stderr)


if __name__ == "__main__":
    run([a_name_goes_to_the_proxy_unresolved, the_proxy_may_demand_a_password, a_proxy_that_refuses_is_named_in_the_log,
         a_peer_that_the_proxy_cannot_reach_is_at_fault_itself, a_proxy_that_is_down_is_no_peers_fault,
         a_proxy_that_is_cut_off_is_dialed_again, the_other_protocols_go_through_it_too, seeds_go_through_it_too,
         it_listens_only_where_bind_says, bad_values_end_the_program_with_one_line])
