"""Two nodes and more in one process: messages, their order, and what becomes of them if somebody is slow."""
import asyncio
import gc
import time

import pytest
from conftest import PORT, Lab, turns_beside, until

import kith


async def a_name_of(node: kith.Node) -> str:
    return (await node.wait_for_peers())[0]


async def test_a_message_arrives_with_its_sender_and_its_kind(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        await b.send(b"hello")
        message = await a.receive()
        assert (message.data, message.kind, message.peer) == (b"hello", a.kinds[0], await a_name_of(a))
        assert [peer.connection for peer in await a.peers()] == [message.connection]
        await a.send(b"answer", target=message.peer)
        assert (await b.receive()).data == b"answer"


async def test_all_that_has_bytes_can_be_sent(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        for data in (b"bytes", bytearray(b"bytes"), memoryview(b"bytes"), memoryview(b"xbytesx")[1:6]):
            await b.send(data)
            assert (await a.receive()).data == b"bytes"
        with pytest.raises(TypeError, match="encode"):
            await b.send("text")  # type: ignore[call-overload]
        large = bytes(range(256)) * 40000
        await b.send(large)
        assert (await a.receive()).data == large


async def test_who_confirms_learns_to_how_many_peers_it_went(lab: Lab) -> None:
    async with lab.nodes(4) as nodes:
        assert await nodes[0].send(b"to all", target=kith.FULL_BROADCAST, confirm=True) == 3
        assert await nodes[0].send(b"to one", target=kith.RANDOM_PEER, confirm=True) == 1
        assert await nodes[0].send(b"to this", target=await a_name_of(nodes[0]), confirm=True) == 1
    async with lab.node() as alone:
        assert await alone.send(b"to nobody", confirm=True) == 0


async def test_twelve_nodes_in_one_process_all_hear_each(lab: Lab) -> None:
    async with lab.nodes(12) as nodes:
        for at, node in enumerate(nodes):
            await node.send(f"{at}".encode(), target=kith.FULL_BROADCAST)
        for at, node in enumerate(nodes):
            heard = {(await node.receive()).data for _ in range(len(nodes) - 1)}
            assert heard == {f"{other}".encode() for other in range(len(nodes)) if other != at}


async def test_messages_of_a_task_keep_their_order_and_none_is_lost_though_the_reader_is_slow(lab: Lab) -> None:
    async with lab.nodes(2, queue=200) as (a, b):
        tasks, each = 3, 2000

        async def write(task: int) -> None:
            for at in range(each):
                await b.send(b"%d %d " % (task, at) + bytes(500))
        writing = asyncio.gather(*map(write, range(tasks)))
        heard: list[list[int]] = [[] for _ in range(tasks)]
        for at in range(tasks * each):
            if at % 500 == 0:
                await asyncio.sleep(0.05)
            task, number, _ = (await a.receive()).data.split(b" ", 2)
            heard[int(task)].append(int(number))
        await writing
        assert heard == [list(range(each))] * tasks


async def test_a_full_queue_is_told_and_who_waits_goes_on_once_there_is_room(lab: Lab) -> None:
    async with lab.nodes(2, queue=50, queue_bytes="1M") as (a, b):
        peer, sent = await a_name_of(b), 0
        with pytest.raises(kith.WouldBlock):
            while True:
                b.send_nowait(bytes(10000), target=peer)
                sent += 1
        waiting = asyncio.create_task(b.send(b"the last", target=peer))
        for _ in range(sent):
            assert len((await a.receive()).data) == 10000
        await waiting
        assert (await a.receive()).data == b"the last"


async def test_a_reader_that_takes_one_in_a_fifth_of_a_second_loses_nothing(lab: Lab) -> None:
    async with lab.nodes(2, queue=100) as (a, b):
        events, total = a.events(), 3000

        async def write() -> None:
            for at in range(total):
                await b.send(b"%d" % at)
        writing = asyncio.create_task(write())
        listening = asyncio.create_task(first_drop(events))
        first = [await a.receive()]
        for _ in range(8):  # three times the stall time, after which its queue and the buffer are full
            await asyncio.sleep(0.2)
            first.append(await a.receive())
        rest = [await a.receive() for _ in range(total - len(first))]
        assert [int(message.data) for message in first + rest] == list(range(total))
        await writing
        assert not listening.done()
        listening.cancel()


async def first_drop(events: kith.Events) -> kith.Dropped:
    async for event in events:
        if isinstance(event, kith.Dropped):
            return event
    raise AssertionError("no drop was told")


async def flood(lab: Lab, a: kith.Node, b: kith.Node, count: int) -> "asyncio.Task[None]":
    async def write() -> None:
        for at in range(count):
            await b.send(b"%d" % at)
    task = asyncio.create_task(write())
    await until(lambda: bool(a._core and a._core.inbox._is_paused))
    return task


async def test_a_command_is_answered_though_nobody_takes_the_messages_before_its_answer(lab: Lab) -> None:
    async with lab.nodes(2, queue=1000) as (a, b):
        writing = await flood(lab, a, b, 5000)
        for _ in range(3):
            assert (await a.status()).incoming == 1
            assert int((await a.receive()).data) >= 0
        heard = [await a.receive() for _ in range(4997)]
        assert int(heard[-1].data) == 4999
        await writing


async def test_events_are_told_to_a_program_that_takes_no_messages_and_so_is_what_it_loses(
        lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kith._inbox.MESSAGES", 64)
    monkeypatch.setattr("kith._inbox.STALL", 0.1)
    async with lab.nodes(2, queue=100, stall="100ms") as (a, b):
        events = a.events()
        writing = await flood(lab, a, b, 6000)
        drop = await first_drop(events)
        assert (drop.reason, drop.text, drop.count > 0) == (kith.Reason.DROP_APPLICATION, "application stalled", True)
        writing.cancel()
        await b.close()
        async for event in events:
            if isinstance(event, kith.Offline):
                break


async def test_receivers_share_the_messages_and_one_that_is_cancelled_loses_none(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        waiting = [asyncio.create_task(a.receive()) for _ in range(4)]
        await asyncio.sleep(0)
        for at in range(3):
            await b.send(b"%d" % at)
        await until(lambda: any(task.done() for task in waiting))
        for task in waiting:
            task.cancel()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        heard = [answer.data for answer in done if isinstance(answer, kith.Message)]
        while len(heard) < 3:
            heard.append((await a.receive()).data)
        assert sorted(heard) == [b"0", b"1", b"2"]


async def test_receive_nowait_gives_nothing_or_the_next(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        assert a.receive_nowait() is None
        await b.send(b"now", confirm=True)
        async with asyncio.timeout(10):
            while not (message := a.receive_nowait()):
                await asyncio.sleep(0.01)
        assert message.data == b"now"


async def test_a_view_shows_the_library_s_memory_and_outlives_the_node(lab: Lab) -> None:
    large = bytes(range(256)) * 1000
    async with lab.nodes(2, zero_copy=True) as (a, b):
        await b.send(large)
        await b.send(b"and a copy")
        async for message in a.views():
            kept = message.data[256:512]
            assert message.data == large and message.data.readonly
            break
        assert (await a.receive()) == kith.Message(message.peer, message.kind, b"and a copy", message.connection)
    del message
    gc.collect()
    assert kept == bytes(range(256))
    kept.release()


async def test_views_of_a_node_that_copies_are_of_the_copies(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        await b.send(b"copied")
        async for message in a.views():
            assert message.data == b"copied"
            break


async def test_tasks_get_on_beside_one_that_sends_without_a_pause(lab: Lab) -> None:
    async with lab.node() as node:
        assert await turns_beside(lambda: node.send(bytes(10)), 1000) >= 1000 // 64 - 1


async def test_a_target_that_is_not_there_is_told_at_once(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        name = await a_name_of(a)
        await b.close()
        start = time.monotonic()
        with pytest.raises(kith.NoPeer):
            while True:
                await a.send(b"gone", target=name)
                await asyncio.sleep(0.01)
        assert time.monotonic() - start < 10


async def test_a_message_is_passed_on_once_it_is_accepted(lab: Lab) -> None:
    options = lab.options(relay="validated")
    async with kith.Node(**options) as relay:
        end = f"{options['bind']}:{PORT}"
        async with lab.node(end) as a, lab.node(end) as c:
            await relay.wait_for_peers(2)
            await asyncio.gather(a.wait_for_peers(), c.wait_for_peers())
            for data in (b"ignored", b"rejected", b"accepted"):
                await a.send(data)
            for verdict in (kith.Verdict.IGNORE, kith.Verdict.REJECT, kith.Verdict.ACCEPT):
                message = await relay.receive()
                assert message.ticket
                await relay.verdict(message, verdict)
            assert (await c.receive()).data == b"accepted"
            status = await relay.status()
            assert (status.accepted, status.ignored, status.rejected, status.awaiting) == (1, 1, 1, 0)
            with pytest.raises(kith.Invalid):
                await a.verdict(message, kith.Verdict.ACCEPT)
