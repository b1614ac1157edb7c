"""kith._binding for the site, which imports the Python package only to read what it says: its types are those of
include/kith.h, and its functions do nothing. So nothing has to be compiled."""
import os
import runpy
import sys
import types
from unittest import mock

import cffi

PYTHON = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "python")


class Types(cffi.FFI):
    def def_extern(self, **_):
        return lambda function: function


def install(version):
    nothing = mock.Mock(stdout="")
    with mock.patch("subprocess.run", return_value=nothing), mock.patch.object(cffi.FFI, "set_source"):
        build = runpy.run_path(os.path.join(PYTHON, "kith_build.py"))
    ffi = Types()
    ffi.cdef(build["declarations"](build["header"]()))
    ffi.cdef(build["own_declarations"]())
    text = ffi.new("char[]", version.encode())
    binding = types.ModuleType("kith._binding")
    binding.ffi, binding.lib = ffi, mock.Mock(kith_version=lambda: text)
    sys.modules["kith._binding"] = binding
