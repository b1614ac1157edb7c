"""Tasks that wait for something, each of which looks again once it is woken."""
import asyncio

ROOM_LOOK = 0.1  # seconds; the descriptor does not say for which target there is room, so nobody sleeps longer


class Gate:
    """Tasks that wait together and are woken together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: dict[asyncio.Future[None], None] = {}  # in the order in which they came

    def __len__(self) -> int:
        return len(self._waiters)

    async def wait(self) -> None:
        future = self._loop.create_future()
        self._waiters[future] = None
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.wake_one()  # the wake that this task no longer needs is another's
            raise
        finally:
            del self._waiters[future]

    def wake(self) -> None:
        for future in self._waiters:
            if not future.done():
                future.set_result(None)

    def wake_one(self) -> None:
        for future in self._waiters:
            if not future.done():
                return future.set_result(None)


class Room(Gate):
    """Tasks that wait for room in a queue of the node. A descriptor becomes readable once there may be some."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        super().__init__(loop)
        self._descriptor = descriptor
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        if not self._timer:
            self._loop.add_reader(self._descriptor, self.wake)
            self._timer = self._loop.call_later(ROOM_LOOK, self.wake)
        await super().wait()

    def wake(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
            self._loop.remove_reader(self._descriptor)
        super().wake()
