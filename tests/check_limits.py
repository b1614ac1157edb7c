#!/usr/bin/env python3
"""Compares docs/limits.md with what `kith -limits` prints, row by row; and sees that -limits works with every protocol and
limit, and makes nothing.

usage: check_limits.py KITH docs/limits.md
"""
import os
import re
import subprocess
import sys
import tempfile

FLAGS = [
    [], ["-relay"], ["-json"], ["-exclusiveIn", "-peers", "127.0.0.1:8110 127.0.0.2:8110"], ["-maxParcel", "1"],
    ["-receiveBytes", "1024G", "-maxParcel", "64K"], ["-queue", "1", "-queueBytes", "1"], ["-incoming", "100000"],
    ["-seedURL="], ["-echo", "0"], ["-share", "1000"],
]
SMALLER = [  # each option that peers can use up, and a value that must lower the ceiling
    ("receiveBytes", "500M", "600M"), ("incoming", "10", "200"), ("pending", "8", "64"), ("queue", "500", "5000"),
    ("maxParcel", "1M", "16M"), ("gobDefinition", "1K", "64K"),
]


def limits(kith, *flags):
    """What it prints; it must leave the home as it was: not there."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([kith, "-home", os.path.join(folder, "home"), *flags, "-limits"], capture_output=True, text=True,
                              timeout=20, check=False, env={**os.environ, "HOME": folder})
        if done.returncode or done.stderr or os.listdir(folder):
            sys.exit(f"-limits {flags}: exit {done.returncode}, {done.stderr!r}, {os.listdir(folder)} is there")
    return done.stdout


def ceiling(text):
    return int(re.search(r"^Ceiling: .* \((\d+) bytes\)\.$", text, re.M).group(1))


def rows(text):
    return [line for line in text.splitlines() if line.strip()]


def differences(shown, described):
    text = rows(described)
    start = text.index(shown[0]) if shown[0] in text else len(text)
    for i, row in enumerate(shown):
        there = text[start + i] if start + i < len(text) else "nothing"
        if row != there:
            yield f"the program prints {row!r}, the page has {there!r}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    kith, page = sys.argv[1:]
    with open(page, encoding="utf-8") as file:
        found = list(differences(rows(limits(kith)), file.read()))
    protocols = ["factom", *(p for p in ("ddrp", "fnd") if not subprocess.run([kith, "-protocol", p, "-help"], check=False,
                                                                              capture_output=True).returncode)]
    for protocol in protocols:
        for flags in FLAGS:
            text = limits(kith, "-protocol", protocol, *flags)
            if ceiling(text) < 1 << 24:
                found.append(f"{protocol} {flags}: the ceiling is {ceiling(text)}")
    for name, low, high in SMALLER:
        if ceiling(limits(kith, f"-{name}", low)) >= ceiling(limits(kith, f"-{name}", high)):
            found.append(f"-{name} {low} does not lower the ceiling of {high}")
    print("\n".join(found) if found else "the page says what the program prints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
