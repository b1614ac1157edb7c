"""The application's word on what a chain is to keep."""
import logging
from collections.abc import Callable
from typing import Any

from ._binding import ffi, lib

Validator = Callable[[str, bytes], bool]

logger = logging.getLogger("kith")


def _failed(kind: object, value: object, traceback: object) -> None:
    logger.error("the validator has failed, which refuses what it was asked about", exc_info=(kind, value, traceback))  # type: ignore[arg-type]


@ffi.def_extern(error=False, onerror=_failed)  # type: ignore[misc]
def native_judge(context: Any, kind: Any, text: Any, size: int) -> bool:
    validator: Validator = ffi.from_handle(context)
    return bool(validator(ffi.string(kind).decode(), ffi.unpack(ffi.cast("char *", text), size)))


def install(config: Any, validator: Validator) -> Any:
    """What must stay alive as long as the node asks."""
    handle = ffi.new_handle(validator)
    lib.kith_config_set_validator(config, lib.native_judge, handle)
    return handle
