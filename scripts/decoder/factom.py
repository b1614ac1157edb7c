"""The Factom protocol in its three versions, as docs/protocols/factom.md describes it: parcels out of a stream."""
import json
from typing import NamedTuple

from decoder import gob, protobuf

PEER_REQUEST, PEER_RESPONSE, MESSAGE_PART, HANDSHAKE, REJECT = 3, 4, 7, 8, 9
PREAMBLE = b"pbuf"
LENGTH_SIZE = 4
MAX_MESSAGE = 128 << 20

# The fields by their numbers: (name, wire type).
PROTO_HANDSHAKE = {1: ("Type", 0), 2: ("Network", 0), 3: ("Version", 0), 4: ("NodeID", 0), 5: ("ListenPort", 2),
                   6: ("Loopback", 0), 7: ("Alternatives", 2)}
PROTO_ENDPOINT = {1: ("Host", 2), 2: ("Port", 2)}
PROTO_MESSAGE = {1: ("Type", 0), 2: ("Payload", 2)}
PROTO_SHARE = {1: ("Share", 2)}
REPEATED = {"Alternatives", "Share"}

GOB_HEADER = {"Network": int, "Version": int, "Type": int, "Length": int, "TargetPeer": str, "Crc32": int,
              "PartNo": int, "PartsTotal": int, "NodeID": int, "PeerAddress": str, "PeerPort": str, "AppHash": str,
              "AppType": str}
GOB_SLIM = {"Type": int, "Payload": bytes}


class Undecodable(Exception):
    """The rest of the stream cannot be read."""

    def __init__(self, offset, reason):
        super().__init__(reason)
        self.offset = offset


class BadShare(Exception):
    """A list of addresses that is none."""


class Preamble(NamedTuple):
    offset: int
    raw: bytes


class Definition(NamedTuple):
    offset: int
    raw: bytes
    text: str


class Parcel(NamedTuple):
    offset: int
    raw: bytes
    shape: int      # 9, 10 or 11: how it is written, whatever its field Version says
    first: bool     # of its stream
    fields: dict    # by the names of docs/protocols/factom.md; zero where the sender left one out
    unknown: tuple  # names or numbers of fields that the protocol does not have

    @property
    def type(self):
        return self.fields["Type"]

    @property
    def payload(self):
        return self.fields.get("Payload", b"")

    def is_handshake(self):
        """The V9 handshake has the type of a peer request."""
        return self.type in (HANDSHAKE, REJECT) or self.first and self.shape == 9


def crc32k_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xEB31D82E if value & 1 else 0)
        table.append(value)
    return table


CRC32K_TABLE = crc32k_table()


