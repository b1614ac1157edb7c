"""Builds the package `kith` with the C library inside. pyproject.toml has the rest."""
from setuptools import setup

import kith_build

setup(version=kith_build.version(), cffi_modules=["kith_build.py:builder"])
