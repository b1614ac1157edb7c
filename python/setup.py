"""Builds the package `kith` with the C library inside. pyproject.toml has the rest."""
import os
import sys

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # a front end runs this from elsewhere
import kith_build  # noqa: E402


class SourceArchive(sdist):
    """The library's sources lie outside this folder. In an archive they lie inside, in REPOSITORY."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for path in kith_build.sources():
            into = os.path.join(base_dir, kith_build.REPOSITORY, path.relative_to(kith_build.ROOT))
            self.mkpath(os.path.dirname(into))
            self.copy_file(os.fspath(path), into)


class Extension(build_ext):
    def pre_run(self, ext, _):
        """cffi calls this before the extension is compiled: an archive of sources is made without the library."""
        archive, links = kith_build.archive_and_links()
        ext.extra_objects.append(archive)
        ext.depends.append(archive)
        ext.extra_link_args[:0] = links


setup(version=kith_build.version(), cffi_modules=["kith_build.py:make"],
      cmdclass={"sdist": SourceArchive, "build_ext": Extension},
      options={"bdist_wheel": {"py_limited_api": "cp311"}})  # cffi's extension suits later versions of CPython, too
