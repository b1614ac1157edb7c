"""SCALE and Mintlayer's messages, docs/protocols/mintlayer.md, sections 3 to 5, as strictly as a node reads them.

A message is a dict: its "kind", and fields that are numbers, texts, "ADDRESS:PORT", lists of those, or bytes in hex.
"""
import ipaddress

KINDS = ("Handshake", "PingRequest", "PingResponse", "NewTransaction", "HeaderListRequest", "HeaderList",
         "BlockListRequest", "BlockResponse", "AnnounceAddrRequest", "AddrListRequest", "AddrListResponse",
         "TransactionRequest", "TransactionResponse", "WillDisconnect")


class Malformed(Exception):
    """Bytes that are no message."""


def need(condition, what):
    if not condition:
        raise Malformed(what)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(n <= len(self.data) - self.at, "bytes are missing")
        self.at += n
        return self.data[self.at - n:self.at]

    def rest(self):
        return self.take(len(self.data) - self.at)

    def uint(self, n):
        return int.from_bytes(self.take(n), "little")

    def compact(self, most):
        """The shortest form of a number of at most so many bytes."""
        first = self.uint(1)
        mode, value = first & 3, first >> 2
        if mode < 3:
            more = (1 << mode) - 1
            value |= self.uint(more) << 6
            need(mode == 0 or value >= 1 << (8 * (1 << mode - 1) - 2), "a compact number that is not the shortest")
            return value
        size = value + 4
        need(size <= most, "a compact number that is too large")
        number = self.take(size)
        value = int.from_bytes(number, "little")
        need(value >= 1 << 30 and number[-1] != 0, "a compact number that is not the shortest")
        return value

    def vec(self, size):
        """How many elements follow, of so many bytes at least."""
        n = self.compact(4)
        need(n * size <= len(self.data) - self.at, "a count beyond the end")
        return n

    def tag(self, n):
        tag = self.uint(1)
        need(tag < n, f"a tag of {tag}")
        return tag

    def address(self):
        ip = ipaddress.ip_address(self.take(16 if self.tag(2) else 4))
        return endpoint(ip, self.uint(2))

    def text(self):
        try:
            return self.take(self.vec(1)).decode()
        except UnicodeDecodeError:
            raise Malformed("no UTF-8") from None

    def agent(self):
        text = self.take(self.vec(1))
        need(1 <= len(text) <= 24 and all(0x21 <= b <= 0x7e for b in text), f"a user agent of {text}")
        return text.decode()

    def ids(self):
        return [self.take(32).hex() for _ in range(self.vec(32))]


def endpoint(ip, port):
    return f"{ip}:{port}" if ip.version == 4 else f"[{ip}]:{port}"


def read_hello(r):
    is_ack = r.tag(2) == 1
    m = {"kind": "HelloAck" if is_ack else "Hello", "version": r.uint(4), "network": r.take(4).hex(),
         "services": r.uint(8), "agent": r.agent(), "software": f"{r.uint(1)}.{r.uint(1)}.{r.uint(2)}",
         "receiver": r.address() if r.tag(2) else None, "time": r.compact(8)}
    return m if is_ack else m | {"nonce": r.uint(8)}


def read_body(r, kind):
    if kind in ("PingRequest", "PingResponse"):
        return {"nonce": r.uint(8)}
    if kind in ("NewTransaction", "TransactionRequest"):
        return {"id": r.take(32).hex()}
    if kind in ("HeaderListRequest", "BlockListRequest"):
        return {"ids": r.ids()}
    if kind == "AnnounceAddrRequest":
        return {"address": r.address()}
    if kind == "AddrListResponse":
        return {"addresses": [r.address() for _ in range(r.vec(7))]}
    if kind == "TransactionResponse":
        return {"found": r.rest().hex()} if r.tag(2) else {"id": r.take(32).hex()}
    if kind == "WillDisconnect":
        return {"reason": r.text()}
    return {} if kind == "AddrListRequest" else {"bytes": r.rest().hex()}


def read(body):
    r = Reader(body)
    kind = KINDS[r.tag(len(KINDS))]
    m = read_hello(r) if kind == "Handshake" else {"kind": kind} | read_body(r, kind)
    need(r.at == len(body), "bytes are left")
    return m


# --- writing ---

def uint(value, n):
    return value.to_bytes(n, "little")


def compact(value):
    for mode in range(3):
        if value < 1 << (8 * (1 << mode) - 2):
            return uint(value << 2 | mode, 1 << mode)
    size = max(4, (value.bit_length() + 7) // 8)
    return bytes([size - 4 << 2 | 3]) + uint(value, size)


def vec(parts):
    return compact(len(parts)) + b"".join(parts)


def text(value):
    return compact(len(value.encode())) + value.encode()


def address(value):
    ip, _, port = value.rpartition(":")
    ip = ipaddress.ip_address(ip.strip("[]"))
    return bytes([ip.version == 6]) + ip.packed + uint(int(port), 2)


def write_hello(m):
    major, minor, patch = map(int, m["software"].split("."))
    receiver = m["receiver"]
    return bytes([m["kind"] == "HelloAck"]) + uint(m["version"], 4) + bytes.fromhex(m["network"]) \
        + uint(m["services"], 8) + text(m["agent"]) + uint(major, 1) + uint(minor, 1) + uint(patch, 2) \
        + (b"\x01" + address(receiver) if receiver else b"\x00") + compact(m["time"]) \
        + (uint(m["nonce"], 8) if m["kind"] == "Hello" else b"")


WRITERS = {
    "nonce": lambda v: uint(v, 8), "id": bytes.fromhex, "ids": lambda v: vec([bytes.fromhex(i) for i in v]),
    "address": address, "addresses": lambda v: vec([address(a) for a in v]), "reason": text, "bytes": bytes.fromhex}


def write(m):
    """The body of a frame."""
    kind = m["kind"]
    if kind in ("Hello", "HelloAck"):
        return b"\x00" + write_hello(m)
    head = bytes([KINDS.index(kind)])
    if kind == "TransactionResponse":
        return head + (b"\x01" + bytes.fromhex(m["found"]) if "found" in m else b"\x00" + bytes.fromhex(m["id"]))
    return head + b"".join(WRITERS[name](value) for name, value in m.items() if name != "kind")
