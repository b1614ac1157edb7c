"""The compiled extension, which cffi makes of include/kith.h and native/native.h."""
from typing import Any

ffi: Any
lib: Any
