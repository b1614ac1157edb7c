"""What a node tells: messages, peers, its status, events. All are immutable."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from ._reasons import Reason

BROADCAST = "<BROADCAST>"
"""A target: every special peer, and some random others (option `broadcastnum`)."""
FULL_BROADCAST = "<FULLBROADCAST>"
"""A target: every peer."""
RANDOM_PEER = "<RANDOMPEER>"
"""A target: one peer, chosen at random."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came from a peer."""

    peer: str
    """The sender's name: what `send` takes as `target`. Empty if memory was short."""
    kind: str
    """The protocol's name for the type of the message."""
    data: bytes
    """The message itself, never empty."""
    connection: int
    """The number of the connection over which it came, as in `Peer`. 0 if memory was short."""
    ticket: int = 0
    """What `Node.verdict` needs; 0 if no verdict is awaited."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message whose bytes were not copied: `data` shows the library's memory, which is kept as long as the view, or one
    that was made of it, lives."""

    peer: str
    """As in `Message`."""
    kind: str
    """As in `Message`."""
    data: memoryview
    """The message itself, read-only."""
    connection: int
    """As in `Message`."""
    ticket: int = 0
    """As in `Message`."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One connection with a peer.

    A peer may have one in each direction: two with one name. A target means the outgoing one then. The counts from
    `bytes_in` on are 0 but in what `Node.peers` answers.
    """

    name: str
    """What `send` takes as `target`."""
    connection: int
    """The number of the connection, never given to another as long as the node lives."""
    address: str
    """Where it can be dialed; empty if nowhere. Through a proxy perhaps a host name."""
    outgoing: bool
    """This node has dialed."""
    special: bool
    """It is one of those that the configuration names."""
    relay: bool
    """It only relays, and tells no addresses (option `relays`)."""
    version: int
    """The version of the protocol that is spoken."""
    quality: int
    """The score of its IP address, in points; or of its node id, if those are rated and that is less."""
    online_ms: int
    """For how long it has been online, in milliseconds."""
    bytes_in: int
    bytes_out: int
    parcels_in: int
    """Messages that came from it."""
    parcels_out: int
    """Messages that went to it."""
    dropped: int
    """Messages for it, or from it, that were dropped."""
    repeated: int
    """Messages from it that, with the option `relay`, had come before."""
    outbound: int
    """Messages that wait in the queue to it; in what `Node.peers` answers, as the three that follow."""
    outbound_bytes: int
    inbound: int
    """Messages that wait in the queue from it."""
    inbound_bytes: int
    dropped_by: Mapping[Reason, int] = field(default_factory=dict)
    """The `dropped` ones by cause; in what `Node.peers` answers."""
    clock_offset_ms: int | None = None
    """How far its clock is ahead of ours, to a second or so; None if its handshake did not tell."""


