#!/usr/bin/env python3
"""kith -doctor: each fault is made for real, and is found with its remedy; nothing on the disk is changed."""
import email.utils
import json
import os
import resource
import socket
import ssl
import subprocess
import threading
import time

import ledgerwire
from kithnode import PORT, SLOW, SeedServer, Skipped, check, run, until
from namespace import certificate, in_namespaces, sh
from nameserver import NameServer

HTTP = os.environ.get("KITH_TEST_HTTP", "1") == "1"  # the program was built with it
GOOD_SEEDS = ["10.1.1.1:8110", "10.1.1.2:8110", "10.1.1.3:8110"]


class Visit:
    """What the doctor says to somebody who would start that node."""

    def __init__(self, node, *flags, **options):
        line = [word for word in node.command_line() if word != "-json"] + ["-doctor", *flags]
        before = files_of(node.home)
        began = time.monotonic()
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW,
                              check=False, **options)
        self.seconds = time.monotonic() - began
        self.text, self.status = done.stdout, done.returncode
        check(not done.stderr, f"{done.stderr}")
        check(files_of(node.home) == before, f"it changed files: {before} {files_of(node.home)}")
        self.lines = done.stdout.splitlines()
        check(self.status == int(any(line.startswith("bad ") for line in self.lines)) or "-json" in flags,
              f"exit status {self.status}: {self.text}")

    def says(self, level, about, *parts, remedy=None):
        """A line of that level about that matter has these parts; and the next one is a remedy with that part."""
        for i, line in enumerate(self.lines):
            if line.startswith(f"{level:4}  {about} ") and all(part in line for part in parts):
                after = self.lines[i + 1] if i + 1 < len(self.lines) else ""
                check(remedy is None or ("->" in after and remedy in after), f"no remedy {remedy!r}:\n{self.text}")
                return
        check(False, f"no line {level} {about} {parts}:\n{self.text}")


def files_of(home):
    return {name: (os.lstat(path).st_size, os.lstat(path).st_mtime_ns, os.lstat(path).st_mode)
            for name in sorted(os.listdir(home)) for path in [os.path.join(home, name)] if name != "stderr"} \
        if os.access(home, os.R_OK) else None


def needs_root():
    if os.geteuid() != 0:
        raise Skipped("only root may become somebody else")


def patient(lab, *flags, seeds=True):
    """A node that is not started; its seed list is a good one."""
    list_flags = ("-seedURL", lab.seeds(GOOD_SEEDS).url) if seeds else ()
    return lab.node(*list_flags, *flags, start=False)


def nothing_is_wrong(lab):
    visit = Visit(patient(lab))
    visit.says("ok", "port", f"{PORT} is free")
    visit.says("ok", "limits", "descriptors")
    visit.says("ok", "limits", "threads")
    visit.says("ok", "home")
    visit.says("ok", "disk", "MiB are free")
    visit.says("ok", "book", "as before a first start")
    visit.says("ok", "seeds", "3 addresses came")
    visit.says("ok", "clock", "seed server's clock")
    visit.says("note", "node", "none runs in")
    check(visit.status == 0, visit.text)


def it_speaks_json(lab):
    visit = Visit(patient(lab, "-seedURL=", seeds=False), "-json")
    findings = [json.loads(line) for line in visit.lines]
    check({f["about"] for f in findings} >= {"port", "firewall", "limits", "home", "disk", "book", "node", "seeds"},
          f"{findings}")
    check(all(set(f) <= {"level", "about", "text", "remedy"} for f in findings), f"{findings}")
    nobody = [f for f in findings if f["about"] == "seeds"]
    check(nobody[0]["level"] == "warn" and "-peers" in nobody[0]["remedy"], f"{nobody}")
    check(visit.status == 0, "a warning is nothing wrong")


