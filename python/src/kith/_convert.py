"""From the library's structs to Python's objects."""
from collections.abc import Iterator, Mapping
from typing import Any

from ._binding import ffi
from ._types import Peer, Status


def text(pointer: Any) -> str:
    """A text of the library. It is UTF-8; what a peer has made of it otherwise does no harm."""
    return bytes(ffi.string(pointer)).decode("utf-8", "replace") if pointer else ""


def peer(p: Any) -> Peer:
    return Peer(name=text(p.hash), connection=p.connection, address=text(p.address), outgoing=p.outgoing,
                special=p.special, relay=p.relay, version=p.version, quality=p.quality, online_ms=p.online_ms,
                bytes_in=p.bytes_in, bytes_out=p.bytes_out, parcels_in=p.parcels_in, parcels_out=p.parcels_out,
                dropped=p.dropped, repeated=p.repeated)


def _counts(first: Any) -> Iterator[tuple[str, int]]:
    at = 0
    while first and first[at].cause:
        yield text(first[at].cause), first[at].count
        at += 1


def counts(first: Any) -> Mapping[str, int]:
    return dict(_counts(first))


def status(s: Any) -> Status:
    return Status(
        network=text(s.network), protocol=text(s.protocol), identity=text(s.identity), seen_as=text(s.seen_as),
        network_id=s.network_id, node_id=s.node_id, port=s.port, outgoing=s.outgoing, incoming=s.incoming,
        special=s.special, dialing=s.dialing, known=s.known, banned=s.banned, to_network=s.to_network,
        from_network=s.from_network, parcels_in=s.parcels_in, parcels_out=s.parcels_out, bytes_in=s.bytes_in,
        bytes_out=s.bytes_out, shed=s.shed, repeated=s.repeated, uptime_ms=s.uptime_ms, eclipse_risk=s.eclipse_risk,
        eclipse_reason=text(s.eclipse_reason), dropped=counts(s.dropped), ended=counts(s.ended),
        datagrams_dropped=counts(s.datagrams_dropped))


def peers(event: Any) -> list[Any]:
    """The structs of an event that has several."""
    return [event.peers + at for at in range(event.count)]
