"""Builds the package `kith` with the C library inside. pyproject.toml has the rest."""
import os
import sys

from setuptools import setup

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # a front end runs this from elsewhere
import kith_build  # noqa: E402

setup(version=kith_build.version(), cffi_modules=["kith_build.py:builder"],
      options={"bdist_wheel": {"py_limited_api": "cp311"}})  # cffi's extension suits later versions of CPython, too
