"""Captures made by tests: TCP segments in every form in which a capture can have them."""
import ipaddress
import struct

FIN, SYN, RST, ACK = 1, 2, 4, 16
DIALER, LISTENER = ("127.0.0.1", 40000), ("127.0.0.2", 8110)


def tcp(source, target, sequence, flags, payload):
    return struct.pack(">HHIIBBHHH", source[1], target[1], sequence % 2**32, 0, 5 << 4, flags, 0, 0, 0) + payload


def ipv4(source, target, body):
    ends = ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(target[0]).packed
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 6, 0) + ends + body


def ipv6(source, target, body, extension=b""):
    """The addresses given are IPv4: each becomes one of fd00::/96."""
    ends = b"".join(b"\xfd" + bytes(11) + ipaddress.ip_address(end[0]).packed for end in (source, target))
    kind = 0 if extension else 6
    return struct.pack(">IHBB", 6 << 28, len(extension) + len(body), kind, 64) + ends + extension + body


def ipv6_with_extension(source, target, body):
    return ipv6(source, target, body, bytes([6, 0, 1, 4, 0, 0, 0, 0]))


def ethernet(ip):
    return bytes(12) + (b"\x86\xdd" if ip[0] >> 4 == 6 else b"\x08\x00") + ip + bytes(6)  # and padding


def vlan(ip):
    plain = ethernet(ip)
    return plain[:12] + b"\x81\x00\x00\x05" + plain[12:]


def cooked(ip):
    return bytes(14) + ethernet(ip)[12:14] + ip


def cooked_2(ip):
    return ethernet(ip)[12:14] + bytes(18) + ip


# (LINKTYPE_, what makes the packet of the IP packet)
LINKS = {
    "ethernet": (1, ethernet),
    "vlan": (1, vlan),
    "null": (0, lambda ip: struct.pack("<I", 2) + ip),
    "loop": (108, lambda ip: struct.pack(">I", 2) + ip),
    "raw": (101, bytes),
    "ipv4": (228, bytes),
    "cooked": (113, cooked),
    "cooked 2": (276, cooked_2),
}


def pcap(packets, link=1, order="<", unit=1000, limit=1 << 18):
    """`packets` are (ns, bytes). No more than `limit` of each is kept, as tcpdump -s does."""
    magic = 0xA1B2C3D4 if unit == 1000 else 0xA1B23C4D
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, limit, link)]
    for time, data in packets:
        head = (time // 10**9, time % 10**9 // unit, len(data[:limit]), len(data))
        out += [struct.pack(order + "IIII", *head), data[:limit]]
    return b"".join(out)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(packets, link=1, order="<"):
    """With a resolution of nanoseconds, and a block that nobody knows."""
    resolution = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    out = [block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
           block(order, 1, struct.pack(order + "HHI", link, 0, 0) + resolution),
           block(order, 0xBAD, b"whatever")]
    for time, data in packets:
        head = struct.pack(order + "IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
        out.append(block(order, 6, head + data))
    return b"".join(out)


class Talk:
    """A connection of which a test says what is sent. Segments are (source, target, sequence, flags, payload)."""

    def __init__(self, first_numbers=(1000, 2000), dialer=DIALER, listener=LISTENER):
        self.next = dict(zip((dialer, listener), first_numbers))
        self.other = {dialer: listener, listener: dialer}
        self.dialer, self.listener = dialer, listener
        self.segments = []
        self.send(dialer, flags=SYN)
        self.send(listener, flags=SYN | ACK)

    def send(self, source, data=b"", flags=ACK, size=1400):
        """Data in segments of at most that size."""
        for at in range(0, max(1, len(data)), size):
            part = data[at:at + size]
            self.segments.append((source, self.other[source], self.next[source], flags, part))
            self.next[source] += len(part) + bool(flags & (SYN | FIN))
        return self

    def close(self):
        return self.send(self.dialer, flags=FIN | ACK).send(self.listener, flags=FIN | ACK).send(self.dialer)


def timed(packets):
    """A millisecond apart."""
    return [(10**18 + number * 10**6, data) for number, data in enumerate(packets)]


def capture(segments, link="ethernet", ip=ipv4, **options):
    number, wrap = LINKS[link]
    return pcap(timed(wrap(ip(s[0], s[1], tcp(*s))) for s in segments), number, **options)
