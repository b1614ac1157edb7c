#!/usr/bin/env python3
"""Builds the site of the documentation, without warnings, and looks whether it has what it promises: each function of kith.h, each
name of the Python package, each protocol, each flag.

usage: check_docs.py KITH
Exit code: 0 it has, 1 not, 77 a tool is missing, which is named.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALIASES = ("Buffer", "Event", "Option", "Validator")  # of types: they are shown as what they stand for
TOOLS = ("sphinx", "myst_parser", "furo", "cffi")


def missing():
    """As Debian's Python sees it, which scripts/docs uses."""
    script = f"import importlib.util as u; print(*(n for n in {TOOLS!r} if not u.find_spec(n)))"
    done = subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else ["/usr/bin/python3"]


def declared():
    """What kith.h declares, by kinds: functions, macros, enumerators."""
    header = (ROOT / "include" / "kith.h").read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    functions = re.findall(r"^KITH_API [^;(]*?\b(kith_\w+)\(", code, re.M)
    macros = [name for name in re.findall(r"^#define (KITH_\w+)", code, re.M) if name not in ("KITH_H", "KITH_API")]
    return {*functions, *macros}, set(re.findall(r"\bKITH_[A-Z_0-9]+(?=[,\s]*(?:=|,|\n\}))", "\n".join(re.findall(r"^enum \w+ \{.*?\};", code, re.S | re.M))))


def faults(html, kith):
    page = (html / "api" / "c.html").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]*>", "", page)
    targets, values = declared()
    yield from (f"api/c.html: no {name}" for name in sorted(targets) if f'id="c.{name}"' not in page)
    yield from (f"api/c.html: no {name}" for name in sorted(values) if not re.search(rf"\b{name}\b", text))
    package = (ROOT / "python" / "src" / "kith" / "__init__.py").read_text(encoding="utf-8")
    names = re.findall(r'"(\w+)"', re.search(r"__all__ = \[(.*?)\]", package, re.S)[1])
    page = (html / "api" / "python.html").read_text(encoding="utf-8")
    documented = [name for name in names if f'id="kith.{name}"' in page]
    yield from (f"api/python.html: no {name}" for name in names if name[0].isupper() and not name.isupper() and name not in documented
                and name not in ALIASES)
    page = (html / "man" / "kith.html").read_text(encoding="utf-8")
    shown = subprocess.run([kith, "-help"], capture_output=True, text=True, check=True).stdout
    yield from (f"man/kith.html: no -{name}" for name in re.findall(r"^  -(\w+)", shown, re.M) if f'id="{name}"' not in page
                and f">-{name}<" not in page)
    for manual in sorted((ROOT / "docs").glob("*.[1-8]")):
        if not (html / "man" / f"{manual.stem}.html").exists():
            yield f"man/{manual.stem}.html: there is no such page"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lacks = missing() + ["mandoc"] * (not shutil.which("mandoc"))
    if lacks:
        print(f"skipped: there is no {', '.join(lacks)}")
        return 77
    with tempfile.TemporaryDirectory(prefix="kith-docs-") as folder:
        done = subprocess.run([ROOT / "scripts" / "docs", folder], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout + done.stderr)
            return 1
        found = list(faults(Path(folder, "html"), sys.argv[1]))
        pages = len(list(Path(folder, "html").rglob("*.html")))
    print("\n".join(found) if found else f"{pages} pages, and nothing is missing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
