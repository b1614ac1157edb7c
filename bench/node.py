"""What a node costs besides its messages: memory of idle connections, processor time of an idle node, and a crowd of
connections that comes at once and is broadcast to.

The peers are made by the program `crowd`: they shake hands and answer pings, and cost next to nothing.
"""
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "node"))
from kithnode import Failure, Lab, check, loopback_addresses, until  # noqa: E402
from measure import Bench, listening  # noqa: E402

MEMORY_PEERS, IDLE_PEERS, CROWD_PEERS, BUSY_PEERS = 1000, 300, 5000, 100
BUSY_MESSAGES = 10000  # enough to use each place of a queue
SETTLE_S = 60
REST_S = 3  # a connection gives back what it can after one second
RESTS_MOST = 5  # on a busy machine that takes longer
IDLE_S = 20  # a node pings after 15 s of silence, so that is in it
BROADCASTS, BROADCAST_BYTES = 10, 1024
BROADCAST_S = 60
STALL_S = 0.5  # kith's default
# What a hub of many connections needs; the program's limits are for a node among others.
HUB = ("-exclusive", "-acceptInterval", "0", "-incoming", "20000", "-pending", "20000", "-protocolVersion", "11",
       "-logLevel", "warning")


class Crowd:
    """The program `crowd`, and the lines that it prints."""

    def __init__(self, program, role, port, peers, *options, address=None, index=0):
        where = ["--address", address] if address else []
        self.peers, self.buffer = peers, b""
        self.process = subprocess.Popen([program, role, "--port", str(port), "--receivers", str(peers), "--index",
                                         str(index), *where, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)

    def line(self, key, seconds):
        """The next line, which must be that one."""
        by = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, by - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            check(more, f"the crowd: no line {key!r} within {seconds} s")
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        told = json.loads(line)
        check(key in told, f"the crowd: {told} in place of {key!r}")
        return told

    def settled(self):
        told = self.line("settled", SETTLE_S)
        check(told["gone"] == 0, f"{told['gone']} of {self.peers} connections failed")
        return told

    def end(self):
        """What there was in all."""
        self.process.stdin.close()
        return self.line("ended", 5)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Rig:
    """The program, the crowd's program, and what is to be ended with the measurement."""

    def __init__(self, kith, rest=REST_S):
        self.rest = rest
        self.lab = Lab(kith, loopback_addresses())
        self.crowd_program = os.path.join(os.path.dirname(kith), "bench", "crowd")

    def crowd(self, *arguments, **options):
        crowd = Crowd(self.crowd_program, *arguments, **options)
        self.lab.closers.append(crowd.close)
        return crowd

    def hub(self, *flags):
        return self.lab.node(*HUB, *flags)

    def join(self, hub, peers, *options, index=0):
        crowd = self.crowd("stay", 8110, peers, *options, address=hub.address, index=index)
        return crowd, crowd.settled()


def kib(mib):
    return round(mib * 1024, 1)


def memory_incoming(rig, steps):
    """MiB of a node with idle incoming connections, as many as each of `steps` says, and with none."""
    hub, there = rig.hub(), 0
    points = [(0, hub.memory("VmRSS"))]
    for step in steps:
        rig.join(hub, step - there, index=there)
        there = step
        time.sleep(rig.rest)
        points.append((step, hub.memory("VmRSS")))
    return points


def memory_outgoing(rig, peers):
    """MiB of a node with idle outgoing connections, each to an address of its own, and with none."""
    port = next(Bench._free_ports())
    addresses = " ".join(f"127.3.{i // 250}.{1 + i % 250}:{port}" for i in range(peers))
    alone = rig.hub().memory("VmRSS")
    crowd = rig.crowd("accept", port, peers)
    hub = rig.hub("-peers", addresses)
    crowd.settled()
    time.sleep(rig.rest)
    return [(0, alone), (peers, hub.memory("VmRSS"))]


def memory(rig, peers=MEMORY_PEERS):
    ends = {"incoming": memory_incoming(rig, [peers]), "outgoing": memory_outgoing(rig, peers)}
    each = {end: (points[-1][1] - points[0][1]) / peers for end, points in ends.items()}
    return {"connections": peers, **{f"kib_{end}": kib(mib) for end, mib in each.items()},
            "kib_both_ends": kib(sum(each.values())), "mib_without": round(ends["incoming"][0][1], 1)}


def memory_after(rig, peers=BUSY_PEERS, count=BUSY_MESSAGES):
    """MiB before much was sent to all, just after it, and when nothing more has come for a while."""
    hub = rig.hub()
    crowd, _ = rig.join(hub, peers, "--count", str(count))
    time.sleep(rig.rest)
    mib = [hub.memory("VmRSS")]
    for i in range(count):
        hub.send("<FULLBROADCAST>", f"{i:08d}".ljust(128, "."))
    crowd.line("complete", BROADCAST_S)
    mib.append(hub.memory("VmRSS"))
    for _ in range(RESTS_MOST):
        time.sleep(rig.rest)
        at_rest = hub.memory("VmRSS")
        if at_rest < sum(mib) / 2:
            break
    mib.append(at_rest)
    return {"connections": peers, "messages": count,
            **{key: round(m, 1) for key, m in zip(("mib_before", "mib_after", "mib_at_rest"), mib)}}


def idle(rig, peers=IDLE_PEERS, seconds=IDLE_S):
    hub = rig.hub()
    crowd, _ = rig.join(hub, peers)
    time.sleep(rig.rest)
    before, begun = hub.cpu(), time.monotonic()
    time.sleep(seconds)
    share = (hub.cpu() - before) / (time.monotonic() - begun)
    return {"peers": peers, "seconds": seconds, "pings": crowd.end()["pings"],
            "percent_of_a_core": round(100 * share, 3)}


def crowded(rig, peers=CROWD_PEERS):
    """All connect at once; then some messages go to all of them."""
    hub = rig.hub()
    crowd, settled = rig.join(hub, peers, "--count", str(BROADCASTS))
    until(lambda: hub.count("incoming") == peers, SETTLE_S, "the hub has dealt with all of them, too")
    before, cpu = time.monotonic(), hub.cpu()
    for i in range(BROADCASTS):
        hub.send("<FULLBROADCAST>", f"{i:08d}".ljust(BROADCAST_BYTES, "."))
    complete = crowd.line("complete", BROADCAST_S)
    seconds = time.monotonic() - before
    status = hub.status()
    dropped = sum(status["dropped"].values())
    check(dropped == 0 and complete["messages"] == peers * BROADCASTS, f"{complete}, {dropped} dropped")
    return {"connections": status["incoming"], "connect_ms": settled["ms"], "messages": BROADCASTS,
            "bytes": BROADCAST_BYTES, "broadcast_seconds": round(seconds, 3),
            "deliveries_per_s": round(peers * BROADCASTS / seconds),
            "cpu_us_per_delivery": round(1e6 * (hub.cpu() - cpu) / (peers * BROADCASTS), 2),
            "threads": hub.threads(), "mib": round(hub.memory("VmRSS"), 1), "dropped": dropped}


def broadcast_beside(rig, stalled, peers, count, stall):
    """The seconds that a flood of full broadcasts takes to reach `peers`, with some others that read nothing."""
    port, size = next(Bench._free_ports()), 128
    drivers = os.path.dirname(rig.crowd_program)
    numbers = ["--port", str(port), "--size", str(size), "--count", str(count), "--warmup", "1000", "--index", "0"]
    sender = subprocess.Popen([os.path.join(drivers, "kith-bench"), "fan-send", *numbers, "--receivers", str(peers),
                               "--stalled", str(stalled), "--stall", str(int(stall * 1000))], stdout=subprocess.PIPE)
    rig.lab.closers.append(lambda: end_process(sender))
    until(lambda: listening(port), 10, "the sender listens")
    for i in range(stalled):
        crowd = rig.crowd("stay", port, 1, address="127.0.0.1", index=peers + i)
        crowd.settled()
        crowd.process.send_signal(signal.SIGSTOP)
        rig.lab.closers.append(lambda: crowd.process.send_signal(signal.SIGCONT))
    receivers = subprocess.Popen([rig.crowd_program, "fan-recv", *numbers, "--receivers", str(peers)],
                                 stdout=subprocess.PIPE)
    rig.lab.closers.append(lambda: end_process(receivers))
    told = [json.loads(process.communicate(timeout=BROADCAST_S)[0] or b"{}") for process in (receivers, sender)]
    check(told[0].get("received") == peers * (count + 1000) and told[0]["lost"] == 0, f"{told}")
    return (told[0]["t_end_ns"] - told[1]["t_start_ns"]) / 1e9


def end_process(process):
    process.kill()
    process.wait()
    process.stdout.close()


def stalled(rig, peers=31, count=100000, stall=STALL_S):
    """What one peer that reads nothing costs the others, who read at full speed: no more than one stall time."""
    alone, beside = (statistics.median(broadcast_beside(rig, n, peers, count, stall) for _ in range(3)) for n in (0, 1))
    return {"peers": peers, "messages": count, "seconds": round(alone, 3), "seconds_beside_one_stalled": round(beside, 3),
            "more": round(beside - alone, 3), "stall_time": stall}


MEASUREMENTS = {"memory of an idle connection": memory, "memory after traffic": memory_after, "an idle node": idle,
                "many connections": crowded, "one peer of 32 stalls": stalled}


def with_rig(kith, function, *arguments):
    rig = Rig(kith)
    try:
        return function(rig, *arguments)
    except Failure as failure:
        return {"failed": str(failure)}
    finally:
        rig.lab.close()


def measure_node(kith, say):
    results = {}
    for name, function in MEASUREMENTS.items():
        results[name] = with_rig(kith, function)
        say(f"{name}: {results[name]}")
    return results


def table(results):
    lines = ["| measurement | figures |", "| --- | --- |"]
    for name, result in results.items():
        lines.append(f"| {name} | " + ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in result.items()) + " |")
    return "\n".join(lines)