def crc32k(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32K_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def proto_struct(data, known):
    """(fields by name, numbers of unknown ones)"""
    found = {name: [] if name in REPEATED else 0 if wire == 0 else b"" for name, wire in known.values()}
    unknown = []
    for number, wire, value in protobuf.fields(data):
        name, wanted = known.get(number, (None, None))
        if wire != wanted:
            unknown.append(str(number))
        elif name in REPEATED:
            found[name].append(value)
        else:
            found[name] = value
    return found, tuple(unknown)


def proto_endpoint(data):
    found, _ = proto_struct(data, PROTO_ENDPOINT)
    return f"{as_text(found['Host'])}:{as_text(found['Port'])}"


def proto_handshake(data):
    found, unknown = proto_struct(data, PROTO_HANDSHAKE)
    found["ListenPort"] = as_text(found["ListenPort"])
    found["Alternatives"] = [proto_endpoint(item) for item in found["Alternatives"]]
    return found, unknown


def as_text(data):
    return data.decode("utf-8", "surrogateescape")


def gob_struct(value, known):
    """(fields by name, names of unknown ones). A field of another type than the protocol's counts as unknown: that is
    why types are compared, where isinstance would take a bool for a number.
    """
    found = {name: kind() for name, kind in known.items()}
    unknown = []
    for name, item in value.items():
        if type(item) is known.get(name) and not (type(item) is int and item < 0):
            found[name] = item
        else:
            unknown.append(name)
    return found, tuple(unknown)


def gob_parcel(value):
    """(shape, fields, unknown)"""
    if isinstance(value.get("Header"), dict):
        header, unknown = gob_struct(value["Header"], GOB_HEADER)
        rest, others = gob_struct({k: v for k, v in value.items() if k != "Header"}, {"Payload": bytes})
        return 9, header | rest, unknown + others
    return 10, *gob_struct(value, GOB_SLIM)


class Stream:
    """What one side of a connection sends."""

    def __init__(self):
        self.data, self.offset = bytearray(), 0
        self.first = True
        self.read = self._read_start
        self.gob = gob.Decoder()

    def feed(self, data):
        """What is complete with these bytes: Preamble, Definition, Parcel. Raises Undecodable."""
        self.data += data
        try:
            while (found := self.read()) is not None:
                yield found
        except (gob.Malformed, protobuf.Malformed) as fault:
            raise Undecodable(self.offset, str(fault)) from None

    def _take(self, size):
        """(offset, bytes) of the next ones; they are taken out of the stream."""
        taken, offset = bytes(self.data[:size]), self.offset
        del self.data[:size]
        self.offset += size
        return offset, taken

    def _take_parcel(self, size, shape, fields, unknown):
        first, self.first = self.first, False
        return Parcel(*self._take(size), shape, first, fields, unknown)

    def _read_start(self):
        start = self.data[:len(PREAMBLE)]
        if start == PREAMBLE:
            self.read = self._read_proto
            return Preamble(*self._take(len(PREAMBLE)))
        if PREAMBLE.startswith(start):
            return None
        self.read = self._read_gob
        return self.read()

    def _read_proto(self):
        if len(self.data) < LENGTH_SIZE:
            return None
        size = int.from_bytes(self.data[:LENGTH_SIZE], "big")
        if size > MAX_MESSAGE:
            raise protobuf.Malformed(f"a message of {size} bytes")
        if len(self.data) < LENGTH_SIZE + size:
            return None
        body = bytes(self.data[LENGTH_SIZE:LENGTH_SIZE + size])
        fields, unknown = proto_handshake(body) if self.first else proto_struct(body, PROTO_MESSAGE)
        return self._take_parcel(LENGTH_SIZE + size, 11, fields, unknown)

    def _read_gob(self):
        found = gob.message_size(self.data)
        if found is None or len(self.data) < sum(found):
            return None
        head, size = found
        item = self.gob.message(bytes(self.data[head:head + size]))
        if isinstance(item, gob.Definition):
            text = self.gob.describe(item)
            return Definition(*self._take(head + size), text)
        if not isinstance(item.type, gob.Struct):
            raise gob.Malformed("a value that is no struct")
        return self._take_parcel(head + size, *gob_parcel(item.value))


def share(parcel):
    """The addresses in a peer response, as "host:port". Raises BadShare."""
    try:
        if parcel.shape == 11:
            items, _ = proto_struct(parcel.payload, PROTO_SHARE)
            return [proto_endpoint(item) for item in items["Share"]]
        return json_share(parcel.payload)
    except protobuf.Malformed as fault:
        raise BadShare(str(fault)) from None


def alternatives(parcel):
    """The addresses in a handshake that refuses. Raises BadShare."""
    if parcel.shape == 11:
        return parcel.fields.get("Alternatives", [])
    if parcel.payload == bytes(8):
        return []  # how generation 2 says that it has none
    return json_share(parcel.payload)


def json_share(payload):
    """Both forms: V9 has `Address` and `Port` among others, V10 `ip` and `port`."""
    try:
        return [f"{item.get('ip', item.get('Address'))}:{item.get('port', item.get('Port'))}"
                for item in json.loads(payload) or ()]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise BadShare("not the JSON of a share") from None
