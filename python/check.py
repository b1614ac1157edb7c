#!/usr/bin/env python3
"""Makes the wheel of the package offline, with the libkith.a of a build, installs it into a new virtual environment as
README.md says, and runs the package's tests and mypy there. Makes the archive of sources as README.md says, and from that
alone a wheel, which passes messages.

Usage: check.py FOLDER-OF-THE-BUILD [--sanitize=address,undefined] [ARGUMENT OF PYTEST...]
--sanitize: the library of the build has these sanitizers of gcc, so has the wheel, and the tests alone are run.
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
TOOLS = ("cffi", "setuptools", "wheel", "build", "pip", "venv", "pytest", "mypy")
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


def commands():
    """Those of README.md: to make and install the wheel, and to make the archive."""
    wheel, archive = re.findall(r"^```sh\n(.*?)^```$", (HERE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return wheel, archive


def copy_of_repository(folder):
    """Setuptools writes beside its sources."""
    copy = folder / "kith"
    shutil.copytree(HERE, copy / "python", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "*.so", ".*_cache"))
    for path in ROOT.iterdir():
        if path != HERE and not path.name.startswith(("build", ".")):
            (copy / path.name).symlink_to(path)
    return copy


def environment(python, folder, **more):
    (folder / "bin").mkdir(exist_ok=True)
    if not (folder / "bin" / "python3").exists():
        (folder / "bin" / "python3").symlink_to(python)
    return {**os.environ, "HOME": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1", **more}


def install(python, build, folder, **more):
    """The environment's interpreter."""
    must("sh", "-euxc", commands()[0], cwd=copy_of_repository(folder), env=environment(python, folder, KITH_BUILD=build, **more))
    return folder / "kith-venv" / "bin" / "python"


def try_archive(python, folder):
    """Builds the library, too: without optimisation, which is what takes long."""
    copy = copy_of_repository(folder)
    variables = environment(python, folder, CFLAGS="-O0")
    must("sh", "-euxc", commands()[1], cwd=copy, env=variables, stdout=subprocess.DEVNULL)
    archive, = (copy / "wheels").glob("kith-*.tar.gz")
    archive = shutil.move(archive, folder)
    shutil.rmtree(copy)
    must(python, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", archive, cwd=folder, env=variables)
    wheel, = folder.glob("kith-*.whl")
    must(python, "-m", "zipfile", "-e", wheel, folder / "installed")
    must(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / "tests" / "test_messages.py", "-k", "arrives", cwd=folder,
         env={**variables, "PYTHONPATH": str(folder / "installed")})


def try_sanitized(python, build, folder, sanitizers, arguments):
    """The interpreter has none of them: their libraries are loaded before it."""
    inside = install(python, build, folder, CC="gcc", CFLAGS=f"-g -fsanitize={sanitizers}")
    libraries = [subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
                 for name in ("libasan.so", "libubsan.so")]
    known = folder / "known"
    # cffi keeps what it knows of types until the process ends, the interpreter some objects.
    known.write_text("".join(f"leak:{name}\n" for name in (
        "_cffi_backend", "_PyObject_GC_New", "PyType_GenericAlloc", "PyObject_Malloc", "PyMem_")))
    sys.exit(run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--capture=sys", *arguments, cwd=HERE, env={
        **os.environ, "LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc",
        "LSAN_OPTIONS": f"suppressions={known}:print_suppressions=0"}))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, arguments = os.path.abspath(sys.argv[1]), sys.argv[2:]
    os.environ.pop("PYTHONPATH", None)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="kith-python-") as name:
        folder = Path(name)
        if arguments and arguments[0].startswith("--sanitize="):
            try_sanitized(python, build, folder, arguments[0].partition("=")[2], arguments[1:])
        (folder / "archive").mkdir()
        try_archive(python, folder / "archive")
        inside = install(python, build, folder)
        tests = run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=3", *arguments, cwd=HERE)
        types = run(inside, "-m", "mypy", "--cache-dir", folder / "mypy", cwd=HERE)
    sys.exit(1 if tests or types else 0)


if __name__ == "__main__":
    main()
