"""From the library's structs to Python's objects."""
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from ._binding import ffi, lib
from ._reasons import Reason
from ._types import Ban, Known, Peer, Score, Source, Status

NO_CLOCK = -(2**63)  # KITH_NO_CLOCK, an expression of C
TEXT, COUNTS = "char[", "struct kith_count *"
OTHER_NAMES = {"name": "hash"}


def text(pointer: Any) -> str:
    """A text of the library. It is UTF-8; what a peer has made of it otherwise does no harm."""
    return bytes(ffi.string(pointer)).decode("utf-8", "replace") if pointer else ""


def reason(number: int) -> Reason:
    """Of a number that is not known yet: that there is none."""
    return Reason(number) if number in Reason._value2member_map_ else Reason.NONE


def _counts(first: Any) -> Iterator[tuple[Reason, int]]:
    at = 0
    while first and first[at].cause:
        yield reason(first[at].reason), first[at].count
        at += 1


def counts(first: Any) -> Mapping[Reason, int]:
    return dict(_counts(first))


def clock(ms: int) -> int | None:
    return None if ms == NO_CLOCK else ms


def _columns(record: type, struct: str) -> list[tuple[str, str, Any]]:
    """The names of a field of the record and of a member of the struct, and what makes one of the other; None if nothing
    is to be done."""
    members = dict(ffi.typeof(struct).fields)
    columns = []
    for field in fields(record):
        member = OTHER_NAMES.get(field.name, field.name)
        kind = members[member].type.cname
        convert = (text if kind.startswith(TEXT) else counts if kind.endswith(COUNTS) else
                   Source if kind == "enum kith_source" else clock if member == "clock_offset_ms" else None)
        columns.append((field.name, member, convert))
    return columns


def _record(columns: list[tuple[str, str, Any]], struct: Any) -> dict[str, Any]:
    values = ((name, getattr(struct, member), convert) for name, member, convert in columns)
    return {name: convert(value) if convert else value for name, value, convert in values}


STRUCTS: dict[type, str] = {Ban: "struct kith_ban", Known: "struct kith_known", Peer: "struct kith_peer",
                            Score: "struct kith_score", Status: "struct kith_status"}
BAN, KNOWN, PEER, SCORE, STATUS = (_columns(record, struct) for record, struct in STRUCTS.items())


def peer(struct: Any) -> Peer:
    return Peer(**_record(PEER, struct))


def status(struct: Any) -> Status:
    return Status(**_record(STATUS, struct))


def score(struct: Any) -> Score:
    return Score(**_record(SCORE, struct))


def peers(event: Any) -> list[Peer]:
    return [peer(lib.native_peer(event, at)) for at in range(event.count)]


def bans(event: Any) -> list[Ban]:
    return [Ban(**_record(BAN, lib.native_ban(event, at))) for at in range(event.count)]


def known(event: Any) -> list[Known]:
    return [Known(**_record(KNOWN, lib.native_known(event, at))) for at in range(event.count)]
