"""The site that scripts/docs builds: the pages of this folder, and what its directives make of the sources."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(HERE, "_ext"), os.path.join(ROOT, "python", "src")]


def version_of_the_build():
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        return re.search(r"version: '([^']*)'", file.read())[1]


project = "kith"
author = copyright = "the authors of kith"  # noqa: A001
release = version = version_of_the_build()

extensions = ["myst_parser", "sphinx.ext.autodoc", "sources"]
exclude_patterns = ["seeds", "_ext", "_static"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"kith {release}"
html_static_path = ["_static"]
html_css_files = ["kith.css"]
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
default_role = "py:obj"

import binding  # noqa: E402  found by the path above

binding.install(version)
