#!/usr/bin/env python3
"""How many messages one process passes to another, each with a node of its own, over TCP on the loopback.

Usage: throughput.py [--bytes N] [--seconds N] [--runs N] [--views]
Prints the messages and megabytes a second that the receiver took in each run, and the median.
"""
import argparse
import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any

import kith

PORT = 19110


def options(home: str, address: str) -> dict[str, Any]:
    return {"network": "LOCAL", "bind": address, "network_port": PORT, "home": home, "seed_url": "", "peers_file": "",
            "exclusive": True}


async def _send(to: str, home: str, address: str, size: int, seconds: float) -> None:
    async with kith.Node(**options(home, address), peers=[to]) as node:
        peer, *_ = await node.wait_for_peers()
        data = os.urandom(size)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(256):
                await node.send(data, target=peer)
        await node.send(b"end", target=peer)
        await asyncio.sleep(0.5)


def send(to: str, home: str, address: str, size: int, seconds: float) -> None:
    asyncio.run(_send(to, home, address, size, seconds))


async def _receive(pipe: Connection, home: str, address: str, views: bool) -> None:
    async with kith.Node(**options(home, address), zero_copy=views) as node:
        pipe.send("ready")
        messages: Any = node.views() if views else node.messages()
        count = size = 0
        start = 0.0
        async for message in messages:
            if len(message.data) == 3:
                break
            if not count:
                start = time.monotonic()
            count += 1
            size += len(message.data)
        seconds = time.monotonic() - start
        pipe.send((count / seconds, size / seconds / 1e6, count))


def receive(pipe: Connection, home: str, address: str, views: bool) -> None:
    asyncio.run(_receive(pipe, home, address, views))


def run(size: int, seconds: float, views: bool) -> tuple[float, float, int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    block = f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 254}"
    with tempfile.TemporaryDirectory(prefix="kith-bench-") as home:
        receiver = context.Process(target=receive, args=(theirs, f"{home}/a", f"{block}.1", views))
        receiver.start()
        ours.recv()
        sender = context.Process(target=send, args=(f"{block}.1:{PORT}", f"{home}/b", f"{block}.2", size, seconds))
        sender.start()
        found: tuple[float, float, int] = ours.recv()
        sender.join()
        receiver.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--views", action="store_true", help="zero_copy")
    given = parser.parse_args()
    rates = []
    for _ in range(given.runs):
        rate, megabytes, count = run(given.bytes, given.seconds, given.views)
        rates.append(rate)
        print(f"{rate:12,.0f} messages/s {megabytes:8.1f} MB/s   ({count} messages of {given.bytes} bytes)", flush=True)
    print(f"{statistics.median(rates):12,.0f} messages/s is the median")


if __name__ == "__main__":
    main()
