#!/usr/bin/env python3
"""Makes the wheel of the package offline, with the libkith.a of a build, installs it into a new virtual environment as
README.md says, and runs the package's tests and mypy there.

Usage: check.py FOLDER-OF-THE-BUILD [ARGUMENT OF PYTEST...]
Exit code: 0 all hold, 1 some do not, 77 a tool is missing, which is named.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TOOLS = ("cffi", "setuptools", "wheel", "pip", "venv", "pytest", "mypy")
SKIPPED = 77


def missing(python):
    """What that interpreter has not."""
    found = subprocess.run(
        [python, "-c", "import importlib.util, os, sys, sysconfig\n"
         "print(*(name for name in sys.argv[1:] if not importlib.util.find_spec(name)),\n"
         "      *([] if os.path.exists(sysconfig.get_path('include') + '/Python.h') else ['Python.h']))", *TOOLS],
        capture_output=True, text=True, check=True)
    return found.stdout.split()


def interpreter():
    """That of the system before the one that runs this: its packages are those that scripts/deps names."""
    lacks = {}
    for python in ("/usr/bin/python3", sys.executable):
        if os.path.exists(python):
            lacks[python] = missing(python)
            if not lacks[python]:
                return python
    for python, names in lacks.items():
        print(f"skipped: {python} has no {', '.join(names)}")
    sys.exit(SKIPPED)


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run([str(word) for word in command], **options).returncode


def must(*command, **options):
    if run(*command, **options) != 0:
        sys.exit(1)


def install(python, build, folder):
    """As README.md says, in a copy: setuptools writes beside its sources. The environment's interpreter."""
    copy = folder / "kith"
    shutil.copytree(HERE, copy / "python", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "*.so", ".*_cache"))
    for name in ("include", "meson.build"):
        (copy / name).symlink_to(ROOT / name)
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(python)
    commands, = re.findall(r"^```sh\n(.*?)^```$", (HERE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    must("sh", "-euxc", commands, cwd=copy, env={
        **os.environ, "KITH_BUILD": build, "HOME": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"})
    return folder / "kith-venv" / "bin" / "python"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    os.environ.pop("PYTHONPATH", None)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="kith-python-") as name:
        folder = Path(name)
        inside = install(python, sys.argv[1], folder)
        tests = run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=3", *sys.argv[2:], cwd=HERE)
        types = run(inside, "-m", "mypy", "--cache-dir", folder / "mypy", cwd=HERE)
    sys.exit(1 if tests or types else 0)


if __name__ == "__main__":
    main()
