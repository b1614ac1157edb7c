"""What the experiment measures. Each function answers with rows that scripts/nat-experiment prints."""
import asyncio
import collections
import contextlib
import itertools
import random
import socket
import statistics
import time

from .kinds import KINDS
from .meeting import PLACES, Introduction, end
from .punch import NUMBERS, Side, Try, attempt, forget
from .world import HELPERS

WAYS = ("simultaneous", "sequential", "predicted")
MATRIX = ("firewall", "cone", "restricted", "keeps", "rejects", "resets", "hashed", "counting", "random",
          "fully-random")
VARYING = ("counting", "random", "fully-random")
LEFT, RIGHT, MIDDLE = 0.02, 0.04, 0.005  # seconds from a gateway, and from the helper, to the middle of the net
AT_ONCE = 64
APART = 0.045  # seconds between two dials at once; by more the machine was late, and the try says nothing of the NATs
AGAIN = 8      # tries until one counts
SYN, ACK, RST = 2, 16, 4


class Pair:
    """What the tries of one pair gave."""

    def __init__(self, tries):
        self.tries = tries
        self.good = [each for each in tries if each.success]

    def cell(self):
        if not self.good:
            return "0"
        return f"{len(self.good)} ({statistics.median(each.seconds for each in self.good):.2f})"

    def repeated(self):
        return sum(each.repeated for each in self.tries)

    def notes(self):
        return collections.Counter(each.note for each in self.tries if each.note and not each.success)


class Sites:
    """Two sites of each kind, one on the left and one on the right, made as they are asked for."""

    def __init__(self, world):
        self.world, self.made, self.locks = world, {}, {}

    def get(self, name, side, partner):
        """A gateway that counts has a partner of its own: others would move its ports."""
        kind = KINDS[name]
        key = (name, side, partner if kind.counts else None)
        if key not in self.made:
            self.made[key] = self.world.site(kind, LEFT if side == "left" else RIGHT)
        return self.made[key]

    def pair(self, left, right):
        return self.get(left, "left", right), self.get(right, "right", left)

    @contextlib.asynccontextmanager
    async def alone(self, way, *sites):
        locks = [self.locks.setdefault(site.public, asyncio.Lock()) for site in sites
                 if way == "predicted" and site.kind.counts]
        async with contextlib.AsyncExitStack() as stack:
            for lock in locks:  # the left first, always: nobody waits in a circle
                await stack.enter_async_context(lock)
            yield


def jobs(kinds, ways):
    """(way, left, right, which of them is first)"""
    for way in ways:
        for left, right in itertools.combinations_with_replacement(kinds, 2):
            if way == "predicted" and left not in VARYING and right not in VARYING:
                continue  # the guess is what was seen: it is simultaneous
            yield way, left, right, "left"
            if way == "sequential" and left != right:
                yield way, left, right, "right"


async def punctual(way, first, second, late=0, **options):
    """A try in which both dialed when they were told to."""
    for number in range(AGAIN):
        result = await attempt(way, first, second, order=f"after:{late}", **options)
        result.repeated = number
        if not result.broken and (way == "sequential" or abs(result.apart() - late / 1000) < APART):
            break
    return result


async def pairs(sites, wanted, count):
    """{(way, first, second): Pair}"""
    gates, results = {}, collections.defaultdict(list)

    async def one(way, left, right, first):
        places = sites.pair(left, right)
        async with sites.alone(way, *places), gates[way]:
            hosts = [place.host for place in places]
            result = await punctual(way, *(hosts if first == "left" else reversed(hosts)))
            results[(way, *((left, right) if first == "left" else (right, left)))].append(result)

    for now in WAYS:  # one after the other: what others do behind a gateway that counts spoils predictions
        gates[now] = asyncio.Semaphore(AT_ONCE if now != "sequential" else 2 * AT_ONCE)
        work = [one(*job) for job in wanted if job[0] == now for _ in range(count)]
        random.Random(1).shuffle(work)  # so that no pair has the machine's best or worst moments for itself
        await asyncio.gather(*work)
    return {key: Pair(tries) for key, tries in results.items()}


def traces(packets, tries):
    """{name of the try: what passed between the two gateways, up to the first byte}"""
    of_target = {target: each for each in tries for target in each.targets}
    found = collections.defaultdict(list)
    ended = set()
    for _, source, source_port, destination, destination_port, flags, payload in packets:
        each = of_target.get((destination, destination_port)) or of_target.get((source, source_port))
        if not each or each.name in ended:
            continue
        if payload:
            ended.add(each.name)
            continue
        found[each.name].append((source, destination, word_of(flags)))
    return found


def word_of(flags):
    names = {SYN: "SYN", SYN | ACK: "SYN-ACK", RST: "RST", RST | ACK: "RST", ACK: "ACK"}
    return names.get(flags & (SYN | ACK | RST), "FIN")


def usual(packets, pair, first):
    """(what passed most often, in how many tries): < is from the second, * is from an address inside."""
    place = first.public.rsplit(".", 1)[0] + "."

    def text(source, destination, word):
        return ("<" if destination.startswith(place) else "") + word + ("*" if source.startswith("10.") else "")

    found = traces(packets, pair.tries)
    return collections.Counter(" ".join(text(*packet) for packet in found[each.name])
                               for each in pair.tries).most_common(1)[0]


