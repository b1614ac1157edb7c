#!/usr/bin/env python3
"""Every code block of README.md and of docs/ does what the page says (docpage.py says how a page tells).

Each page has a machine of its own: a network without anybody else, an empty /tmp and home, kith installed in /usr/local, and
the repository in the folder that commands are typed in, where scripts/run starts that kith.

Usage: test_docs.py PATH-OF-KITH [word of a test's name]...
"""
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from docpage import Page, blocks_of
from kithnode import Failure, check, run
from namespace import in_namespaces, sh

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md")] + \
    [path for path in sorted(ROOT.glob("docs/**/*.md")) if "seeds" not in path.parts]
# Where a package is tested by a suite of its own, which runs its page's blocks.
OTHERS = {"python/README.md": "suite python"}
RUN = '#!/bin/sh\n# What scripts/run does once all is built.\nexec kith "$@"\n'


def install(lab):
    """Once for all pages: what `meson install` puts into /usr/local."""
    build = Path(lab.kith).resolve().parent
    folder = Path(lab.home, "installed")
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder], capture_output=True,
                          text=True, check=False)
    check(done.returncode == 0, done.stdout + done.stderr)
    return folder / "usr/local"


def clone(folder):
    """The repository, as if it had been cloned and built."""
    shutil.copytree(ROOT, folder, symlinks=True, ignore=lambda at, names: [
        name for name in names if name in (".git", "__pycache__", "node_modules") or at == str(ROOT) and name.startswith("build")])
    (folder / "scripts" / "run").write_text(RUN, encoding="utf-8")
    (folder / "build").mkdir()
    (folder / "build" / "kith-ctl").symlink_to("/usr/local/bin/kith-ctl")
    return folder


def machine(lab):
    """The environment of whoever types the page's commands, and the folder. Only this thread and what it starts live there."""
    installed = install(lab)
    library = next(path.parent for path in installed.rglob("libkith.so")).relative_to(installed)
    for name, where in (("home", "/mnt"), ("run", "/run"), ("installed/usr/local", "/usr/local"), ("tmp", "/tmp")):
        os.makedirs(os.path.join(lab.home, name), exist_ok=True)
    clone(Path(lab.home, "home", "kith"))
    for name, where in (("home", "/mnt"), ("run", "/run"), ("installed/usr/local", "/usr/local"), ("tmp", "/tmp")):
        sh("mount", "--bind", os.path.join(lab.home, name), where)
    return "/mnt/kith", {"HOME": "/mnt", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8",
                         "LD_LIBRARY_PATH": f"/usr/local/{library}", "PKG_CONFIG_PATH": f"/usr/local/{library}/pkgconfig",
                         "KITH_TEST_SLOW": os.environ.get("KITH_TEST_SLOW", "1")}


class ProtocolPage(Page):
    """Where the page has kith built, what the page adds is compiled as the build's own sources are, and linked with its objects."""

    def try_one(self, block):
        super().try_one(block)
        if block.text.startswith("ninja"):
            self.link()

    def compile(self, source):
        commands = json.loads((self.build / "compile_commands.json").read_text(encoding="utf-8"))
        command = next(each["command"] for each in commands if each["file"].endswith("protocol/table.c"))
        words = [word for word in shlex.split(command) if word not in ("-MD", "ccache")]
        words = words[:words.index("-MQ")] + ["-I", self.folder, "-o", f"{self.folder}/{Path(source).stem}.o", "-c", f"{self.folder}/{source}"]
        self.must(words)

    def link(self):
        self.compile("protocol/shout/shout.c")
        self.compile("protocol/table.c")
        lines = subprocess.run(["ninja", "-C", self.build, "-t", "commands", "kith"], capture_output=True, text=True, check=True).stdout
        words = shlex.split(lines.splitlines()[-1])
        words[words.index("-o") + 1] = "/usr/local/bin/kith"
        self.must([word for word in words if word != "ccache"] + [f"{self.folder}/shout.o"], f"{self.folder}/table.o")

    def must(self, words, *before):
        at = next((i for i, word in enumerate(words) if word.endswith(".a")), len(words))
        done = subprocess.run([*words[:at], *before, *words[at:]], cwd=self.build, capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"{shlex.join(words)}: {done.stderr[-2000:]}")


def test_of(path):
    @in_namespaces
    def try_page(lab):
        runs = any("not-run" not in block.options and (block.language != "text" or block.options) for block in blocks_of(path))
        build = Path(lab.kith).resolve().parent
        page = (ProtocolPage if path.stem == "adding-a-protocol" else Page)(path, *(machine(lab) if runs else ("/", {})))
        page.build = build
        page.run()
        said = [f"{page.tried} blocks tried", *(f"not run: {reason}" for reason in page.not_run)]
        return "; ".join(said)

    try_page.__name__ = re.sub(r"\W", "_", f"page {path.relative_to(ROOT)}")
    return try_page


def no_page_is_left_out(lab):
    """Of all that is Markdown here."""
    del lab
    known = {path.relative_to(ROOT).as_posix() for path in PAGES} | set(OTHERS)
    tracked = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.md")} | \
        {path.relative_to(ROOT).as_posix() for folder in ("docs", "bench", "python", "examples") for path in ROOT.glob(f"{folder}/**/*.md")
         if not {"seeds", "node_modules"} & set(path.parts)}
    check(tracked - known == {"CHANGELOG.md"} or tracked <= known, f"no test knows {tracked - known}")
    return f"{len(PAGES)} pages"


def has_blocks(path):
    """Or a fault, which the page's own test tells of."""
    try:
        return blocks_of(path)
    except Failure:
        return True


if __name__ == "__main__":
    with_code = [path for path in PAGES if path.exists() and has_blocks(path)]
    run([no_page_is_left_out, *map(test_of, with_code)])
