"""As much of protobuf as the Factom protocol's V11 needs."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}


class Malformed(Exception):
    pass


def varint(data, at):
    """(the number, the offset behind it)"""
    value = 0
    for shift in range(0, 70, 7):
        if at == len(data):
            raise Malformed("ends within a number")
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise Malformed("a number of more than ten bytes")


def fields(data):
    """(number, wire type, value) of each field in turn; numbers are int, all else is bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise Malformed("a field without number")
        if wire == VARINT:
            value, at = varint(data, at)
        else:
            if wire == BYTES:
                size, at = varint(data, at)
            elif wire in FIXED:
                size = FIXED[wire]
            else:
                raise Malformed(f"field {number} has wire type {wire}")
            if size > len(data) - at:
                raise Malformed(f"field {number} claims {size} bytes where {len(data) - at} are left")
            value, at = data[at:at + size], at + size
        yield number, wire, value