# --- the kinds by themselves ---

async def kind_of(world, site):
    """How the gateway maps and whom it lets in: (mapping, the helper's other port, the helper's other address)."""
    host, loop = site.host, asyncio.get_running_loop()
    port = host.port()
    seen, probes = [], []
    listener = host.socket(port)
    listener.listen()
    for place in PLACES:
        probes.append(await Introduction().start(host, port, place))
        seen.append(probes[-1].seen)
        if len(probes) == 1:
            strangers = [await knock_at(loop, world, address, seen[0]) for address in HELPERS]
    for probe in probes:
        probe.close()
    listener.close()
    return mapping(port, seen), *strangers


def mapping(port, seen):
    addresses = {address for address, _ in seen}
    ports = [number for _, number in seen]
    steps = {later - earlier for earlier, later in itertools.pairwise(ports)}
    if set(ports) == {port}:
        text = "the port inside"
    elif len(set(ports)) == 1:
        text = "one port for all"
    elif len(steps) == 1:
        text = f"{steps.pop():+} for each connection"
    else:
        text = "another for each connection"
    return text + ("" if len(addresses) == 1 else f", {len(addresses)} addresses")


async def knock_at(loop, world, address, target):
    with world.helper.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.bind((address, 0))
        await asyncio.wait_for(loop.sock_connect(sock, target), 0.5)
        return "let in"
    except asyncio.TimeoutError:
        return "dropped"
    except OSError:
        return "reset"
    finally:
        end(sock)


async def kinds(world, sites):
    """(name, text, mapping, stranger at the helper's address, at another)"""
    found = await asyncio.gather(*(kind_of(world, site) for site in sites))
    return [(site.kind.name, site.kind.text, *each) for site, each in zip(sites, found)]


# --- one that comes late ---

LATE = (0, 100, 300, 1000)
LATE_KINDS = ("keeps", "rejects", "resets")


async def late(sites, count):
    """{(kind of the first, of the second, milliseconds, whether they dial again): Pair}: the second hears of it later
    than the first."""
    gate, results = asyncio.Semaphore(AT_ONCE), collections.defaultdict(list)

    async def one(left, right, milliseconds, retry):
        async with gate:
            hosts = [site.host for site in sites.pair(left, right)]
            results[left, right, milliseconds, retry].append(
                await punctual("simultaneous", *hosts, late=milliseconds, retry=retry, times=2.0))

    await asyncio.gather(*(one(left, right, milliseconds, retry) for left in LATE_KINDS for right in LATE_KINDS
                           for milliseconds in LATE for retry in (False, True) for _ in range(count)))
    return {key: Pair(tries) for key, tries in results.items()}


# --- guesses ---

# (kind of the first, first and last port that its gateway uses, its connections, the other's guesses)
GUESSES = (("few", 20000, 20063, 1, 16), ("few", 20000, 20063, 8, 16), ("few", 20000, 20063, 8, 64),
           ("random", 1024, 65535, 16, 64), ("random", 1024, 65535, 256, 256))


async def guess(sites, row, count):
    """The first, whose port varies, opens several connections; the second, whose port stays, dials ports at random."""
    kind, low, high, holes, dials = row
    one, other = (site.host for site in sites.pair(kind, "keeps"))
    gate = asyncio.Semaphore(4)

    async def once():
        async with gate:
            return await guess_once(one, other, random.sample(range(low, high + 1), dials), holes)

    return Pair(await asyncio.gather(*(once() for _ in range(count))))


async def guess_once(one, other, ports, holes):
    result, began = Try(str(next(NUMBERS))), 0.0
    a, b = Side(one, "a", result), Side(other, "b", result)
    helpers = [await side.introduce() for side in (a, b)]
    try:
        began = time.monotonic()
        target, address = helpers[1].seen, helpers[0].seen[0]
        dials = [asyncio.create_task(a.dial_once(target, one.port())) for _ in range(holes)]
        dials += [asyncio.create_task(b.dial_once((address, port))) for port in ports]
        result.success = await first_good(dials, 2.0)
        result.seconds = time.monotonic() - began
    finally:
        for helper in helpers:
            helper.close()
    return result


async def first_good(tasks, seconds):
    by, waiting = time.monotonic() + seconds, set(tasks)
    good = False
    while waiting and not good and (left := by - time.monotonic()) > 0:
        done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        good = any(not task.exception() and task.result() for task in done)
    for task in waiting:
        await forget(task)
    return good


# --- two nodes behind one gateway ---

NEIGHBOURS = ("keeps", "resets", "cone", "hairpin")


async def neighbours(sites, count):
    """[(kind, by the outside address, by the inside address)]"""
    rows = []
    for site in sites:
        outside = Pair(await asyncio.gather(*(attempt("simultaneous", *site.hosts) for _ in range(count))))
        inside = Pair(await asyncio.gather(*(attempt("inside", *site.hosts) for _ in range(count))))
        rows.append((site.kind.name, outside, inside))
    return rows