def a_port_that_is_taken(lab):
    """By whom, if that can be seen; a listener on another address is not in the way."""
    node = patient(lab)
    for _ in range(4):
        lab.node("-exclusive")
    with socket.create_server((node.address, PORT)):
        visit = Visit(node)
        visit.says("bad", "port", f"{PORT} is taken by ", f"(process {os.getpid()})", remedy="-networkPort")
        check(visit.status == 1, visit.text)
        if os.geteuid() == 0:
            os.chmod(lab.home, 0o755)
            stranger = Visit(node, user=65534, env={**os.environ, "HOME": "/nonexistent"})
            stranger.says("bad", "port", "may not see by whom", remedy="-networkPort")
            stranger.says("note", "firewall", "root may")
    with socket.create_server(("0.0.0.0", 0)) as other:
        visit = Visit(node, "-networkPort", str(other.getsockname()[1]))
        visit.says("bad", "port", f"(process {os.getpid()})")
    with socket.create_server(("::", 0), family=socket.AF_INET6) as other:
        node.command_line = lambda line=[w for w in node.command_line() if w not in ("-bind", node.address)]: line
        visit = Visit(node, "-networkPort", str(other.getsockname()[1]))
        visit.says("bad", "port", f"(process {os.getpid()})")


def an_address_that_is_not_here(lab):
    visit = Visit(lab.node("-seedURL", lab.seeds(GOOD_SEEDS).url, address="192.0.2.1", start=False))
    visit.says("bad", "port", "-bind", "192.0.2.1", remedy="ip address")


def ports_that_need_rights(lab):
    needs_root()
    os.chmod(lab.home, 0o755)
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) <= 80:
            raise Skipped("anybody may listen on port 80 here")
    visit = Visit(patient(lab), "-networkPort", "80", user=65534, env={**os.environ, "HOME": "/nonexistent"})
    visit.says("bad", "port", "80", remedy="CAP_NET_BIND_SERVICE")


