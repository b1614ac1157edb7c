#!/usr/bin/env python3
"""Compares what `kith -help` prints with the manual page: each flag, what it takes and its default.

usage: check_manual.py KITH MANUAL
"""
import re
import subprocess
import sys

MARKUP = re.compile(r"\b(Ar|Cm|Li|Pa)\s+")


def plain(text):
    """Text as a reader sees it, with white space evened out."""
    text = re.sub(r"^(?:Ns )?Op (.*)$", r"[\1]", re.sub(r"\s+Ns\s+", "", text))
    text = MARKUP.sub("", text).replace(r"\(dq", '"').replace(r"\-", "-").replace(r"\&", "")
    return re.sub(r"\s*\|\s*", "|", " ".join(text.split()))


def flags_of_help(text):
    flags = {}
    for entry in re.split(r"\n  -", text)[1:]:
        head, _, body = entry.partition("\n")
        body = " ".join(re.split(r"\n(?! {8})", body)[0].split())
        default = re.search(r"\(default: (.*)\)$", body)
        name, takes = re.match(r"(\w+) ?(.*)", head).groups()
        add(flags, name, takes, default.group(1) if default else None)
    return flags


OF_COIN = ("tracker", "trackers")


def flags_of_manual(text):
    flags = {}
    for entry in re.split(r"^\.It Fl ", text, flags=re.M)[1:]:
        entry = re.split(r"^\.(?:It|El)\b", entry, flags=re.M)[0]
        head, _, body = entry.partition("\n")
        default = re.search(r"^Default: (.*)\.$", body, flags=re.M)
        name, _, takes = head.partition(" ")
        add(flags, name, plain(takes), plain(default.group(1)) if default else None)
    return flags


def add(flags, name, takes, default):
    if name in flags:
        sys.exit(f"-{name} is described twice")
    flags[name] = (takes, default)


def differences(shown, described):
    for name in sorted(shown.keys() | described.keys()):
        if name not in described:
            yield f"-{name} is in the help, not in the manual"
        elif name not in shown:
            yield f"-{name} is in the manual, not in the help"
        else:
            for what, a, b in zip(("takes", "default"), shown[name], described[name]):
                if a != b:
                    yield f"-{name}: {what}: the help says {a!r}, the manual {b!r}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    run = subprocess.run([sys.argv[1], "-help"], capture_output=True, text=True, timeout=10, check=True)
    with open(sys.argv[2], encoding="utf-8") as manual:
        described = flags_of_manual(manual.read())
    shown = flags_of_help(run.stdout)
    if not shown:
        sys.exit("the help shows no flag")
    if subprocess.run([sys.argv[1], "-protocol", "coin", "-help"], capture_output=True, check=False).returncode:
        described = {name: row for name, row in described.items() if name not in OF_COIN}  # a build without it
    found = list(differences(shown, described))
    print("\n".join(found) if found else f"{len(shown)} flags agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
