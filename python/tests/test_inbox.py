"""The inbox beside a library that gives what a test wants: moments that a real node has once in a thousand runs."""
import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from conftest import turns_beside, until

from kith import _inbox
from kith._binding import ffi


class Library:
    """Gives the parcels and events of `script`: bytes, or None for an event. Its descriptor never becomes readable."""

    def __init__(self, script: list[bytes | None]) -> None:
        self.script, self.released, self.taken_on = script, 0, 0
        self.kept: list[Any] = []
        self.kind = ffi.new("char[]", b"Message")
        self.event = ffi.new("struct kith_event *")
        self.descriptor, self.other_end = os.pipe()

    def kith_fd(self, node: object) -> int:
        return self.descriptor

    def kith_getting_on(self, node: object) -> None:
        self.taken_on += 1

    def native_take(self, node: object, batch: Any, most: int, most_bytes: int) -> None:
        batch.count = batch.bytes = 0
        batch.event = ffi.NULL
        batch.is_empty = False
        while batch.count < min(most, 256) and batch.bytes < most_bytes:
            if not self.script:
                batch.is_empty = True
                return
            data = self.script.pop(0)
            if data is None:
                batch.event = self.event
                return
            self.kept.append(ffi.new("char[]", data))
            at = batch.count
            batch.data[at], batch.size[at], batch.connection[at] = self.kept[-1], len(data), 7
            batch.kind[at] = self.kind
            batch.bytes += len(data)
            batch.count += 1


class Bench:
    """An inbox with counters."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, script: list[bytes | None],
                 is_answer_awaited: Callable[[], bool] = lambda: False,
                 is_event_awaited: Callable[[], bool] = lambda: False) -> None:
        self.double = Library(script)
        self.events = self.dropped = 0
        monkeypatch.setattr(_inbox, "lib", self.double)
        monkeypatch.setattr(_inbox, "release", self._release)
        self.inbox = _inbox.Inbox(asyncio.get_running_loop(), None, False, self._on_event, self._on_dropped,
                                  is_answer_awaited, is_event_awaited)
        self.inbox.name(7, "peer")
        self.inbox.start()

    def _release(self, owners: object, n: int) -> None:
        self.double.released += n

    def _on_event(self, event: object) -> None:
        self.events += 1

    def _on_dropped(self, count: int) -> None:
        self.dropped += count

    def close(self) -> None:
        self.inbox.close()
        os.close(self.double.descriptor)
        os.close(self.double.other_end)


async def test_what_is_left_after_a_turn_is_taken_without_a_sign_of_the_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [None] * 50)
    await until(lambda: bench.events == 50, 5)
    bench.close()


async def test_what_is_left_by_one_who_receives_is_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [])
    await asyncio.sleep(0)
    bench.double.script += [b"message", *[None] * 50]
    assert (await bench.inbox.get()).data == b"message"
    await until(lambda: bench.events == 50, 5)
    bench.close()


async def test_a_full_buffer_stops_and_goes_on_once_half_is_free_and_the_node_is_told_of_each(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inbox, "MESSAGES", 100)
    bench = Bench(monkeypatch, [b"%d" % at for at in range(250)])
    await until(lambda: len(bench.double.script) == 150, 5)
    for at in range(49):
        assert int((await bench.inbox.get()).data) == at
    await asyncio.sleep(0.02)
    assert (len(bench.double.script), bench.double.taken_on) == (150, 49)
    await bench.inbox.get()
    await until(lambda: len(bench.double.script) == 100, 5)
    assert [int((await bench.inbox.get()).data) for _ in range(200)] == list(range(50, 250))
    assert (bench.double.released, bench.dropped) == (250, 0)
    bench.close()


async def test_a_full_buffer_takes_on_for_an_answer_up_to_the_larger_bound_and_no_further(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inbox, "MESSAGES", 10)
    monkeypatch.setattr(_inbox, "STALL", 3600)
    waits = False
    bench = Bench(monkeypatch, [b"x"] * 1000, is_answer_awaited=lambda: waits)
    await until(lambda: len(bench.double.script) == 990, 5)
    waits = True
    bench.inbox.answer_awaited()
    await until(lambda: len(bench.double.script) == 840, 5)
    await asyncio.sleep(0.2)
    assert (len(bench.double.script), bench.dropped) == (840, 0)
    bench.close()


async def test_bytes_are_bounded_like_messages_but_one_has_room_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inbox, "BYTES", 1000)
    bench = Bench(monkeypatch, [bytes(5000)] * 3)
    await until(lambda: len(bench.double.script) == 2, 5)
    await asyncio.sleep(0.02)
    assert len(bench.double.script) == 2
    assert [len((await bench.inbox.get()).data) for _ in range(3)] == [5000] * 3
    bench.close()


async def test_a_program_that_takes_nothing_for_the_stall_time_loses_the_oldest_if_somebody_waits_for_events(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inbox, "MESSAGES", 4)
    monkeypatch.setattr(_inbox, "STALL", 0.1)
    bench = Bench(monkeypatch, [*(b"%d" % at for at in range(200)), None], is_event_awaited=lambda: True)
    await until(lambda: bench.events == 1, 10)
    rest = []
    while (message := bench.inbox.get_nowait()) is not None:
        rest.append(int(message.data))
    assert bench.dropped > 0 and rest == list(range(bench.dropped, 200))
    bench.close()


async def test_nobody_loses_anything_if_nobody_waits_for_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inbox, "MESSAGES", 4)
    monkeypatch.setattr(_inbox, "STALL", 0.05)
    bench = Bench(monkeypatch, [b"x"] * 200)
    await asyncio.sleep(0.3)
    assert (len(bench.double.script), bench.dropped) == (196, 0)
    bench.close()


async def test_a_wake_that_a_cancelled_receiver_no_longer_needs_is_another_s(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [])
    await asyncio.sleep(0)
    first, second = (asyncio.create_task(bench.inbox.get()) for _ in range(2))
    await asyncio.sleep(0)
    bench.double.script.append(b"one")
    bench.inbox.take()
    first.cancel()
    assert (await second).data == b"one"
    bench.close()


async def test_tasks_get_on_beside_one_that_receives_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [b"x"] * 1000)
    await until(lambda: not bench.double.script, 5)
    assert await turns_beside(bench.inbox.get, 1000) >= 1000 // 64 - 1
    bench.close()
