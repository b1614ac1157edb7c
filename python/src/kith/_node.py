"""The node, as a program holds it."""
import asyncio
import contextlib
import logging
import warnings
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal, Self, overload

from . import _config as config
from . import _judge as judge
from ._binding import ffi, lib
from ._convert import text
from ._core import Core
from ._errors import Closed, ConfigError, Invalid, StartError, WouldBlock
from ._events import Events
from ._judge import Validator
from ._log import LogPipe, level_of
from ._types import BROADCAST, Ban, Known, Message, MessageView, Peer, Score, Status, Verdict

__all__ = ["Buffer", "Node", "Validator"]

Buffer = bytes | bytearray | memoryview
"""What can be sent."""

TURN = 64  # after this number of messages a sender that does not wait lets other tasks have a turn
TARGETS = 4096  # encoded names that are remembered


def library_version() -> str:
    return text(lib.kith_version())


def _native(text: str) -> bytes:
    """A text for the library, which ends at a NUL."""
    raw = text.encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise Invalid("a text has a NUL")
    return raw


def _addresses(peers: str | Iterable[str]) -> bytes:
    return _native(peers if isinstance(peers, str) else " ".join(peers))


class Node:
    """A node of a network: an asynchronous context manager, and an asynchronous iterable of messages.

    Options are those of kith(1), as keyword arguments in snake case: `peers_file` is `-peersFile`. A value is a text as on the
    command line, a number, True or False, a `timedelta`, a path, or a list of addresses. Some that everybody needs are
    `network`, `peers`, `bind`, `network_port`, `home`. Unless `log_level` is given, the node logs what the logger "kith" of
    Python's `logging` would show as the node is opened.

    - `config_file`: True reads the configuration file (option `config`), as the program kith does.
    - `zero_copy`: `views` gives the library's own memory. Good for messages of a megabyte; for small ones it is slower.
    - `validator`: a function of kind and text, which decides what a network that keeps a chain (Infnote, coin) is to keep.
      It is called on a thread of the node and needs the interpreter's lock: each call waits for Python, and Python for it.
      Its word must depend on the text alone. An exception in it is logged, and refuses.

    An option that is unknown or wrong raises `ConfigError` at once. A node belongs to the event loop in which it is opened;
    its methods are called there. Several nodes may run in one process, each with a home of its own.
    """

    def __init__(self, *, config_file: bool = False, zero_copy: bool = False, validator: Validator | None = None,
                 logger: logging.Logger | None = None, **options: config.Option) -> None:
        self._core: Core | None = None
        self._logger = logger or logging.getLogger("kith")
        self._has_level = "log_level" in options
        self._load, self._zero_copy, self._validator = config_file, zero_copy, validator
        self._config = config.new_config(options)
        self._is_opened = False
        self._closing: asyncio.Task[None] | None = None
        self._turn = 0
        self._targets: dict[str, bytes] = {}

    # --- opening and closing ---

    async def open(self) -> Self:
        """Starts the node: it reads its files, listens, and begins to dial. `async with` does it.

        Raises `StartError` if it cannot, and `ConfigError` if options contradict each other. A node is opened once.
        """
        if self._is_opened:
            raise RuntimeError("a node is opened once; make another Node")
        self._is_opened = True
        loop = asyncio.get_running_loop()
        log = LogPipe(self._logger)
        handle = judge.install(self._config, self._validator) if self._validator else None
        opening = loop.run_in_executor(None, self._open_blocking, log)
        try:
            node = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(lambda done: _close_unseen(loop, done, log, handle))
            raise
        except BaseException:
            log.close()
            raise
        try:
            self._core = Core(loop, node, log, handle, self._zero_copy)
        except BaseException:  # a loop that knows no descriptors
            lib.kith_close(node)
            log.close()
            raise
        return self

    def _open_blocking(self, log: LogPipe) -> Any:
        error = config.error_room()
        options = self._config
        self._config = None
        if self._load and lib.kith_config_load(options, error, len(error)) < 0:
            raise ConfigError(text(error))
        if not self._has_level:
            lib.kith_config_set(options, b"logLevel", level_of(self._logger).encode(), error, len(error))
        node = lib.native_open(options, log.native, error, len(error))
        if not node:
            said = text(error)
            raise ConfigError(said, said[1:].partition(":")[0]) if said.startswith("-") else StartError(said)
        return node

    async def close(self) -> None:
        """Ends the node. What was sent goes out as long as the peers take it, for two seconds at most.

        May be called again, and by several tasks. If the task is cancelled meanwhile, the node ends all the same.
        """
        core = self._core
        if not core:
            self._is_opened = True
            return
        if asyncio.get_running_loop() is not core.loop:
            raise RuntimeError("the node was opened in another event loop")
        if not self._closing:
            beside = core.close_beside
            self._closing = core.loop.create_task(core.close())
            self._closing.add_done_callback(lambda _: beside())  # if that was cancelled
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None,
                        traceback: TracebackType | None) -> None:
        await self.close()

    def __del__(self) -> None:
        core = getattr(self, "_core", None)
        if core and core.node and not self._closing:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self)
            core.abandon()

    def __repr__(self) -> str:
        state = "new" if not self._is_opened else "open" if self._core and self._core.node else "closed"
        return f"<kith.Node {state} at {id(self):#x}>"

    def _here(self) -> Core:
        core = self._core
        if not core or not core.node:
            raise Closed("the node is not open")
        if asyncio.get_running_loop() is not core.loop:
            raise RuntimeError("the node was opened in another event loop")
        return core

    # --- sending ---

    @overload
    async def send(self, data: Buffer, *, target: str = ..., kind: str | None = ...,
                   confirm: Literal[False] = ...) -> None: ...

    @overload
    async def send(self, data: Buffer, *, target: str = ..., kind: str | None = ..., confirm: Literal[True]) -> int: ...

    async def send(self, data: Buffer, *, target: str = BROADCAST, kind: str | None = None,
                   confirm: bool = False) -> int | None:
        """Sends a copy of a message; waits for room, if the node or the peer has none.

        `target` is a peer's name, `BROADCAST`, `FULL_BROADCAST` or `RANDOM_PEER`. `kind` is one of `kinds`, by default the
        first. With `confirm` it waits until the message was given to its peers, and returns to how many. The messages of one
        task keep their order.

        Raises `NoPeer`, `Invalid` (empty, longer than the option `max_parcel`, of no kind) or `Closed`; with `confirm` also
        `Refused`, if the protocol does not keep the message. If the task is cancelled while it waits for room, the message
        is not sent; if it is cancelled later, it is.
        """
        if confirm:
            return await self._send_confirmed(data, target, kind)
        self._turn += 1
        if self._turn >= TURN:
            self._turn = 0
            await asyncio.sleep(0)
        core = self._here()
        while True:
            result = self._try_send(core, data, target, kind, 0)
            if result == lib.KITH_OK:
                return None
            core.check(result, "the message")
            await core.room.wait()

    def send_nowait(self, data: Buffer, *, target: str = BROADCAST, kind: str | None = None) -> None:
        """As `send`, but raises `WouldBlock` instead of waiting for room."""
        core = self._here()
        result = self._try_send(core, data, target, kind, 0)
        if result != lib.KITH_OK:
            core.check(result, "the message")
            raise WouldBlock("the queue is full")

    async def _send_confirmed(self, data: Buffer, target: str, kind: str | None) -> int:
        core = self._here()
        return int(await core.ask("the message", lambda number: self._try_send(core, data, target, kind, number)))

    def _try_send(self, core: Core, data: Buffer, target: str, kind: str | None, number: int) -> Any:
        node = core.node
        if not node:
            return lib.KITH_CLOSED
        raw = self._targets.get(target) or self._remember(target)
        name = kind.encode() if kind else ffi.NULL
        if type(data) is bytes:
            return lib.native_send(node, raw, name, data, len(data), number)
        if isinstance(data, str):
            raise TypeError("a message is bytes, not str: text.encode() makes them")
        with ffi.from_buffer(data) as view:
            return lib.native_send(node, raw, name, view, len(view), number)

    def _remember(self, target: str) -> bytes:
        if len(self._targets) >= TARGETS:
            self._targets.clear()
        raw = self._targets[target] = _native(target)
        return raw

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of messages that the protocol has for programs; `send` uses the first if none is given."""
        core = self._here()
        kinds: list[str] = []
        while kind := lib.kith_kind(core.node, len(kinds)):
            kinds.append(text(kind))
        return tuple(kinds)

    # --- receiving ---

    async def receive(self) -> Message:
        """The next message. Raises `Closed` once the node has ended and all have been taken.

        Each message goes to one of those who receive. A program that receives none for the stall time (option `stall`,
        500 ms) while the queue is full loses the oldest; `Dropped` events tell it.
        """
        return _copied(await self._for_receiver().inbox.get())

    def receive_nowait(self) -> Message | None:
        """The next message if there is one. Raises `Closed` as `receive` does."""
        inbox = self._for_receiver().inbox
        message = inbox.get_nowait()
        if message is None and inbox.has_ended:
            raise Closed("the node has ended")
        return None if message is None else _copied(message)

    def _for_receiver(self) -> Core:
        if not self._core:
            raise Closed("the node is not open")
        if asyncio.get_running_loop() is not self._core.loop:
            raise RuntimeError("the node was opened in another event loop")
        return self._core

    def __aiter__(self) -> AsyncIterator[Message]:
        """The messages, until the node has ended."""
        return self.messages()

    async def messages(self) -> AsyncIterator[Message]:
        """The messages, until the node has ended. `async for message in node` is the same."""
        get = self._for_receiver().inbox.get
        with contextlib.suppress(Closed):
            while True:
                yield _copied(await get())

    async def views(self) -> AsyncIterator[MessageView]:
        """As `messages`, but with the bytes as they lie in the library's memory, if the node has `zero_copy`."""
        get = self._for_receiver().inbox.get
        with contextlib.suppress(Closed):
            while True:
                yield _viewed(await get())

    async def verdict(self, message: Message | MessageView, verdict: Verdict) -> None:
        """With the option `relay="validated"`: whether a message is passed on to other peers. Each message needs one, within
        the option `verdict_time`; one that comes too late, or twice, is passed over."""
        core = self._here()
        await core.until_accepted("the verdict", lambda: lib.kith_verdict(core.node, message.ticket, verdict))

    def events(self) -> Events:
        """The events from now on, for one task: `async for event in node.events()`. Who opens the node and calls this before
        it awaits anything else sees all of them.

        Events are taken from the node in one order with the messages. If the program is slow to take messages, events wait
        behind them.
        """
        return self._for_receiver().listen()

    async def wait_for_peers(self, count: int = 1) -> tuple[str, ...]:
        """Waits until at least `count` peers are online; their names. Raises `Closed` if the node ends before."""
        core = self._here()
        while len(names := dict.fromkeys(core.online.values())) < count:
            await core.online_changed.wait()
            self._here()
        return tuple(names)

    # --- commands ---

    async def peers(self) -> list[Peer]:
        """The connections with peers that are online."""
        core = self._here()
        peers: list[Peer] = await core.ask("peers", lambda n: lib.kith_ask_peers(core.node, n))
        return peers

    async def status(self) -> Status:
        """The node in numbers."""
        core = self._here()
        status: Status = await core.ask("status", lambda n: lib.kith_ask_status(core.node, n))
        return status

    async def ban(self, peer_or_ip: str, duration: timedelta | None = None) -> None:
        """Bans an IP address for that time (by default the option `ban`), and ends its connections. In protocols that rate
        node ids the name of a peer bans its id as well. Raises `NoPeer` if it is neither an address nor a peer's name."""
        core, raw = self._here(), _native(peer_or_ip)
        ms = duration // timedelta(milliseconds=1) if duration else 0
        await core.ask(peer_or_ip, lambda n: lib.kith_ban(core.node, raw, ms, n))

    async def unban(self, ip_or_id: str) -> None:
        """Ends a ban. Raises `Refused` if there was none."""
        core, raw = self._here(), _native(ip_or_id)
        await core.ask(ip_or_id, lambda n: lib.kith_unban(core.node, raw, n))

    async def bans(self) -> list[Ban]:
        """The bans that are not over."""
        core = self._here()
        bans: list[Ban] = await core.ask("bans", lambda n: lib.kith_ask_bans(core.node, n))
        return bans

    async def known(self, most: int = 0) -> list[Known]:
        """The addresses that the node knows, the last heard of first; `most` of them, or all for 0."""
        core = self._here()
        known: list[Known] = await core.ask("known", lambda n: lib.kith_ask_known(core.node, most, n))
        return known

    async def score(self, peer_or_ip: str) -> Score:
        """How a peer that is online, or an IP address, is rated."""
        core, raw = self._here(), _native(peer_or_ip)
        score: Score = await core.ask(peer_or_ip, lambda n: lib.kith_ask_score(core.node, raw, n))
        return score

    async def report(self, peer: str, points: int) -> None:
        """Adds points to the score of a peer that is online, or takes them if they are negative, as the protocol does for its
        conduct. Below the option `refuse_below` its connection ends. Raises `Invalid` if they are too many."""
        core, raw = self._here(), _native(peer)
        await core.ask(peer, lambda n: lib.kith_report(core.node, raw, points, n))

    async def disconnect(self, peer: str) -> None:
        """Ends a peer's connection after what was sent to it has gone."""
        core, raw = self._here(), _native(peer)
        await core.ask(peer, lambda n: lib.kith_disconnect(core.node, raw, n))

    async def set_special(self, peers: str | Iterable[str]) -> None:
        """Replaces the special peers that the options `peers`, `connect` and `addnode` have named."""
        core, raw = self._here(), _addresses(peers)
        await core.ask("peers", lambda n: lib.kith_set_special(core.node, raw, n))

    async def dial(self, address: str) -> str:
        """Dials an address once, now: "host:port", "ID@host:port" or "ws://host:port". Returns the peer's name once it is online;
        at once if a connection that this node dialed leads there. Raises `Refused` with the reason if it comes to nothing."""
        core, raw = self._here(), _native(address)
        return str(await core.ask(address, lambda n: lib.kith_dial(core.node, raw, n)))

    async def special_add(self, peers: str | Iterable[str]) -> None:
        """More special peers. Raises `Refused` if there are too many."""
        core, raw = self._here(), _addresses(peers)
        await core.ask("peers", lambda n: lib.kith_special_add(core.node, raw, n))

    async def special_remove(self, peers: str | Iterable[str]) -> None:
        """These are special no longer; connections with them stay. Raises `Refused` if one was not."""
        core, raw = self._here(), _addresses(peers)
        await core.ask("peers", lambda n: lib.kith_special_remove(core.node, raw, n))

    async def reload(self) -> None:
        """Reads the special peers of the configuration file again. Blocks on the disk. Raises `ConfigError`."""
        core, error = self._here(), config.error_room()

        def call(number: int) -> Any:
            result = lib.kith_reload(core.node, number, error, len(error))
            if result == lib.KITH_INVALID:
                raise ConfigError(text(error))
            return result

        await core.ask("the configuration", call)

    async def ask(self, verb: str, argument: str = "") -> str:
        """Asks the protocol itself by a verb of its own, as Infnote's and coin's "block" and "chain" (kith(1)). Raises
        `Refused` with the reason if there is no answer, and `Invalid` if the protocol has no verbs."""
        core, raw, rest = self._here(), _native(verb), _native(argument)
        return str(await core.ask(verb, lambda n: lib.kith_ask_service(core.node, raw, rest, n)))


def _copied(message: Message | MessageView) -> Message:
    if isinstance(message, Message):
        return message
    return Message(message.peer, message.kind, bytes(message.data), message.connection, message.ticket)


def _viewed(message: Message | MessageView) -> MessageView:
    if isinstance(message, MessageView):
        return message
    return MessageView(message.peer, message.kind, memoryview(message.data), message.connection, message.ticket)


def _close_unseen(loop: asyncio.AbstractEventLoop, opening: "asyncio.Future[Any]", log: LogPipe, handle: object) -> None:
    """Closes a node that nobody waited for."""
    if opening.cancelled() or opening.exception():
        log.close()
    else:
        loop.run_in_executor(None, _close, opening.result(), log, handle)


def _close(node: Any, log: LogPipe, _handle: object) -> None:
    """The validator's handle is alive until the node asks no more."""
    lib.kith_close(node)
    log.close()