@in_namespaces
def a_firewall_that_drops(lab):
    """Rules of a sort that people have."""
    node = patient(lab, "-seedURL=", seeds=False)
    visit = Visit(node)
    visit.says("ok", "firewall", "pass")
    for rules, level, part in (
            (f"chain input {{ type filter hook input priority 0; tcp dport {PORT} drop; }}", "bad", "chain inet filter input"),
            (f"chain i {{ type filter hook input priority 0; policy drop; iifname lo accept; tcp dport 22 accept; }}",
             "bad", "chain inet filter i"),
            (f"chain i {{ type filter hook input priority 0; policy drop; ct state established,related accept; "
             f"tcp dport {{ 22, 8000-8200 }} accept; }}", "ok", "pass"),
            ("chain i { type filter hook input priority 0; tcp dport 22 accept; ct state new jump strict; }\n"
             "chain strict { meta l4proto tcp reject; }", "bad", "chain inet filter i"),
            ("chain i { type filter hook input priority 0; tcp dport != 22 drop; }", "bad", "chain inet filter i"),
            ("chain i { type filter hook input priority 0; udp dport 8110 drop; tcp dport 8109 drop; }", "ok", "pass"),
            ("chain i { type filter hook input priority 0; policy drop; ip saddr 10.0.0.0/8 accept; }", "note", "depends"),
            ("chain i { type filter hook input priority 0; policy drop; iifname { lo, eth0 } accept; }", "note", "depends"),
            ("chain i { type filter hook input priority 0; policy drop; ct state vmap { established : accept, invalid : drop }; "
             "tcp dport vmap { 22 : accept, 8000-8200 : accept }; }", "ok", "pass"),
            ("chain i { type filter hook input priority 0; tcp dport vmap { 22 : accept, 8110 : jump strict }; }\n"
             "chain strict { counter drop; }", "bad", "chain inet filter i"),
            ("map m { type ipv4_addr : verdict; elements = { 10.0.0.1 : accept }; }\n"
             "chain i { type filter hook input priority 0; policy drop; ip saddr vmap @m; }", "note", "depends"),
            ("chain o { type filter hook output priority 0; policy drop; oifname lo accept; }", "ok", "pass"),
            ("chain i { type filter hook input priority 0; policy drop; ct state vmap { established : accept, new : jump ours }; }\n"
             "chain ours { tcp dport vmap { 22 : accept, 8110 : accept }; }", "ok", "pass"),
            ("chain i { type filter hook input priority 0; ct state vmap { established : accept, new : jump ours }; drop; }\n"
             "chain ours { tcp dport vmap { 22 : accept, 8111 : accept }; }", "bad", "chain inet filter i"),
            # A chain that was gone to does not come back; one that returns does.
            ("chain i { type filter hook input priority 0; policy drop; jump a; accept; }\n"
             "chain a { tcp dport 8110 return; drop; }", "ok", "pass"),
            ("chain i { type filter hook input priority 0; policy drop; goto a; accept; }\n"
             "chain a { tcp dport 8110 return; accept; }", "bad", "chain inet filter i"),
            # As firewalld has them.
            ('chain i { type filter hook input priority 0; ct state { established, related } accept; ct status dnat accept; '
             'iifname "lo" accept; jump zones; ct state invalid drop; reject with icmpx admin-prohibited; }\n'
             'chain zones { iifname "eth0" goto public; goto public; }\nchain public { tcp dport 22 accept; }', "bad", "filter i"),
            ("set s { type ipv4_addr; }\nchain i { type filter hook input priority 0; ip saddr @s drop; }", "note", "depends"),
            ("chain i { type filter hook input priority 0; meta nfproto ipv6 tcp dport 8110 drop; }", "note", "depends")):
        sh("nft", "flush", "ruleset")
        sh("nft", "table inet filter {\n" + rules + "\n}\n")
        visit = Visit(node)
        visit.says(level, "firewall", part, remedy="tcp dport" if level == "bad" else None)
    sh("nft", "flush", "ruleset")
    sh("nft", "table inet firewalld {\nchain i { type filter hook input priority 0; policy drop; }\n}\n")
    Visit(node).says("bad", "firewall", "inet firewalld i", remedy="firewall-cmd --permanent --add-port=8110/tcp")
    sh("nft", "flush", "ruleset")
    sh("nft", "table ip6 f {\nchain i { type filter hook input priority 0; policy drop; }\n}\n")
    Visit(node).says("ok", "firewall", "pass")  # it listens at an address of IPv4
    node.command_line = lambda line=[w for w in node.command_line() if w not in ("-bind", node.address)]: line
    Visit(node).says("warn", "firewall", "by IPv6", "chain ip6 f i", remedy="nft insert rule ip6 f i tcp dport 8110 accept")


@in_namespaces
def ufw_is_told_of(lab):
    """To whom the rules are hidden, and in the remedy."""
    node = patient(lab, "-seedURL=", seeds=False)
    etc = os.path.join(lab.home, "etc")
    sh("cp", "-a", "/etc", etc)
    os.makedirs(os.path.join(etc, "ufw"), exist_ok=True)
    sh("mount", "--bind", etc, "/etc")
    for is_on in (True, False):
        with open("/etc/ufw/ufw.conf", "w", encoding="ascii") as file:
            file.write(f"# of ufw\nENABLED={'yes' if is_on else 'no'}\nLOGLEVEL=low\n")
        os.chmod(lab.home, 0o755)
        visit = Visit(node, user=65534, env={**os.environ, "HOME": "/nonexistent"})
        visit.says("note", "firewall", "root may", remedy="ufw status verbose" if is_on else None)
        check(("ufw is on" in visit.text) == is_on, visit.text)
        sh("nft", "table inet filter {\nchain i { type filter hook input priority 0; policy drop; }\n}\n")
        Visit(node).says("bad", "firewall", "filter i", remedy="ufw allow 8110/tcp" if is_on else "nft insert rule inet filter i")
        sh("nft", "flush", "ruleset")


UFW = """*filter
:INPUT DROP [0:0]
:ufw-before-input - [0:0]
:ufw-not-local - [0:0]
:ufw-user-input - [0:0]
:ufw-skip - [0:0]
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 3 -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -m comment --comment "the -j ACCEPT of ssh" -j ACCEPT
-A ufw-user-input -p tcp -m multiport --dports 80,%s -j ACCEPT
COMMIT
"""


