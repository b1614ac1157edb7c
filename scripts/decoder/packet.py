"""Takes the TCP segment out of a packet."""
import ipaddress
import struct
from typing import NamedTuple

NULL, ETHERNET, LINUX, LOOP, LINUX_2 = 0, 1, 113, 108, 276
RAW = (12, 14, 101, 228, 229)  # IP without a head; systems disagree on the number
IPV4, IPV6 = 0x0800, 0x86DD
VLAN = (0x8100, 0x88A8)
TCP = 6
HOP_BY_HOP, ROUTING, FRAGMENT, OPTIONS = 0, 43, 44, 60

FIN, SYN, RST, ACK = 1, 2, 4, 16


class LeftOut(Exception):
    """A packet without a segment; the text says what it is instead."""


class Endpoint(NamedTuple):
    address: str
    port: int

    def __str__(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Segment(NamedTuple):
    source: Endpoint
    target: Endpoint
    sequence: int
    flags: int
    payload: bytes
    cut: int  # bytes of the payload that the capture does not have


def unpack(form, data, at=0):
    try:
        return struct.unpack_from(">" + form, data, at)
    except struct.error:
        raise LeftOut("cut short") from None


def segment(link, data):
    """The segment of a packet. Raises LeftOut."""
    return from_ip(without_link(link, data))


def without_link(link, data):
    if link in RAW:
        return data
    if link in (NULL, LOOP):
        return data[4:]  # the family in an order that IP's own first byte spares us
    if link == LINUX:
        kind, at = unpack("H", data, 14)[0], 16
    elif link == LINUX_2:
        kind, at = unpack("H", data)[0], 20
    elif link == ETHERNET:
        kind, at = unpack("H", data, 12)[0], 14
    else:
        raise LeftOut(f"of link type {link}")
    while kind in VLAN:
        kind, at = unpack("H", data, at + 2)[0], at + 4
    if kind not in (IPV4, IPV6):
        raise LeftOut("not IP")
    return data[at:]


def from_ip(data):
    version = unpack("B", data)[0] >> 4
    if version == 4:
        return from_ipv4(data)
    if version == 6:
        return from_ipv6(data)
    raise LeftOut("not IP")


def from_ipv4(data):
    first, size, fragment, protocol, source, target = unpack("BxHxxHxBxx4s4s", data)
    head = (first & 15) * 4
    if protocol != TCP:
        raise LeftOut("not TCP")
    if fragment & 0x3FFF:
        raise LeftOut("IP fragments")
    # A length of 0 is what the kernel leaves for the network card to fill.
    if head < 20 or 0 < size < head:
        raise LeftOut("malformed")
    return from_tcp(data[head:size or None], (size or len(data)) - head, source, target)


def from_ipv6(data):
    size, kind, source, target = unpack("4xHBx16s16s", data)
    at = 40
    while kind in (HOP_BY_HOP, ROUTING, OPTIONS):
        kind, words = unpack("BB", data, at)
        at += (words + 1) * 8
    if kind == FRAGMENT:
        raise LeftOut("IP fragments")
    if kind != TCP:
        raise LeftOut("not TCP")
    end = 40 + size if size else len(data)
    return from_tcp(data[at:end], end - at, source, target)


def from_tcp(data, size, source, target):
    """`size` is what IP says; `data` is less where the capture has cut the packet."""
    source_port, target_port, sequence, offset, flags = unpack("HHIxxxxBB", data)
    head = (offset >> 4) * 4
    if not 20 <= head <= size:
        raise LeftOut("malformed")
    payload = data[head:]
    return Segment(Endpoint(str(ipaddress.ip_address(source)), source_port),
                   Endpoint(str(ipaddress.ip_address(target)), target_port),
                   sequence, flags, payload, size - head - len(payload))