@dataclass(frozen=True, slots=True)
class Status:
    """The node in numbers. `parcels` are messages."""

    network: str
    protocol: str
    identity: str
    """What peers know this node by, in hex digits; empty in protocols without identities."""
    seen_as: str
    """Our IP address, as most of the peers that we dialed say; empty if none says so."""
    network_id: int
    node_id: int
    port: int
    """On which the node listens; 0 if it does not."""
    outgoing: int
    """Connections that this node dialed."""
    incoming: int
    """Connections that peers dialed."""
    special: int
    dialing: int
    known: int
    """Addresses in the book."""
    banned: int
    to_network: int
    """Messages that wait in the queue to the network."""
    from_network: int
    """Messages that wait in the queue from the network. Those that wait in Python's buffer are not counted."""
    parcels_in: int
    parcels_out: int
    bytes_in: int
    bytes_out: int
    shed: int
    """Connections that were closed unanswered."""
    repeated: int
    uptime_ms: int
    eclipse_risk: int
    """How near the node is to being surrounded by one attacker, in percent."""
    eclipse_reason: str
    dropped: Mapping[Reason, int]
    """Messages that were dropped, by cause."""
    ended: Mapping[Reason, int]
    """Connections that have ended, by the reason."""
    datagrams_dropped: Mapping[Reason, int]
    """By cause; empty if the protocol has no datagrams."""
    total_parcels_in: int
    """Of all connections since the start, as the five that follow."""
    total_parcels_out: int
    total_bytes_in: int
    total_bytes_out: int
    total_outgoing: int
    """Connections that came online."""
    total_incoming: int
    dials: Mapping[Reason, int]
    """Dials that are over, by what came of them; `Reason.NONE` for those that came online."""
    saves: int
    """Of the peers file."""
    saves_failed: int
    seeded: int
    """Answers of the seeds that named addresses."""
    seeds_failed: int
    missed: int
    """Events that `Missed` told of, or will."""
    save_ms: int
    """How long the last save of the peers file took; -1 before the first."""
    saved_ms: int
    """Since the last save that succeeded; -1 before the first."""
    seed_addresses: int
    """That the last answer of the seeds named."""
    relays: int
    """Outgoing connections that only relay."""
    events: int
    """That wait for the program."""
    events_max: int
    outbound: int
    """Messages that wait in the queues of all connections."""
    inbound: int
    outbound_bytes: int
    inbound_bytes: int
    to_network_bytes: int
    from_network_bytes: int
    queue_max: int
    """The most messages that one queue holds."""
    queue_bytes_max: int
    received_bytes: int
    """Used of the budget for what peers cause (option `receive_bytes`)."""
    received_bytes_max: int
    accepted: int
    """Messages of peers, with the option `relay="validated"`, by verdict."""
    ignored: int
    rejected: int
    unjudged: int
    """Those for which no verdict came in time."""
    awaiting: int
    """Those that wait for a verdict now."""
    clocks_outgoing: int
    """Peers that we dialed, by IP address, whose clock is known; 0 in protocols that do not tell clocks."""
    clocks_incoming: int
    """The same of those that dialed us, who may be one stranger with any clock."""
    clock_offset_ms: int
    """How far the median of the former is ahead of our clock, to a second or so; below 0 behind."""
    clock_offset_in_ms: int
    """The same of the latter."""


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban that is not over."""

    subject: str
    """An IP address, of IPv6 the first of its /64; or a node id in hex digits. What `unban` takes."""
    is_id: bool
    until_ms: int
    """Since 1970."""
    left_ms: int


class Verdict(IntEnum):
    """Whether a message is passed on, with the option `relay="validated"`."""

    ACCEPT = 0
    """It is."""
    IGNORE = 1
    """It is not; that was no fault of the sender."""
    REJECT = 2
    """It is not, and costs the sender the option `merit_rejected`."""


class Source(IntEnum):
    """Who told of an address first."""

    FILE = 0
    """Not known any more: it was in the peers file."""
    SEED = 1
    PEER = 2
    """Another peer."""
    INCOMING = 3
    """The peer there, which had dialed this node."""
    OPERATOR = 4


@dataclass(frozen=True, slots=True)
class Known:
    """An address that the node knows. Times are in milliseconds since 1970, 0 for never."""

    address: str
    """Such as "127.0.0.1:8110"."""
    id: str
    """The peer's id there, in hex digits; empty if it is not known."""
    quality: int
    """The score of its IP address, in points."""
    failures: int
    """Dials in a row that failed."""
    source: Source
    tried: bool
    """It has answered a dial of this node."""
    banned: bool
    self: bool
    """It is this node."""
    heard_ms: int
    """A sign of it."""
    answered_ms: int
    """It answered a dial of this node."""
    dialed_ms: int
    learned_ms: int


@dataclass(frozen=True, slots=True)
class Score:
    """How an IP address, a node id, or both of a peer are rated."""

    address: str
    """Empty for none."""
    id: str
    """Empty for none."""
    quality: int
    """Of the IP address, in points."""
    standing: int
    """The part of it that was earned on connections that this node dialed."""
    id_quality: int
    banned: bool
    discouraged: bool
    """Neither dialed nor shared, and the first to give up a place."""
    refused: bool
    """Neither dialed nor accepted, unless it is a special peer; also if it is banned."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The node listens."""

    address: str
    """Such as "127.0.0.1:8110"."""


@dataclass(frozen=True, slots=True)
class Online:
    """A connection with a peer of our network stands."""

    peer: Peer
    connections: int = 1
    """With that peer, this one among them: 1 if it has come."""


@dataclass(frozen=True, slots=True)
class Offline:
    """A connection has ended. Messages that came over it may still wait to be taken."""

    peer: Peer
    reason: Reason
    text: str
    """The reason in words."""
    connections: int = 0
    """That are left with that peer: 0 if it has gone."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Messages were dropped."""

    peer: Peer | None
    """The peer that they were for, or came from; None if it has gone, or if there were several."""
    reason: Reason
    text: str
    """The reason in words."""
    count: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Events were lost, because this program took none for too long."""

    count: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The node has ended. Nothing follows."""


Event = Listening | Online | Offline | Dropped | Missed | Ended
"""What `Node.events` yields."""
