"""One measurement: starts the drivers of a workload, reaps them, and judges what they say (README.md)."""
import dataclasses
import json
import os
import select
import shlex
import signal
import subprocess
import tempfile
import time

PORTS = range(20000, 30000, 100)  # a measurement may use a hundred
RUN_LIMIT_S = 60
LISTEN_LIMIT_S = 10


class BadRun(Exception):
    """A measurement that says nothing."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A workload: "thr", "fan" or "lat"."""
    work: str
    receivers: int
    size: int
    processes: int = 1  # that the receivers of a fan-out are divided among
    own_cores: bool = False  # of the two processes of a round trip

    @property
    def name(self):
        size = f"{self.size} B" if self.size < 1024 else f"{self.size >> 10} KiB" if self.size < 1 << 20 \
            else f"{self.size >> 20} MiB"
        return {"thr": f"throughput {size}", "fan": f"fan-out to {self.receivers}, {size}",
                "lat": f"round trip {size}{', a core each' if self.own_cores else ''}"}[self.work]


@dataclasses.dataclass
class System:
    """A command that is called with a role; the receivers of a fan-out may be another program."""
    name: str
    command: list
    window: int = 0  # parcels under way at most, for a system that has no back-pressure of its own
    receivers: list = None

    def call(self, role):
        command = self.receivers if role == "fan-recv" and self.receivers else self.command
        return [*command, *(["-w", str(self.window)] if self.window else []), role]


class Process:
    def __init__(self, argv, env, folder, core=None):
        """All of it runs on that core, if there is one."""
        self.argv = argv
        self.out, self.err = (tempfile.TemporaryFile(dir=folder) for _ in range(2))
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err, env=env,
                                        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}))
        self.fd = os.pidfd_open(self.process.pid)
        self.usage = None

    def reap(self, by):
        """Waits in the kernel: polling would disturb what is measured. False if it takes longer."""
        if self.usage:
            return True
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if not poll.poll(max(0, (by - time.monotonic()) * 1000)):
            return False
        _, status, self.usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        os.close(self.fd)
        return True

    def end(self):
        if not self.usage:
            os.kill(self.process.pid, signal.SIGKILL)
            self.reap(time.monotonic() + 5)
        self.out.close()
        self.err.close()

    @staticmethod
    def _text(file):
        file.seek(0)
        return file.read().decode("utf-8", "replace").strip()

    def complaint(self):
        return f"{shlex.join(self.argv)}: {self._text(self.err)[-300:] or 'no word'}"

    def result(self):
        if self.process.returncode != 0:
            raise BadRun(f"exit status {self.process.returncode}: {self.complaint()}")
        lines = self._text(self.out).splitlines()
        if len(lines) != 1:
            raise BadRun(f"{len(lines)} lines in place of one: {self.complaint()}")
        return json.loads(lines[0])

    def cpu(self):
        return self.usage.ru_utime + self.usage.ru_stime


def listening_ports():
    """Where TCP sockets of this machine listen, whatever their addresses."""
    ports = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/self/net/{name}", encoding="ascii") as file:
            ports.update(int(x[1].rpartition(":")[2], 16) for x in map(str.split, file) if x[3] == "0A")
    return ports


def listening(port):
    return port in listening_ports()


