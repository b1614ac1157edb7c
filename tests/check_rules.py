#!/usr/bin/env python3
"""Checks the sources against rules that no compiler knows: no locks, randomness from libsodium alone, which folder may
include which, and that the core knows neither the system nor anything that runs beside it.

Usage: check_rules.py [root of the sources]
Prints each violation as FILE:LINE: what it is, and which promises hold. Exit code: 0 none, 1 some.
"""
import pathlib
import re
import sys

# Which folders' headers the files of a folder may include, besides their own.
ARROWS = {
    "include": [],
    "base": [],
    "queue": ["base"],
    "peers": ["base"],
    "protocol": ["base", "queue"],
    "connection": ["base", "queue", "peers", "protocol"],
    "seed": ["base", "queue", "peers"],
    "controller": ["include", "base", "queue", "peers", "protocol", "connection", "seed"],
    "node": ["include", "base", "queue", "peers", "protocol", "connection", "seed", "controller"],
    "app": ["include", "base", "queue", "peers", "protocol", "connection", "seed", "controller", "node"],
}
PUBLIC_HEADER = "include/kith.h"  # included as "kith.h"
PROTOCOL_TABLE = "protocol/table.c"

# What must not occur in code, comments aside.
FORBIDDEN = [
    ("lock", r"\b(pthread_(mutex|mutexattr|rwlock|rwlockattr|cond|condattr|spin|spinlock|barrier|barrierattr)_\w+"
             r"|PTHREAD_(MUTEX|RWLOCK|COND)\w*"
             r"|sem_(init|open|close|unlink|destroy|wait|trywait|timedwait|clockwait|post|getvalue|t)"
             r"|(mtx|cnd)_\w+)\b"),
    ("lock", r"#\s*include\s*<(semaphore|sys/sem|threads"
             r"|ck_(spinlock|rwlock|brlock|bytelock|elide|pflock|swlock|tflock|cohort|rwcohort)|spinlock/.*)\.h>"),
    # The generators that take no argument are told by that from a function pointer of the same name.
    ("randomness that can be guessed", r"\b((rand|random|[dlm]rand48)\s*\(\s*\)"
                                       r"|(srand|srandom|rand_r|random_r|srandom_r|[enj]rand48|srand48|lcong48)\s*\()"),
]

# The core reaches the world by its table of actions alone, so that another transport, or a virtual one, takes the place of
# the real one: it includes no more than these.
CORE = "controller/"
CORE_SYSTEM = {"inttypes.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h",
               "sodium.h", "xxhash.h", "xxh_x86dispatch.h"}  # the last three for hashes
# Of libsodium, what the core may not call: chance comes by the table of actions.
CORE_FORBIDDEN = re.compile(r"\b(randombytes\w*|clock_gettime|time\s*\(|poll\s*\(|pthread_\w+|socket\s*\()")
CORE_OWN = re.compile(r"(kith|base/(?!clock|descriptor)\w+|peers/(?!file|place|resolve)\w+|protocol/\w+|connection/events"
                      r"|seed/report|controller/\w+|queue/(message|outlet|parcel))\.h")

# The promises that a kind of violation would break, for scripts/checklist.
SHOWN = {"lock": "no locks [F32]", "layer": "the layers know each other in one direction [F28]"}

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
# In angle brackets too, where they lead into one of the folders.
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"|<(?=(?:' + "|".join(ARROWS) + r')/))([^">]+)')
ANY_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)')
PROTOCOL_FOLDER = re.compile(r'protocol/\w+/')


def without_comments(text):
    """The text with each comment blanked out; lines and strings stay, so that the numbers of lines do."""
    def blank(match):
        return match[0] if match[0][0] in "\"'" else re.sub(r"[^\n]", " ", match[0])
    return COMMENT_OR_STRING.sub(blank, text)


def check_forbidden(line):
    for name, pattern in FORBIDDEN:
        for found in re.finditer(pattern, line):
            yield f"{name}: {found[0].strip()}"


def check_include(path, line):
    found = INCLUDE.match(line)
    if not found:
        return
    own = path.split("/")[0]
    named = PUBLIC_HEADER if found[1] == PUBLIC_HEADER.rpartition("/")[2] else found[1]
    folder, _, rest = named.partition("/")
    if path == PUBLIC_HEADER:
        yield f"the public header includes a private one: {found[1]}"
    elif not rest:
        # Made by protobuf in the folder of the protocol that it belongs to.
        if not found[1].endswith(".pb-c.h"):
            yield f"not from the root of the sources: {found[1]}"
    elif folder != own and folder not in ARROWS[own]:
        yield f"layer: {own} must not include {folder}: {found[1]}"


def check_core(path, text):
    if not path.startswith(CORE):
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = ANY_INCLUDE.match(line)
        if found and found[1] not in CORE_SYSTEM and not CORE_OWN.fullmatch(found[1]):
            yield f"{path}:{number}: layer: the core must not include {found[1]}"
        impure = CORE_FORBIDDEN.search(line)
        if impure:
            yield f"{path}:{number}: layer: the core must not call {impure[1]}"


def check_protocol_names(path, line):
    inside = path.startswith("protocol/") and path.count("/") > 1
    found = PROTOCOL_FOLDER.search(line)
    if found and not inside and path != PROTOCOL_TABLE:
        yield f"only {PROTOCOL_TABLE} may name a protocol's folder: {found[0]}"


def check_file(root, path):
    text = without_comments((root / path).read_text())
    for number, line in enumerate(text.splitlines(), 1):
        for check in (check_forbidden(line), check_include(path, line), check_protocol_names(path, line)):
            for violation in check:
                yield f"{path}:{number}: {violation}"
    yield from check_core(path, text)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    files = sorted(file.relative_to(root).as_posix() for folder in ARROWS for file in (root / folder).rglob("*.[ch]"))
    violations = [violation for path in files for violation in check_file(root, path)]
    for violation in violations:
        print(violation)
    for kind, title in SHOWN.items():
        broken = not files or any(f": {kind}: " in violation for violation in violations)
        print(f"{'FAILED' if broken else 'ok':6} {title}")
    print(f"{len(files)} files, {len(violations)} violations")
    return 0 if files and not violations else 1


if __name__ == "__main__":
    sys.exit(main())
