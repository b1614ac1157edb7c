"""Those who listen to a node's events."""
import asyncio
from collections import deque
from collections.abc import AsyncIterator

from ._types import Ended, Event, Missed

__all__ = ["Events"]

MOST = 4096  # events that wait for one listener


class Events(AsyncIterator[Event]):
    """The events of a node, from when `Node.events` was called. Ends after `Ended`.

    If 4,096 wait, further ones are lost, and `Missed` tells how many.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Event] = deque()
        self._missed = 0
        self._ended = False
        self._future: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        return self._future is not None

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            if self._future:
                raise RuntimeError("another task waits for the next event: each needs a Node.events() of its own")
            self._future = self._loop.create_future()
            try:
                await self._future
            finally:
                self._future = None
        return self._waiting.popleft()

    def give(self, event: Event) -> None:
        """The node's side."""
        if self._ended:
            return
        self._ended = isinstance(event, Ended)
        if len(self._waiting) >= MOST and not self._ended:
            self._missed += event.count if isinstance(event, Missed) else 1
            return
        if self._missed:
            self._waiting.append(Missed(self._missed))
            self._missed = 0
        self._waiting.append(event)
        self.wake()

    def end(self) -> None:
        """The node has been closed without an end of its own."""
        self.give(Ended())

    def wake(self) -> None:
        if self._future and not self._future.done():
            self._future.set_result(None)
