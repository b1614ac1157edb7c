#!/usr/bin/env python3
"""A node's secret lies in its memory once, in a page that is locked and left out of core dumps, while peers have it sign."""
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

from kithnode import SLOW, Skipped, check, run, until
from namespace import in_namespaces

PORT = 9097
FLAGS = ("-exclusive", "-redialSpecial", "300ms", "-logLevel", "debug")


def looks(secret):
    """As it is, back to front, as a number in this processor's memory, and in hex digits."""
    return {"bytes": secret, "bytes in reverse": secret[::-1], "digits": secret.hex().encode(),
            "capital digits": secret.hex().upper().encode(),
            "words": b"".join(secret[i:i + 8][::-1] for i in range(0, len(secret), 8))}


def mappings(pid):
    """The first address, the last, and the flags of each that can be read."""
    found, text = [], Path(f"/proc/{pid}/smaps").read_text(encoding="ascii", errors="replace")
    for begins, ends, mode, path, rest in re.findall(
            r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)\n((?:[A-Z]\S*:.*\n)+)", text, re.M):
        if mode[0] == "r" and not path.startswith("[v"):
            found.append((int(begins, 16), int(ends, 16), re.search(r"VmFlags:(.*)", rest).group(1).split()))
    return found


def copies(pid, secret):
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begins, ends, flags in mappings(pid):
            try:
                memory.seek(begins)
                data = memory.read(ends - begins)
            except OSError:
                continue  # gone meanwhile
            for look, text in looks(secret).items():
                found += [(look, flags)] * data.count(text)
    return found


def node(lab, protocol, address, *flags):
    if SLOW > 1:
        raise Skipped("a sanitizer keeps copies, and its core dumps have no end")
    if subprocess.run([lab.kith, "-protocol", protocol, "-help"], capture_output=True, check=False).returncode:
        raise Skipped(f"built without {protocol}")
    started = lab.node("-protocol", protocol, *FLAGS, *flags, address=address, port=PORT)
    return started, bytes.fromhex(Path(started.home, f"identity-{protocol}.key").read_text(encoding="ascii"))


@in_namespaces
def the_secret_lies_in_memory_once(lab):
    """At a node that made it, and at one that read it; after handshakes, and after messages that it signs."""
    for protocol in ("ddrp", "fnd"):
        first, secret = node(lab, protocol, "127.9.0.1")
        first.end()
        first.start()
        second, other = node(lab, protocol, "127.9.0.2", "-peers", first.endpoint)
        second.wait_online(first)
        for i in range(20):
            second.send("<FULLBROADCAST>", f"message {i}")
            first.wait("parcel", text=f"message {i}")
            first.send("<FULLBROADCAST>", f"answer {i}")
            second.wait("parcel", text=f"answer {i}")
        for place, whose in ((first, secret), (second, other)):
            found = copies(place.process.pid, whose)
            check([look for look, _ in found] == ["bytes"], f"{protocol}: {found}")
            check("dd" in found[0][1], f"{protocol}: it would be in a core dump, {found[0][1]}")
            check("lo" in found[0][1], f"{protocol}: it is not locked, {found[0][1]}")
        second.end()
        first.end()


@in_namespaces
def no_core_dump_has_the_secret(lab):
    """If this system writes them into the folder of the process."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
    if "/" in pattern or pattern.startswith("|"):
        raise Skipped(f"core dumps go to {pattern}")
    kept, folder = resource.getrlimit(resource.RLIMIT_CORE), os.getcwd()
    here = os.path.join(lab.home, "core")
    os.mkdir(here)
    lab.kith = os.path.abspath(lab.kith)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.chdir(here)
        aborted, secret = node(lab, "ddrp", "127.9.0.3")
        peer, _ = node(lab, "ddrp", "127.9.0.4", "-peers", aborted.endpoint)
    finally:
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_CORE, kept)
    peer.wait_online(aborted)
    aborted.wait_online(peer)
    for i in range(20):
        aborted.send("<FULLBROADCAST>", f"answer {i}")
        peer.wait("parcel", text=f"answer {i}")
    aborted.process.send_signal(signal.SIGABRT)
    aborted.process.wait(10)
    until(lambda: os.listdir(here), 5, "a core dump")
    dump = b"".join(Path(here, name).read_bytes() for name in os.listdir(here))
    check(len(dump) > 1 << 20 and b"identity-ddrp.key" in dump, f"a core dump of {len(dump)} bytes")
    check(not [look for look, text in looks(secret).items() if text in dump], "the secret is in the core dump")


if __name__ == "__main__":
    run((), alone=(the_secret_lies_in_memory_once, no_core_dump_has_the_secret))