def own_cores(cell):
    """Those of the two processes, if it is for them to have some."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[:2] if cell.own_cores and len(cores) > 1 else []


def steal_and_total():
    with open("/proc/stat", encoding="ascii") as file:
        values = [int(x) for x in file.readline().split()[1:9]]
    return values[7], sum(values)


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.ports = self._free_ports()

    @staticmethod
    def _free_ports():
        while True:
            taken = listening_ports()
            free = [port for port in PORTS if port not in taken]
            if not free:
                raise SystemExit("no port is free")
            yield from (port for port in free if not listening(port))

    def measure(self, system, cell, count, warmup, env=None):
        """What was seen; in "bad", why it does not count."""
        run = {"system": system.name, "cell": cell.name, **dataclasses.asdict(cell), "count": count,
               "warmup": warmup, "window": system.window, "lost": 0, "bad": []}
        started, (steal, total) = [], steal_and_total()
        try:
            results = self._run(started, system, cell, count, warmup, dict(os.environ, **(env or {})))
            judge(run, cell, [p.cpu() for p in started], results)
        except BadRun as bad:
            run["bad"].append(str(bad))
        finally:
            for process in started:
                process.end()
        steal_now, total_now = steal_and_total()
        run["steal_percent"] = round(100 * (steal_now - steal) / max(1, total_now - total), 2)
        return run

    def _run(self, started, system, cell, count, warmup, env):
        port, by = next(self.ports), time.monotonic() + RUN_LIMIT_S
        cores = own_cores(cell)

        def start(role, receivers=1, index=0):
            started.append(Process([*system.call(role), "--port", str(port), "--size", str(cell.size), "--count",
                                    str(count), "--warmup", str(warmup), "--receivers", str(receivers), "--index",
                                    str(index)], env, self.folder, cores.pop() if cores else None))

        start({"thr": "thr-recv", "fan": "fan-send", "lat": "lat-echo"}[cell.work], cell.receivers)
        self._await_listening(started[0], port)
        if cell.work == "fan":
            share = cell.receivers // cell.processes
            for i in range(cell.processes):
                start("fan-recv", share, i * share)
                time.sleep(0.01)
        else:
            start({"thr": "thr-send", "lat": "lat-ping"}[cell.work])
        for process in started:
            if not process.reap(by):
                raise BadRun(f"not done after {RUN_LIMIT_S} s")
        return [p.result() for p in started]

    @staticmethod
    def _await_listening(process, port):
        by = time.monotonic() + LISTEN_LIMIT_S
        while not listening(port):
            if time.monotonic() > by or process.reap(time.monotonic()):
                raise BadRun(f"does not listen: {process.complaint()}")
            time.sleep(0.005)


def judge(run, cell, cpus, results):
    if cell.work == "lat":
        judge_rounds(run, sum(cpus), *results)
        return
    first = 0 if cell.work == "fan" else 1
    receivers = results[1:] if cell.work == "fan" else results[:1]
    judge_messages(run, cell, cpus[first], sum(cpus), results[first], receivers)


def judge_rounds(run, cpu, echo, ping):
    total = run["count"] + run["warmup"]
    if ping["rounds"] != run["count"] or ping["errors"] or echo["echoed"] != total:
        run["bad"].append(f"{ping['rounds']} rounds, {echo['echoed']} of {total} echoed, {ping['errors']} errors")
    for key in ("p50_us", "p99_us", "p999_us"):
        run[key] = ping[key]
    run["cpu_us_per_round"] = 1e6 * cpu / total


def judge_messages(run, cell, cpu_sender, cpu, sender, receivers):
    wanted = (run["count"] + run["warmup"]) * cell.receivers
    got, lost, errors = (sum(r[key] for r in receivers) for key in ("received", "lost", "errors"))
    run["lost"] = lost
    everybody = sum(r["receivers"] for r in receivers) == cell.receivers
    if not everybody or not wanted == got == sender["sent"] or lost or errors:
        run["bad"].append(f"{sender['sent']} sent, {got} of {wanted} received, {lost} lost, {errors} errors")
    # From just before the first timed message to the last one's arrival at the last receiver.
    run["seconds"] = (max(r["t_end_ns"] for r in receivers) - sender["t_start_ns"]) / 1e9
    if run["seconds"] <= 0 or sender["t_start_ns"] == 0:
        raise BadRun("no time passed")
    run["rate"] = run["count"] * cell.receivers / run["seconds"]
    run["mb_s"] = run["rate"] * cell.size / 1e6
    # Of all processes in their whole lives, so of all messages.
    run["cpu_s_per_million"] = 1e6 * cpu / max(1, got)
    run["cpu_s_sender_per_million"] = 1e6 * cpu_sender / max(1, got)
    run["warmup_drained"] = max(r["t_warm_ns"] for r in receivers) < sender["t_start_ns"]