@in_namespaces
def rules_of_iptables(lab):
    """Of the older one and of the newer, as ufw and people have them."""
    node = patient(lab, "-seedURL=", seeds=False)
    for kind in ("legacy", "nft"):
        save, restore = f"/usr/sbin/iptables-{kind}-save", f"/usr/sbin/iptables-{kind}-restore"
        if not os.path.exists(save):
            raise Skipped(f"no {save}")
        drop = ":INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT "
        accept = ":INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT "
        for rules, level, part in (
                (UFW % "8000:8200", "ok", "pass"), (UFW % "443", "bad", "INPUT of iptables"),
                (f"*filter\n{drop}-p tcp -j REJECT\nCOMMIT\n", "bad", "INPUT"),
                (f"*filter\n{drop}-p tcp -m tcp --dport 8000:8110 -m state --state NEW -j DROP\nCOMMIT\n", "bad", "INPUT"),
                (f"*filter\n{drop}-p tcp ! --syn -j DROP\nCOMMIT\n", "ok", "pass"),
                (f"*filter\n{drop}-p tcp ! --dport 8110 -j DROP\nCOMMIT\n", "ok", "pass"),
                (f"*filter\n{drop}-s 10.0.0.0/8 -j DROP\nCOMMIT\n", "note", "depends"),
                (f"*filter\n{accept}-s 10.0.0.0/8 -j ACCEPT\nCOMMIT\n", "note", "depends"),
                (f"*filter\n{accept}-p udp -j ACCEPT\nCOMMIT\n", "bad", "INPUT"),
                (f"*filter\n:a - [0:0]\n{accept}-g a\n-A INPUT -j ACCEPT\n-A a -p udp -j DROP\nCOMMIT\n", "bad", "INPUT")):
            done = subprocess.run([restore], input=rules, text=True, capture_output=True, check=False)
            if done.returncode and kind == "legacy":
                raise Skipped(f"no older iptables in this kernel: {done.stderr.strip()}")
            check(done.returncode == 0, f"{rules}: {done.stderr}")
            Visit(node).says(level, "firewall", part, remedy="iptables -I INPUT -p tcp --dport 8110" if level == "bad" else None)
        subprocess.run([restore], input="*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", text=True, check=True)
    Visit(node).says("ok", "firewall", "pass")


def few_descriptors(lab):
    def limit(n):
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))

    node = patient(lab)
    Visit(node, "-incoming", "400", preexec_fn=limit(500)).says("warn", "limits", "500 only", remedy="ulimit -n")
    visit = Visit(node, preexec_fn=limit(64))
    visit.says("bad", "limits", "64 only", remedy="LimitNOFILE")


def few_threads(lab):
    needs_root()
    os.chmod(lab.home, 0o755)
    visit = Visit(patient(lab), user=65534, env={**os.environ, "HOME": "/nonexistent"},
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (100, 100)))
    visit.says("warn", "limits", "the user may have 100 only", remedy="TasksMax")


