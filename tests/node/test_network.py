#!/usr/bin/env python3
"""Networks of nodes: they find each other, keep enough connections, and get over each other's ends."""
import json
import time
from pathlib import Path

from factomwire import MESSAGE, PING, PONG, PEER_REQUEST, REJECT, RawListener, RawPeer, fields
from kithnode import EVERYONE, SLOW, Failure, check, promises, run, until

OUTGOING = 8
FAST = ("-shareAbove", "-1", "-peerRequest", "1s", "-peerRequestLimit", "100ms", "-redial", "1s", "-reseed", "5s",
        "-fewPeers", "20", "-savePeers", "1s")


def grow(lab, count, *flags):
    """A network of nodes that know three of themselves from a seed list."""
    server = lab.seeds()
    nodes = [lab.node(*FAST, "-seedURL", server.url, *flags, start=False) for _ in range(count)]
    server.lines = [n.endpoint for n in nodes[:3]]
    for node in nodes:
        node.start()
    return server, nodes


def wait_outgoing(nodes, least, seconds):
    until(lambda: all(n.count("outgoing") >= least for n in nodes), seconds,
          lambda: f"{least} outgoing each, but {[n.count('outgoing') for n in nodes]}")


@promises("F4", "F5", "F29")
def twelve_nodes_of_whom_four_are_killed(lab):
    server, nodes = grow(lab, 12)
    before = time.monotonic()
    wait_outgoing(nodes, OUTGOING, 20)
    found = time.monotonic() - before
    check(server.fetches >= 12, f"the seed list was fetched {server.fetches} times")
    time.sleep(0.5)
    check(all(n.count("outgoing") == OUTGOING for n in nodes), f"{[n.count('outgoing') for n in nodes]} outgoing")
    everyone_gets_broadcasts(nodes)
    directed_reaches_one(nodes)
    for node in nodes[:4]:  # the seeds are among them
        node.kill()
    left = nodes[4:]
    before = time.monotonic()
    until(lambda: all(n.count("outgoing") == len(left) - 1 for n in left), 20,
          lambda: f"{len(left) - 1} outgoing each, but {[n.count('outgoing') for n in left]}")
    again = time.monotonic() - before
    return f"{OUTGOING} outgoing each after {found:.1f} s, everybody left {again:.1f} s after the kill"


def everyone_gets_broadcasts(nodes):
    """A full broadcast of each reaches all its peers, each once, and nobody else."""
    for sender in nodes:
        text, peers = f"everyone, from {sender}", sender.peers()
        answer = sender.send(EVERYONE, text)
        check(answer["peers"] == len(peers), f"{sender} has {len(peers)} peers, sent to {answer['peers']}")
        addressed = [n for n in nodes if any(p.startswith(n.endpoint + " ") for p in peers)]
        for node in addressed:
            node.wait("parcel", text=text)
        got = sum(len([e for e in n.all("parcel") if e["text"] == text]) for n in nodes)
        check(got == len(peers), f"{got} came of {len(peers)} that {sender} sent")


def directed_reaches_one(nodes):
    sender = nodes[-1]
    for peer in sorted(sender.peers()):
        text = f"for {peer} alone"
        check(sender.send(peer, text)["peers"] == 1, f"{peer}")
    for peer in sorted(sender.peers()):
        text = f"for {peer} alone"
        receiver = next(n for n in nodes if peer.startswith(n.endpoint + " "))
        receiver.wait("parcel", text=text)
        got = [n for n in nodes if any(e["text"] == text for e in n.all("parcel"))]
        check(got == [receiver], f"{text}: {got} got it")


