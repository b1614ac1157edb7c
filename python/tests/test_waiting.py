"""Those who wait for something of the node, and are woken."""
import asyncio
import os
import time

from kith._waiting import Gate, Room


async def test_one_wake_is_for_the_first_who_still_wants_it() -> None:
    gate = Gate(asyncio.get_running_loop())
    tasks = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    gate.wake_one()
    tasks[0].cancel()
    done, _ = await asyncio.wait(tasks, timeout=0.2)
    assert done == {tasks[0], tasks[1]} and tasks[0].cancelled()
    gate.wake()
    await tasks[2]
    assert len(gate) == 0


async def test_who_waits_for_room_looks_again_by_itself_as_the_descriptor_may_have_told_another() -> None:
    reader, writer = os.pipe()
    room = Room(asyncio.get_running_loop(), reader)
    start = time.monotonic()
    await asyncio.gather(*(room.wait() for _ in range(3)))
    assert time.monotonic() - start >= 0.1
    os.write(writer, b"room")
    await room.wait()
    os.close(reader)
    os.close(writer)
