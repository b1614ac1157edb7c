"""usage: demo [NODES]

Starts a network of NODES (6 to 40; 12 if not given) kith processes on loopback addresses, with a real HTTP server for
the seed list, and shows that they find each other, pass messages and get over the end of four of them. Ends with a
table of what was seen. The exit status is 0 if all of it held.
"""
import os
import shutil
import signal
import sys
import tempfile
import time

from kithnode import Failure, Node, SeedServer, loopback_addresses, until

OUTGOING, REDIAL_MS, KILLED, NEWCOMERS = 8, 2000, 4, 4
SLACK_S = 1  # for the handshake after a redial, on a machine that is busy with all these processes
FLAGS = ["-shareAbove", "-1", "-peerRequest", "1s", "-peerRequestLimit", "100ms", "-redial", "1s", "-redialSpecial",
         f"{REDIAL_MS}ms", "-reseed", "5s", "-fewPeers", "100"]


class Progress:
    """One line that changes on a terminal; elsewhere, a line for each step."""

    def __init__(self):
        self.live, self.start, self.last = sys.stdout.isatty(), time.monotonic(), ""

    def show(self, text):
        if text == self.last:
            return
        self.last = text
        line = f"[{time.monotonic() - self.start:4.1f} s] {text}"
        print(f"\r\x1b[K{line}" if self.live else line, end="" if self.live else "\n", flush=True)

    def end(self):
        if self.live:
            print("\r\x1b[K", end="", flush=True)


class Network:
    def __init__(self, kith, home, progress):
        self.kith, self.home, self.progress = kith, home, progress
        self.addresses, self.server, self.nodes = loopback_addresses(), SeedServer(), []
        self.results = []  # (held, text)

    def make(self, *flags):
        node = Node(self.kith, next(self.addresses), os.path.join(self.home, str(len(self.nodes))),
                    [*FLAGS, "-seedURL", self.server.url, *flags])
        self.nodes.append(node)
        return node

    def close(self):
        for node in self.nodes:
            node.kill()
        self.server.close()

    def result(self, held, text):
        self.results.append((held, text))

    def wait_outgoing(self, nodes, least, seconds, what):
        """True where each of them has so many outgoing connections in time."""
        def ready():
            done = sum(n.count("outgoing") >= least for n in nodes)
            # Elsewhere than on a terminal this would be a line for each connection.
            self.progress.show(f"{what}: {done} of {len(nodes)} nodes have {least} outgoing connections"
                               if self.progress.live else f"{what} ...")
            return done == len(nodes)
        try:
            until(ready, seconds, what)
        except Failure:
            return False
        return True


