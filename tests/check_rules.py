#!/usr/bin/env python3
"""Checks the sources against rules that no compiler knows: no locks, randomness from libsodium alone, which folder may
include which, that the pure rooms know neither the system nor anything that runs beside them, and what of CONTRIBUTING.md's
dialect a program can see.

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
    "store": ["base", "queue"],
    "chain": ["base", "queue"],  # and STORE_SCHEMA
    "protocol": ["base", "queue", "chain"],  # and STORE_SCHEMA
    "wire": ["base", "queue", "protocol"],
    "connection": ["base", "queue", "peers", "protocol", "wire"],
    "seed": ["base", "queue", "peers"],
    "controller": ["include", "base", "queue", "peers", "protocol", "wire", "connection", "seed"],
    "node": ["include", "base", "queue", "peers", "protocol", "wire", "connection", "seed", "controller", "store"],
    "app": ["include", "base", "queue", "peers", "chain", "protocol", "wire", "connection", "seed", "controller", "node"],
}
PUBLIC_HEADER = "include/kith.h"  # included as "kith.h"
STORE_SCHEMA = "store/schema.h"  # what a protocol has of the store: the thread that answers is not its business
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

# Rooms that are pure: the core reaches the world by its table of actions alone, and a wire, a session and a service by what
# their callers bring. So another transport, or a virtual one, takes the place of the real one. They include no more than
# these: headers of the system, libraries, and our own.
PURE_SYSTEM = {"endian.h", "errno.h", "inttypes.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h",
               "stdlib.h", "string.h", "strings.h", "sys/types.h", "sys/uio.h"}  # the last for struct iovec
PURE_LIBRARIES = re.compile(r"(sodium|xxhash|xxh_x86dispatch|jansson|secp256k1\w*|openssl/evp|wslay/wslay)\.h")
PURE_BASE = r"base/(?!clock|descriptor)\w+|queue/(message|parcel)"
PURE_OWN = {
    "controller": re.compile(r"(kith|" + PURE_BASE + r"|queue/stall_gate|peers/(?!file|place|resolve)\w+|protocol/\w+|wire/events"
                             r"|connection/events|seed/report|store/schema|controller/\w+)\.h"),
    "protocol": re.compile(r"(" + PURE_BASE + r"|chain/(hash|item|request)|protocol/[\w/]+(\.pb-c)?|store/schema)\.h"),
    "wire": re.compile(r"(" + PURE_BASE + r"|protocol/\w+|wire/\w+)\.h"),
}
# Of libsodium and the C library, what they may not call: chance and the time are brought to them.
PURE_FORBIDDEN = re.compile(r"\b(randombytes\w*|clock_gettime|time\s*\(|poll\s*\(|pthread_\w+|socket\s*\(|readv\s*\(|writev\s*\()")

# It blinds a key against who measures our power or time; no byte that we send depends on it.
PURE_EXCEPT = {("protocol/ddrp/sign.c", "randombytes_buf")}

# Rooms whose code is all in one dialect: braces around every body, pointers tested by themselves, and variables declared
# where they get their value.
DIALECT = (*(room + "/" for room in ARROWS), "bench/", "dist/")
BODY = re.compile(r"\b(?:(if|for|while|switch|\w+_foreach)\s*(?=\()|(else|do)\b)")
BARE_DECLARATION = re.compile(r"(?<=\n)[ \t]+(?:const |unsigned )*(?:(?:struct|enum|union) \w+|bool|char|double|int|long|(?:s?size|time)_t"
                              r"|u?int\d+_t)(?: const)? (\**\w+);\n(?=\s*\n)", re.MULTILINE)
NULL_TEST = re.compile(r"[!=]= *NULL\b")

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


def check_sleep(path, line):
    if "bell_lie_down" in line and not path.startswith("queue/"):
        yield "sleep: bell_lie_down: an actor sleeps by queue/worker.h, a thread of the application after bell_arm"


def check_include(path, line):
    found = INCLUDE.match(line)
    own = path.split("/")[0]
    if not found or own not in ARROWS:
        return
    named = PUBLIC_HEADER if found[1] == PUBLIC_HEADER.rpartition("/")[2] else found[1]
    folder, _, rest = named.partition("/")
    if path == PUBLIC_HEADER:
        yield f"the public header includes a private one: {found[1]}"
    elif not rest:
        # Made by protobuf in the folder of the protocol that it belongs to.
        if not found[1].endswith(".pb-c.h"):
            yield f"not from the root of the sources: {found[1]}"
    elif folder != own and folder not in ARROWS[own] and not (own in ("protocol", "controller", "chain") and named == STORE_SCHEMA):
        yield f"layer: {own} must not include {folder}: {found[1]}"


def check_purity(path, text):
    room = path.split("/")[0]
    if room not in PURE_OWN:
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = ANY_INCLUDE.match(line)
        if found and not (found[1] in PURE_SYSTEM or PURE_LIBRARIES.fullmatch(found[1]) or PURE_OWN[room].fullmatch(found[1])):
            yield f"{path}:{number}: layer: {room} is pure and must not include {found[1]}"
        impure = PURE_FORBIDDEN.search(line)
        if impure and (path, impure[1]) not in PURE_EXCEPT:
            yield f"{path}:{number}: layer: {room} is pure and must not call {impure[1]}"


def check_protocol_names(path, line):
    if path.split("/")[0] not in ARROWS:
        return
    inside = path.startswith("protocol/") and path.count("/") > 1
    found = PROTOCOL_FOLDER.search(line)
    if found and not inside and path != PROTOCOL_TABLE:
        yield f"only {PROTOCOL_TABLE} may name a protocol's folder: {found[0]}"


def behind_parentheses(text, start):
    """Where the parentheses that open at start are closed."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    return len(text)


