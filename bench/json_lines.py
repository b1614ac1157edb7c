#!/usr/bin/env python3
"""How fast a program in Python sends and receives by JSON lines: Python, kith -json, TCP, kith -json, Python.

Each end is a process of its own with a kith of its own. The sender makes each line by the modules json and base64, as
a program would, and reads its answers; the receiver takes each line apart the same way. Every payload bears its number:
a run counts if all came, once and in order.
"""
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

SIZES = (1024, 65536)
# How payloads travel, and the flags of both nodes.
FORMS = {"text": ("-json",), "base64": ("-json", "-jsonPayload", "base64"),
         "binary": ("-json=binary",)}
COMMON = ("-network", "LOCAL", "-networkPort", "18110", "-exclusive", "-acceptInterval", "0", "-seedURL=", "-peersFile=",
          "-logLevel", "warning")
ADDRESSES = [f"127.{100 + os.getppid() % 100}.{os.getppid() // 100 % 250}.{end}" for end in (1, 2)]
HOMES = os.environ.get("KITH_BENCH_HOMES", "")  # of the two processes that start a kith
PIPE_BYTES = 1 << 20
LIMIT_S = 120
DIGITS = 10
AT_ONCE = 1 << 18  # bytes of lines that the sender writes together


def start(kith, form, address, *flags):
    line = [kith, *FORMS[form], *COMMON, "-bind", address, "-home", os.path.join(HOMES, address), *flags]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=PIPE_BYTES, pipesize=PIPE_BYTES)


def wait_for(kith, name):
    for line in kith.stdout:
        event = json.loads(line)
        if event["event"] == name:
            return event
    raise SystemExit(f"it ended before {name}")


def body_of(size):
    """Text with a quote and a newline here and there, as texts have."""
    words = 'One says "yes", the other does not know yet what it will say.\n'
    return (words * (size // len(words) + 1))[:size - DIGITS]


def lines_to_send(form, size, count):
    body = body_of(size)
    raw = body.encode()
    for number in range(count):
        if form == "text":
            yield json.dumps({"send": "<BROADCAST>", "text": f"{number:0{DIGITS}}{body}"}).encode() + b"\n"
        elif form == "base64":
            data = b"%0*d%b" % (DIGITS, number, raw)
            yield json.dumps({"send": "<BROADCAST>", "base64": base64.b64encode(data).decode()}).encode() + b"\n"
        else:
            data = b"%0*d%b" % (DIGITS, number, raw)
            yield json.dumps({"send": "<BROADCAST>", "bytes": len(data)}).encode() + b"\n" + data


def payload_of(event, stdout):
    if "bytes" in event:
        return stdout.read(event["bytes"])
    return event["text"] if "text" in event else base64.b64decode(event["base64"])


def send(kith, form, size, count, peer):
    node = start(kith, form, ADDRESSES[1], "-peers", peer)
    wait_for(node, "online")
    answers = []

    def read():
        for line in node.stdout:
            answers.append(line.startswith(b'{"event":"sent","peers":1'))
            if len(answers) == count:
                return
    reader = threading.Thread(target=read)
    reader.start()
    pending, waiting = [], 0
    for line in lines_to_send(form, size, count):
        pending.append(line)
        waiting += len(line)
        if waiting >= AT_ONCE:
            node.stdin.write(b"".join(pending))
            pending, waiting = [], 0
    node.stdin.write(b"".join(pending))
    node.stdin.flush()
    reader.join(LIMIT_S)
    node.stdin.close()
    node.stdout.read()
    told = os.wait4(node.pid, 0)[2]
    print(json.dumps({"sent": sum(answers), "cpu": told.ru_utime + told.ru_stime}), flush=True)


def receive(kith, form, size, count, warmup):
    node = start(kith, form, ADDRESSES[0])
    print(wait_for(node, "listening")["address"], flush=True)
    came, wrong, begin = 0, 0, 0.0
    for line in node.stdout:
        event = json.loads(line)
        if event["event"] != "parcel":
            continue
        data = payload_of(event, node.stdout)
        wrong += len(data) != size or int(data[:DIGITS]) != came
        came += 1
        if came == warmup:
            begin = time.monotonic()
        if came == count:
            break
    took = time.monotonic() - begin
    node.stdin.close()
    node.stdout.read()
    told = os.wait4(node.pid, 0)[2]
    print(json.dumps({"came": came, "wrong": wrong, "took": took, "cpu": told.ru_utime + told.ru_stime}), flush=True)


def run_once(kith, form, size, count):
    """Messages a second, and the processor time of each of the four processes for a message in microseconds."""
    warmup = max(1, count // 10)
    argv = [sys.executable, os.path.abspath(__file__), kith, form, str(size), str(count + warmup)]
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as homes:
        how = {"stdout": subprocess.PIPE, "text": True, "env": {**os.environ, "KITH_BENCH_HOMES": homes}}
        with subprocess.Popen([*argv, "receive", str(warmup)], **how) as receiver:
            peer = receiver.stdout.readline().strip()
            sender = subprocess.run([*argv, "send", peer], timeout=LIMIT_S, check=True, **how)
            came = json.loads(receiver.communicate(timeout=LIMIT_S)[0])
    sent = json.loads(sender.stdout)
    if came["wrong"] or came["came"] != count + warmup or sent["sent"] != count + warmup:
        raise SystemExit(f"not valid: {form}, {size} bytes: {sent}, {came}")
    return {"rate": count / came["took"], "sender_us": 1e6 * sent["cpu"] / (count + warmup),
            "receiver_us": 1e6 * came["cpu"] / (count + warmup)}


def measure(kith, runs, seconds, say, forms=tuple(FORMS)):
    results = {}
    for size in SIZES:
        for form in forms:
            pilot = run_once(kith, form, size, 2000 if size < 8192 else 200)
            count = max(200, int(pilot["rate"] * seconds))
            all_runs = [run_once(kith, form, size, count) for _ in range(runs)]
            results[form, size] = {key: statistics.median(each[key] for each in all_runs) for key in pilot}
            say(f"{form}, {size} bytes: {results[form, size]['rate']:,.0f} a second")
    return results


def table(results):
    lines = ["| payloads | messages/s | MB/s | sending kith, µs | receiving kith, µs |", "|---|---|---|---|---|"]
    for (form, size), r in results.items():
        lines.append(f"| {form}, {size} B | {r['rate']:,.0f} | {r['rate'] * size / 1e6:.0f} | {r['sender_us']:.1f} | "
                     f"{r['receiver_us']:.1f} |")
    return "\n".join(lines)


def main():
    kith, form, size, count, role, last = sys.argv[1:]
    if role == "send":
        send(kith, form, int(size), int(count), last)
    else:
        receive(kith, form, int(size), int(count), int(last))


if __name__ == "__main__":
    main()