def start(net, count):
    """A quarter of the nodes is in the seed list. The last two have the one before them as their special peer."""
    for _ in range(count - 2):
        net.make()
    special = net.nodes[-1]
    watchers = [net.make("-peers", special.endpoint) for _ in range(2)]
    net.server.lines = [n.endpoint for n in net.nodes[:max(2, count // 4)]]
    for node in net.nodes:
        node.start()
        net.progress.show(f"starting {count} nodes")
    least = min(OUTGOING, count - 1)
    before = time.monotonic()
    held = net.wait_outgoing(net.nodes, least, 15, f"{count} nodes find each other from {len(net.server.lines)} seeds")
    net.result(held, f"each of {count} nodes has at least {least} outgoing connections, "
                     f"{time.monotonic() - before:.1f} s after the last was started")
    return special, watchers


def table(nodes):
    lines = [f"{'node':24}{'outgoing':>10}{'incoming':>10}{'special':>10}{'peers':>8}"]
    for node in nodes:
        status = node.status()
        lines.append(f"{node.endpoint:24}{status['outgoing']:10}{status['incoming']:10}{status['special']:10}"
                     f"{len(node.peers()):8}")
    return lines


def receivers(nodes, text):
    return [node for node in nodes for event in node.all("parcel") if event.get("text") == text]


def broadcasts(net):
    wrong, total = 0, 0
    for i, sender in enumerate(net.nodes):
        net.progress.show(f"full broadcasts: {i + 1} of {len(net.nodes)}" if net.progress.live
                          else "full broadcasts ...")
        text, peers = f"to everyone, from {sender}", sender.peers()
        sent = sender.send("<FULLBROADCAST>", text)["peers"]
        expected = sorted(p.split()[0] for p in peers)
        try:
            until(lambda t=text, e=expected: len(receivers(net.nodes, t)) >= len(e), 3, "arrival")
        except Failure:
            pass  # the comparison tells
        got = sorted(n.endpoint for n in receivers(net.nodes, text))
        wrong += got != expected or sent != len(expected)
        total += len(got)
    net.result(wrong == 0, f"every full broadcast ({len(net.nodes)}, one of each node) reached all the sender's peers,"
                           f" each once ({total} messages)" + (f"; {wrong} did not" if wrong else ""))


def directed(net):
    sender, text = net.nodes[0], "for one alone"
    target = sorted(sender.peers())[0]
    sender.send(target, text)
    try:
        until(lambda: receivers(net.nodes, text), 3, "arrival")
    except Failure:
        pass
    time.sleep(0.3)  # for a copy that should not be
    got = [n.endpoint for n in receivers(net.nodes, text)]
    net.result(got == [target.split()[0]], f"a directed message for {target} reached {' '.join(got) or 'nobody'}")


def redial(net, special, watchers):
    """The time counts from the moment when the special peer listens again."""
    net.progress.show("a special peer is killed and started again")
    marks = [w.mark() for w in watchers]
    special.kill()
    for watcher, mark in zip(watchers, marks):
        watcher.wait("offline", 5, mark, where=lambda e: e["peer"].startswith(special.endpoint))
    time.sleep(1)
    special.start()
    before, times = time.monotonic(), []
    for watcher, mark in zip(watchers, marks):
        try:
            watcher.wait_online(special, REDIAL_MS / 1000 + SLACK_S + 2, mark, special=True, direction="outgoing")
            times.append(time.monotonic() - before)
        except Failure:
            times.append(float("inf"))
    net.result(max(times) <= REDIAL_MS / 1000 + SLACK_S,
               f"a special peer, killed with kill -9 and started again, was back after "
               f"{' and '.join(f'{t:.1f} s' for t in times)} (it is redialed every {REDIAL_MS / 1000:g} s)")


def kill_some(net):
    """Two of the seeds are among the dead. Who is left can have no more peers than there are others left."""
    for node in net.nodes[:2] + net.nodes[-KILLED + 2:]:
        node.kill()
    left = [n for n in net.nodes if n.alive()]
    least, before = min(OUTGOING, len(left) - 1), time.monotonic()
    held = net.wait_outgoing(left, least, 15, f"{KILLED} nodes are killed")
    who = "that is everybody left" if least == len(left) - 1 else f"of {len(left) - 1} others left"
    net.result(held, f"after {KILLED} were killed, each of the other {len(left)} is back at {least} outgoing "
                     f"connections ({who}) after {time.monotonic() - before:.1f} s")
    return left


def newcomers(net, left):
    """They know the seed list alone, of which a part still lives."""
    alive = [n.endpoint for n in left]
    net.server.lines = [line for line in net.server.lines if line in alive] or alive[:2]
    fresh = [net.make() for _ in range(NEWCOMERS)]
    for node in fresh:
        node.start()
    everyone = left + fresh
    least, before = min(OUTGOING, len(everyone) - 1), time.monotonic()
    held = net.wait_outgoing(everyone, least, 15, f"{NEWCOMERS} newcomers join by the seed list")
    net.result(held, f"with {NEWCOMERS} newcomers, who knew the seed list alone, each of {len(everyone)} nodes has "
                     f"{least} outgoing connections after {time.monotonic() - before:.1f} s")
    return everyone


def show(net, count):
    special, watchers = start(net, count)
    before = table(net.nodes)
    broadcasts(net)
    directed(net)
    redial(net, special, watchers)
    left = kill_some(net)
    everyone = newcomers(net, left)
    after = table(everyone)
    net.progress.end()
    print("\n".join(["The network:", *before, ""]))
    print("\n".join([f"After {KILLED} were killed and {NEWCOMERS} have joined:", *after, ""]))
    for held, text in net.results:
        print(f"{'yes' if held else 'NO ':4}{text}")
    return all(held for held, _ in net.results)


def main():
    kith, count = os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "12"
    if len(sys.argv) > 3 or not count.isdecimal() or not 6 <= int(count) <= 40:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    home = tempfile.mkdtemp(prefix="kith-demo-")
    net = Network(kith, home, Progress())
    held = False
    try:
        held = show(net, int(count))
    except Failure as failure:
        net.progress.end()
        print(f"NO  {failure}")
    except KeyboardInterrupt:
        net.progress.end()
        print("interrupted")
    finally:
        net.close()
        if held:
            shutil.rmtree(home, ignore_errors=True)
        else:
            print(f"The nodes' logs are in {home}.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
