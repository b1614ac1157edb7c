"""Many listening peers in one thread, honest ones and an attacker's."""
import asyncio
import os
import resource
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

import factomwire as wire  # noqa: E402  (the folder beside this one)

PORT = 8110


def many_descriptors():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def share(endpoints):
    """The payload that tells of "address:port" ones."""
    return b"".join(wire.field(1, wire.field(1, host.encode()) + wire.field(2, port.encode()))
                    for host, _, port in (e.rpartition(":") for e in endpoints))


class Farm:
    """Peers of several kinds, each at an address of its own. They answer pings and requests for addresses."""

    def __init__(self):
        self.live = {}      # (kind, address): what leads to a node that has dialed us and shaken hands
        self.answers = {}   # kind: the share that it answers requests with
        self.tarpits = set()  # kinds that accept and stay silent
        self.dials = {}     # kind: how often it was dialed
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def listen(self, kind, addresses):
        async def go():
            for address in addresses:
                await asyncio.start_server(lambda r, w, a=address: self._serve(kind, a, r, w), address, PORT)
        asyncio.run_coroutine_threadsafe(go(), self.loop).result(60)

    async def _serve(self, kind, address, reader, writer):
        self.dials[kind] = self.dials.get(kind, 0) + 1
        try:
            if kind in self.tarpits:
                await asyncio.sleep(3600)
            await self._talk(kind, address, reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            if self.live.get((kind, address)) is writer:
                del self.live[kind, address]
            writer.close()

    async def _talk(self, kind, address, reader, writer):
        async def frame():
            size, = struct.unpack(">I", await reader.readexactly(4))
            return dict(wire.fields(await reader.readexactly(size)))
        if await reader.readexactly(4) != wire.PREAMBLE:
            return
        await frame()
        writer.write(wire.handshake(node_id=hash(address) & 0x7FFFFFFF))
        self.live[kind, address] = writer
        while True:
            parcel = await frame()
            if parcel.get(1, 0) == wire.PING:
                writer.write(wire.parcel(wire.PONG, b"Pong"))
            elif parcel.get(1) == wire.PEER_REQUEST and kind in self.answers:
                writer.write(wire.parcel(wire.PEER_RESPONSE, self.answers[kind]))

    def say(self, kind, data):
        def go():
            for (of, _), writer in list(self.live.items()):
                if of == kind:
                    writer.write(data)
        self.loop.call_soon_threadsafe(go)

    def count(self, kind):
        return sum(of == kind for of, _ in list(self.live))

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
