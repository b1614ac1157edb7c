"""Go's gob encoding, read without knowing any of its types before."""
import struct
from typing import NamedTuple

BOOL, INT, UINT, FLOAT, BYTES, STRING, COMPLEX, INTERFACE = range(1, 9)
NAMES = {BOOL: "bool", INT: "int", UINT: "uint", FLOAT: "float", BYTES: "bytes", STRING: "string",
         COMPLEX: "complex", INTERFACE: "interface"}

MAX_MESSAGE = 128 << 20
MAX_DEFINITION = 4 << 10
MAX_TYPES = 64
MAX_DEPTH = 32


class Malformed(Exception):
    pass


class Struct(NamedTuple):
    name: str
    fields: tuple  # of (name, type id)


class Sequence(NamedTuple):
    """A slice, or an array, which has a length."""
    name: str
    element: int
    length: int | None = None


class Map(NamedTuple):
    name: str
    key: int
    element: int


class Opaque(NamedTuple):
    """A type that encodes itself: bytes to us."""
    name: str


WIRE_TYPE, ARRAY, COMMON, SLICE, STRUCT, FIELD, FIELDS, MAP, OPAQUE = range(16, 25)
# The types that definitions are made of are there from the start, so that a definition is read as any other value.
FIRST_TYPES = {
    WIRE_TYPE: Struct("wireType", (("array", ARRAY), ("slice", SLICE), ("struct", STRUCT), ("map", MAP),
                                   ("gob", OPAQUE), ("binary", OPAQUE), ("text", OPAQUE))),
    ARRAY: Struct("arrayType", (("common", COMMON), ("element", INT), ("length", INT))),
    COMMON: Struct("commonType", (("name", STRING), ("id", INT))),
    SLICE: Struct("sliceType", (("common", COMMON), ("element", INT))),
    STRUCT: Struct("structType", (("common", COMMON), ("fields", FIELDS))),
    FIELD: Struct("fieldType", (("name", STRING), ("id", INT))),
    FIELDS: Sequence("[]fieldType", FIELD),
    MAP: Struct("mapType", (("common", COMMON), ("key", INT), ("element", INT))),
    OPAQUE: Struct("gobEncoderType", (("common", COMMON),)),
}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, size):
        if size > self.left():
            raise Malformed(f"{size} bytes are due where {self.left()} are left")
        self.at += size
        return self.data[self.at - size:self.at]

    def uint(self):
        first = self.take(1)[0]
        if first < 128:
            return first
        if first < 248:
            raise Malformed(f"an integer of {256 - first} bytes")
        return int.from_bytes(self.take(256 - first), "big")

    def int(self):
        value = self.uint()
        return ~(value >> 1) if value & 1 else value >> 1

    def bytes(self):
        return self.take(self.uint())

    def string(self):
        return self.bytes().decode("utf-8", "surrogateescape")

    def float(self):
        return struct.unpack("<d", self.uint().to_bytes(8, "big"))[0]

    def bool(self):
        return self.uint() != 0


class Definition(NamedTuple):
    id: int
    type: object


class Value(NamedTuple):
    type: object
    value: object


def message_size(data):
    """(bytes of the length itself, length) of the message at the start of `data`; None while that is incomplete."""
    try:
        reader = Reader(data[:9])
        size = reader.uint()
    except Malformed:
        if len(data) < 9 and (not data or data[0] >= 248):
            return None
        raise
    if size > MAX_MESSAGE:
        raise Malformed(f"a message of {size} bytes")
    if size == 0:
        raise Malformed("a message without bytes")
    return reader.at, size