@promises("F17")
def a_killed_special_peer_is_back_in_time(lab):
    special = lab.node("-exclusive")
    watcher = lab.node("-exclusive", "-peers", special.endpoint, "-redialSpecial", "1s")
    watcher.wait_online(special)
    times = []
    for pause in (0, 0.5, 2.5):
        mark = watcher.mark()
        special.kill()
        watcher.wait("offline", since=mark)
        time.sleep(pause)
        special.start()
        before = time.monotonic()
        check(watcher.wait_online(special, 10, mark)["special"], "it is special no more")
        times.append(time.monotonic() - before)
        check(times[-1] < 1.5 * SLOW, f"back only after {times[-1]:.1f} s")
    return "back after " + ", ".join(f"{t:.2f} s" for t in times)


@promises("F17")
def special_peers_come_on_top(lab):
    """-outgoing counts ordinary peers alone."""
    server = lab.seeds()
    special = lab.node("-exclusive")
    others = [lab.node("-exclusive") for _ in range(4)]
    server.lines = [n.endpoint for n in others]
    node = lab.node(*FAST, "-outgoing", "3", "-peers", special.endpoint, "-seedURL", server.url)
    until(lambda: node.count("outgoing") == 4, 10, lambda: f"3 ordinary and 1 special peer, but {node.online}")
    time.sleep(1)
    check(node.count("outgoing") == 4, f"{node.count('outgoing')} outgoing")
    check(node.status()["special"] == 1, f"{node.status()}")


@promises("F15")
def exclusive_dials_special_peers_only(lab):
    server = lab.seeds()
    special, other = lab.node("-exclusive"), lab.node("-exclusive")
    server.lines = [other.endpoint]
    node = lab.node(*FAST, "-exclusive", "-peers", special.endpoint, "-seedURL", server.url)
    node.wait_online(special)
    time.sleep(1.5)
    check(other.count("incoming") == 0, "an ordinary peer was dialed")
    # Others may still come in, unless -exclusiveIn is given.
    guest = lab.node("-exclusive", "-peers", node.endpoint)
    guest.wait_online(node)
    closed = lab.node("-exclusiveIn", "-peers", special.endpoint)
    closed.wait_online(special)
    guest.command("special", peers=closed.endpoint)
    time.sleep(1.5)
    check(closed.count("incoming") == 0, "a stranger came in")
    check(closed.status()["shed"] >= 1, "nobody was turned away")


@promises("F16", "P16")
def special_peers_and_the_asker_are_not_shared(lab):
    """Wherever a special peer comes from: several of the flags, the file, a host name; not even with each other."""
    specials, other = [lab.node("-exclusive") for _ in range(3)], lab.node("-exclusive")
    named = lab.node("-exclusive", address="127.0.0.1", port=9107)
    config = Path(lab.home, "special.conf")
    config.write_text(f"LocalSpecialPeers = {specials[2]}\n", encoding="utf-8")
    server = lab.seeds([other.endpoint])
    asks = RawListener(lab.address())
    lab.closers.append(asks.close)
    node = lab.node(*FAST, "-config", str(config), "-seedURL", server.url, "-protocolVersion", "11", "-peers",
                    f"{specials[0]} {specials[1]} localhost:{named.port} {asks.endpoint}")
    for each in (*specials, named, other):
        node.wait_online(each)
    for meet in (asks.accept_peer, lambda: RawPeer(node, lab.address())):
        peer = meet()
        peer.send(PING, b"Ping")
        peer.receive_kind(PONG)
        peer.send(PEER_REQUEST, b"Peer Request")
        shared = [dict(fields(value)) for _, value in fields(peer.receive_kind(4))]
        hosts = [f"{s[1].decode()}:{s[2].decode()}" for s in shared]
        peer.close()
        check(hosts == [other.endpoint], f"{hosts} were shared")


