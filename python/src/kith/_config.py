"""From keyword arguments to the options of kith(1)."""
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from ._binding import ffi, lib
from ._errors import ConfigError

__all__ = ["Option"]

Option = str | int | timedelta | os.PathLike[str] | Iterable[str]
"""What an option may be given as: a text as on the command line; a number; True or False; a time; a path; or, if it takes
several addresses, a list of them."""


IRREGULAR = {"per_ip": "perIP", "seed_url": "seedURL"}


def option_name(keyword: str) -> str:
    """The name in kith(1) of an option in snake case."""
    first, *rest = keyword.split("_")
    return IRREGULAR.get(keyword) or first + "".join(map(str.capitalize, rest))


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, timedelta):
        return f"{value // timedelta(milliseconds=1)}ms"
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, memoryview)):
        words = list(value)
        if all(isinstance(word, str) for word in words):
            return " ".join(words)
    raise TypeError(f"{name}: {type(value).__name__} is no value of an option")


def error_room() -> Any:
    return ffi.new("char[]", int(lib.KITH_ERROR_MAX))


def _encoded(name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise ConfigError(f"{name}: a NUL is no part of a text", name)
    return raw


def new_config(options: Mapping[str, Option]) -> Any:
    """A kith_config with these options set, freed with the last reference to it."""
    config = ffi.gc(lib.kith_config_new(), lib.kith_config_free)
    if not config:
        raise MemoryError
    error = error_room()
    for name, value in options.items():
        raw = _encoded(name, _value(name, value))
        if lib.kith_config_set(config, option_name(name).encode(), raw, error, len(error)) < 0:
            raise ConfigError(bytes(ffi.string(error)).decode("utf-8", "replace"), name)
    return config
