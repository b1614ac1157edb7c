"""What the tests share: coroutines as tests, and nodes with an address and a home of their own."""
import asyncio
import inspect
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import kith

LIMIT = 30  # seconds for a test that hangs
PORT = 20000 + os.getpid() % 12000  # below those that the system gives to outgoing connections

_blocks = (f"127.{16 + os.getpid() % 224}.{at}" for at in itertools.count(200))


def next_block() -> str:
    """The first three bytes of loopback addresses that no other test uses."""
    return next(_blocks)


_addresses = (f"{block}.{at}" for block in iter(next_block, "") for at in range(1, 250))


@pytest.hookimpl(tryfirst=True)  # type: ignore[misc]
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}

    async def limited() -> None:
        async with asyncio.timeout(LIMIT):
            await pyfuncitem.obj(**arguments)
    asyncio.run(limited())
    return True


class Lab:
    """Makes nodes that find nobody but whom they are told."""

    def __init__(self, folder: Path) -> None:
        self._homes = (folder / f"n{at}" for at in itertools.count())

    def options(self, *peers: str, **more: Any) -> dict[str, Any]:
        return {"network": "LOCAL", "bind": next(_addresses), "network_port": PORT, "home": next(self._homes), "seed_url": "",
                "peers": peers, "exclusive": True} | more

    def node(self, *peers: str, **more: Any) -> kith.Node:
        return kith.Node(**self.options(*peers, **more))

    @asynccontextmanager
    async def nodes(self, count: int, **more: Any) -> AsyncIterator[list[kith.Node]]:
        """So many, of which each knows those before it; all are connected."""
        async with AsyncExitStack() as stack:
            nodes: list[kith.Node] = []
            ends: list[str] = []
            for _ in range(count):
                options = self.options(*ends, **more)
                nodes.append(await stack.enter_async_context(kith.Node(**options)))
                ends.append(f"{options['bind']}:{PORT}")
            for node in nodes:
                await node.wait_for_peers(count - 1)
            yield nodes


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


async def turns_beside(step: Callable[[], Awaitable[object]], times: int) -> int:
    """How often another task has a turn while this one does that so many times, without a pause."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1
    counting = asyncio.create_task(count())
    for _ in range(times):
        await step()
    counting.cancel()
    return turns


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def descriptors_are_given_back() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) <= before, "descriptors are left open"