@promises("P12")
def a_full_node_tells_where_else_to_go(lab):
    full = lab.node(*FAST, "-exclusive", "-incoming", "1")
    member = lab.node("-exclusive", "-peers", full.endpoint)
    member.wait_online(full)
    full.wait_online(member)
    try:
        peer = RawPeer(full, lab.address())
    except Failure as failure:
        raise Failure(f"a full node refuses without an answer: {failure}") from None
    told = [dict(fields(value)) for number, value in peer.hello if number == 7]
    check(dict(peer.hello)[1] == REJECT, f"{peer.hello}")
    check([t[1].decode() for t in told] == [member.address], f"{told}")
    peer.close()
    newcomer = lab.node(*FAST, "-peers", full.endpoint)
    newcomer.wait_online(member, 10)
    check(full.status()["incoming"] == 1, "more came in than it allows")
    check(newcomer.ended("peer is full") >= 1, "it was not refused")


@promises("F25", "P24", "P44")
def the_peers_file_survives(lab):
    """A node without seeds finds its peers from its file, also after kill -9."""
    others = [lab.node("-exclusive") for _ in range(3)]
    server = lab.seeds([n.endpoint for n in others])
    node = lab.node(*FAST, "-seedURL", server.url)
    wait_outgoing([node], 3, 10)
    file = Path(node.home, "peers-LOCAL.json")
    until(file.exists, 4, "a peers file")
    until(lambda: len(json.loads(file.read_text(encoding="utf-8"))["peers"]) == 3, 4, "three peers in the file")
    node.kill()
    node.flags = list(FAST)
    fetches = server.fetches
    node.start()
    wait_outgoing([node], 3, 10)
    check(server.fetches == fetches, "the seed list was fetched")
    node.command("ban", peer="127.99.99.99", seconds=100)
    node.end()
    node.start()
    check(node.status()["bans"] == 1, "the ban has gone")
    node.end()
    file.write_text("{ this is no JSON", encoding="utf-8")
    node.start()
    check(node.status()["known"] == 0, "something is known")
    check([p for p in Path(node.home).iterdir() if ".corrupt-" in p.name], "the file that makes no sense is not kept")


@promises("F27")
def a_seed_list_with_faults(lab):
    """Bad lines are reported with their number, and the rest counts; a server that fails is asked again."""
    other = lab.node("-exclusive")
    server = lab.seeds(["", "  # nobody", "10.0.0.1", "10.0.0.2:0", "\t" + other.endpoint + "  \r"])
    node = lab.node(*FAST, "-seedURL", server.url)
    node.wait_online(other)
    for line in (3, 4):
        check(f"line {line}" in node.stderr(), f"line {line} was not reported")
    late = lab.seeds()
    late.close()
    orphan = lab.node(*FAST, "-seedURL", late.url)
    until(lambda: "seed" in orphan.stderr(), 5, "a line about the seed list")
    check(orphan.alive(), "it ended")


@promises("P37")
def a_node_that_dials_itself(lab):
    node = lab.node(*FAST, "-redialSpecial", "200ms", "-acceptInterval", "0", start=False)
    node.flags += ["-peers", node.endpoint]
    node.start()

    def count():
        return node.ended("connected to ourselves")

    until(lambda: count() == 2, 5, lambda: f"one connection has two ends, but {node.status()['ended']}")
    time.sleep(1)
    check(count() == 2, "it dials itself again and again")
    check(not node.online, "it is its own peer")


def messages_are_not_relayed(lab):
    """What becomes of a message is the application's affair."""
    a, b, _, _ = lab.pair()
    peer = RawPeer(a, lab.address())
    peer.send(MESSAGE, b"from the raw peer")
    a.wait("parcel", text="from the raw peer")
    time.sleep(0.3)
    check(not b.all("parcel"), "it was passed on")
    peer.close()


if __name__ == "__main__":
    run([twelve_nodes_of_whom_four_are_killed, special_peers_come_on_top, exclusive_dials_special_peers_only,
         special_peers_and_the_asker_are_not_shared, a_full_node_tells_where_else_to_go, the_peers_file_survives,
         a_seed_list_with_faults, a_node_that_dials_itself, messages_are_not_relayed],
        alone=[a_killed_special_peer_is_back_in_time])
