"""The helper: it tells who comes from where he seems to come, and brings two nodes together.

Lines go both ways. A node says `meet NAME ROLE ORDER ADDRESS PORT`: NAME is that of the meeting, ROLE is a or b, the
endpoint is the one at which it wants to be dialed. The helper says `seen ADDRESS PORT` to whoever comes and, once both
are there, `dial ADDRESS PORT`. ORDER says when b is told: `together`, some milliseconds `after` a (`after:200`), or
when a says `ready` (`ready`).
"""
import asyncio
import socket
import struct

from .world import HELPERS

PORTS = (7000, 7001)
PLACES = [(address, port) for address in HELPERS for port in PORTS]
WITHIN = 5.0  # seconds that a word of the helper may take


class Helper:
    def __init__(self, world):
        self.world, self.servers, self.meetings = world, [], {}

    async def start(self):
        for place in PLACES:
            with self.world.helper.entered():
                sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(place)
            self.servers.append(await asyncio.start_server(self.serve, sock=sock, backlog=1024))
        return self

    async def serve(self, reader, writer):
        address, port = writer.get_extra_info("peername")
        writer.write(f"seen {address} {port}\n".encode())
        try:
            while line := await reader.readline():
                words = line.decode().split()
                if words[0] == "meet":
                    await self.meet(writer, *words[1:])
                elif words[0] == "ready":
                    self.meetings[words[1]]["ready"].set()
        except (OSError, asyncio.CancelledError):
            pass  # the node, or the experiment, has ended
        finally:
            writer.close()

    async def meet(self, writer, name, role, order, address, port):
        meeting = self.meetings.setdefault(name, {"ready": asyncio.Event()})
        meeting[role] = (writer, f"dial {address} {port}\n".encode())
        if "a" in meeting and "b" in meeting:
            meeting["task"] = asyncio.create_task(self.introduce(meeting, order))

    @staticmethod
    async def introduce(meeting, order):
        (a, of_a), (b, of_b) = meeting["a"], meeting["b"]
        a.write(of_b)
        if order == "ready":
            await meeting["ready"].wait()
        elif order.startswith("after:"):
            await asyncio.sleep(int(order[6:]) / 1000)
        b.write(of_a)

    def close(self):
        for server in self.servers:
            server.close()


class Introduction:
    """A node's connection with the helper, from a port of its choice."""

    async def start(self, host, port, place=PLACES[0]):
        self.sock = host.socket(port)
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(self.sock, place), WITHIN)
        self.reader, self.writer = await asyncio.open_connection(sock=self.sock)
        self.seen = await self.endpoint("seen")
        return self

    async def endpoint(self, word):
        words = (await asyncio.wait_for(self.reader.readline(), WITHIN)).decode().split()
        if not words or words[0] != word:
            raise OSError(f"the helper says {words}, not {word}")
        return words[1], int(words[2])

    def meet(self, name, role, order, wanted=None):
        address, port = wanted or self.seen
        self.writer.write(f"meet {name} {role} {order} {address} {port}\n".encode())

    def ready(self, name):
        self.writer.write(f"ready {name}\n".encode())

    def close(self):
        end(self.sock)
        self.writer.close()


def end(sock):
    """Closes at once, so that nothing lingers on the gateways."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    except OSError:
        pass