@in_namespaces
def a_disk_that_is_full_or_read_only(lab):
    node = patient(lab)
    sh("mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", node.home)
    visit = Visit(node)
    visit.says("warn", "disk", "MiB are left", remedy="-home")
    try:
        with open(os.path.join(node.home, "filler"), "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
    visit = Visit(node)
    visit.says("bad", "disk", "no space is left", remedy="-home")
    sh("mount", "-o", "remount,ro", node.home)
    visit = Visit(node)
    visit.says("bad", "disk", "read-only", remedy="mount it")
    sh("umount", node.home)


def a_home_that_is_not_for_this_user(lab):
    needs_root()
    os.chmod(lab.home, 0o755)
    node = patient(lab)
    visit = Visit(node, user=65534, env={**os.environ, "HOME": "/nonexistent"})
    visit.says("bad", "home", "is not for this user", remedy="chown")
    with open(os.path.join(lab.home, "file"), "w", encoding="ascii"):
        pass
    visit = Visit(node, "-home", os.path.join(lab.home, "file"))
    visit.says("bad", "home", "is no folder")
    Visit(node, "-home", os.path.join(lab.home, "a/b/c/d")).says("bad", "home", remedy="mkdir -p")
    Visit(node, "-home", os.path.join(lab.home, "a/b")).says("ok", "home", "will be made")
    at_home = lab.node(start=False)
    at_home.command_line = lambda: [node.kith, "-network", "LOCAL", "-networkPort=0", "-seedURL="]
    visit = Visit(at_home, env={"HOME": lab.home})
    visit.says("ok", "home", f"{lab.home}/.local/share/kith is missing, and will be made")


def peers_files(lab):
    """Garbage stays where it is; damaged ones of before are told of."""
    node = patient(lab, "-bootstrap", "10.2.2.2:8110")
    node.start()
    node.end()
    Visit(node).says("ok", "book", "addresses, saved ")
    path = os.path.join(node.home, "peers-LOCAL.json")
    with open(path, "wb") as file:
        file.write(b"\x00\xff garbage \x1b[2J")
    visit = Visit(node)
    visit.says("warn", "book", "makes no sense", remedy="sets it aside")
    check(os.path.exists(path) and "\x1b" not in visit.text, visit.text)
    check(visit.status == 0, "the node starts all the same")
    with open(path, "w", encoding="ascii") as file:
        file.write(json.dumps({"format": "kith peers", "version": 999}))
    os.rename(path, os.path.join(node.home, "peers-LOCAL.json.corrupt-20260101T000000Z"))
    Visit(node).says("warn", "book", "1 damaged", "corrupt-20260101T000000Z", remedy="smartctl")
    os.mkdir(path)
    Visit(node).says("bad", "book", "would not start", remedy="-peersFile")
    Visit(node, "-peersFile=").says("note", "book", "no peers file is kept")


def identities(lab):
    lab.needs("ddrp")
    node = patient(lab, "-protocol", "ddrp")
    visit = Visit(node)
    visit.says("ok", "identity", "will be made")
    path = os.path.join(node.home, "identity-ddrp.key")
    check(not os.path.exists(path), "it was made")
    subprocess.run([*[w for w in node.command_line() if w != "-json"], "-identity"], check=True, stdout=subprocess.DEVNULL)
    Visit(node).says("ok", "identity", path)
    os.chmod(path, 0o644)
    Visit(node).says("bad", "identity", "0644", remedy="chmod 600")
    os.chmod(path, 0o600)
    with open(path, "w", encoding="ascii") as file:
        file.write("none\n")
    Visit(node).says("bad", "identity", "holds no secret", remedy="backup")


def seeds_that_fail(lab):
    """HTTP status, garbage, lines that are none, a server that is not there, and one that never answers."""
    node = patient(lab, seeds=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        visit = Visit(node, "-seedURL", f"http://127.0.0.1:{port}/")
        visit.says("bad", "seeds", "timed out", remedy="network")
        check(visit.seconds < 20 * SLOW, f"{visit.seconds} s")
    visit = Visit(node, "-seedURL", f"http://127.0.0.1:{port}/")
    visit.says("bad", "seeds", remedy="network")
    garbage = lab.seeds(["<html>", "<p>no such page</p>"])
    Visit(node, "-seedURL", garbage.url).says("bad", "seeds", garbage.url, remedy="-seedURL")
    Visit(node, "-seedURL", lab.seeds([]).url).says("warn", "seeds", "empty")
    visit = Visit(node, "-seedURL", lab.seeds([*GOOD_SEEDS, "nonsense", "10.1.1.1"]).url)
    visit.says("warn", "seeds", "3 addresses came; 2 lines are none", remedy="who keeps")
    away = lab.seeds()
    away.leads_to = f"http://127.0.0.1:{port}/"
    Visit(node, "-seedURL", away.url).says("bad", "seeds")
    Visit(node, "-seedURL", "file:///nonexistent").says("bad", "seeds", remedy="-seedURL")


@in_namespaces
def names_and_certificates(lab):
    """A name server that does not know the name; a certificate that nobody vouches for."""
    NameServer(lab, {"seeds.example": ["127.0.0.1"]})
    node = patient(lab, seeds=False)
    visit = Visit(node, "-seedURL", "http://other.example/")
    visit.says("bad", "seeds", "resolve", remedy="name server")
    chain, key = certificate(lab, "seeds.example")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    server = lab.seeds(GOOD_SEEDS, tls=tls)
    visit = Visit(node, "-seedURL", f"https://seeds.example:{server.port}/")
    visit.says("bad", "seeds", "certificate", remedy="ca-certificates")


def peers_that_are_named(lab):
    """One answers, one refuses, one is nowhere, one has no name that is known; the proxy of a node that has one."""
    other, free = lab.node("-exclusive"), lab.address()
    node = patient(lab, "-peers", f"{other.endpoint} {free}:8110")
    visit = Visit(node)
    visit.says("ok", "peers", f"{other.endpoint} answers")
    visit.says("warn", "peers", f"{free}:8110 does not answer: Connection refused", remedy="firewalls")
    check(visit.status == 0, "others may answer")
    visit = Visit(node, "-exclusive", "-peers", "no-such-name.invalid:8110")
    visit.says("bad", "peers", "no-such-name.invalid:8110: no such name", remedy="getent")
    visit = Visit(node, "-peers", " ".join(f"{free}:{9000 + i}" for i in range(20)))
    visit.says("note", "peers", "6 more")
    visit = Visit(lab.node("-seedURL=", "-proxy", f"{free}:9050", start=False))
    visit.says("bad", "proxy", f"{free}:9050 does not answer", remedy="-proxy")


class SkewedServer(SeedServer):
    """Its clock is that many seconds before ours."""

    def __init__(self, lines, seconds):
        super().__init__(lines)
        handler = self.http.RequestHandlerClass
        handler.date_time_string = lambda self, timestamp=None: email.utils.formatdate(time.time() - seconds, usegmt=True)
        handler.do_HEAD = handler.do_GET


def a_clock_that_is_wrong(lab):
    """It is bad if the protocol has peers compare theirs with it."""
    node = patient(lab, seeds=False)
    for seconds, flags, level, text in ((0, (), "ok", "seed server's"), (90, (), "warn", "ahead of"),
                                        (-90, (), "warn", "s behind"),
                                        (90, ("-protocol", "ddrp"), "bad", "peers refuse one that is off by 30 s"),
                                        (20, ("-protocol", "mintlayer"), "bad", "off by 10 s"),
                                        (20, (), "ok", "ahead of"),
                                        (90, ("-protocol", "fnd"), "warn", "off by 7200 s"),
                                        (-8000, ("-protocol", "coin"), "bad", "behind")):
        if flags and not lab.speaks(flags[1]):
            continue
        visit = Visit(node, "-seedURL", lab.closes(SkewedServer(GOOD_SEEDS, seconds)).url, *flags)
        visit.says(level, "clock", text, remedy="timedatectl" if level != "ok" else None)


def tells_clock(lab, node_address, ahead):
    """A peer of coin that is dialed, whose clock is so many seconds ahead."""
    server = lab.closes(socket.create_server((node_address, ledgerwire.COIN_PORT)))

    def serve():
        while True:
            try:
                peer = ledgerwire.Coin(lab.closes(server.accept()[0]))
            except OSError:
                return
            peer.take()
            peer.say(peer.hey(ahead=ahead), peer.hello(ahead=ahead))
    threading.Thread(target=serve, daemon=True).start()


def clocks_of_peers(lab):
    """Of those that the running node has dialed; of those that have dialed it only if there are no others."""
    addresses = [lab.address() for _ in range(3)]
    for address, ahead in zip(addresses, (90, 95, -3000)):
        tells_clock(lab, address, ahead)
    node = lab.node("-protocol", "coin", "-exclusive", "-control", os.path.join(lab.home, "c.sock"),
                    "-peers", " ".join(f"{a}:{ledgerwire.COIN_PORT}" for a in addresses))
    until(lambda: node.status()["outgoing"] == 3, 10, "all are online")
    status = node.status()
    check(status["clocks_outgoing"] == 3 and 88000 < status["clock_offset_ms"] < 92000, f"{status}")
    offsets = sorted(round(p["clock_offset_ms"] / 5000) * 5 for p in node.command("peers")["peers"])
    check(offsets == [-3000, 90, 95], f"{offsets}")
    Visit(node).says("warn", "clock", "behind the median of 3 clocks that peers that it dialed told",
                     "refuse one that is off by 7200 s", remedy="timedatectl")

    node = lab.node("-protocol", "coin", "-control", os.path.join(lab.home, "d.sock"), "-perIP", "100")
    Visit(node).says("note", "clock", "no peer has told its own")
    for ahead in (8000, -int(time.time()), 1 << 40):
        stranger = ledgerwire.Coin.dial(node, source=lab.address())
        stranger.say(stranger.hello(ahead=ahead))
    until(lambda: node.status()["ended"]["clocks differ too much"] == 3, 10, "all are refused")
    check(node.status()["clocks_incoming"] == 3 and node.status()["clocks_outgoing"] == 0, f"{node.status()}")
    Visit(node).says("warn", "clock", "s behind the median of", "peers that dialed it", remedy="timedatectl")
    visit = Visit(lab.node("-control", os.path.join(lab.home, "e.sock")))
    visit.says("note", "clock", "do not tell theirs")


def a_node_that_runs(lab):
    """It has the port, and tells why connections have ended."""
    control = os.path.join(lab.home, "control.sock")
    other = lab.node("-exclusive")
    node = lab.node("-exclusive", "-peers", other.endpoint, "-redialSpecial", "200ms", "-control", control)
    node.wait_online(other)
    visit = Visit(node)
    visit.says("ok", "port", f"the node that runs has it (process {node.process.pid})")
    visit.says("ok", "node", "1 outgoing")
    other.kill()
    node.wait("offline")
    visit = Visit(node)
    visit.says("bad", "node", "0 outgoing and 0 incoming", remedy="log")
    visit.says("note", "node", "connections have ended: ")
    there = [lab.closes(socket.socket(socket.AF_UNIX)) for _ in range(64)]
    for one in there:
        one.connect(control)
        one.sendall(b'{"command":"status"}\n')
        check(one.recv(9) == b'{"event":', "no place")
    Visit(node).says("warn", "node", "too many clients", remedy="control socket")
    visit = Visit(node, "-control=")
    visit.says("note", "node", f"process {node.process.pid} runs; it cannot be asked", remedy="-control")
    os.remove(control)
    with socket.socket(socket.AF_UNIX) as dumb:
        dumb.bind(control)
        dumb.listen()
        visit = Visit(node)
        visit.says("bad", "node", "does not answer", remedy="log")
        check(visit.seconds < 15 * SLOW, f"{visit.seconds} s")
    os.remove(control)
    node.end()
    Visit(node).says("note", "node", "none runs")


def a_node_that_has_the_port(lab):
    """If no home is named it is the one to look at: its own home is looked at, and it tells how it is."""
    elsewhere = os.path.join(lab.home, "elsewhere")
    os.mkdir(elsewhere)
    other = lab.node("-exclusive")
    node = lab.node("-exclusive", "-peers", other.endpoint, "-control", os.path.join(lab.home, "c.sock"))
    node.wait_online(other)
    flags = [w for w in node.command_line() if w not in ("-home", node.home, "-control", os.path.join(lab.home, "c.sock"))]
    env = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"} | {"HOME": elsewhere}
    asked = lab.node(start=False)
    asked.command_line = lambda: flags
    visit = Visit(asked, env=env)
    visit.says("ok", "port", f"{PORT}: the node that runs has it (process {node.process.pid})")
    visit.says("ok", "home", node.home)
    visit.says("ok", "node", "1 outgoing")
    check(visit.status == 0 and elsewhere not in visit.text, visit.text)
    if os.geteuid() == 0:
        os.chmod(lab.home, 0o755)
        os.chmod(os.path.join(lab.home, "c.sock"), 0o666)
        visit = Visit(asked, "-control", os.path.join(lab.home, "c.sock"), user=65534, env=env)
        visit.says("ok", "port", f"(process {node.process.pid})")
        visit.says("note", "home", "cannot be seen by this user")
    visit = Visit(asked, "-home", elsewhere, env=env)
    visit.says("bad", "port", f"{PORT} is taken by kith (process {node.process.pid})")
    visit.says("note", "node", "none runs in")
    with socket.create_server((asked.address, PORT)):
        flags[flags.index(node.address)] = asked.address
        visit = Visit(asked, "-control", os.path.join(lab.home, "c.sock"), env=env)
        visit.says("bad", "port", f"(process {os.getpid()})")


def what_operators_reach_it_by(lab):
    """As of the port: who has them."""
    folder = lab.home
    node = patient(lab)
    path = os.path.join(folder, "c.sock")
    with socket.create_server((node.address, 0)) as other:
        port = other.getsockname()[1]
        visit = Visit(node, "-http", f"{node.address}:{port}", "-control", path)
        if HTTP:
            visit.says("bad", "http", f"{port} is taken by ", f"(process {os.getpid()})", remedy="-http")
        else:
            visit.says("bad", "http", "without libmicrohttpd", remedy="-http")
        visit.says("ok", "control", f"{path} is free")
    if HTTP:
        Visit(node, "-http", f"{node.address}:{port}").says("ok", "http", f"{port} is free")
        Visit(node, "-http", "192.0.2.1:9110").says("bad", "http", "192.0.2.1", remedy="-http")
        Visit(node, "-http", "nine").says("bad", "http", "nine", "is no port", remedy="-http")
    with socket.socket(socket.AF_UNIX) as program:
        program.bind(path)
        program.listen()
        Visit(node, "-control", path).says("bad", "control", "another program listens", remedy="-control")
    Visit(node, "-control", path).says("ok", "control", "will be replaced")
    os.remove(path)
    with open(path, "w", encoding="ascii"):
        Visit(node, "-control", path).says("bad", "control", "is no socket", remedy="remove it")
    os.remove(path)
    http = ("-http", f"{node.address}:{port}") if HTTP else ()
    other = lab.node("-exclusive", "-control", path, *http)
    visit = Visit(node, "-control", path, *http)
    visit.says("bad", "control", f"another node (process {other.process.pid}) has {path}", remedy="-control")
    if HTTP:
        visit.says("bad", "http", f"(process {other.process.pid})", remedy="-http")
    os.makedirs(os.path.join(folder, "kith"))
    with open(os.path.join(folder, "kith/control.sock"), "w", encoding="ascii"):
        Visit(node, env={**os.environ, "XDG_RUNTIME_DIR": folder}).says("warn", "control", "is no socket", remedy="-control")
    visit = Visit(other, *http)
    if HTTP:
        visit.says("ok", "http", "the node that runs has it")
    check(not any(line.split()[1:2] == ["control"] for line in visit.lines), visit.text)


def a_log_that_cannot_go_to_the_journal(lab):
    visit = Visit(patient(lab), "-logFormat", "journal")
    if os.path.exists("/run/systemd/journal/socket"):
        raise Skipped("there is a journal here")
    visit.says("bad", "log", "-logFormat: ", "journal", remedy="-logFormat")


if __name__ == "__main__":
    run([what_operators_reach_it_by, a_log_that_cannot_go_to_the_journal, seeds_that_fail, a_node_that_runs, clocks_of_peers, a_node_that_has_the_port, peers_that_are_named, nothing_is_wrong, it_speaks_json, a_port_that_is_taken,
         an_address_that_is_not_here, ports_that_need_rights, a_firewall_that_drops, rules_of_iptables, ufw_is_told_of, few_descriptors, few_threads,
         a_disk_that_is_full_or_read_only, a_home_that_is_not_for_this_user, peers_files, identities,
         names_and_certificates, a_clock_that_is_wrong])
