"""The curves in docs/performance: throughput over payload size, fan-out over receivers, memory over connections."""
import dataclasses
import os
import statistics

import node
import svg
from measure import BadRun, Cell, System
from systems import calibrate

SIZES = [16 << 2 * i for i in range(9)]  # to 1 MiB
RECEIVERS = [1 << i for i in range(10)]  # to 512
CONNECTIONS = [1, 10, 100, 250, 500, 750, 1000]
SYSTEMS = ["kith-v11", "tcp-batch", "zmq", "nng", "go-v11"]
SECONDS = 0.5
RUNS = 3


def bytes_text(n):
    n = round(n)
    return f"{n} B" if n < 1024 else f"{n >> 10} KiB" if n < 1 << 20 else f"{n >> 20} MiB"


def medians(bench, system, cell, keys, say):
    """Of a few runs; None if the system is not up to it."""
    try:
        counts = calibrate(bench, dataclasses.replace(system), cell, SECONDS)
    except BadRun as bad:
        say(f"{system.name}, {cell.name}: left out: {bad}")
        return None
    runs = [bench.measure(system, cell, *counts) for _ in range(RUNS)]
    good = [r for r in runs if not r["bad"]]
    for run in runs:
        for bad in run["bad"]:
            say(f"{system.name}, {cell.name}: not valid: {bad}")
    return [statistics.median(r[key] for r in good) for key in keys] if good else None


def throughput(bench, systems, say):
    series = []
    for system in (s for s in systems if s.name in SYSTEMS):
        points = [(size, m[0]) for size in SIZES
                  if (m := medians(bench, system, Cell("thr", 1, size), ["mb_s"], say))]
        if points:
            series.append((system.name, points))
    return svg.chart("Throughput, one sender and one receiver", "payload", "MB/s", series, x_form=bytes_text,
                     x_ticks=SIZES[::2]), series


def fan_out(bench, folder, say):
    """A kith node sends; the receivers are cheap, so that it is its cost that is seen."""
    system = System("kith-v11", [os.path.join(folder, "kith-bench")], receivers=[os.path.join(folder, "crowd")])
    time_points, cpu_points = [], []
    for receivers in RECEIVERS:
        found = medians(bench, system, Cell("fan", receivers, 128), ["rate", "cpu_s_sender_per_million"], say)
        if found:
            time_points.append((receivers, 1e6 / found[0]))
            cpu_points.append((receivers, found[1]))
    series = [("time", time_points), ("CPU of the sender", cpu_points)]
    return svg.chart("Fan-out of 128 B: cost of a delivery", "receivers", "µs per delivery", series,
                     x_ticks=RECEIVERS[::3]), series


def memory(kith):
    points = node.with_rig(kith, node.memory_incoming, CONNECTIONS)
    if isinstance(points, dict):
        raise SystemExit(f"memory over connections: {points['failed']}")
    series = [("kith", points)]
    return svg.chart("Memory of a node with idle connections", "connections", "MiB resident", series, log_x=False,
                     log_y=False), series


def draw(bench, kith, systems, folder, out, say):
    """Writes the three files; returns the numbers in them."""
    os.makedirs(out, exist_ok=True)
    numbers = {}
    for name, plot in (("throughput", lambda: throughput(bench, systems, say)),
                       ("fan-out", lambda: fan_out(bench, folder, say)),
                       ("memory", lambda: memory(kith))):
        text, numbers[name] = plot()
        path = os.path.join(out, f"{name}.svg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        say(f"wrote {path}")
    return numbers
