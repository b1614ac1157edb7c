"""Opening, closing, misuse: a node's life, and its unusual ends."""
import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from conftest import PORT, Lab, until

import kith
from kith import _core, _log
from kith._binding import ffi, lib


async def test_events_begin_with_the_address_and_end_with_the_end(lab: Lab) -> None:
    options = lab.options()
    async with kith.Node(**options) as node:
        events = node.events()
        assert await anext(events) == kith.Listening(f"{options['bind']}:{PORT}")
    assert [event async for event in events] == [kith.Ended()]


async def test_who_comes_and_who_goes_is_told_with_the_reason(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        events = a.events()
        name, = await a.wait_for_peers()
        await b.close()
        event = await anext(events)
        assert isinstance(event, kith.Offline)
        assert (event.peer.name, event.reason, event.text) == (name, kith.Reason.END_CLOSED, "closed by peer")


async def test_several_listen_to_the_same_events_but_one_at_a_time_to_each(lab: Lab) -> None:
    async with lab.node() as node:
        first, second = node.events(), node.events()
        assert await anext(first) == await anext(second)
        waiting = asyncio.create_task(anext(first))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task"):
            await anext(first)
        waiting.cancel()


async def test_a_listener_that_takes_no_events_is_told_how_many_it_missed() -> None:
    events = kith.Events(asyncio.get_running_loop())
    for _ in range(5000):
        events.give(kith.Dropped(None, kith.Reason.DROP_APPLICATION, "", 1))
    events.give(kith.Ended())
    told = [event async for event in events]
    assert len(told) == 4096 + 2 and told[-2:] == [kith.Missed(904), kith.Ended()]


@pytest.mark.parametrize("options, option", [
    ({"stall": "soon"}, "stall"), ({"no_such": 1}, "no_such"), ({"peers_file": "a\0b"}, "peers_file"),
    ({"outgoing": -1}, "outgoing"), ({"json": True, "network": "MOON"}, "network")])
def test_an_option_that_is_wrong_is_named_at_once(options: dict[str, Any], option: str) -> None:
    with pytest.raises(kith.ConfigError) as raised:
        kith.Node(**options)
    assert raised.value.option == option


@pytest.mark.parametrize("value", [1.5, b"bytes", None, [1, 2]])
def test_a_value_of_a_type_that_no_option_takes_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        kith.Node(stall=value)


async def test_options_are_times_paths_and_lists_too(lab: Lab, tmp_path: Path) -> None:
    options = lab.options(stall=timedelta(seconds=1), peers_file=tmp_path / "peers", per_ip=3, network_port=0)
    async with kith.Node(**options) as node:
        assert (await node.status()).port > 0


async def test_options_that_contradict_each_other_are_told_as_the_node_is_opened(lab: Lab) -> None:
    node = lab.node(network="CUSTOM")
    with pytest.raises(kith.ConfigError, match="customnet"):
        await node.open()


async def test_a_port_that_is_taken_is_a_start_error(lab: Lab) -> None:
    options = lab.options()
    with socket.create_server((options["bind"], PORT)):
        with pytest.raises(kith.StartError, match=str(PORT)):
            await kith.Node(**options).open()


async def test_a_home_is_for_one_node_at_a_time(lab: Lab, tmp_path: Path) -> None:
    async with lab.node(home=tmp_path / "one"):
        with pytest.raises(kith.ConfigError) as raised:
            await lab.node(home=tmp_path / "one").open()
        assert raised.value.option in ("home", "peersFile")
    async with lab.node(home=tmp_path / "one"):
        pass


async def test_a_configuration_file_is_read_if_asked_for(lab: Lab, tmp_path: Path) -> None:
    options = lab.options()
    options["home"].mkdir()
    (options["home"] / "kith.conf").write_text("[kith]\nnetwork = MOON\n", encoding="utf-8")
    async with kith.Node(**options):
        pass
    del options["network"]
    with pytest.raises(kith.ConfigError):
        await kith.Node(config_file=True, **options).open()


async def test_a_node_that_is_not_open_says_so(lab: Lab) -> None:
    node = lab.node()
    for _ in range(2):
        with pytest.raises(kith.Closed):
            await node.send(b"x")
        with pytest.raises(kith.Closed):
            await node.status()
        with pytest.raises(kith.Closed):
            await node.receive()
        if repr(node).startswith("<kith.Node new"):
            await node.open()
            assert " open " in repr(node)
            await node.close()
    await node.close()
    with pytest.raises(RuntimeError, match="once"):
        await node.open()
    unopened = lab.node()
    await unopened.close()
    with pytest.raises(RuntimeError, match="once"):
        await unopened.open()


async def test_what_cannot_be_sent_is_refused(lab: Lab) -> None:
    async with lab.node(max_parcel="1K") as node:
        for wrong in (node.send(b""), node.send(bytes(1025)), node.send(b"x", kind="Nonsense"), node.send(b"x", target="a\0b")):
            with pytest.raises(kith.Invalid):
                await wrong
        for value in ("text", 5, None):
            with pytest.raises(TypeError):
                await node.send(value)  # type: ignore[call-overload]
        with pytest.raises(kith.NoPeer):
            await node.send(b"x", target="nobody")
        with pytest.raises(kith.NoPeer):
            await node.send(b"x", target="nobody", confirm=True)
        assert (await node.status()).to_network == 0


async def test_commands(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        with pytest.raises(kith.NoPeer):
            await a.ban("nobody")
        with pytest.raises(kith.Invalid):
            await a.unban("nobody")
        with pytest.raises(kith.Refused) as refused:
            await a.unban("203.0.113.7")
        assert refused.value.reason is kith.Reason.FAIL_UNKNOWN
        await a.ban("203.0.113.7", timedelta(minutes=1))
        ban, = await a.bans()
        assert (ban.subject, ban.is_id, 0 < ban.left_ms <= 60000) == ("203.0.113.7", False, True)
        await a.unban("203.0.113.7")
        assert (await a.status()).banned == 0
        with pytest.raises(kith.Invalid):
            await a.set_special("not an address at all:x")
        await a.set_special(["127.0.0.77:8110", "127.0.0.78:8110"])
        await a.special_add("127.0.0.79:8110")
        await a.special_remove(["127.0.0.79:8110"])
        with pytest.raises(kith.Refused) as refused:
            await a.special_remove("127.0.0.80:8110")
        assert refused.value.reason is kith.Reason.FAIL_UNKNOWN
        name, = await a.wait_for_peers()
        before = await a.score(name)
        await a.report(name, 7)
        assert (await a.score(before.address)).quality == before.quality + 7
        with pytest.raises(kith.Invalid):
            await a.report(name, 10**6)
        with pytest.raises(kith.NoPeer):
            await a.report("nobody", 1)
        known, = await a.known()
        assert (known.address, known.source, known.self) == (name.split()[0], kith.Source.INCOMING, False)
        assert [again.address for again in await a.known(1)] == [known.address]
        with pytest.raises(kith.Invalid):
            await a.ask("verb")
        events = a.events()
        await a.disconnect((await a.wait_for_peers())[0])
        while not isinstance(event := await anext(events), kith.Offline):
            pass
        assert event.reason is kith.Reason.END_DISCONNECT


async def test_an_address_is_dialed_once(lab: Lab) -> None:
    options = lab.options()
    async with kith.Node(**options) as a, lab.node(exclusive=False) as b:
        address = f"{options['bind']}:{PORT}"
        name = await b.dial(address)
        assert await b.wait_for_peers() == (name,) and name.startswith(address)
        assert await b.dial(address) == name
        await a.wait_for_peers()
        with pytest.raises(kith.Refused) as refused:
            await b.dial(address.replace(str(PORT), "1"))
        assert refused.value.reason is kith.Reason.END_DIAL_FAILED
        with pytest.raises(kith.Refused) as refused:
            await a.dial(address)
        assert refused.value.reason is kith.Reason.FAIL_EXCLUSIVE
        with pytest.raises(kith.Invalid):
            await b.dial("no address")


async def test_special_peers_are_read_again_from_the_configuration_file(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "kith.conf"
    file.write_text("[kith]\n", encoding="utf-8")
    async with lab.node(config=file, config_file=True) as node:
        await node.reload()
        file.write_text("[kith]\npeers = this is no address\n", encoding="utf-8")
        with pytest.raises(kith.ConfigError):
            await node.reload()


async def test_a_node_belongs_to_its_loop(lab: Lab) -> None:
    async with lab.node() as node:
        def elsewhere() -> None:
            with pytest.raises(RuntimeError, match="another event loop"):
                asyncio.run(node.send(b"x"))
            with pytest.raises(RuntimeError, match="another event loop"):
                asyncio.run(node.close())
        await asyncio.to_thread(elsewhere)


async def test_those_who_wait_hear_of_the_end(lab: Lab) -> None:
    async with lab.nodes(2, queue=20) as (a, b):
        await b.send(b"the last one")
        messages = [message.data async for message in first_then_close(a)]
        assert messages == [b"the last one"]
        for call in (a.receive(), a.peers(), a.wait_for_peers()):
            with pytest.raises(kith.Closed):
                await call
        async with lab.node() as c:
            waiting = asyncio.gather(c.receive(), c.wait_for_peers(), return_exceptions=True)
            await asyncio.sleep(0)
            await c.close()
            assert [type(answer) for answer in await waiting] == [kith.Closed] * 2


async def test_an_answer_that_the_end_forestalls_is_not_waited_for(lab: Lab) -> None:
    async with lab.node() as node:
        assert node._core
        _, future = node._core.answers.expect()
    with pytest.raises(kith.Closed):
        await future


async def test_once_events_were_missed_the_node_is_asked_who_is_online(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        core = a._core
        assert core
        core.online[999] = "one whose end was missed"
        core.inbox.name(999, "one whose end was missed")
        events = a.events()
        core._on_missed(ffi.new("struct kith_event *", {"count": 3}))
        assert await anext(events) == kith.Missed(3)
        while 999 in core.online:
            await core.online_changed.wait()
        assert len(core.online) == 1 and core.inbox._name(999) == ""


async def test_who_misses_events_again_and_again_has_no_question_left_over(lab: Lab) -> None:
    missed = ffi.new("struct kith_event *", {"count": 3})
    async with lab.node() as node:
        core = node._core
        assert core
        for _ in range(3):
            core._on_missed(missed)
        core.online[999] = "one whose end was missed"
        while core.online:
            await core.online_changed.wait()
        assert len(core.answers) == 0


async def test_who_is_online_is_nobodys_question_at_the_end(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async with lab.node() as node:
        assert node._core
        node._core._on_missed(ffi.new("struct kith_event *", {"count": 3}))
        node._core._end()  # before the answer
    del node
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_who_is_online_is_asked_again_if_too_many_commands_wait(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        """The library, which has no room for the first question."""
        answers = [lib.KITH_BUSY]

        def __getattr__(self, name: str) -> Any:
            return getattr(lib, name)

        def kith_ask_peers(self, node: Any, number: int) -> Any:
            return self.answers.pop() if self.answers else lib.kith_ask_peers(node, number)

    async with lab.node() as node:
        core = node._core
        assert core
        monkeypatch.setattr(_core, "lib", Busy())
        core.online[999] = "one whose end was missed"
        core._on_missed(ffi.new("struct kith_event *", {"count": 3}))
        while core.online:
            await core.online_changed.wait()


async def first_then_close(node: kith.Node) -> Any:
    async for message in node:
        yield message
        asyncio.get_running_loop().create_task(node.close())


async def test_closing_under_load_lets_everybody_go(lab: Lab) -> None:
    async with lab.nodes(2, queue=100) as (a, b):
        async def write(node: kith.Node) -> str:
            try:
                while True:
                    await node.send(bytes(1000))
            except kith.Closed:
                return "closed"

        async def read(node: kith.Node) -> str:
            async for _ in node:
                pass
            return "ended"
        tasks = [asyncio.create_task(work(node)) for node in (a, b) for work in (write, write, read)]
        await asyncio.sleep(0.3)
        await asyncio.gather(a.close(), a.close(), b.close())
        assert await asyncio.gather(*tasks) == ["closed", "closed", "ended"] * 2


async def test_a_full_node_that_nobody_reads_closes_in_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kith._core.END", 25)
    async with lab.nodes(2, queue=100) as (a, b):
        async def write() -> None:
            while True:
                await b.send(bytes(1000))
        writing = asyncio.create_task(write())
        await until(lambda: bool(a._core and a._core.inbox._is_paused))
        start = asyncio.get_running_loop().time()
        await a.close()
        assert asyncio.get_running_loop().time() - start < 20, "the node did not end by itself"
        writing.cancel()


async def test_a_start_that_is_cancelled_leaves_no_node(lab: Lab) -> None:
    options = lab.options()
    opening = asyncio.create_task(kith.Node(**options).open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await opened_at_last(options)


async def test_an_end_that_is_cancelled_goes_on(lab: Lab) -> None:
    options = lab.options()
    node = await kith.Node(**options).open()
    closing = asyncio.create_task(node.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await node.close()
    async with kith.Node(**options):
        pass


async def test_a_node_is_closed_also_if_everything_is_cancelled(lab: Lab) -> None:
    options = lab.options()
    node = await kith.Node(**options).open()
    closing = asyncio.create_task(node.close())
    await asyncio.sleep(0)
    assert node._closing
    node._closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await opened_at_last(options)


async def opened_at_last(options: dict[str, Any]) -> None:
    """Another node of those options can be opened once the first is closed."""
    async with asyncio.timeout(10):
        while True:
            try:
                async with kith.Node(**options):
                    return
            except kith.KithError:
                await asyncio.sleep(0.02)


async def test_a_loop_that_knows_no_descriptors_leaves_no_node(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, callback: object) -> None:
        raise NotImplementedError
    options, loop = lab.options(), asyncio.get_running_loop()
    with monkeypatch.context() as patched:
        patched.setattr(loop, "add_reader", refuse)
        with pytest.raises(NotImplementedError):
            await kith.Node(**options).open()
    async with kith.Node(**options):
        pass


async def test_a_request_that_is_cancelled_is_forgotten(lab: Lab) -> None:
    async with lab.node() as node:
        for _ in range(100):
            asking = asyncio.create_task(node.status())
            await asyncio.sleep(0)
            asking.cancel()
        assert (await node.status()).network == "LOCAL"
        assert node._core and len(node._core.answers) == 0


async def test_more_requests_than_answers_have_room_wait(lab: Lab) -> None:
    async with lab.node() as node:
        assert node._core
        asking = asyncio.gather(*(node.send(b"x", confirm=True) for _ in range(10000)))
        most = 0
        while not asking.done():
            most = max(most, len(node._core.answers))
            await asyncio.sleep(0)
        assert (set(await asking), most) == ({0}, 4096)


async def test_a_node_that_is_lost_is_warned_of_and_closed(lab: Lab) -> None:
    options = lab.options()
    node = await kith.Node(**options).open()
    with pytest.warns(ResourceWarning, match="not closed"):
        del node
        gc.collect()
    await opened_at_last(options)


def test_a_node_that_outlives_its_loop_is_warned_of_and_closed(lab: Lab) -> None:
    options = lab.options()
    node = asyncio.run(kith.Node(**options).open())
    with pytest.warns(ResourceWarning, match="not closed"):
        del node
        gc.collect()

    async def again() -> None:
        async with kith.Node(**options):
            pass
    asyncio.run(again())


FORGETS = """
import asyncio, logging, sys, kith

async def main():
    node = kith.Node(network="LOCAL", seed_url="", home=sys.argv[1], bind=sys.argv[2], peers=sys.argv[3], network_port=0)
    await node.open()
    await node.wait_for_peers()
    return node

logging.basicConfig(level=logging.INFO)
loop = asyncio.new_event_loop()
node = loop.run_until_complete(main())
"""


async def test_a_program_that_forgets_its_nodes_ends_well_all_the_same(lab: Lab) -> None:
    options, its = lab.options(), lab.options()
    async with kith.Node(**options):
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", FORGETS, its["home"], its["bind"], f"{options['bind']}:{PORT}",
            stderr=subprocess.PIPE)
        _, log = await program.communicate()
    assert program.returncode == 0
    assert b"shutting down" in log and b"Error" not in log


def _child(pipe: Connection, node: kith.Node) -> None:
    core = node._core
    assert core
    sent = lib.native_send(core.node, b"<BROADCAST>", ffi.NULL, b"x", 1, 0)
    pipe.send((lib.kith_fd(core.node), sent == lib.KITH_CLOSED))


async def test_a_child_of_fork_has_no_node_and_the_parent_keeps_it(lab: Lab) -> None:
    async with lab.nodes(2) as (a, b):
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        child = context.Process(target=_child, args=(theirs, a))
        child.start()
        assert await asyncio.to_thread(ours.recv) == (-1, True)
        await asyncio.to_thread(child.join)
        assert child.exitcode == 0
        ours.close()
        theirs.close()
        child.close()
        assert await a.send(b"still here", confirm=True) == 1
        assert (await b.receive()).data == b"still here"


async def test_the_log_is_python_s(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="kith"):
        async with lab.nodes(2):
            pass
    texts = [record.getMessage() for record in caplog.records if record.name == "kith"]
    assert any(text.startswith("kith ") and "network LOCAL" in text for text in texts)
    assert any("online" in text for text in texts) and any("shutting down" in text for text in texts)
    assert all(record.levelno >= logging.INFO for record in caplog.records)
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="kith"):
        async with lab.nodes(2):
            pass
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_log_lines_that_find_no_room_are_counted(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async with lab.node(log_level="debug") as node:
        assert node._core
        pipe = node._core.log
        asyncio.get_running_loop().remove_reader(pipe.reader)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe._writer, b"4x\n" * 20)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe._writer, b"4")
        for at in range(3):
            await node.ban(f"203.0.113.{at}")
        pipe.take()
        lost, = (record.getMessage() for record in caplog.records if "found no room" in record.getMessage())
        assert int(lost.split()[0]) >= 3


def test_levels_of_logging_are_those_of_the_node() -> None:
    logger = logging.Logger("levels")
    for level, name in ((logging.DEBUG, "debug"), (logging.INFO, "info"), (logging.WARNING, "warning"),
                        (logging.ERROR, "error"), (logging.CRITICAL, "silent")):
        logger.setLevel(level)
        assert _log.level_of(logger) == name


async def test_a_validator_has_a_word_in_what_is_kept(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def valid(kind: str, text: bytes) -> bool:
        asked.append(kind)
        if b"broken" in text:
            raise ZeroDivisionError
        return b"wrong" not in text
    transaction = b'{"sender":"%s","receiver":"%s","message":["%s"]}'

    def made(word: bytes) -> bytes:
        return transaction % (b"1" * 40, b"2" * 40, word)
    options = lab.options(protocol="infnote", validator=valid)
    async with kith.Node(**options) as node:
        assert "Transaction" in node.kinds
        assert await node.send(made(b"good"), kind="Transaction", confirm=True) == 0
        for word in (b"wrong", b"broken"):
            with pytest.raises(kith.Refused):
                await node.send(made(word), kind="Transaction", confirm=True)
        assert await node.ask("block")
        with pytest.raises(kith.Refused):
            await node.ask("no such verb")
    assert {"Transaction", "Block"} == set(asked)
    assert any("validator" in record.getMessage() for record in caplog.records)
