"""Messages on their way from the node to the tasks that take them.

The event loop takes them from the node in batches, up to a bound. A full buffer leaves them in the node's own queue, whose
rule holds: while the program takes messages, its peers wait, and nothing is lost. A program that takes none for the stall
time loses the oldest.

Events and answers come in one order with the messages. So whoever waits for an answer needs what is before it to be taken:
then the buffer may grow to a larger bound. If that is reached, too, or somebody waits for events, and the program has taken
no message for the stall time, the oldest messages of the buffer make room, and are counted.
"""
import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from ._binding import ffi, lib
from ._errors import Closed
from ._types import Message, MessageView

MESSAGES, BYTES = 1024, 4 << 20  # the bound of the buffer
TIMES = 16  # by how much more it may hold while answers are awaited
STALL, LOOK = 0.5, 0.05  # seconds; how often a full buffer is looked at
TURN = 64  # after this number of messages the tasks that do not wait let others have a turn
BATCHES = 8  # taken in one turn of the loop

unpack, release = ffi.unpack, lib.native_release_all


def view(data: Any, size: int, owner: int) -> memoryview:
    """A view of a kept parcel, which is released with the last reference to it."""
    kept = ffi.gc(data, lambda _, owner=owner: lib.native_release(owner), size)
    return memoryview(ffi.buffer(kept, size)).toreadonly()


