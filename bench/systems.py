"""Which systems are measured, on what, and with how many messages."""
import os

from measure import BadRun, Cell, System

LAT_ROUNDS, LAT_WARMUP = 20000, 1000
PILOTS_MOST = 8
BYTES_MOST = 40 << 30  # for each receiver in one run

CELLS = [
    Cell("thr", 1, 128),
    Cell("thr", 1, 1024),
    Cell("thr", 1, 65536),
    Cell("fan", 8, 128, 8),
    Cell("fan", 8, 1024, 8),
    Cell("fan", 32, 128),
    Cell("fan", 32, 1024),
    Cell("lat", 1, 128),
    # Where its threads run is else settled by chance at the start: one program takes 25 µs in one run and 60 in the next.
    Cell("lat", 1, 128, own_cores=True),
]
QUICK_CELLS = [CELLS[0], CELLS[2], CELLS[5], CELLS[8]]
QUICK_SYSTEMS = ["kith-v11", "tcp-batch"]
GO_WINDOW = 400  # its channels hold 1000 parcels; more under way, and it drops some


def all_systems(folder):
    """Name, program and arguments of every system, whether it was built or not."""
    def system(name, program, *arguments, window=0):
        return System(name, [os.path.join(folder, program), *arguments], window)

    return [
        system("kith-v11", "kith-bench", "--protocol-version", "11"),
        system("kith-v10", "kith-bench", "--protocol-version", "10"),
        system("tcp-batch", "tcp-batch"),
        system("tcp-nobatch", "tcp-nobatch"),
        system("zmq", "zmq"),
        system("nng", "nng"),
        system("go-v11", "go-p2p", "-v", "11", window=GO_WINDOW),
        system("go-v10", "go-p2p", "-v", "10", window=GO_WINDOW),
    ]


def available(folder, wanted=None):
    """The systems that are wanted and were built, and the names of those that were not."""
    chosen = [s for s in all_systems(folder) if wanted is None or s.name in wanted]
    there = [s for s in chosen if os.access(s.command[0], os.X_OK)]
    return there, [s.name for s in chosen if s not in there]


def first_pilot(cell):
    return max(100, min(50_000, (200 << 20) // cell.size) // cell.receivers)


def two_digits(x):
    """Rounded down, so that a count can be read."""
    x = max(1, int(x))
    unit = 10 ** max(0, len(str(x)) - 2)
    return x // unit * unit


def calibrate(bench, system, cell, seconds):
    """By pilot runs, which do not count: as many messages as take about so long, and for a system that needs one a
    window with which none is lost. Returns count and warm-up."""
    if cell.work == "lat":
        share = min(1, seconds)
        return int(LAT_ROUNDS * share), int(LAT_WARMUP * share)
    count = first_pilot(cell)
    for _ in range(PILOTS_MOST):
        run = bench.measure(system, cell, count, max(count // 10, 100))
        if run["bad"]:
            if not run["lost"] or system.window < 4:
                raise BadRun(run["bad"][0])
            system.window //= 2
            continue
        enough = run["seconds"] >= 0.4 * seconds
        fitting = two_digits(run["rate"] / cell.receivers * seconds)
        count = max(200, min(fitting, BYTES_MOST // cell.size, 1 << 40 if enough else 20 * count))
        if enough:
            break
    return count, max(count // 10, 100)
