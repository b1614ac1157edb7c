"""Two nodes behind gateways, and the ways in which they try to get a connection. Each try has ports of its own."""
import asyncio
import contextlib
import dataclasses
import itertools
import random
import time

from .meeting import PLACES, Introduction, end

NUMBERS = itertools.count(1)
TIMES = 1.5      # seconds for which a node goes on dialing; the kernel sends a second SYN after one
PAUSE = 0.2      # seconds from a refusal to the next dial, at most: two that pause alike may miss each other for ever
KNOCK = 0.6      # seconds for which the first dials in the sequential way
LISTEN = 1.0     # seconds for which it listens then
TOGETHER = "together"


@dataclasses.dataclass
class Try:
    """What became of it."""
    name: str
    targets: list = dataclasses.field(default_factory=list)  # whom its nodes dialed
    success: bool = False
    broken: bool = False  # the machine was too slow for the helper's words
    refused: int = 0
    repeated: int = 0  # times that the machine was too late, before
    seconds: float = 0.0  # from the helper's word to the first byte of the other
    note: str = ""
    dialed: dict = dataclasses.field(default_factory=dict)  # when each began to

    def apart(self):
        """Seconds between the first dials of the two."""
        return abs(self.dialed["a"] - self.dialed["b"]) if len(self.dialed) == 2 else 0.0


class Side:
    """One node in one try."""

    def __init__(self, host, role, attempt, times=TIMES, retry=True):
        self.host, self.role, self.attempt, self.times, self.retry = host, role, attempt, times, retry
        self.port, self.loop = host.port(), asyncio.get_running_loop()
        self.listener = self.accepted = None

    async def introduce(self, place=PLACES[0]):
        return await Introduction().start(self.host, self.port, place)

    def listen(self):
        self.listener = self.host.socket(self.port)
        self.listener.listen()
        self.accepted = asyncio.create_task(self.accept())

    async def accept(self):
        """Until it is the other that comes."""
        arrived = asyncio.Event()
        self.loop.add_reader(self.listener, arrived.set)
        try:
            while True:
                await arrived.wait()
                arrived.clear()
                with contextlib.suppress(OSError):
                    if await self.exchange(self.listener.accept()[0]):
                        return True
        finally:
            self.loop.remove_reader(self.listener)

    async def exchange(self, sock):
        """Whether it is the other of this try that answers."""
        sock.setblocking(False)
        good, other = False, "b" if self.role == "a" else "a"
        try:
            await self.loop.sock_sendall(sock, self.word(self.role))
            good = await self.read(sock, len(self.word(other))) == self.word(other)
            return good
        finally:
            if good:
                sock.close()  # without a reset: it could overtake what the other has not read yet
            else:
                end(sock)

    def word(self, role):
        return f"{role} {self.attempt.name:>12}".encode()

    async def read(self, sock, size):
        data = b""
        while len(data) < size:
            more = await self.loop.sock_recv(sock, size - len(data))
            if not more:
                break
            data += more
        return data

    async def dial_once(self, target, port=None):
        sock = self.host.socket(port or self.port)
        try:
            self.attempt.dialed.setdefault(self.role, time.monotonic())
            self.attempt.targets.append(target)
            await self.loop.sock_connect(sock, target)
        except BaseException:
            end(sock)
            raise
        return await self.exchange(sock)

    async def reach(self, target):
        """Dials, unless the other is there first."""
        dialing = asyncio.create_task(self.dial(target))
        try:
            await asyncio.wait({dialing, self.accepted}, return_when=asyncio.FIRST_COMPLETED)
            if not self.accepted.done():
                return await dialing or await self.until_accepted(0.01)
            return self.accepted.result()
        finally:
            await forget(dialing)

    async def dial(self, target):
        """Dials again after a refusal until the time is over."""
        by = time.monotonic() + self.times
        while (left := by - time.monotonic()) > 0:
            try:
                if await asyncio.wait_for(self.dial_once(target), left):
                    return True
            except asyncio.TimeoutError:
                break
            except ConnectionRefusedError:
                self.attempt.refused += 1
            except OSError as error:
                self.attempt.note = str(error)
            if not self.retry:
                break
            await asyncio.sleep(random.uniform(0, PAUSE))
        return False

    async def close(self):
        if self.accepted:
            await forget(self.accepted)
            self.listener.close()

    async def until_accepted(self, seconds):
        with contextlib.suppress(asyncio.TimeoutError, OSError):
            return await asyncio.wait_for(asyncio.shield(self.accepted), seconds)
        return False


async def forget(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, OSError):
        await task


# --- the ways ---

async def simultaneous(side, order, wanted=None, helper=None):
    """Both listen and, at the helper's word, dial from the port that the helper has seen the port of the other that
    it has seen."""
    side.listen()
    helper = helper or await side.introduce()
    try:
        helper.meet(side.attempt.name, side.role, order, wanted)
        target = await helper.endpoint("dial")
        began = time.monotonic()
        success = await side.reach(target)
        return success, time.monotonic() - began
    finally:
        helper.close()
        await side.close()


async def sequential(side, _):
    """Both listen. The first dials, which opens its own gateway, and gives up after a moment; then the second dials."""
    side.listen()
    helper = await side.introduce()
    try:
        helper.meet(side.attempt.name, side.role, "ready")
        if side.role == "a":
            return await knock(side, helper)
        dialed = asyncio.create_task(helper.endpoint("dial"))
        await asyncio.wait({dialed, side.accepted}, return_when=asyncio.FIRST_COMPLETED)
        began = time.monotonic()
        if side.accepted.done():
            dialed.cancel()
            return side.accepted.result(), 0.0
        success = await side.reach(await dialed)
        return success, time.monotonic() - began
    finally:
        helper.close()
        await side.close()


async def knock(side, helper):
    target = await helper.endpoint("dial")
    began = time.monotonic()
    with contextlib.suppress(asyncio.TimeoutError, OSError):
        if await asyncio.wait_for(side.dial_once(target), KNOCK):
            return True, time.monotonic() - began
    helper.ready(side.attempt.name)
    return await side.until_accepted(LISTEN), time.monotonic() - began


async def predicted(side, order):
    """As simultaneous, but each asks the helper from three connections of one port, guesses at which port its gateway
    will let it out next, and wants to be dialed there."""
    probes = []
    try:
        for place in PLACES[:3]:
            probes.append(await side.introduce(place))
        (address, one), (_, two), (_, three) = (probe.seen for probe in probes)
        step = three - two
        guess = three + step if step == two - one and abs(step) < 16 else three
        return await simultaneous(side, order, wanted=(address, guess), helper=probes.pop(0))
    finally:
        for probe in probes:
            probe.close()


async def inside(side, order):
    """As simultaneous, but each wants to be dialed at its address inside."""
    return await simultaneous(side, order, wanted=(str(side.host.address), side.port))


WAYS = {"simultaneous": simultaneous, "sequential": sequential, "predicted": predicted, "inside": inside}


async def attempt(way, first, second, order=TOGETHER, **options):
    """One try of two hosts. `first` is the one that begins, if one does; `order` is what the helper goes by."""
    result = Try(str(next(NUMBERS)))
    sides = [Side(host, role, result, **options) for host, role in ((first, "a"), (second, "b"))]
    done = await asyncio.gather(*(WAYS[way](side, order) for side in sides), return_exceptions=True)
    failures = [each for each in done if isinstance(each, BaseException)]
    if failures:
        result.broken, result.note = True, repr(failures[0])
    else:
        result.success = all(success for success, _ in done)
        result.seconds = max(seconds for _, seconds in done)
    return result
