"""Connections out of segments, and what both sides say in each, as lines of text."""
from collections import Counter
from typing import NamedTuple

from decoder import factom, packet, tcp, text


class Line(NamedTuple):
    time: int
    lines: list  # the first, and in those behind it the bytes


class Side:
    """One direction of a connection."""

    def __init__(self, arrow):
        self.arrow = arrow
        self.half, self.stream = tcp.Half(), factom.Stream()
        self.closed = self.given_up = False


class Connection:
    def __init__(self, number, first, time, dialer, verbose):
        self.number, self.start, self.verbose = number, time, verbose
        self.dialer, self.listener = (first.source, first.target) if dialer else (first.target, first.source)
        self.sides = {self.dialer: Side("A>B"), self.listener: Side("B>A")}
        self.lines = []
        self.last = time
        self.faults = 0

    def is_of(self, segment):
        """Not where the segment opens another connection with the same endpoints."""
        opens = segment.flags & (packet.SYN | packet.ACK) == packet.SYN
        base = self.sides[segment.source].half.base
        return not opens or base is None or base == (segment.sequence + 1) % 2**32

    def add(self, time, segment):
        self.last = time
        side, half = self.sides[segment.source], self.sides[segment.source].half
        if segment.flags & packet.RST:
            # Its number may be any, where it refuses.
            self._close(time, side, "resets the connection")
            return
        first = segment.sequence + (1 if segment.flags & packet.SYN else 0)
        if half.base is None:
            if not segment.flags & packet.SYN:
                self._say(time, side, "the capture has not the start of this direction: tried as if it were here")
            half.base = first % 2**32
        self._add_bytes(time, side, first, segment)

    def _add_bytes(self, time, side, first, segment):
        if side.given_up:
            return
        if segment.flags & packet.FIN:
            side.half.close(first + len(segment.payload) + segment.cut)
        try:
            self._decode(time, side, side.half.add(first, segment.payload))
        except factom.Undecodable as fault:
            self._give_up(time, side, fault.offset, fault)
        except tcp.Missing as fault:
            self._give_up(time, side, side.half.at, fault)
        if side.half.closed():
            self._close(time, side, "closes")

    def _close(self, time, side, how):
        if not side.closed:
            side.closed = True
            self._say(time, side, how)

    def _decode(self, time, side, data):
        for item in side.stream.feed(data) if data else ():
            if isinstance(item, factom.Parcel):
                line, good = text.parcel_line(item)
                self.faults += not good
                self._say(time, side, line, item)
            elif self.verbose:
                line = text.printable(item.text) if isinstance(item, factom.Definition) else "preamble"
                self._say(time, side, line, item)

    def _give_up(self, time, side, offset, fault):
        side.given_up = True
        self.faults += 1
        reason = text.shortened(text.printable(str(fault)), text.MAX_REASON)  # may name what the sender has named
        self._say(time, side, f"DOES NOT DECODE at byte {offset}: {reason}; the rest of this direction is left out")
        side.half.forget()
        side.stream = None

    def _say(self, time, side, line, item=None):
        """With the bytes of `item` where they are wanted."""
        lines = [f"{(time - self.start) / 10**9:11.6f} {side.arrow} {line}"]
        if item and self.verbose:
            lines += text.hex_lines(item.offset, item.raw)
        self.lines.append(Line(time, lines))

    def finish(self):
        """At the end of the capture: says what is left over."""
        for side in self.sides.values():
            if side.given_up:
                continue
            try:
                side.half.check_complete()
            except tcp.Missing as fault:
                self._give_up(self.last, side, side.half.at, fault)
                continue
            if side.stream.data:
                self._give_up(self.last, side, side.stream.offset,
                              f"a parcel is not complete, {len(side.stream.data)} bytes of it are there")

    def report(self):
        yield f"connection {self.number}: A {self.dialer} > B {self.listener}, {text.moment(self.start)}"
        # Captures of several processors need not be in order of time.
        for line in sorted(self.lines, key=lambda line: line.time):
            yield from line.lines


class Sessions:
    """All connections of a capture that have one of the ports."""

    def __init__(self, ports, verbose):
        self.ports, self.verbose = ports, verbose
        self.all = []
        self.open = {}  # by the set of both endpoints; the latest, where there were several
        self.left_out = Counter()

    def add(self, item):
        try:
            segment = packet.segment(item.link, item.data)
        except packet.LeftOut as reason:
            self.left_out[str(reason)] += 1
            return
        if self.ports.isdisjoint((segment.source.port, segment.target.port)):
            self.left_out["of other ports"] += 1
            return
        if segment.source == segment.target:
            self.left_out["from an endpoint to itself"] += 1
            return
        self._connection(item.time, segment).add(item.time, segment)

    def _connection(self, time, segment):
        key = frozenset((segment.source, segment.target))
        found = self.open.get(key)
        if found is None or not found.is_of(segment):
            found = Connection(len(self.all) + 1, segment, time, self._dials(segment), self.verbose)
            self.all.append(found)
            self.open[key] = found
        return found

    def _dials(self, segment):
        """Whether the sender of a connection's first segment is the one that dials."""
        if segment.flags & packet.SYN:
            return not segment.flags & packet.ACK
        return segment.target.port in self.ports

    def finish(self):
        for connection in self.all:
            connection.finish()

    def faults(self):
        return sum(connection.faults for connection in self.all)
