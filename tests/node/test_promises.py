#!/usr/bin/env python3
"""The promises of docs/checklist.md that the tests of other files do not show already, each against running nodes."""
import fcntl
import itertools
import json
import os
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path

import factomwire as wire
import gobwire
from factomwire import RawListener, RawPeer, closed_within, dial
from kithnode import EVERYONE, PORT, SLOW, Skipped, check, few, promises, run, until
from namespace import Capture, certificate, cover, in_namespaces, sh, wire_up

ROOT = Path(__file__).resolve().parent.parent.parent
NETWORKS = {"MAIN": (0xFEEDBEEF, 8108), "TEST": (0xDEADBEEF, 8109), "LOCAL": (0x00BEADED, 8110)}
V11 = ("-protocolVersion", "11")
SHARES = ("-shareAbove", "-1", "-peerRequestLimit", "1ms")


def listener(lab):
    return lab.closes(RawListener(lab.address()))


def peer_at(node, address):
    return next((p for p in node.command("peers")["peers"] if p["peer"].startswith(address + ":")), None)


# --- the library ---

LIBRARIES = {"libsodium": "libsodium", "libjansson": "jansson", "libcurl": "libcurl", "libck": "Concurrency Kit",
             "libprotobuf-c": "protobuf-c", "libsecp256k1": "libsecp256k1", "libxxhash": "xxHash",
             "libcrypto": "libcrypto", "libsqlite3": "SQLite", "libwslay": "libwslay", "libpng16": "libpng", "libz": "zlib",
             "libc": None}


def install(lab):
    """What `meson install` puts where, in a folder of its own."""
    if SLOW > 1:
        raise Skipped("with a sanitizer's libraries beside it, it does not stand alone")
    build, folder = os.path.dirname(lab.kith), os.path.join(lab.home, "installed")
    if not os.path.exists(os.path.join(build, "build.ninja")):
        raise Skipped(f"{build} is no build folder")
    with open(os.path.join(build, "build.ninja"), encoding="utf-8") as one_at_a_time:  # meson writes a log beside it
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        sh("meson", "install", "-C", build, "--no-rebuild", "--destdir", folder)
    return Path(folder)


def output_of(*command, **environment):
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environment}).stdout


