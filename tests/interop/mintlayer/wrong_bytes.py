"""Bytes that are no messages: (name, body of a frame)."""
import struct

from mintlayer_fixture import our_hello
import scale

ID = bytes(range(32))
V4 = bytes([0, 5, 9, 0, 1]) + struct.pack("<H", 23031)
V6 = bytes([1]) + bytes(16) + struct.pack("<H", 23031)


def wrong_messages():
    """None of them may be said once the handshake is over."""
    yield "nothing", b""
    yield "a kind that does not exist", b"\x0e"
    yield "the highest kind", b"\xff" + bytes(8)
    yield "a nonce of seven bytes", b"\x01" + bytes(7)
    yield "a nonce of nine bytes", b"\x02" + bytes(9)
    yield "an id of 31 bytes", b"\x03" + ID[1:]
    yield "an id of 33 bytes", b"\x0b" + ID + b"\0"
    yield "fewer ids than it says", b"\x04\x08" + ID
    yield "more ids than it says", b"\x06\x04" + ID + ID
    yield "a count in more bytes than it takes", b"\x04\x05\x00" + ID
    yield "a count in four bytes", b"\x06\x06\x00\x00\x00" + ID
    yield "a count in the long form", b"\x04\x03\x01\x00\x00\x00" + ID
    yield "a count of 2^30", b"\x04\x03\x00\x00\x00\x40"
    yield "a count of 2^32 and more", b"\x04\x07\x00\x00\x00\x00\x01"
    yield "no count of headers", b"\x05"
    yield "bytes after no headers", b"\x05\x00\x00"
    yield "fewer headers than it says", b"\x05\x08\x00"
    yield "a block of nothing", b"\x07"
    yield "an address of a third family", b"\x08\x02" + V4[1:]
    yield "an address without a port", b"\x08" + V4[:-1]
    yield "an address and a byte", b"\x08" + V4 + b"\0"
    yield "IPv6 that is as short as IPv4", b"\x08\x01" + V4[1:]
    yield "a list request with a byte", b"\x09\x00"
    yield "a list without a count", b"\x0a"
    yield "a list that is cut", b"\x0a\x08" + V4 + V6[:-1]
    yield "a list that goes on", b"\x0a\x04" + V4 + V4
    yield "a list with a wrong family", b"\x0a\x08" + V4 + b"\x02" + V4[1:]
    yield "neither found nor not", b"\x0c\x02" + ID
    yield "not found, and half an id", b"\x0c\x00" + ID[:16]
    yield "found, and nothing", b"\x0c\x01"
    yield "words that are no UTF-8", b"\x0d\x08\xff\xfe"
    yield "words with a surrogate", b"\x0d\x0c\xed\xa0\x80"
    yield "words that are cut", b"\x0d\x0cab"
    yield "words that go on", b"\x0d\x04ab"


def parts_of_hello(kind):
    """The fields' bytes, one by one."""
    m = our_hello(kind)
    return {"kind": b"\0", "form": bytes([kind == "HelloAck"]), "version": struct.pack("<I", 3),
            "network": bytes.fromhex(m["network"]), "services": struct.pack("<Q", 7), "agent": scale.text(m["agent"]),
            "software": bytes([1, 4, 0, 0]), "receiver": b"\0", "time": scale.compact(m["time"]),
            "nonce": struct.pack("<Q", m["nonce"]) if kind == "Hello" else b""}


def wrong_hellos(kind):
    """In place of that kind."""
    parts = parts_of_hello(kind)

    def changed(**fields):
        return b"".join((parts | fields).values())
    whole, now = changed(), parts["time"]
    yield "nothing", b""
    yield "a kind alone", b"\0"
    yield "a third form", changed(form=b"\x02")
    yield "a byte is missing", whole[:-1]
    yield "a byte is left", whole + b"\0"
    yield "no user agent", changed(agent=b"\0")
    yield "a user agent with a space", changed(agent=scale.text("a b"))
    yield "a user agent beyond ASCII", changed(agent=b"\x08\xc3\xa9")
    yield "a user agent of 25 bytes", changed(agent=scale.text("a" * 25))
    yield "a user agent with a long count", changed(agent=b"\x05\x00a")
    yield "neither a receiver nor none", changed(receiver=b"\x02" + V4)
    yield "a receiver of a third family", changed(receiver=b"\x01\x02" + V4[1:])
    yield "a time in more bytes than it takes", changed(time=bytes([now[0] + 4]) + now[1:] + b"\0")
    yield "a time of nine bytes", changed(time=b"\x17" + b"\x01" * 9)
    yield "a ping", b"\x01" + bytes(8)
    yield "a list request", b"\x09"
    yield "the other form", b"".join(parts_of_hello("Hello" if kind == "HelloAck" else "HelloAck").values())
