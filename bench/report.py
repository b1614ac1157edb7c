"""From runs to figures: medians, ratios, targets, and the tables that show them."""
import dataclasses
import statistics


def si(x):
    for factor, unit in ((1e6, " M"), (1e3, " k")):
        if x >= factor:
            return f"{x / factor:.{0 if x >= 100 * factor else 3}{'f' if x >= 100 * factor else 'g'}}{unit}"
    return plain(x)


def plain(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


@dataclasses.dataclass(frozen=True)
class Figure:
    key: str
    label: str
    form: object
    more_is_better: bool


RATE = Figure("rate", "messages/s", si, True)
DELIVERIES = Figure("rate", "deliveries/s", si, True)
BYTES = Figure("mb_s", "MB/s", plain, True)
CPU = Figure("cpu_s_per_million", "CPU s per million", plain, False)
P50 = Figure("p50_us", "p50 µs", plain, False)
P99 = Figure("p99_us", "p99 µs", plain, False)
P999 = Figure("p999_us", "p99.9 µs", plain, False)
CPU_ROUND = Figure("cpu_us_per_round", "CPU µs per round trip", plain, False)

FIGURES = {
    "thr": [RATE, BYTES, CPU],
    "fan": [DELIVERIES, CPU],
    "lat": [P50, P99, P999, CPU_ROUND],
}


@dataclasses.dataclass(frozen=True)
class Target:
    """kith's figure over that of `peer`: at least `factor` where more is better, at most where less is. "go" is the Go
    node of the same version."""
    figure: Figure
    peer: str
    factor: float
    aim: bool = False


def targets_of(cell):
    cpu = [Target(CPU, "go", 0.1), Target(CPU, "zmq", 1, aim=True)]
    if cell.work == "fan":
        return [Target(DELIVERIES, "go", 10), Target(DELIVERIES, "zmq", 1, aim=True), *cpu]
    if cell.own_cores:
        return []
    if cell.work == "lat":
        both = [Target(f, peer, 1) for f in (P50, P99) for peer in ("go", "tcp-nobatch")]
        return [*both, Target(P50, "tcp-nobatch", 0.5, aim=True)]
    if cell.size >= 65536:
        return [Target(RATE, "go", 5), Target(RATE, "zmq", 1), Target(RATE, "nng", 1),
                Target(RATE, "tcp-batch", 0.8, aim=True), *cpu]
    return [Target(RATE, "go", 10), Target(RATE, "zmq", 1, aim=True), *cpu]


class Results:
    """What all runs of one call say. Runs that are not valid are in no figure, but they are counted."""

    def __init__(self, runs, cells, names):
        self.runs, self.cells, self.names = runs, cells, names

    def of(self, cell, name):
        return [r for r in self.runs if r["cell"] == cell.name and r["system"] == name]

    def values(self, cell, name, figure):
        return [r[figure.key] for r in self.of(cell, name) if not r["bad"]]

    def median(self, cell, name, figure):
        values = self.values(cell, name, figure)
        return statistics.median(values) if values else None

    def ratio(self, cell, name, peer, figure):
        ours, theirs = self.median(cell, name, figure), self.median(cell, peer, figure)
        return ours / theirs if ours and theirs else None

    def invalid(self):
        return [r for r in self.runs if r["bad"]]

    def summary(self):
        """cell -> system -> figure -> median, min, max."""
        def spread(values):
            return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}

        return {c.name: {n: {f.key: spread(v) for f in FIGURES[c.work] if (v := self.values(c, n, f))}
                         for n in self.names} for c in self.cells}

    def ratios(self):
        """cell -> kith's system -> peer -> figure -> ratio."""
        return {c.name: {n: {p: {f.key: r for f in FIGURES[c.work] if (r := self.ratio(c, n, p, f)) is not None}
                             for p in self.names if p != n}
                         for n in self.names if n.startswith("kith")} for c in self.cells}

    def targets(self):
        for cell in self.cells:
            for target in targets_of(cell):
                for name in (n for n in self.names if n.startswith("kith")):
                    peer = name.replace("kith", "go") if target.peer == "go" else target.peer
                    ratio = self.ratio(cell, name, peer, target.figure)
                    if ratio is not None:
                        held = ratio >= target.factor if target.figure.more_is_better else ratio <= target.factor
                        yield {"cell": cell.name, "figure": target.figure.label, "system": name, "peer": peer,
                               "ratio": ratio, "factor": target.factor, "aim": target.aim, "held": held,
                               "more_is_better": target.figure.more_is_better}


def spread_text(values, form):
    if not values:
        return "–"
    middle, low, high = form(statistics.median(values)), form(min(values)), form(max(values))
    unit = middle.split(" ")[-1] if " " in middle else None
    if unit and low.endswith(f" {unit}") and high.endswith(f" {unit}"):
        low, high = low[:-len(unit) - 1], high[:-len(unit) - 1]
    return f"**{middle}** ({low}–{high})"


def cell_text(results, cell, name, figure):
    runs = results.of(cell, name)
    text, bad = spread_text(results.values(cell, name, figure), figure.form), sum(1 for r in runs if r["bad"])
    return f"{text} [{bad} of {len(runs)} not valid]" if bad else text


def rows(*lines):
    return ["| " + " | ".join(line) + " |" for line in lines]


def figure_table(results):
    names = results.names
    out = rows(["workload", "figure", *names], ["---"] * (2 + len(names)))
    for cell in results.cells:
        for i, figure in enumerate(FIGURES[cell.work]):
            out += rows(["" if i else cell.name, figure.label, *(cell_text(results, cell, n, figure) for n in names)])
    return out


def target_table(results):
    """One line for each cell, figure and system: the ratio to every peer, and whether each target is held."""
    ours = [n for n in results.names if n.startswith("kith")]
    peers = [n for n in results.names if n not in ours]
    if not ours or not peers:
        return []
    targets = list(results.targets())
    out = rows(["workload", "figure", "system", *(f"/ {p}" for p in peers), "targets"], ["---"] * (4 + len(peers)))
    for cell in results.cells:
        for figure in FIGURES[cell.work]:
            for name in ours if figure is not BYTES else []:  # their ratios are those of the messages
                mine = [t for t in targets if (t["cell"], t["figure"], t["system"]) == (cell.name, figure.label, name)]
                ratios = (results.ratio(cell, name, p, figure) for p in peers)
                out += rows([cell.name, figure.label, name, *("–" if r is None else plain(r) for r in ratios),
                             "; ".join(map(target_text, mine))])
    return out


def target_text(target):
    sign, word = "≥" if target["more_is_better"] else "≤", "aim " if target["aim"] else ""
    verdict = "held" if target["held"] else "**missed**"
    return f"{word}{sign} {target['factor']:g} × {target['peer']}: {verdict}"


def markdown(results, notes):
    held = [t for t in results.targets() if not t["aim"]]
    aims = [t for t in results.targets() if t["aim"]]
    lines = [*figure_table(results), ""]
    table = target_table(results)
    if table:
        lines += ["Ratios are of medians, kith over the other.", "", *table, "",
                  f"Targets held: {sum(t['held'] for t in held)} of {len(held)}; aims: "
                  f"{sum(t['held'] for t in aims)} of {len(aims)}.", ""]
    return "\n".join([*lines, *notes])
