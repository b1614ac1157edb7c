#!/usr/bin/env python3
"""The benchmark itself: every driver plays every role, and a message that is left out is noticed. Few messages: this
is no measurement."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "node"))
import json_lines  # noqa: E402
import measure  # noqa: E402
import node  # noqa: E402
import report  # noqa: E402
import svg  # noqa: E402
from kithnode import SLOW, check, few, run  # noqa: E402
from measure import Bench, Cell, System  # noqa: E402
from systems import available  # noqa: E402

COUNT, WARMUP, SKIPPED = 500, 100, 300
THROUGHPUT, ROUND_TRIP = Cell("thr", 1, 128), Cell("lat", 1, 64)
FAN_OUT, MANY = Cell("fan", 4, 1024, 2), Cell("fan", 5, 128)


def folder(lab):
    return os.path.join(os.path.dirname(lab.kith), "bench")


def all_arrives(lab, names):
    bench = Bench(lab.home)
    systems, missing = available(folder(lab), names)
    for system in systems:
        for cell in (THROUGHPUT, FAN_OUT, MANY, ROUND_TRIP):
            seen = bench.measure(system, cell, COUNT, WARMUP)
            check(not seen["bad"], f"{system.name}, {cell.name}: {seen['bad']}")
    return f"not built: {', '.join(missing)}" if missing else None


def every_role_of_kith(lab):
    return all_arrives(lab, ["kith-v11", "kith-v10"])


def every_role_of_raw_tcp(lab):
    return all_arrives(lab, ["tcp-batch", "tcp-nobatch"])


def every_role_of_other_libraries(lab):
    return all_arrives(lab, ["zmq", "nng"])


def payloads_travel_by_json_lines(lab):
    for form in json_lines.FORMS:
        for size in (128, 65536):
            check(json_lines.run_once(lab.kith, form, size, 50)["rate"] > 0, f"{form}, {size} bytes")


def messages_are_passed_on(lab):
    """The program itself ends with 1 if one is missing."""
    done = subprocess.run([os.path.join(folder(lab), "relay"), "128", "500", "1"], capture_output=True, text=True, check=False,
                          timeout=60 * SLOW)
    modes = [line.split()[0] for line in done.stdout.splitlines()]
    check(done.returncode == 0 and modes == ["relay=false", "relay=true", "relay=validated"], f"{done}")


def a_round_trip_has_a_core_at_either_end(lab):
    cores = measure.own_cores(Cell("lat", 1, 64, own_cores=True))
    check(len(set(cores)) == (2 if len(os.sched_getaffinity(0)) > 1 else 0), f"{cores}")
    check(not measure.own_cores(ROUND_TRIP), "without it they have them all")
    told = [sys.executable, "-c", "import os; print(list(os.sched_getaffinity(0)))"]
    for core in cores:
        process = measure.Process(told, dict(os.environ), lab.home, core)
        try:
            check(process.reap(time.monotonic() + 60 * SLOW) and process.result() == [core], f"not on core {core}")
        finally:
            process.end()


def what_is_left_out_is_noticed(lab):
    bench = Bench(lab.home)
    for system in available(folder(lab), ["kith-v11", "tcp-batch"])[0]:
        for cell in (THROUGHPUT, MANY):
            seen = bench.measure(system, cell, COUNT, WARMUP, {"KITH_BENCH_SKIP": str(SKIPPED)})
            check(seen["bad"] and seen["lost"] == cell.receivers, f"{system.name}, {cell.name}: {seen}")


def a_crowd_receives(lab):
    bench, drivers = Bench(lab.home), folder(lab)
    system = System("kith-v11", [os.path.join(drivers, "kith-bench")], receivers=[os.path.join(drivers, "crowd")])
    seen = bench.measure(system, Cell("fan", 20, 128), COUNT, WARMUP)
    check(not seen["bad"], seen["bad"])
    seen = bench.measure(system, Cell("fan", 20, 128), COUNT, WARMUP, {"KITH_BENCH_SKIP": str(SKIPPED)})
    check(seen["lost"] == 20, seen)


def what_a_node_costs(lab):
    rig = node.Rig(lab.kith, rest=2)
    try:
        peers = few(60)
        memory, idle, crowded = node.memory(rig, peers), node.idle(rig, peers, 1), node.crowded(rig, peers)
        after = node.memory_after(rig, peers, few(6000))
    finally:
        rig.lab.close()
    check(memory["kib_both_ends"] > 0 and idle["percent_of_a_core"] < 100, f"{memory}, {idle}")
    check(crowded["connections"] == peers, crowded)
    grown, kept = after["mib_after"] - after["mib_before"], after["mib_at_rest"] - after["mib_before"]
    check(kept < grown / 2, f"{after}")


def a_stalled_peer_costs_the_others_little(lab):
    rig = node.Rig(lab.kith, rest=2)
    try:
        # Not kith's default: on a busy machine even a reader may get no processor for so long.
        stalled = node.stalled(rig, 31, few(40000), 2 * SLOW)
    finally:
        rig.lab.close()
    check(stalled["more"] < 1.5 * stalled["stall_time"], stalled)
    return f"beside a stalled peer {stalled['more']:.2f} s more"


def targets_and_tables(lab):
    """With made-up runs: which targets are held, and that there is a line for each."""
    def made_up(system, rate, cpu):
        return {"system": system, "cell": THROUGHPUT.name, "rate": rate, "mb_s": 1, "cpu_s_per_million": cpu, "bad": []}

    runs = [made_up("kith-v11", 30e6, 1), made_up("kith-v11", 20e6, 1), made_up("kith-v11", 1e6, 1),
            made_up("go-v11", 1e6, 9), made_up("zmq", 21e6, 2), dict(made_up("zmq", 1, 1), bad=["lost"])]
    results = report.Results(runs, [THROUGHPUT], ["kith-v11", "go-v11", "zmq"])
    held = {(t["figure"], t["peer"]): t["held"] for t in results.targets()}
    check(held == {("messages/s", "go-v11"): True, ("messages/s", "zmq"): False, ("CPU s per million", "go-v11"): False,
                   ("CPU s per million", "zmq"): True}, held)
    text = report.markdown(results, [])
    check("**20 M** (1–30)" in text and "1 of 2 not valid" in text and "held: 1 of 2; aims: 1 of 2" in text, text)
    check("<polyline" in svg.chart("t", "x", "y", [("a", [(1, 2), (10, 20)]), ("b", [(1, 3)])]), "no chart")


if __name__ == "__main__":
    # The two parts may run side by side, and have ports of their own.
    half = len(measure.PORTS) // 2
    measure.PORTS = measure.PORTS[half:] if "--alone" in sys.argv else measure.PORTS[:half]
    # One by one: they use the same ports.
    run([payloads_travel_by_json_lines, messages_are_passed_on, every_role_of_kith, every_role_of_raw_tcp, every_role_of_other_libraries,
         a_round_trip_has_a_core_at_either_end, what_is_left_out_is_noticed, a_crowd_receives, what_a_node_costs, targets_and_tables], alone=[a_stalled_peer_costs_the_others_little],
        at_once=1)