class Inbox:
    """The buffer, and those who wait for messages."""

    def __init__(self, loop: asyncio.AbstractEventLoop, node: Any, zero_copy: bool,
                 on_event: Callable[[Any], None], on_dropped: Callable[[int], None],
                 is_answer_awaited: Callable[[], bool], is_event_awaited: Callable[[], bool]) -> None:
        self._loop, self._node, self._zero_copy = loop, node, zero_copy
        self._on_event, self._on_dropped = on_event, on_dropped
        self._is_answer_awaited, self._is_event_awaited = is_answer_awaited, is_event_awaited
        self._batch = ffi.new("struct native_batch *")
        self._descriptor = lib.kith_fd(node)
        self._names: dict[int, str] = {0: ""}
        self._kinds: dict[Any, str] = {}
        self._buffer: deque[Any] = deque()
        self._bytes = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._is_paused = self._is_coming = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_taken = loop.time()
        self._popped = 0  # since `_last_taken`
        self._turn = 0
        self._is_closed = False
        self.has_ended = False

    # --- from the node ---

    def start(self) -> None:
        """Once the caller, who may want to listen to the first events, lets the loop go on."""
        self._loop.add_reader(self._descriptor, self.take)
        self._take_soon()

    def name(self, connection: int, peer: str) -> None:
        """A connection has a name, which its messages bear from now on."""
        self._names[connection] = peer

    def _name(self, connection: int) -> str:
        return self._names.get(connection, "")

    def unname(self, connection: int) -> None:
        self._names.pop(connection, None)

    def take(self) -> None:
        """Takes what there is, in batches."""
        for _ in range(BATCHES):
            if self._is_closed or not self._fill():
                return

    def _take_soon(self) -> None:
        """The descriptor tells only of what comes once nothing was left: whoever leaves something comes back for it."""
        if not self._is_coming:
            self._is_coming = True
            self._loop.call_soon(self._take_now)

    def _take_now(self) -> None:
        self._is_coming = False
        self.take()

    def _room(self) -> tuple[int, int]:
        times = TIMES if self._is_answer_awaited() else 1
        return MESSAGES * times - len(self._buffer), BYTES * times - self._bytes

    def _fill(self) -> bool:
        """Takes one batch. False if the node has no more, or the buffer no room."""
        messages, size = self._room()
        if messages <= 0 or size <= 0:
            self._pause()
            return False
        return self._fill_with(messages, size)

    def _fill_with(self, messages: int, size: int) -> bool:
        batch = self._batch
        lib.native_take(self._node, batch, messages, size)
        is_empty = batch.is_empty
        if batch.count:
            self._put(batch, batch.count)
        if batch.event:
            self._on_event(batch.event)
        if not is_empty:
            self._take_soon()
        return not is_empty

    def _put(self, batch: Any, n: int) -> None:
        sizes: list[int] = unpack(batch.size, n)
        datas: list[Any] = unpack(batch.data, n)
        connections: list[int] = unpack(batch.connection, n)
        names = map(self._name, connections)
        kinds = map(self._kind, unpack(batch.kind, n))
        tickets: list[int] = unpack(batch.ticket, n)
        if self._zero_copy:
            views = map(view, datas, sizes, unpack(batch.owner, n))
            self._buffer.extend(map(MessageView, names, kinds, views, connections, tickets))
        else:
            self._buffer.extend(map(Message, names, kinds, map(unpack, datas, sizes), connections, tickets))
            release(batch.owner, n)
        self._bytes += batch.bytes
        self._wake(n)

    def _kind(self, pointer: Any) -> str:
        kind = self._kinds.get(pointer)
        if kind is None:
            kind = self._kinds[pointer] = ffi.string(pointer).decode()
        return kind

    # --- a full buffer ---

    def _pause(self) -> None:
        if not self._is_paused and not self._is_closed:
            self._is_paused = True
            self._loop.remove_reader(self._descriptor)
            if self._popped:
                self._popped, self._last_taken = 0, self._loop.time()
            self._timer = self._loop.call_later(LOOK, self._look)

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            assert self._timer
            self._timer.cancel()
            self._timer = None
            if not self._is_closed:
                self._loop.add_reader(self._descriptor, self.take)
                self._take_soon()

    def answer_awaited(self) -> None:
        """Somebody waits for an answer: what is before it is taken."""
        if self._is_paused:
            self._resume()

    def _look(self) -> None:
        """The buffer is still full."""
        self._timer = self._loop.call_later(LOOK, self._look)
        is_stalled = self._loop.time() - self._last_taken >= STALL
        if is_stalled and (self._is_answer_awaited() or self._is_event_awaited()):
            self.make_room()

    def make_room(self) -> None:
        """Takes on, up to the larger bound; beyond it the oldest messages give way."""
        dropped = 0
        for _ in range(BATCHES):
            if self._is_closed:
                break
            dropped += self._drop_oldest()
            if not self._fill_with(MESSAGES * TIMES - len(self._buffer), BYTES * TIMES - self._bytes):
                self._resume()
                break
        if dropped:
            self._on_dropped(dropped)

    def _drop_oldest(self) -> int:
        """If the larger bound is reached, an eighth of it becomes free. How many were dropped."""
        most, most_bytes, before = MESSAGES * TIMES, BYTES * TIMES, len(self._buffer)
        if before >= most or self._bytes >= most_bytes:
            while self._buffer and (len(self._buffer) > most * 7 // 8 or self._bytes > most_bytes * 7 // 8):
                self._bytes -= len(self._buffer.popleft().data)
        return before - len(self._buffer)

    # --- to the tasks ---

    def _pop(self) -> Any:
        message = self._buffer.popleft()
        self._bytes -= len(message.data)
        self._popped += 1
        if self._is_paused:
            self._took()
        return message

    def _took(self) -> None:
        """A full buffer has one message less. The node is told: to it the program would seem to stand still."""
        lib.kith_getting_on(self._node)
        self._popped, self._last_taken = 0, self._loop.time()
        if len(self._buffer) <= MESSAGES // 2 and self._bytes <= BYTES // 2:
            self._resume()

    async def get(self) -> Any:
        """The next message; Closed once the node has ended and all have been taken."""
        self._turn += 1
        if self._turn >= TURN:
            self._turn = 0
            await asyncio.sleep(0)
        while not self._buffer:
            if self.has_ended or self._is_closed:
                raise Closed("the node has ended")
            if self._fill():
                await asyncio.sleep(0)
            elif not self._buffer:
                await self._wait()
        return self._pop()

    def get_nowait(self) -> Any:
        """The next message, or None."""
        if not self._buffer and not self.has_ended and not self._is_closed:
            self._fill()
        return self._pop() if self._buffer else None

    async def _wait(self) -> None:
        future = self._loop.create_future()
        self._waiters.append(future)
        try:
            await future
        except BaseException:
            # A wake that this task no longer needs is another's.
            if future.done() and not future.cancelled() and self._buffer:
                self._wake(1)
            raise
        finally:
            if future in self._waiters:
                self._waiters.remove(future)

    def _wake(self, n: int) -> None:
        while n > 0 and self._waiters:
            future = self._waiters.popleft()
            if not future.done():
                future.set_result(None)
                n -= 1

    # --- the end ---

    def end(self) -> None:
        """Nothing follows what is in the buffer."""
        self.has_ended = True
        self._wake(len(self._waiters))

    def close(self) -> None:
        """Before kith_close. What is in the buffer can still be taken."""
        if self._is_closed:
            return
        self._is_closed = True
        self._resume()
        self._loop.remove_reader(self._descriptor)
        self.end()
