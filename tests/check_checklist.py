#!/usr/bin/env python3
"""Tries scripts/checklist on made-up promises, tests and logs.

usage: check_checklist.py PATH-OF-scripts/checklist
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

CHECKLIST = """# Promises
|not|a|row|

## First
|id|promise|check|
|-|-|-|
|A1|Shown in C|x|
|A2|Shown in Python, by two|x|
|A10|Failed in one of two logs|x|
|A11|Skipped|x|

## Second
|id|promise|check|
|-|-|-|
|B1|By a check|x|
|B2|Not registered|x|
|B3|Killed before it came to it|x|
|B4|Nobody carries it|x|
|B5|In a folder that a script runs|x|
|B6|Failed beside one that passed|x|
|B7|Of two protocols, one failed|x|
"""
PITFALLS = r"""## Pitfalls
|id|what goes wrong|what kith does|test|
|-|-|-|-|
|Q1|A \| in it|x||
|Q2|Cannot be seen|x|not from outside: it is inside|
"""
SOURCES = {
    "unit/test_alpha.c": 'promise_test("A1 B6", good), promise_test_setup_teardown("A10",\n   sometimes, NULL, NULL),',
    "unit/promise.h": '#define promise_test(numbers, f)\n/* promise_test("A1", comment) */',
    "node/test_beta.py": '''"""Says @promises("B4") in a text."""
@promises("A2", "Q1")
def by_two_words(lab): pass
@promises("A11")
def no_root(lab): pass
@promises("B6")
def it_fails(lab): pass
@of_both("B7")
def in_a_ring(lab): pass
''',
    "unit/test_zeta.c": 'promise_test("B2", forgotten)',
    "node/test_gamma.py": '@promises("B3")\ndef too_late(lab): pass',
    "check_delta.py": 'TITLE = "all is well [B1]"',
    "interop/test_epsilon.py": '@promises("B5", "A2")\ndef with_others(lab): pass',
}


def entry(name, result, stdout, *command, stderr=""):
    return json.dumps({"name": name, "result": result, "stdout": stdout, "stderr": stderr, "command": command})


def log(sometimes="OK"):
    return "\n".join([
        entry("alpha", "OK", "[ RUN      ] good\n[       OK ] good [A1 B6]\n", "/build/tests/unit/test_alpha",
              stderr=f"[ {sometimes:>8} ] sometimes [A10]\n"),
        entry("beta", "FAIL", "ok     by two words [A2 Q1] (0.1 s)\nskipped no root [A11] (0.0 s): only root may\n"
              "FAILED it fails [B6] (1.0 s)\n  why\nok     in a ring with this [B7] (1.0 s): said\n"
              "FAILED in a ring with that [B7] (1.0 s)\n", "python3", "/src/tests/node/test_beta.py", "kith"),
        entry("gamma", "TIMEOUT", "ok     another (1.0 s): said\n", "python3", "/src/tests/node/test_gamma.py"),
        entry("delta", "OK", "ok     all is well [B1]\n", "python3", "/src/tests/check_delta.py"),
        entry("zeta", "OK", "[       OK ] another\n", "/build/tests/unit/test_zeta"),
        entry("epsilon", "SKIP", "skipped: there is no go\n", "FOLDER/tests/interop/run"),
    ])


class World:
    """A copy of the script, with made-up sources around it."""

    def __init__(self, script, folder):
        self.root = pathlib.Path(folder)
        self.script = self.put("scripts/checklist", "")
        shutil.copy(script, self.script)
        self.put("docs/checklist.md", CHECKLIST)
        self.put("docs/pitfalls.md", PITFALLS)
        for name, text in SOURCES.items():
            self.put("tests/" + name, text)

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("FOLDER", str(self.root.resolve())), encoding="utf-8")
        return path

    def run(self, *arguments):
        done = subprocess.run([sys.executable, self.script, *arguments], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1) or "Traceback" in done.stderr:
            raise AssertionError(done.stderr)
        return done.returncode, " ".join(done.stdout.split())


def expect(condition, what, said):
    if not condition:
        raise AssertionError(f"{what}: {said}")


def says(world, arguments, status, present, absent=()):
    code, said = world.run(*arguments)
    expect(code == status, f"{arguments}: exit code {code}", said)
    for text in present:
        expect(text in said, f"{arguments}: {text!r} is missing", said)
    for text in absent:
        expect(text not in said, f"{arguments}: {text!r} is there", said)


def try_all(world):
    one = str(world.put("one.json", log()))
    other = str(world.put("other.json", log("FAILED")))
    says(world, ["-l", one], 1, [
        "A1 Shown in C ok test_alpha.c: good A2",
        "A2 Shown in Python, by two skipped (there is no go) test_epsilon.py: with others ok test_beta.py: by two",
        "skipped (only root may) test_beta.py: no root", "B1 By a check ok check_delta.py: all is well",
        "not run test_zeta.c: forgotten", "FAILED (it printed no result, the run ended with TIMEOUT) test_gamma.py",
        "B4 Nobody carries it no test",
        "B6 Failed beside one that passed FAILED test_beta.py: it fails ok test_alpha.c: good",
        "Q1 A | in it ok", "Q2 Cannot be seen not from outside: it is inside",
        "B7 Of two protocols, one failed FAILED test_beta.py: in a ring",
        "First: 3 of 4 shown by tests; 1 lacking, 0 of them without a test",
        "Second: 1 of 7 shown by tests; 6 lacking, 1 of them without a test",
        "Pitfalls: 1 of 2 shown by tests; 1 not from outside"], ["comment", "row"])
    says(world, ["-l", one, "A1"], 0, ["First: 1 of 1"], ["A10", "A11", "Second"])
    says(world, ["-l", one, "A10"], 0, ["ok test_alpha.c: sometimes"])
    says(world, ["-l", one, "-l", other, "A10"], 1, ["FAILED test_alpha.c: sometimes"])
    says(world, ["-l", other, "-l", one, "A10"], 1, ["FAILED test_alpha.c: sometimes"])
    says(world, ["-l", one, "-q", "A1", "Q"], 0, ["Pitfalls: 1 of 2"], ["test_alpha.c", "Cannot be seen"])
    says(world, ["-l", one, "-q", "A"], 1, ["A11 Skipped"], ["A2 Shown"])
    says(world, ["-l", one, "Z"], 1, [], ["First"])
    says(world, ["-l", one, "A1", "Z"], 1, [], ["First"])
    says(world, ["A1"], 1, ["not run test_alpha.c: good"])
    world.put("build-test/meson-logs/testlog.json", log())
    says(world, ["A1"], 0, ["ok test_alpha.c: good"])
    world.put("tests/unit/test_wrong.c", 'promise_test("Z9", typo)')
    says(world, ["A1"], 1, ["Z9: no such promise, but carried by test_wrong.c: typo"])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="kith-checklist-") as folder:
        try:
            try_all(World(sys.argv[1], folder))
        except AssertionError as failure:
            print(failure)
            return 1
    print("it reports right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
