"""An open node in its event loop: everything but the object that the program holds, which must be free to go while the
loop knows this one."""
import asyncio
import atexit
import contextlib
import threading
import weakref
from collections.abc import Callable
from typing import Any

from . import _convert as convert
from ._answers import Answers
from ._binding import ffi, lib
from ._errors import Closed, Invalid, NoPeer, Refused
from ._events import Events
from ._inbox import Inbox
from ._log import LogPipe
from ._reasons import Reason
from ._types import Dropped, Ended, Event, Listening, Missed, Offline, Online
from ._waiting import ROOM_LOOK, Gate, Room

END = 3.0  # seconds; the node itself ends within two
END_LOOK = 0.05

_all: "set[Core]" = set()  # those that are to be closed before the interpreter ends


class Core:
    """The library's handle, its descriptors in the loop, and those who wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop, node: Any, log: LogPipe, judge: Any, zero_copy: bool) -> None:
        self.loop, self.node, self.log = loop, node, log
        self._judge = judge  # alive as long as the node may ask it
        self.answers = Answers(loop)
        self.room = Room(loop, lib.kith_room_fd(node))
        self.command_room = Room(loop, lib.kith_command_fd(node))
        self.inbox = Inbox(loop, node, zero_copy, self._event, self._on_dropped, lambda: len(self.answers) > 0,
                           self._is_event_awaited)
        self.online: dict[int, str] = {}
        self.online_changed = Gate(loop)
        self._ended = Gate(loop)
        self._listeners: weakref.WeakSet[Events] = weakref.WeakSet()
        self._resync = 0
        self._on_event: dict[int, Callable[[Any], None]] = {
            lib.KITH_LISTENING: lambda e: self._tell(Listening(convert.text(e.address))),
            lib.KITH_ONLINE: self._on_online,
            lib.KITH_OFFLINE: self._on_offline,
            lib.KITH_DROPPED: self._on_drops,
            lib.KITH_MISSED: self._on_missed,
            lib.KITH_ENDED: lambda e: self._end(),
            lib.KITH_SENT: lambda e: self.answers.give(e.id, e.count),
            lib.KITH_DONE: lambda e: self.answers.give(e.id, convert.text(e.text)),
            lib.KITH_FAILED: lambda e: self.answers.give(e.id, Refused(convert.text(e.text), convert.reason(e.reason))),
            lib.KITH_PEERS: self._on_peers,
            lib.KITH_BANS: lambda e: self.answers.give(e.id, convert.bans(e)),
            lib.KITH_KNOWN: lambda e: self.answers.give(e.id, convert.known(e)),
            lib.KITH_SCORE: lambda e: self.answers.give(e.id, convert.score(e.score) if e.score else MemoryError()),
            lib.KITH_STATUS: lambda e: self.answers.give(e.id, convert.status(e.status) if e.status else MemoryError()),
        }
        loop.add_reader(log.reader, log.take)
        self.inbox.start()
        _all.add(self)

    # --- events ---

    def _event(self, event: Any) -> None:
        handle = self._on_event.get(event.type)
        if handle:
            handle(event)

    def _tell(self, event: Event) -> None:
        for listener in list(self._listeners):
            listener.give(event)

    def listen(self) -> Events:
        events = Events(self.loop)
        self._listeners.add(events)
        if self.inbox.has_ended:
            events.end()
        return events

    def _is_event_awaited(self) -> bool:
        return len(self.online_changed) > 0 or any(listener.is_awaited for listener in self._listeners)

    def _on_online(self, e: Any) -> None:
        peer = convert.peer(e.peer)
        self.inbox.name(peer.connection, peer.name)
        self.online[peer.connection] = peer.name
        self.online_changed.wake()
        self._tell(Online(peer, e.count))

    def _on_offline(self, e: Any) -> None:
        peer = convert.peer(e.peer)
        self.inbox.unname(peer.connection)
        self.online.pop(peer.connection, None)
        self.online_changed.wake()
        self._tell(Offline(peer, convert.reason(e.reason), convert.text(e.text), e.count))

    def _on_drops(self, e: Any) -> None:
        peer = convert.peer(e.peer) if e.peer and e.peer.connection else None
        self._tell(Dropped(peer, convert.reason(e.reason), convert.text(e.text), e.count))

    def _on_dropped(self, count: int) -> None:
        self._tell(Dropped(None, Reason.DROP_APPLICATION, Reason.DROP_APPLICATION.text, count))

    def _on_missed(self, e: Any) -> None:
        self._tell(Missed(e.count))
        self._ask_who_is_online()

    def _ask_who_is_online(self) -> None:
        """Some OFFLINE may be among what was missed. What is asked now is answered after all that came before."""
        self.answers.forget(self._resync)  # what was asked before has become of no use
        self._resync, nobody_waits = self.answers.expect()
        nobody_waits.cancel()
        result = lib.kith_ask_peers(self.node, self._resync) if self.node else lib.KITH_CLOSED
        if result != lib.KITH_OK:
            self.answers.forget(self._resync)
        if result == lib.KITH_BUSY:
            self.loop.call_later(ROOM_LOOK, self._ask_who_is_online)

    def _on_peers(self, e: Any) -> None:
        peers = convert.peers(e)
        if e.id == self._resync:
            self.answers.forget(e.id)
            online = {peer.connection: peer.name for peer in peers}
            for gone in self.online.keys() - online.keys():
                self.inbox.unname(gone)
            self.online = online
            self.online_changed.wake()
        self.answers.give(e.id, peers)

    # --- requests ---

    def check(self, result: int, what: str) -> None:
        """Raises what the result means; nothing if that is to try again once there is room."""
        if result == lib.KITH_NO_PEER:
            raise NoPeer(f"{what}: nobody of that name is online")
        if result == lib.KITH_INVALID:
            raise Invalid(f"{what}: empty, too long, or not of a form that the protocol has")
        if result == lib.KITH_NO_MEMORY:
            raise MemoryError
        if result == lib.KITH_CLOSED:
            raise Closed("the node has ended")

    async def until_accepted(self, what: str, call: Callable[[], Any]) -> None:
        """Calls until there was room."""
        while True:
            result = call() if self.node else lib.KITH_CLOSED
            if result == lib.KITH_OK:
                return
            self.check(result, what)
            await (self.command_room if result == lib.KITH_BUSY else self.room).wait()

    async def ask(self, what: str, call: Callable[[int], Any]) -> Any:
        """The answer of the request that `call` makes under a number."""
        await self.answers.room()
        number, future = self.answers.expect()
        try:
            await self.until_accepted(what, lambda: call(number))
            self.inbox.answer_awaited()
            return await future
        finally:
            self.answers.forget(number)

    # --- the end ---

    def _end(self) -> None:
        self.inbox.end()
        self._tell(Ended())
        self.answers.fail_all(Closed, "the node has ended")
        for gate in (self.room, self.command_room, self.online_changed, self._ended):
            gate.wake()

    async def close(self) -> None:
        """Ends the node: what was sent goes out as long as the peers take it. If it is cancelled, `close_beside` is to be
        called."""
        lib.kith_quit(self.node)
        by = self.loop.time() + END
        while not self.inbox.has_ended and self.loop.time() < by:
            self.inbox.make_room()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_LOOK):
                    await self._ended.wait()
        await self.loop.run_in_executor(None, self._close_and_forget, self._detach())

    def _detach(self) -> Any:
        """The node, which nobody has any more but the caller, who closes it."""
        node, self.node = self.node, ffi.NULL
        self.inbox.close()
        self._end()
        self.loop.remove_reader(self.log.reader)
        return node

    def abandon(self) -> None:
        """The program has lost the node without closing it. May be called on any thread."""
        if self.loop.is_closed():
            self.close_now()
            return
        with contextlib.suppress(RuntimeError):  # closed meanwhile; then the end of the interpreter closes the node
            self.loop.call_soon_threadsafe(self.close_beside)

    def close_beside(self) -> None:
        """On a thread of its own, if the node is not closed yet."""
        if self.node:
            threading.Thread(target=self._close_and_forget, args=(self._detach(),), daemon=True).start()

    def _close_and_forget(self, node: Any) -> None:
        lib.kith_close(node)
        self.log.close()
        _all.discard(self)

    def close_now(self) -> None:
        """Without a loop: blocks for up to two seconds."""
        if self.node:
            node, self.node = self.node, ffi.NULL
            self._close_and_forget(node)


@atexit.register
def _close_all() -> None:
    for core in list(_all):
        core.close_now()
