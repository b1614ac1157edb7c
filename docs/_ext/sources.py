"""Directives that make pages of sources: the C header, manual pages, and files of the repository that are no pages."""
import os
import re
import subprocess

import cheader
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.util.nodes import make_refnode

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Header(Directive):
    """include/kith.h."""

    def run(self):
        self.state.document.settings.env.note_dependency(os.path.join(ROOT, "include", "kith.h"))
        place = nodes.section()
        place.document = self.state.document
        lines = cheader.page(read("include/kith.h"))
        self.state.nested_parse(StringList(lines, "kith.h"), 0, place, match_titles=True)
        return place.children


class ManualPage(Directive):
    """A page for man(1), as mandoc shows it."""
    required_arguments = 1

    def run(self):
        path = os.path.join(ROOT, "docs", self.arguments[0])
        self.state.document.settings.env.note_dependency(path)
        done = subprocess.run(["mandoc", "-T", "html", "-O", "fragment", path], capture_output=True, text=True, check=True)
        return [nodes.raw("", f'<div class="manual">{done.stdout}</div>', format="html")]


# Files of the repository that are pages here under another name. Their links are written as they are there.
PAGES = {"README.md": "index", "bench/README.md": "benchmark", "python/README.md": "api/python", "CHANGELOG.md": "changelog",
         "CONTRIBUTING.md": "contributing", "SECURITY.md": "reporting", "docs/kith.1": "man/kith", "docs/kith-ctl.1": "man/kith-ctl"}
FOLDERS = ("docs", "", "bench", "python", "docs/protocols")  # of files that are included


def link_of_the_repository(app, env, node, shown):
    """A link to a page of the repository leads to that page here; one to another file of it is its text."""
    path = node["reftarget"].partition("#")[0]
    for folder in FOLDERS:
        found = os.path.normpath(os.path.join(folder, path))
        page = PAGES.get(found, found.removeprefix("docs/").removesuffix(".md"))
        if page in env.found_docs:
            return make_refnode(app.builder, node["refdoc"], page, "", shown)
        if os.path.exists(os.path.join(ROOT, found)):
            return shown
    return None


def programs_in_docstring(app, what, name, obj, options, lines):
    """What a docstring indents is a program."""
    said, inside = [], False
    for line in lines:
        if line and not line.startswith("    "):
            inside = False
        elif line and not inside and said and not said[-1] and not said[-2].endswith("::"):
            said[-1:] = ["", ".. code-block:: python", ""]
            inside = True
        said.append(line)
    lines[:] = said


# The words after a fence's language that say whose terminal it is: tests/node/docpage.py reads them, too.
TERMINAL = re.compile(r"^```(\w+) (terminal|shows)=(\w+)$", re.M)
CAPTIONS = {"terminal": "terminal “{}”", "shows": "terminal “{}” shows"}


def name_terminals(app, page, source):
    """Whoever reads a page of the site sees in which terminal a line is to be typed, or appears."""
    source[0] = TERMINAL.sub(lambda m: f"```{{code-block}} {m[1]}\n:caption: {CAPTIONS[m[2]].format(m[3])}\n", source[0])


def setup(app):
    app.connect("source-read", name_terminals)
    app.connect("autodoc-process-docstring", programs_in_docstring)
    app.connect("missing-reference", link_of_the_repository)
    app.add_directive("kith-header", Header)
    app.add_directive("manual-page", ManualPage)
    return {"parallel_read_safe": True}