class Decoder:
    """One stream: it remembers the types that the stream has defined."""

    def __init__(self):
        self.types = dict(FIRST_TYPES)
        self.readers = {BOOL: Reader.bool, INT: Reader.int, UINT: Reader.uint, FLOAT: Reader.float,
                        BYTES: Reader.bytes, STRING: Reader.string,
                        COMPLEX: lambda r: (r.float(), r.float()), INTERFACE: self._interface}

    def message(self, body):
        """What the body of one message holds: a Definition or a Value."""
        reader = Reader(body)
        number = reader.int()
        found = self._definition(reader, -number) if number < 0 else self._top(reader, number)
        if reader.left():
            raise Malformed(f"{reader.left()} bytes are left at the end of a message")
        return found

    def name(self, number):
        """The type as a reader knows it."""
        if number in NAMES:
            return NAMES[number]
        kind = self.types.get(number)
        return f"{kind.name or 'type'} {number}" if kind else f"type {number}"

    def describe(self, definition):
        kind = definition.type
        if isinstance(kind, Struct):
            body = "struct {" + ", ".join(f"{name} {self.name(number)}" for name, number in kind.fields) + "}"
        elif isinstance(kind, Sequence):
            body = f"[{'' if kind.length is None else kind.length}]{self.name(kind.element)}"
        elif isinstance(kind, Map):
            body = f"map[{self.name(kind.key)}]{self.name(kind.element)}"
        else:
            body = "encodes itself"
        return f"type {definition.id} {kind.name or '(no name)'}: {body}"

    def _definition(self, reader, number):
        if reader.left() > MAX_DEFINITION:
            raise Malformed(f"a definition of {reader.left()} bytes")
        if number in self.types:
            raise Malformed(f"type {number} is defined twice")
        if len(self.types) - len(FIRST_TYPES) >= MAX_TYPES:
            raise Malformed(f"more than {MAX_TYPES} types")
        kind = made_type(self._value(reader, WIRE_TYPE, 0))
        self.types[number] = kind
        return Definition(number, kind)

    def _top(self, reader, number):
        kind = self.types.get(number)
        if kind is None and number not in self.readers or number in FIRST_TYPES:
            raise Malformed(f"type {number} is not defined")
        # A value that is no struct has a delta of zero before it.
        if not isinstance(kind, Struct) and reader.uint() != 0:
            raise Malformed("a value that is no struct does not start with zero")
        return Value(kind, self._value(reader, number, 0))

    def _value(self, reader, number, depth):
        if depth > MAX_DEPTH:
            raise Malformed(f"values nested deeper than {MAX_DEPTH}")
        if number in self.readers:
            return self.readers[number](reader)
        kind = self.types.get(number)
        if isinstance(kind, Struct):
            return self._struct(reader, kind, depth)
        if isinstance(kind, Sequence):
            return [self._value(reader, kind.element, depth + 1) for _ in range(count(reader, kind.length))]
        if isinstance(kind, Map):
            return [(self._value(reader, kind.key, depth + 1), self._value(reader, kind.element, depth + 1))
                    for _ in range(count(reader))]
        if isinstance(kind, Opaque):
            return reader.bytes()
        raise Malformed(f"type {number} is not defined")

    def _struct(self, reader, kind, depth):
        """The fields that were sent, by name."""
        found, field = {}, -1
        while delta := reader.uint():
            field += delta
            if field >= len(kind.fields):
                raise Malformed(f"field {field} of {kind.name}, which has {len(kind.fields)}")
            name, number = kind.fields[field]
            found[name] = self._value(reader, number, depth + 1)
        return found

    @staticmethod
    def _interface(reader):
        name = reader.string()
        if not name:
            return None
        reader.int()
        return name, reader.bytes()


def count(reader, wanted=None):
    """Of elements; each takes a byte at least, so that a message bounds it."""
    found = reader.uint()
    if found > reader.left():
        raise Malformed(f"{found} elements in {reader.left()} bytes")
    if wanted is not None and found != wanted:
        raise Malformed(f"{found} elements in an array of {wanted}")
    return found


def made_type(wire):
    """The type that a value of wireType defines."""
    if len(wire) != 1:
        raise Malformed(f"a definition of {len(wire)} types at once")
    (kind, parts), = wire.items()
    name = parts.get("common", {}).get("name", "")
    if kind == "struct":
        return Struct(name, tuple((f.get("name", ""), f.get("id", 0)) for f in parts.get("fields", ())))
    if kind == "slice":
        return Sequence(name, parts.get("element", 0))
    if kind == "array":
        return Sequence(name, parts.get("element", 0), parts.get("length", 0))
    if kind == "map":
        return Map(name, parts.get("key", 0), parts.get("element", 0))
    return Opaque(name)
