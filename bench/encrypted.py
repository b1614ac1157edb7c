"""What encryption costs: large messages upon Noise, beside the same in plain, and beside what sealing alone takes."""
import json
import os
import statistics
import subprocess

from measure import Cell, System
from systems import calibrate

CELL = Cell("thr", 1, 65536)
LEAST = 0.8  # of what one thread could do that seals and then sends


def seal_rate(folder):
    """Messages of the cell's size that one thread seals in a second."""
    told = json.loads(subprocess.run([os.path.join(folder, "seal")], check=True, capture_output=True).stdout)
    return told["bytes_per_s"] / CELL.size


def measure(bench, folder, runs, seconds, say):
    """Interleaved: plain, encrypted, sealing alone. Rates in messages a second, by name; None if a run was not valid."""
    program = os.path.join(folder, "kith-bench")
    systems = [System("plain", [program]), System("encrypted", [program, "--encrypted", "1"])]
    counts = {s.name: calibrate(bench, s, CELL, seconds) for s in systems}
    rates = {"plain": [], "encrypted": [], "seal": []}
    for number in range(runs):
        for system in systems if number % 2 == 0 else systems[::-1]:
            run = bench.measure(system, CELL, *counts[system.name])
            if run["bad"]:
                say(f"not valid: {system.name}: {run['bad'][0]}")
                return None
            rates[system.name].append(run["rate"])
        rates["seal"].append(seal_rate(folder))
        say(f"round {number + 1} of {runs}")
    return rates


def table(rates):
    plain, encrypted, seal = (statistics.median(rates[name]) for name in ("plain", "encrypted", "seal"))
    could = 1 / (1 / plain + 1 / seal)
    rows = [("kith, Factom V11, plain", plain, ""), ("kith, Mintlayer upon Noise", encrypted,
            f"{encrypted / could:.2f} of what could be; target {LEAST}: {'held' if encrypted >= LEAST * could else '**missed**'}"),
            ("one thread that seals", seal, ""), ("one that seals and sends: 1 / (1 / plain + 1 / seal)", could, "")]
    lines = ["| 64 KiB messages | MB/s | |", "| --- | --- | --- |"]
    return "\n".join(lines + [f"| {name} | {rate * CELL.size / 1e6:.0f} | {word} |" for name, rate, word in rows])
