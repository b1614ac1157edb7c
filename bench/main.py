"""Measures kith beside other systems on loopback and prints a Markdown table; see bench/README.md.

Progress goes to stderr. Exit status: 0 all runs were valid (with --quick also: not much slower than committed), 1 not
so. Leave the machine alone meanwhile.
"""
import argparse
import json
import os
import platform
import sys
import tempfile
import time

import encrypted
import json_lines
import node
import plots
import report
from measure import BadRun, Bench
from systems import CELLS, QUICK_CELLS, QUICK_SYSTEMS, all_systems, available, calibrate

HERE = os.path.dirname(os.path.abspath(__file__))
COMMITTED = os.path.join(HERE, "committed.json")
PERFORMANCE = os.path.join(os.path.dirname(HERE), "docs", "performance")
QUICK_BASE = "tcp-batch"
QUICK_LEAST = 0.5  # of the committed ratio to raw TCP


def say(text):
    print(text, file=sys.stderr, flush=True)


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines()
                if line.startswith("model name")), "?")
    return {"cores": os.cpu_count(), "cpu": cpu, "kernel": platform.release(), "load": read("/proc/loadavg"),
            "congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control"), "unix": int(time.time())}


def measure_all(bench, systems, cells, runs, seconds):
    """All runs, interleaved: round by round, workload by workload, all systems one after another, another one first in
    each round. And what could not be measured."""
    counts, left_out, results = {}, {}, []
    for cell in cells:
        for system in systems:
            try:
                counts[cell, system.name] = calibrate(bench, system, cell, seconds)
            except BadRun as bad:
                left_out[f"{system.name}, {cell.name}"] = str(bad)
                say(f"left out: {system.name}, {cell.name}: {bad}")
    for number in range(runs):
        first = number % len(systems)
        for cell in cells:
            for system in systems[first:] + systems[:first]:
                if (cell, system.name) not in counts:
                    continue
                run = bench.measure(system, cell, *counts[cell, system.name])
                results.append(run)
                for bad in run["bad"]:
                    say(f"not valid: {system.name}, {cell.name}: {bad}")
        say(f"round {number + 1} of {runs}")
    return results, left_out


def compare_with_committed(results):
    """kith beside raw TCP, now and then. Returns what has become much slower."""
    if not os.path.exists(COMMITTED):
        return [f"there is no {COMMITTED}"]
    committed, slower = json.loads(read(COMMITTED))["ratios"], []
    for cell in results.cells:
        figure = report.FIGURES[cell.work][0]
        now = results.ratio(cell, "kith-v11", QUICK_BASE, figure)
        then = committed.get(cell.name, {}).get("kith-v11", {}).get(QUICK_BASE, {}).get(figure.key)
        if now is None or then is None:
            slower.append(f"{cell.name}: nothing to compare")
            continue
        share = now / then if figure.more_is_better else then / now
        print(f"{cell.name}: {figure.label} beside {QUICK_BASE} {now:.3g}, committed {then:.3g}")
        if share < QUICK_LEAST:
            slower.append(f"{cell.name}: {share:.2f} of what was committed, less than {QUICK_LEAST}")
    return slower


def notes(results, left_out, missing, told):
    late = sorted({f"{r['system']}, {r['cell']}" for r in results.runs
                   if not r["bad"] and not r.get("warmup_drained", True)})
    windows = sorted({f"{r['system']} {r['window']}" for r in results.runs if r["window"]})
    steal = max((r["steal_percent"] for r in results.runs), default=0)
    lines = [f"Median (min–max) of {told['runs']} interleaved runs; {told['machine']['cores']} cores, congestion "
             f"control {told['machine']['congestion_control']}. Runs: {len(results.runs)}, not valid: "
             f"{len(results.invalid())}. Steal time at most {steal:g} %."]
    lines += [f"Warm-up still under way when the timed part began: {'; '.join(late)}."] if late else []
    lines += [f"Windows: {', '.join(windows)}."] if windows else []
    lines += [f"Not built here: {', '.join(missing)}."] if missing else []
    return lines + [f"Left out: {name}: {why}" for name, why in left_out.items()]


def rounded(told):
    """With four digits, in all depths: the file that is committed says no more than was measured."""
    if isinstance(told, dict):
        return {key: rounded(value) for key, value in told.items()}
    return float(f"{told:.4g}") if isinstance(told, float) else told


