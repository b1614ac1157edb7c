#!/usr/bin/env python3
"""Compares what `kith-ctl -help` prints with its manual page: each verb with what it takes, and each flag.

usage: check_ctl_manual.py KITH-CTL MANUAL
"""
import re
import subprocess
import sys

from check_manual import plain


def verbs_of_help(text):
    return set(re.findall(r"^  ([a-z]\S*.*)$", text, re.M))


def verbs_of_manual(text):
    """What is optional stands last there."""
    return {re.sub(r" Op (.*)$", r" [\1]", plain(line)).replace(" ...", "...")
            for line in re.findall(r"^\.It (Cm .*)$", text, re.M)}


def flags_of_help(text):
    return {flag for line in re.findall(r"^  -.*", text, re.M) for flag in re.findall(r"(?<=[ ,])-(\w+)", line[:19])}


def flags_of_manual(text):
    return set(re.findall(r"^\.It Fl (\w+)", text, re.M))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    shown = subprocess.run([sys.argv[1], "-help"], capture_output=True, text=True, timeout=10, check=True).stdout
    with open(sys.argv[2], encoding="utf-8") as manual:
        text = manual.read()
    faults = []
    for what, a, b in (("verb", verbs_of_help(shown), verbs_of_manual(text)),
                       ("flag", flags_of_help(shown), flags_of_manual(text))):
        faults += [f"{what} in the help alone: {x}" for x in sorted(a - b)]
        faults += [f"{what} in the manual alone: {x}" for x in sorted(b - a)]
        if not a:
            faults.append(f"the help shows no {what}")
    print("\n".join(faults) if faults else "they agree")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
