"""The node's log becomes that of Python's `logging`.

The node's threads write lines into a pipe, and none of them waits for Python. The event loop takes them from there. Lines
that find the pipe full are counted, and the count is logged.
"""
import logging
import os

from ._binding import ffi, lib

LEVELS = {ord("1"): logging.ERROR, ord("2"): logging.WARNING, ord("3"): logging.INFO, ord("4"): logging.DEBUG}
PIPE_BYTES = 65536


def level_of(logger: logging.Logger) -> str:
    """The least important level of kith(1) that the logger would show."""
    level = logger.getEffectiveLevel()
    for name, least in (("debug", logging.DEBUG), ("info", logging.INFO), ("warning", logging.WARNING),
                        ("error", logging.ERROR)):
        if level <= least:
            return name
    return "silent"


class LogPipe:
    """Both ends of the pipe, and what the library writes with."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self.reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._rest = b""
        self.native = lib.native_log_new(self._writer)
        if not self.native:
            self._close_ends()
            raise MemoryError

    def take(self) -> None:
        """Passes the lines on that there are. Does not block."""
        while True:
            try:
                data = os.read(self.reader, PIPE_BYTES)
            except BlockingIOError:
                break
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._logger.log(LEVELS.get(line[0], logging.ERROR), "%s", line[1:].decode("utf-8", "replace"))
        lost = lib.native_log_lost(self.native)
        if lost:
            self._logger.warning("%d lines of the log found no room: the event loop took none for too long", lost)

    def close(self) -> None:
        """Once the node has been closed, and no thread of it writes any more."""
        if self.native:
            self.take()
            lib.native_log_free(self.native)
            self.native = ffi.NULL
            self._close_ends()

    def _close_ends(self) -> None:
        os.close(self.reader)
        os.close(self._writer)
