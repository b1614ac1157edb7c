"""Reads captures in the two formats of tcpdump and Wireshark, pcap and pcapng."""
import struct
from typing import NamedTuple

PCAP = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # the nanoseconds in a unit of time
PCAPNG = 0x0A0D0D0A
BYTE_ORDER = 0x1A2B3C4D
INTERFACE, SIMPLE_PACKET, ENHANCED_PACKET = 1, 3, 6
TIME_RESOLUTION = 9

# tcpdump writes no longer packet. A file that claims more is damaged, and nothing is read on its word.
MAX_PACKET = 256 << 10
MAX_BLOCK = 1 << 20


class NotACapture(Exception):
    """The file does not start as a capture does."""


class Damaged(Exception):
    """From here on the file cannot be read."""


class Packet(NamedTuple):
    time: int  # ns since 1970
    link: int  # LINKTYPE_ number
    data: bytes


def packets(file):
    """The packets of a binary file, in its order. Raises Damaged after those that come before the damage."""
    head = file.read(4)
    if len(head) == 4:
        for order in "<>":
            magic, = struct.unpack(order + "I", head)
            if magic in PCAP:
                return read_pcap(file, order, PCAP[magic])
        if magic == PCAPNG:
            return read_pcapng(file)
    raise NotACapture("neither pcap nor pcapng")


def take(file, size, what):
    data = file.read(size)
    if len(data) < size:
        raise Damaged(f"the file ends within {what}")
    return data


def read_pcap(file, order, unit):
    try:
        link = struct.unpack(order + "HHiIII", take(file, 20, "its header"))[5]
    except Damaged as damage:
        raise NotACapture(str(damage)) from None
    return read_records(file, struct.Struct(order + "IIII"), link & 0x03FFFFFF, unit)


def read_records(file, record, link, unit):
    while head := file.read(record.size):
        if len(head) < record.size:
            raise Damaged("the file ends within the head of a packet")
        seconds, fraction, size, _ = record.unpack(head)
        if size > MAX_PACKET:
            raise Damaged(f"a packet claims {size} bytes")
        yield Packet(seconds * 10**9 + fraction * unit, link, take(file, size, "a packet"))


class Section:
    """A section of a pcapng file has a byte order and interfaces of its own."""

    def __init__(self, order):
        self.order = order
        self.interfaces = []  # (link type, units of time in a second)

    def unpack(self, form, body, at=0):
        try:
            return struct.unpack_from(self.order + form, body, at)
        except struct.error:
            raise Damaged("a block is too short") from None

    def add_interface(self, body):
        link, at, units = self.unpack("H", body)[0], 8, 10**6
        while at + 4 <= len(body):
            code, size = self.unpack("HH", body, at)
            if code == TIME_RESOLUTION and size == 1:
                exponent, = self.unpack("B", body, at + 4)
                units = 1 << (exponent & 127) if exponent & 128 else 10**exponent
            at += 4 + (size + 3) // 4 * 4
        self.interfaces.append((link, units))

    def interface(self, number):
        if number >= len(self.interfaces):
            raise Damaged(f"a packet is of interface {number}, which is not described")
        return self.interfaces[number]

    def packet(self, body):
        number, high, low, size, _ = self.unpack("IIIII", body)
        link, units = self.interface(number)
        if size > len(body) - 20:
            raise Damaged(f"a packet claims {size} bytes in a block with {len(body) - 20}")
        return Packet((high << 32 | low) * 10**9 // units, link, body[20:20 + size])

    def simple_packet(self, body):
        size, = self.unpack("I", body)
        return Packet(0, self.interface(0)[0], body[4:4 + size])


def read_pcapng(file):
    """Starts behind the first block's type."""
    section, kind = None, PCAPNG
    while True:
        size_field = take(file, 4, "the head of a block")
        if kind == PCAPNG:
            section, read = start_section(file, size_field)
        else:
            read = 0
        size, = section.unpack("I", size_field)
        if not 12 + read <= size <= MAX_BLOCK or size % 4:
            raise Damaged(f"a block claims {size} bytes")
        body = take(file, size - 8 - read, "a block")[:-4]
        if kind == INTERFACE:
            section.add_interface(body)
        elif kind == ENHANCED_PACKET:
            yield section.packet(body)
        elif kind == SIMPLE_PACKET:
            yield section.simple_packet(body)
        head = file.read(4)
        if not head:
            return
        # A section's type reads the same in both orders.
        kind, = section.unpack("I", head)


def start_section(file, size_field):
    """The section, and how many bytes of its block's body have been read for it."""
    mark = take(file, 4, "the head of a section")
    for order in "<>":
        if struct.unpack(order + "I", mark)[0] == BYTE_ORDER:
            return Section(order), len(mark)
    raise Damaged("a section does not tell its byte order")
