#!/usr/bin/env python3
"""Compares what a compiled program knows of the library with tests/install/abi.txt: the functions of libkith.so with their symbol
versions, where each member of a struct of kith.h lies, and the number of each enumerator.

Usage: check_abi.py SOURCES LIBKITH.SO COMPILER...
       check_abi.py --write SOURCES LIBKITH.SO COMPILER...     writes the list anew
A line that changes, or goes, breaks programs that were compiled before. Structs that the library makes may grow at their
end, and others take the place of `reserved`; what is new adds a line. Exit code: 0 as listed, 1 not, 77 another machine.
"""
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Those begin with their size, so only these may grow.
GROW = {"kith_peer", "kith_status"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def structs_of(header):
    """By name: the members, in order."""
    found = {}
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", header, re.M | re.S):
        members = []
        for declaration in filter(str.strip, body.split(";")):
            for declarator in declaration.split(","):
                members.append(re.search(r"(\w+)(?:\[[^]]*\])*\s*$", declarator).group(1))
        found[name] = members
    return found


def enumerators_of(header):
    names = []
    for body in re.findall(r"^enum \w+ \{(.*?)\};", header, re.M | re.S):
        names += re.findall(r"\bKITH_\w+", body)
    return names


def program_of(structs, enumerators):
    lines = ["#include <kith.h>", "#include <stdio.h>", "int main(void)", "{"]
    for struct, members in structs.items():
        lines.append(f'printf("struct {struct} %zu bytes\\n", sizeof(struct {struct}));')
        for m in members:
            lines.append(f'printf("member {struct}.{m} at %zu, %zu bytes\\n", offsetof(struct {struct}, {m}), '
                         f'sizeof((struct {struct} *)0)->{m});')
    for name in enumerators:
        lines.append(f'printf("number {name} %d\\n", (int){name});')
    return "\n".join(lines + ["return 0;", "}", ""])


def layout(sources, header, compiler):
    with tempfile.TemporaryDirectory(prefix="kith-abi-") as folder:
        source, program = Path(folder) / "layout.c", Path(folder) / "layout"
        source.write_text(program_of(structs_of(header), enumerators_of(header)))
        subprocess.run([*compiler, f"-I{sources / 'include'}", source, "-o", program], check=True)
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()


def symbols(library):
    told = subprocess.run(["readelf", "--dyn-syms", "--wide", library], check=True, capture_output=True, text=True).stdout
    defined = [line.split()[7] for line in told.splitlines() if re.search(r" FUNC +GLOBAL +DEFAULT +\d+ ", line)]
    return sorted(f"function {name.replace('@@', ' ')}" for name in defined)


def compare(listed, found):
    """The lines to print, and whether all is as listed."""
    faults = [f"gone or changed: {line}" for line in listed if line not in found]
    faults += [f"not listed: {line}" for line in found if line not in listed]
    return faults


def first_members(structs):
    return [f"struct {name} does not begin with its size" for name in GROW if structs.get(name, [""])[0] != "size"]


def main():
    words = sys.argv[1:]
    writes = words[:1] == ["--write"]
    if len(words) < 3 + writes:
        sys.exit(__doc__)
    sources, library, *compiler = words[writes:]
    sources = Path(sources)
    if platform.machine() != "x86_64" or sys.maxsize < 2**32:
        print("the list is for x86_64")
        return 77
    header = without_comments((sources / "include" / "kith.h").read_text())
    found = symbols(library) + layout(sources, header, compiler)
    listing = sources / "tests" / "install" / "abi.txt"
    if writes:
        listing.write_text("\n".join(found) + "\n")
        return 0
    faults = first_members(structs_of(header)) + compare(listing.read_text().splitlines(), found)
    print("\n".join(faults) if faults else f"{len(found)} lines, all as listed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