def write_json(path, told):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(told, file, indent=1)
        file.write("\n")


def options():
    p = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--runs", type=int, help="counted runs of each measurement (7; with --quick 3)")
    p.add_argument("--seconds", type=float, help="that a run should take (1.5; with --quick 0.3)")
    p.add_argument("--systems", help="comma-separated names")
    p.add_argument("--workloads", default="thr,fan,lat")
    p.add_argument("--sizes", help="comma-separated payload sizes")
    p.add_argument("--json", metavar="FILE", help="everything that was measured")
    p.add_argument("--quick", action="store_true",
                   help="kith and raw TCP alone, compared with the committed ratio: under a minute")
    p.add_argument("--node", action="store_true", help="memory, idle cost and many connections of a node instead")
    p.add_argument("--encrypted", action="store_true", help="large messages upon Noise beside plain ones instead")
    p.add_argument("--lines", action="store_true", help="JSON lines between two programs in Python instead: a minute")
    p.add_argument("--plot", action="store_true", help="write docs/performance/*.svg instead")
    p.add_argument("--commit", action="store_true", help="keep the results in bench/committed.json")
    a = p.parse_args()
    a.runs = a.runs or (3 if a.quick else 7)
    a.seconds = a.seconds or (0.3 if a.quick else 1.5)
    if not 1 <= a.runs <= 100 or not 0.05 <= a.seconds <= 10:
        p.error("--runs is 1 to 100, --seconds 0.05 to 10")
    if a.commit and (a.quick or a.systems or a.sizes or a.workloads != "thr,fan,lat"):
        p.error("--commit takes a full run")
    return a, p


def chosen(a, parser, folder):
    """The systems that are there, the names of those that are not, and the cells."""
    wanted = a.systems.split(",") if a.systems else QUICK_SYSTEMS if a.quick else None
    for name in wanted or []:
        if name not in [s.name for s in all_systems(folder)]:
            parser.error(f"no system {name}")
    systems, missing = available(folder, wanted)
    cells = [c for c in (QUICK_CELLS if a.quick else CELLS) if c.work in a.workloads.split(",")
             and (not a.sizes or str(c.size) in a.sizes.split(","))]
    if not systems or not cells:
        parser.error("nothing to measure")
    return systems, missing, cells


def messages(a, bench, systems, missing, cells):
    told = {"machine": machine(), "runs": a.runs, "seconds": a.seconds, "missing": missing}
    runs, left_out = measure_all(bench, systems, cells, a.runs, a.seconds)
    results = report.Results(runs, cells, [s.name for s in systems])
    told.update(left_out=left_out, results=results.summary(), ratios=results.ratios())
    print(report.markdown(results, notes(results, left_out, missing, told)))
    if a.commit:
        write_json(COMMITTED, rounded(told))
    if a.json:
        write_json(a.json, {**told, "targets": list(results.targets()), "all": runs})
    slower = compare_with_committed(results) if a.quick else []
    for line in slower:
        print(f"SLOWER: {line}")
    return 1 if results.invalid() or left_out or slower else 0


def main():
    a, parser = options()
    kith, folder = os.path.join(a.build, "kith"), os.path.join(a.build, "bench")
    if a.node:
        results = node.measure_node(kith, say)
        print(node.table(results))
        if a.json:
            write_json(a.json, {"machine": machine(), "node": results})
        return 1 if any("failed" in r for r in results.values()) else 0
    if a.lines:
        results = json_lines.measure(kith, min(a.runs, 3), a.seconds, say)
        print(json_lines.table(results))
        return 0
    systems, missing, cells = chosen(a, parser, folder)
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as temporary:
        bench = Bench(temporary)
        if a.encrypted:
            rates = encrypted.measure(bench, folder, a.runs, a.seconds, say)
            print(encrypted.table(rates) if rates else "not valid")
            return 0 if rates else 1
        if a.plot:
            numbers = plots.draw(bench, kith, systems, folder, PERFORMANCE, say)
            if a.json:
                write_json(a.json, {"machine": machine(), "plots": numbers})
            return 0
        return messages(a, bench, systems, missing, cells)


if __name__ == "__main__":
    sys.exit(main())
