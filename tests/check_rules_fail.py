#!/usr/bin/env python3
"""Checks that check_rules.py and check_graph.py find what they look for, in small sources that break one rule each.

Usage: check_rules_fail.py COMPILER...
Exit code: 0 each was found, and nothing in sources that break none; 1 otherwise.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
GOOD = {
    "base/a.h": "int a(void);\n",
    "base/a.c": '#include "base/a.h"\nint a(void)\n{\n    return 1;\n}\n',
    "base/b.h": "int b(void);\n",
    "base/b.c": '#include "base/b.h"\n#include "base/a.h"\nint b(void)\n{\n    return a();\n}\n',
    "peers/c.h": "int c(void);\n",
    "peers/c.c": '#include "peers/c.h"\n#include "base/b.h"\nint c(void)\n{\n    return b();\n}\n',
}


def function(body):
    return '#include "base/a.h"\nint a(void)\n{\n' + body + "    return 1;\n}\n"


# The script, what it must print, and the files that break its rule.
FAULTS = [
    ("check_graph.py", "circle: base/a, base/b\n", {
        "base/a.c": '#include "base/a.h"\n#include "base/b.h"\nint a(void)\n{\n    return b();\n}\n'}),
    ("check_graph.py", "circle: base/a, base/b\n", {
        "base/a.c": '#include "base/a.h"\nextern int of_b;\nint a(void)\n{\n    return of_b;\n}\n',
        "base/b.c": '#include "base/a.h"\n#include "base/b.h"\nint of_b;\nint b(void)\n{\n    return a();\n}\n'}),
    ("check_graph.py", "circle: base/a.h, base/b.h\n", {
        "base/a.h": '#pragma once\n#include "base/b.h"\nint a(void);\n',
        "base/b.h": '#pragma once\n#include "base/a.h"\nint b(void);\n'}),
    ("check_graph.py", "rooms: base/a must not need peers/c: c\n", {
        "base/a.c": '#include "base/a.h"\nint c(void);\nint a(void)\n{\n    return c();\n}\n',
        "base/b.c": '#include "base/b.h"\nint b(void)\n{\n    return 1;\n}\n'}),
    ("check_rules.py", "layer: base must not include peers", {"base/a.h": '#include "peers/c.h"\nint a(void);\n'}),
    ("check_rules.py", "wire/d.c:1: layer: wire is pure and must not include poll.h", {"wire/d.c": "#include <poll.h>\n"}),
    ("check_rules.py", "wire/d.c:1: layer: wire is pure and must not include queue/bell.h", {
        "wire/d.c": '#include "queue/bell.h"\n'}),
    ("check_rules.py", "protocol/e.c:1: layer: protocol is pure and must not include base/clock.h", {
        "protocol/e.c": '#include "base/clock.h"\n'}),
    ("check_rules.py", "protocol/e.c:2: layer: protocol is pure and must not call randombytes_buf", {
        "protocol/e.c": "#include <sodium.h>\nvoid e(void *p) { randombytes_buf(p, 1); }\n"}),
    ("check_rules.py", "base/a.c:4: sleep: bell_lie_down", {"base/a.c": function("    bell_lie_down(0);\n")}),
    ("check_rules.py", "base/a.c:4: dialect: no braces: if", {"base/a.c": function("    if (a())\n        return 2;\n")}),
    ("check_rules.py", "dialect: no braces: else", {"base/a.c": function("    if (a()) {\n    } else\n        a();\n")}),
    ("check_rules.py", "dialect: no braces: for", {"base/a.c": function("    for (;;)\n        a();\n")}),
    ("check_rules.py", "dialect: no braces: while", {"base/a.c": function("    while (a() /* ) */)\n        a();\n")}),
    ("check_rules.py", "dialect: a pointer is tested", {"base/a.c": function("    if ("" != NULL) {\n        a();\n    }\n")}),
    ("check_rules.py", "dialect: declared before its use: n", {"base/a.c": function("    int n;\n\n    n = a();\n")}),
]
# What resembles a fault and is none.
HARMLESS = {"base/a.c": function("    do {\n        a(); /* if (a) b; x == NULL */\n    } while (a());\n"
                                 "    while (a()) {\n    }\n    if (a()) {\n    } else if (a()) {\n    }\n")}


def make(root, compiler, files):
    """Writes and, for the graph, compiles the sources, as Meson would."""
    commands = []
    for path, text in files.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    for path in (path for path in files if compiler and path.endswith(".c")):
        output = path.replace("/", "_") + ".o"
        subprocess.run([*compiler, "-I.", "-c", path, "-o", output], cwd=root, check=True)
        commands.append({"directory": str(root), "file": path, "output": output})
    (root / "compile_commands.json").write_text(json.dumps(commands))


def run(script, compiler, files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        graph = script == "check_graph.py"
        make(root, compiler if graph else (), {**GOOD, **files})
        arguments = [root, root] if graph else [root]
        return subprocess.run([sys.executable, HERE / script, *arguments], capture_output=True, text=True)


def main():
    compiler = sys.argv[1:]
    failed = 0
    for script, expected, files in FAULTS:
        said = run(script, compiler, files)
        if said.returncode != 1 or expected not in said.stdout:
            print(f"{script} should have found: {expected.strip()}\n{said.stdout}{said.stderr}")
            failed += 1
    for script in ("check_graph.py", "check_rules.py"):
        for files in ({}, HARMLESS):
            said = run(script, compiler, files)
            if said.returncode != 0:
                print(f"{script} found what is none:\n{said.stdout}{said.stderr}")
                failed += 1
    print(f"{len(FAULTS)} faults, {failed} not as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
