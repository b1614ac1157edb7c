"""What can go wrong. Every exception of this package is a KithError."""
from ._reasons import Reason


class KithError(Exception):
    """The base of all exceptions of this package."""


class ConfigError(KithError, ValueError):
    """An option is unknown, or its value is not one that it takes.

    `option` is its name as the keyword argument was given, or None if the fault concerns several.
    """

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


class StartError(KithError, OSError):
    """The node cannot start: the port is taken, the disk refuses, another node has the home."""


class Closed(KithError):
    """The node is not open: not yet, no longer, or in a process that was forked from the node's."""


class NoPeer(KithError, LookupError):
    """Nobody of that name is online."""


class Invalid(KithError, ValueError):
    """A message is empty or too long, or a text does not mean what it must."""


class WouldBlock(KithError, BlockingIOError):
    """`send_nowait` found the queue full. `send` waits for room."""


class Refused(KithError):
    """The node, or the network's protocol, has refused what was asked; the text says why, and `reason` is its number."""

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason
