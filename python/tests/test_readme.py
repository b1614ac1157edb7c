"""Every block of code in README.md runs. Installing is what check.py does, by the block that says how."""
import asyncio
import re
import select
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import PORT, Lab, next_block

import kith

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PROGRAMS = {match.group(1): code for kind, code in BLOCKS
            if kind == "python" and (match := re.match(r"# (\w+\.py)\n", code))}
PARTS = [code for kind, code in BLOCKS if kind == "python" and code not in PROGRAMS.values()]


def moved(code: str, folder: Path, block: str) -> str:
    """With addresses and folders that no other test uses, and without a seed list of the wide world."""
    for old, new in (("127.0.0.", f"{block}."), (":8110", f":{PORT}"), ("/tmp/", f"{folder}/"),
                     ('"LOCAL"', f'"LOCAL", network_port={PORT}, seed_url=""')):
        code = code.replace(old, new)
    return code


def test_each_block_is_run_by_some_test() -> None:
    kinds = [kind for kind, _ in BLOCKS]
    assert set(kinds) == {"python", "sh", "console"}
    assert (kinds.count("sh"), kinds.count("console"), sorted(PROGRAMS)) == (2, 1, ["chat.py", "hello.py", "ledger.py"])


@pytest.mark.parametrize("name, said", [("hello.py", " says hello\n"), ("ledger.py", "no pears: ")])
def test_a_program_does_what_is_said_of_it(name: str, said: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-X", "dev", "-c", moved(PROGRAMS[name], tmp_path, next_block())],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and said in done.stdout, done
    assert "Warning" not in done.stderr and "Error" not in done.stderr


def until_it_listens(address: str) -> None:
    for _ in range(200):
        try:
            socket.create_connection((address, PORT)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("it does not listen")


def test_the_two_of_the_chat_read_each_other(tmp_path: Path) -> None:
    block = next_block()
    (tmp_path / "chat.py").write_text(moved(PROGRAMS["chat.py"], tmp_path, block), encoding="utf-8")
    commands = next(code for kind, code in BLOCKS if kind == "console").splitlines()
    people: list[subprocess.Popen[bytes]] = []
    try:
        for line in commands:
            people.append(subprocess.Popen([sys.executable, *moved(line, tmp_path, block).split()[2:]], cwd=tmp_path,
                                           bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            until_it_listens(f"{block}.{len(people)}")
        first, second = people
        assert first.stdin and first.stdout and second.stdin and second.stdout
        # A line is typed again and again, as there is no peer yet at first; the one who hears it answers.
        for _ in range(200):
            second.stdin.write(b"hello\n")
            if select.select([first.stdout], [], [], 0.1)[0]:
                break
        heard = first.stdout.readline().decode()
        assert heard.startswith(f"{block}.2:{PORT}") and heard.endswith(": hello\n")
        first.stdin.write(b"and you\n")
        assert second.stdout.readline().endswith(b": and you\n")
    finally:
        for person in people:
            person.communicate(timeout=20)
    assert [person.returncode for person in people] == [0, 0]


@pytest.mark.parametrize("code", PARTS, ids=[f"part-{at}" for at in range(len(PARTS))])
async def test_a_part_runs_in_a_program_with_two_nodes(code: str, lab: Lab, tmp_path: Path) -> None:
    async with lab.nodes(2) as (node, other):
        block = (await other.wait_for_peers())[0].split(":")[0].rpartition(".")[0]
        first = (await other.peers())[0].address
        there = moved(code.replace("127.0.0.1:8110", first), tmp_path, block).replace(f"{block}.3", f"{block}.250")
        body = "".join(f"    {line}\n" for line in there.splitlines())
        names: dict[str, Any] = {"kith": kith, "asyncio": asyncio, "timedelta": timedelta}
        exec(f"async def part(node, other):\n{body}    return locals()\n", names)
        done = await names["part"](node, other)
        if task := done.get("watching"):
            await asyncio.sleep(0)
            assert not task.done()
            await node.close()
            await task