@promises("F1")
def the_library_needs_little_and_shows_little(lab):
    """It is linked with what the README names alone, and exports what kith.h declares alone."""
    installed = install(lab)
    library = next(path for path in installed.rglob("libkith.so") if path.exists())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    needed = re.findall(r"\(NEEDED\).*\[(.*?)\.so", output_of("readelf", "-d", str(library)))
    for name in needed:
        if name.startswith("ld-"):
            continue  # the loader, which belongs to libc: each thread's own data is found by it
        check(name in LIBRARIES, f"it needs {name}")
        check(LIBRARIES[name] is None or LIBRARIES[name] in readme, f"the README does not name {name}")
    missing = [line for line in output_of("ldd", str(library)).splitlines() if "not found" in line]
    check(not missing, f"{missing}")
    header = (ROOT / "include" / "kith.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"KITH_API [^;(]*?\b(kith_\w+)\(", header))
    symbols = output_of("nm", "-D", "--defined-only", str(library)).splitlines()
    exported = {line.split()[-1].split("@")[0] for line in symbols if " A " not in line}  # those are names of versions
    check(declared and exported == declared, f"exported, not declared or the reverse: {exported ^ declared}")
    return f"{len(needed)} libraries, {len(exported)} functions"


@promises("F1")
def a_program_elsewhere_is_made_with_it(lab):
    """The program of the tutorial, with kith.h and pkg-config alone, talks with a node."""
    node, address, folder = lab.node("-exclusive"), lab.address(), os.path.join(lab.home, "elsewhere")
    installed = install(lab)
    package = next(installed.rglob("kith.pc"))
    code = re.search(r"```c\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"), re.S)[1]
    os.makedirs(folder)
    source, program = os.path.join(folder, "hello.c"), os.path.join(folder, "hello")
    with open(source, "w", encoding="utf-8") as file:
        file.write(code.replace("127.0.0.1:8110", node.endpoint).replace("127.0.0.4", address))
    flags = output_of("pkg-config", "--cflags", "--libs", "kith", PKG_CONFIG_PATH=str(package.parent),
                      PKG_CONFIG_SYSROOT_DIR=str(installed)).split()
    check(all(str(installed) in flag for flag in flags if flag[:2] in ("-I", "-L")), f"{flags}")
    sh(*os.environ.get("CC", "cc").split(), "-Wall", "-Werror", "-o", program, source, *flags)
    output = os.path.join(folder, "output")
    with open(output, "wb") as file:
        process = subprocess.Popen(["stdbuf", "-oL", program], stdout=file, stderr=file,
                                   env={**os.environ, "HOME": folder, "LD_LIBRARY_PATH": str(package.parent.parent)})
    lab.closers += [process.wait, process.kill]  # the last one first
    name = node.wait("parcel", text="hello")["peer"]
    node.send(name, "well received")
    answer = re.compile(re.escape(node.endpoint) + r" \w+: well received\n")
    until(lambda: answer.search(Path(output).read_text(encoding="utf-8")), 5, "the answer on the program's output")


# --- beginning ---

def default_seed_url():
    rows = (ROOT / "docs" / "protocols" / "factom.md").read_text(encoding="utf-8")
    return re.search(r"\| MAIN \|.*`(https://\S+)`", rows)[1].replace("mainseed", "localseed")


@promises("F2", "F4")
@in_namespaces
def without_any_argument(lab):
    """It finds peers of LOCAL by the built-in seed list, under its real name and over HTTPS."""
    scheme, _, host, path = default_seed_url().split("/", 3)
    check(scheme == "https:", scheme)
    chain, key = certificate(lab, host)
    cover("/etc/hosts", lab, f"127.0.0.1 localhost {host}\n")
    cover("/etc/ssl/certs/ca-certificates.crt", lab, Path(chain).read_text(encoding="utf-8"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    others = [lab.node("-exclusive", "-networkPort", "9000") for _ in range(3)]
    server = lab.seeds([f"{other.address}:9000" for other in others], port=443, tls=tls)
    node = lab.node(start=False)
    node.command_line = lambda: ["env", "-i", f"HOME={node.home}", node.kith]
    node.raw = lambda line: True  # it speaks with a person
    node.start(wait=False)
    for other in others:
        other.wait_online(f"127.0.0.1:{PORT}")
    check(server.path == "/" + path, f"it asked for {server.path}")
    check((Path(node.home) / ".local/share/kith").is_dir(), "it has no home")


@promises("F3", "F18", "F19", "F23")
def contacts_of_the_file_and_of_the_flags(lab):
    """Special peers come from either source alone, or from both; -peers takes several."""
    in_file, also_in_file, in_flag, also_in_flag = others = [lab.node("-exclusive") for _ in range(4)]
    config = Path(lab.home, "special.conf")
    config.write_text(f'LocalSpecialPeers = "{in_file}, {also_in_file}"\n', encoding="utf-8")
    by_file = ("-config", str(config))
    by_flag = ("-peers", f"{in_flag} {also_in_flag}")
    for flags, wanted in ((by_file, others[:2]), (by_flag, others[2:]), ((*by_file, *by_flag), others)):
        node = lab.node("-exclusive", *flags)
        for other in wanted:
            check(node.wait_online(other)["special"], f"{other} is not special")
        shown = {p["address"] for p in node.command("peers")["peers"] if p["special"]}
        check(shown == {o.endpoint for o in wanted}, f"{flags}: the special peers are {shown}")
        check(node.status()["special"] == len(wanted), f"{flags}: {node.status()['special']} special peers")
        node.end()


def network_in_v11(raw):
    """The network in the handshake of who dials."""
    with raw.accept() as sock:
        data = b""
        while len(data) < 8 or len(data) < 8 + int.from_bytes(data[4:8], "big"):
            data += sock.recv(4096)
        return dict(wire.fields(data[8:]))[2]


@promises("F3", "F19", "F24", "F26")
def a_network_brings_its_port_seeds_and_special_peers(lab):
    """Each of the three networks has its own in one file; the file's Network, or the flag, chooses."""
    config, text = Path(lab.home, "three.conf"), ""
    own = {}
    for number, name in enumerate(NETWORKS):
        own[name] = listener(lab), lab.seeds(), 9100 + number
        raw, seeds, port = own[name]
        text += f"{name}NetworkPort = {port}\n{name}SeedURL = \"{seeds.url}\"\n{name}SpecialPeers = {raw.endpoint}\n"
    for name, by_flag in ((name, by_flag) for name in NETWORKS for by_flag in (False, True)):
        raw, seeds, port = own[name]
        other = next(n for n in NETWORKS if n != name)
        config.write_text(f"Network = {other if by_flag else name}\n{text}", encoding="utf-8")
        node = lab.node(start=False)
        flags = ["-network", name] if by_flag else []
        node.command_line = lambda n=node, f=flags: [n.kith, "-json", "-config", str(config), "-bind", n.address,
                                                     "-home", n.home, *V11, *f]
        before = {n: own[n][1].fetches for n in NETWORKS}
        node.start()
        check(network_in_v11(raw) == NETWORKS[name][0], f"{name}: another network in the handshake")
        until(lambda s=seeds, b=before[name]: s.fetches > b, 5, f"{name}: its seed list was not fetched")
        status = node.status()
        check((status["network"], status["port"]) == (name, port), f"{status}")
        node.end()
        for n in NETWORKS:
            check(n == name or own[n][1].fetches == before[n], f"{name}: the seed list of {n} was fetched")


@promises("F21", "F26")
def the_networks_own_ports(lab):
    """Without any setting each network listens on its own port."""
    for name, (number, port) in NETWORKS.items():
        node = lab.node(start=False)
        node.command_line = lambda n=node, name=name: [n.kith, "-json", "-network", name, "-bind", n.address, "-home",
                                                       n.home, "-seedURL="]
        event = node.start(wait=False).wait("listening")
        check(event["address"] == f"{node.address}:{port}", f"{name}: {event}")
        status = node.status()
        check((status["network"], status["network_id"]) == (name, number), f"{name}: {status}")
        node.end()


@promises("F22")
def the_port_of_the_flag(lab):
    """The kernel shows it, and no other socket that listens."""
    node = lab.node("-networkPort", "9203")
    inodes = set()
    for fd in os.listdir(f"/proc/{node.process.pid}/fd"):
        inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(f"/proc/{node.process.pid}/fd/{fd}")))
    listening = []
    for family in ("tcp", "tcp6"):
        for line in Path("/proc/net", family).read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                listening.append(words[1])
    host = socket.inet_aton(node.address)[::-1].hex().upper()
    check(listening == [f"{host}:{9203:04X}"], f"it listens on {listening}")
    for version in ("9", "10", "11"):  # and peers are told so
        other = lab.node("-exclusive")
        dialer = lab.node("-exclusive", "-networkPort", "9203", "-protocolVersion", version, "-peers", other.endpoint)
        online = other.wait("online")
        check(online["address"] == f"{dialer.address}:9203", f"V{version}: {online}")


@promises("F4", "F27")
def a_newcomer_dials_the_whole_seed_list(lab):
    """Each good line is dialed, once, whatever is between them."""
    raws = [listener(lab) for _ in range(6)]
    lines = ["# seeds", "", "no port", "10.0.0.300:8110", "127.0.0.1:70000"]
    for raw in raws:
        lines += [f"  {raw.endpoint}\r", ":8110"]
    server = lab.seeds(lines)
    node = lab.node("-seedURL", server.url, "-dialTimeout", "30s", "-handshakeTimeout", "30s")
    held = [raw.accept() for raw in raws]
    check(node.status()["known"] == len(raws), f"{node.status()['known']} are known")
    time.sleep(0.5)
    for raw in raws:
        raw.not_dialed(0.01, f"{raw.endpoint} was dialed twice")
    check(server.fetches == 1, f"the list was fetched {server.fetches} times")
    lab.closes(*held)


# --- connections ---

@promises("F6", "F5")
def more_come_in_than_go_out(lab):
    """Fifty that dial in stay, and do not keep the node from dialing its eight, and dialing again."""
    server = lab.seeds()
    node = lab.node(*V11, "-seedURL", server.url, "-reseed", "500ms", "-redial", "300ms", "-peerRequest", "1m")
    guests = [RawPeer(node, lab.address(), node_id=0x5000 + i) for i in range(few(50))]
    lab.closes(*guests)
    until(lambda: node.count("incoming") == len(guests), 5, lambda: f"{node.count('incoming')} came in")
    raws = [listener(lab) for _ in range(8)]
    server.lines = [raw.endpoint for raw in raws]
    hosts = [raw.accept_peer(10) for raw in raws]
    until(lambda: node.count("outgoing") == 8, 5, lambda: f"{node.count('outgoing')} outgoing")
    hosts[0].close()
    hosts[0] = raws[0].accept_peer()
    lab.closes(*hosts)
    until(lambda: node.count("outgoing") == 8, 5, lambda: f"{node.count('outgoing')} outgoing again")
    for guest in guests:
        guest.alive()
    check(node.count("incoming") == len(guests), f"only {node.count('incoming')} are left")
    status = node.status()
    check((status["incoming"], status["outgoing"]) == (len(guests), 8), f"{status}")


@promises("F15")
def exclusive_with_a_full_book(lab):
    """Neither a seed list nor a peers file makes it dial anybody but its special peers."""
    in_seeds, in_file, special = listener(lab), listener(lab), listener(lab)
    server = lab.seeds([in_seeds.endpoint])
    node = lab.node(*V11, "-seedURL", server.url, "-peers", special.endpoint, "-redial", "200ms", "-fewPeers", "100",
                    "-exclusive", start=False)
    Path(node.home, "peers-LOCAL.json").write_text(
        json.dumps({"bans": {}, "peers": [{"ip": in_file.address, "port": str(PORT)}]}), encoding="utf-8")
    node.start()
    check(node.status()["known"] >= 1, "the peers file was not read")
    lab.closes(special.accept_peer())
    for raw in (in_seeds, in_file):
        raw.not_dialed(0.7, f"{raw.endpoint} was dialed")
    node.end()
    node.flags.remove("-exclusive")
    node.start()
    for raw in (special, in_seeds, in_file):
        lab.closes(raw.accept())


@promises("F16")
def a_refusal_names_no_special_peer(lab):
    """Nor does an answer of a node whose special peer has dialed it."""
    special, other = lab.node("-exclusive"), lab.node("-exclusive", start=False)
    full = lab.node(*SHARES, "-exclusive", "-peers", special.endpoint, "-incoming", "3", "-redialSpecial", "200ms")
    full.wait_online(special)
    special.command("special", peers=full.endpoint)
    full.wait_online(special, direction="incoming")
    other.flags += ["-peers", full.endpoint]
    full.wait_online(other.start())
    asker = lab.closes(RawPeer(full, lab.address(), node_id=0x61))
    asker.send(wire.PEER_REQUEST, b"Peer Request")
    shared = [dict(wire.fields(v))[1].decode() for _, v in wire.fields(asker.receive_kind(wire.PEER_RESPONSE))]
    check(shared == [other.address], f"{shared} were shared")
    refused = lab.closes(RawPeer(full, lab.address(), node_id=0x62))
    check(dict(refused.hello)[1] == wire.REJECT, f"{refused.hello}")
    told = [dict(wire.fields(v))[1].decode() for number, v in refused.hello if number == 7]
    check(special.address not in told and other.address in told, f"{told} were told")


@promises("F17")
def a_special_peer_restarted_a_hundred_times(lab):
    """A node that is full otherwise has it back each time."""
    ordinary, special = listener(lab), lab.address()
    server, times = lab.seeds([ordinary.endpoint]), few(100)
    node = lab.node(*V11, "-incoming", "1", "-outgoing", "1", "-seedURL", server.url, "-redialSpecial", "10ms",
                    "-peers", f"{special}:{PORT}")
    lab.closes(ordinary.accept_peer(), RawPeer(node, lab.address(), node_id=0x99))
    until(lambda: node.status()["incoming"] == node.status()["outgoing"] == 1, 5, "the node is full")
    for i in range(times):
        raw = RawListener(special)
        peer = raw.accept_peer(node_id=i + 1)
        online = node.wait("online", peer=f"{special}:{PORT} {i + 1:08x}")
        check(online["special"], "it is special no more")
        peer.close()
        raw.close()
        node.wait("offline", peer=online["peer"])
    return f"{times} times"


@promises("F32")
def a_killed_peer_harms_no_other(lab):
    """Whichever dies in the middle of a stream, the others get all of it, in order."""
    count = few(2000)
    hub = lab.node("-exclusive", "-stall", "5s")
    readers = [lab.node("-exclusive", "-peers", hub.endpoint) for _ in range(4)]
    for reader in readers:
        hub.wait_online(reader)
    victim, left = readers[0], readers[1:]
    texts = [f"{i:06d}" for i in range(count)]
    for i, text in enumerate(texts):
        hub.request(send=EVERYONE, text=text)
        if i == count // 2:
            victim.kill()
    name = hub.wait("offline", where=lambda e: e["peer"].startswith(victim.endpoint + " "))["peer"]
    for reader in left:
        until(lambda r=reader: len(r.all("parcel")) >= count, 10, lambda r=reader: f"{len(r.all('parcel'))} came")
        check([e["text"] for e in reader.all("parcel")] == texts, f"{reader}: others, or in another order")
        check(not reader.all("offline"), f"{reader} was disconnected")
    check(all(e["peer"] in (name, "") for e in hub.all("dropped")), f"another lost something: {hub.all('dropped')}")


# --- the exchange of addresses ---

@promises("F7", "F8")
def peers_are_asked_for_and_shared(lab):
    """On connecting and at each interval after, by whom we dialed as by who dialed us; what it knows it tells."""
    interval, raw, address = 0.8 * SLOW, listener(lab), lab.address()
    node = lab.node(*V11, *SHARES, "-peerRequest", f"{int(interval * 1000)}ms", "-peers", raw.endpoint)
    dialed, connected = raw.accept_peer(node_id=0x71), time.monotonic()
    guest = RawPeer(node, address, node_id=0x72)
    lab.closes(dialed, guest)
    for peer in (dialed, guest):
        check(peer.receive_kind(wire.PEER_REQUEST) == b"Peer Request", "another payload")
    check(time.monotonic() - connected < interval * 0.8, "it did not ask at once")
    asked = []
    for _ in range(4):
        guest.receive_kind(wire.PEER_REQUEST)
        asked.append(time.monotonic())
    gaps = [b - a for a, b in zip(asked, asked[1:])]
    check(all(0.5 * interval < gap < 2 * interval for gap in gaps), f"it asks each {interval:g} s, but {gaps}")
    guest.alive()
    member = lab.closes(RawPeer(node, lab.address(), node_id=0x73))
    member.send(wire.PEER_REQUEST, b"Peer Request")
    (shared,) = [dict(wire.fields(v)) for _, v in wire.fields(member.receive_kind(wire.PEER_RESPONSE))]
    check((shared[1], shared[2]) == (address.encode(), str(PORT).encode()), f"{shared} was shared")
    return "gaps of " + ", ".join(f"{gap:.2f} s" for gap in gaps)


# --- what is checked, and what it costs ---

def foreign_handshake(version, network):
    if version == 11:
        return wire.handshake(network=network)
    return gobwire.handshake(version, Network=network)


@promises("F9")
def the_network_is_checked_in_each_version(lab):
    """In handshakes, in refusals, and in V9 in each parcel of a session."""
    node = lab.node("-exclusive")
    numbers = wire.MAIN, wire.LOCAL ^ 1, wire.LOCAL ^ 0x80000000  # one bit, at either end, makes another network
    for version, number in itertools.product((9, 10, 11), numbers):
        source = lab.address()
        with dial(node.address, source) as sock:
            sock.sendall(foreign_handshake(version, number))
            closed_within(sock, 3)
        line = re.compile(f"{re.escape(source)}.*network {number:08x}")
        until(lambda p=line: p.search(node.stderr()), 2, f"V{version}: the reason in the log")
    check(node.status()["ended"]["wrong network"] == 9, f"{node.status()['ended']}")
    refusing = listener(lab)
    node.command("special", peers=refusing.endpoint)
    with refusing.accept() as sock:
        sock.sendall(wire.handshake(network=wire.MAIN, kind=wire.REJECT))
        closed_within(sock, 3)
    until(lambda: node.status()["ended"]["wrong network"] == 10, 2, "a refusal of another network")
    check(not node.all("online"), "one came online")
    peer = lab.closes(gobwire.GobPeer(node, lab.address()))
    name = node.wait("online")["peer"]
    peer.send(wire.MESSAGE, b"of our network")
    node.wait("parcel", text="of our network")
    peer.send(wire.MESSAGE, b"of another", Network=wire.MAIN)
    offline = node.wait("offline", peer=name)
    check("network" in offline["reason"] or "parcel" in offline["reason"], f"{offline}")
    check(len(node.all("parcel")) == 1, "a message of another network was delivered")


@promises("F10", "F11")
def each_field_of_a_parcel_is_checked(lab):
    """Version, length, checksum, type, a part's number: the connection ends, nothing is delivered, and it costs
    merits."""
    node, reasons = lab.node("-exclusive", "-acceptInterval", "0"), set()
    wrong = [{"Version": 8}, {"Version": 10}, {"Length": 4}, {"Length": 6}, {"Length": 0}, {"Crc32": 1}, {"Type": 10},
             {"Type": 7, "PartNo": 1, "PartsTotal": 1}, {"Type": 7, "PartsTotal": 0}]
    for changed in wrong:
        source = lab.address()
        peer = gobwire.GobPeer(node, source)
        name = node.wait_online(f"{source}:{PORT}")["peer"]
        peer.send(wire.MESSAGE, b"right")
        node.wait("parcel", peer=name, text="right")
        peer.send(wire.MESSAGE, b"wrong", **changed)
        reasons.add(node.wait("offline", peer=name)["reason"])
        peer.close()
        again = gobwire.GobPeer(node, source)
        node.wait("online", peer=name, since=node.mark() - 1)
        quality = until(lambda s=source: peer_at(node, s), 2, "it is back")["quality"]
        check(quality < 0, f"{changed}: its quality is {quality}")
        again.close()
    check(not [e for e in node.all("parcel") if e["text"] == "wrong"], "a wrong parcel was delivered")
    return ", ".join(sorted(reasons))


@promises("F11", "F12")
def a_score_belongs_to_an_ip_address(lab):
    """Traffic raises and lowers it, another port and node id keep it, another address has its own. It grows with time,
    not with messages. What somebody earns who goes at once is kept as well."""
    good = 50
    node, source = lab.node("-exclusive", "-acceptInterval", "0", "-meritGood", str(good)), lab.address()

    def score(address):
        return peer_at(node, address)["quality"]

    peer = RawPeer(node, source, node_id=0x81, port=b"9001")
    peer.receive_kind(wire.PEER_REQUEST)
    for i in range(9):
        peer.send(wire.MESSAGE, b"message %d" % i)
    until(lambda: score(source) == good, 3, lambda: f"nine messages in a minute, and its score is {score(source)}")
    before = score(source)
    peer.send(wire.PEER_RESPONSE, wire.field(1, wire.field(1, b"10.1.2.4") + wire.field(2, b"99999")))
    peer.alive()
    until(lambda: score(source) < before, 3, lambda: f"a bad share, and its score is {score(source)}, {before} before")
    after = score(source)
    peer.close()
    node.wait("offline")
    lab.closes(RawPeer(node, source, node_id=0x82, port=b"9002"))
    node.wait_online(f"{source}:9002")
    check(after - 2 <= score(source) <= after + 2, f"another port: its score is {score(source)}, {after} before")
    hasty = lab.address()
    brief, mark = RawPeer(node, hasty, node_id=0x83, port=b"9003"), node.mark()
    brief.send(wire.MESSAGE, b"brief")
    brief.alive()
    brief.close()
    node.wait("offline", since=mark, where=lambda e: e["peer"].startswith(f"{hasty}:9003 "))
    lab.closes(RawPeer(node, hasty, node_id=0x84, port=b"9004"))
    node.wait_online(f"{hasty}:9004")
    check(score(hasty) >= good - 3, f"it was useful and went at once, and its score is {score(hasty)}")
    stranger = lab.address()
    lab.closes(RawPeer(node, stranger, node_id=0x82, port=b"9002"))
    node.wait_online(f"{stranger}:9002")
    check(-2 <= score(stranger) <= 2, f"another address: its score is {score(stranger)}")
    return f"{before}, {after} after the bad share, {score(source)} with another port; another's {score(stranger)}"


# --- the wire ---

@promises("F20", "F21")
def the_network_in_the_handshake(lab):
    """The number of each network, in each version, byte by byte."""
    cases = [(["-network", name], number) for name, (number, _) in NETWORKS.items()]
    cases.append((["-network", "CUSTOM", "-customnet", "myNetwork"], 0x29CB7175))
    for flags, number in cases:
        raw = listener(lab)
        node = lab.node("-exclusive", "-redialSpecial", "1m", *V11, *flags, "-peers", raw.endpoint)
        check(network_in_v11(raw) == number, f"{flags}: another number in V11")
        check(node.status()["network_id"] == number, f"{node.status()}")
        node.end()
        for version in (9, 10):
            raw = listener(lab)
            node = lab.node("-exclusive", "-protocolVersion", str(version), *flags, "-peers", raw.endpoint)
            # The first fields of the header, each after its distance from the one before.
            expected = b"\1\1" + gobwire.unsigned(number) + b"\1" + gobwire.unsigned(version)
            with raw.accept() as sock:
                data = b""
                while expected not in data:
                    more = sock.recv(4096)
                    check(more, f"{flags}: not in the handshake of V{version}: {data.hex()}")
                    data += more
            node.end()


@promises("F14")
@in_namespaces
def nothing_goes_anywhere_else(lab):
    """While it dials, looks names up and idles it sends TCP to whom it was told and asks the name server, no more: no
    UPnP, no NAT-PMP, no broadcast."""
    address, resolver, far, near = "10.77.0.2", "127.0.0.53", "198.51.100.7", lab.address()
    wire_up(address, "10.77.0.1")
    cover("/etc/resolv.conf", lab, f"nameserver {resolver}\noptions timeout:1 attempts:1\n")
    other = lab.node("-exclusive", "-networkPort", "9300", address=near)
    capture = lab.closes(Capture())
    node = lab.node(start=False)
    node.command_line = lambda: [node.kith, "-json", "-network", "LOCAL", "-home", node.home, "-redialSpecial", "500ms",
                                 "-seedURL", "http://seeds.example/list.txt", "-peers", f"{far}:8110 {near}:9300"]
    node.start()
    node.wait_online(f"{near}:9300")
    time.sleep(2)
    told = {(far, 8110), (near, 9300)}

    def expected(packet):
        protocol, source, source_port, destination, destination_port = packet
        ends = {(source, source_port), (destination, destination_port)}
        if protocol == socket.IPPROTO_TCP:
            return bool(ends & told)
        if protocol == socket.IPPROTO_UDP:
            return (resolver, 53) in ends
        # What the kernel says by itself: that nobody listens there, and its own multicast groups and neighbours.
        return (protocol, source_port) == (socket.IPPROTO_ICMP, 3) or protocol == socket.IPPROTO_ICMPV6 \
            or protocol == socket.IPPROTO_IGMP

    def strange():
        return [packet for packet in set(capture.packets) if not expected(packet)]

    check(not strange(), f"it also sent {strange()}")
    seen = set(capture.packets)
    check({p[3] for p in seen} >= {far, near, resolver}, f"what it does is not seen: {seen}")
    check(not other.all("offline"), "the near peer was disconnected")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:  # what a search for a router would look like
        sock.sendto(b"M-SEARCH * HTTP/1.1\r\n\r\n", ("239.255.255.250", 1900))
    until(strange, 2, "a search for a router is not seen")


# --- the peers file ---

@promises("F25")
def the_peers_file_of_the_configuration(lab):
    """It is JSON after each kill -9, and what was in it is there at the next start."""
    config = Path(lab.home, "file.conf")
    config.write_text('PeersFile = "peers.json"\n', encoding="utf-8")
    node = lab.node("-config", str(config), "-exclusive", "-savePeers", "5ms", "-acceptInterval", "0", start=False)
    file, known = Path(node.home, "peers.json"), 0
    for round_ in range(8):
        node.start()
        check(node.status()["known"] >= known, f"{node.status()['known']} known, {known} were in the file")
        guests = [lab.closes(RawPeer(node, lab.address(), node_id=0x9000 + i)) for i in range(5)]
        for guest in guests:
            guest.send(wire.MESSAGE, b"something new")
        time.sleep(0.02 * round_)
        until(file.exists, 3, "a peers file")
        node.kill()
        book = json.loads(file.read_text(encoding="utf-8"))
        check(len(book["peers"]) >= known, f"{len(book['peers'])} in the file, {known} before")
        known = len(book["peers"])
        for guest in guests:
            guest.close()
    check(known > 0, "there is nobody in it")
    return f"{known} peers"


if __name__ == "__main__":
    run([the_library_needs_little_and_shows_little, a_program_elsewhere_is_made_with_it, without_any_argument,
         contacts_of_the_file_and_of_the_flags, a_network_brings_its_port_seeds_and_special_peers,
         the_networks_own_ports, the_port_of_the_flag, a_newcomer_dials_the_whole_seed_list, more_come_in_than_go_out,
         exclusive_with_a_full_book, a_refusal_names_no_special_peer, a_special_peer_restarted_a_hundred_times,
         a_killed_peer_harms_no_other, the_network_is_checked_in_each_version,
         each_field_of_a_parcel_is_checked, a_score_belongs_to_an_ip_address, the_network_in_the_handshake,
         nothing_goes_anywhere_else, the_peers_file_of_the_configuration],
        alone=[peers_are_asked_for_and_shared])
