"""What the node is asked, until it has answered."""
import asyncio
import itertools
from typing import Any

from ._waiting import Gate

MOST = 4096  # answers awaited at once: the node has room for twice as many


class Answers:
    """The requests that an event with their number will answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._numbers = itertools.count(1)
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._gate = Gate(loop)

    def __len__(self) -> int:
        return len(self._futures)

    async def room(self) -> None:
        """Waits while too many answers are awaited."""
        while len(self._futures) >= MOST:
            await self._gate.wait()

    def expect(self) -> tuple[int, asyncio.Future[Any]]:
        """A number, and what its answer becomes the result of. `forget` it afterwards, whatever happens."""
        number = next(self._numbers)
        future = self._futures[number] = self._loop.create_future()
        return number, future

    def forget(self, number: int) -> None:
        if self._futures.pop(number, None):
            self._gate.wake_one()

    def give(self, number: int, answer: object) -> None:
        future = self._futures.get(number)
        if future and not future.done():
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def fail_all(self, make: type[Exception], text: str) -> None:
        for number in list(self._futures):
            self.give(number, make(text))
        self._gate.wake()