def is_in_function(text, at):
    """Whether what stands there, inside of braces, is inside those of a function: what opens at the margin is one."""
    return text.rfind("\n{", 0, at) > text.rfind("\n}", 0, at)


def bodies(text):
    """Each if, else, for, while, do and switch: its place, itself, and the text behind its condition."""
    for found in BODY.finditer(text):
        end = behind_parentheses(text, text.index("(", found.end())) if found[1] else found.end()
        yield found.start(), found[0].strip(), text[end:].lstrip()


def check_dialect(path, text):
    """text is the file's, without comments, strings and the lines of the preprocessor."""
    if not path.startswith(DIALECT):
        return
    faults = [(found.start(), "a pointer is tested by itself") for found in NULL_TEST.finditer(text)]
    faults += [(found.start(1), f"declared before its use: {found[1]}") for found in BARE_DECLARATION.finditer(text)
               if is_in_function(text, found.start())]
    for at, word, body in bodies(text):
        # "else if" needs none between, nor the end of a do, nor a loop without a body.
        if not body.startswith(("{", "if" if word == "else" else "{", ";" if word in ("while", "for") else "{")):
            faults.append((at, f"no braces: {word}"))
    for at, fault in sorted(faults):
        yield f"{path}:{text.count(chr(10), 0, at) + 1}: dialect: {fault}"


def code_only(text):
    """Comments, strings and the preprocessor's lines blanked out; lines stay."""
    bare = COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda match: re.sub(r"[^\n]", " ", match[0]), bare, flags=re.MULTILINE)


def check_file(root, path):
    whole = (root / path).read_text()
    text = without_comments(whole)
    for number, line in enumerate(text.splitlines(), 1):
        for check in (check_forbidden(line), check_sleep(path, line), check_include(path, line), check_protocol_names(path, line)):
            for violation in check:
                yield f"{path}:{number}: {violation}"
    yield from check_purity(path, text)
    yield from check_dialect(path, code_only(whole))


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folders = [*ARROWS, *(room.rstrip("/") for room in DIALECT if room.rstrip("/") not in ARROWS)]
    files = sorted(file.relative_to(root).as_posix() for folder in folders for file in (root / folder).rglob("*.[ch]"))
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
