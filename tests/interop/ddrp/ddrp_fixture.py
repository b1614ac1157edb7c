"""The parts that tests with a DDRP peer are made of: a node, and peers that have dialed it or that it has dialed."""
import itertools
from pathlib import Path

import ddrpwire as wire
from ddrpwire import FND, PIP, Closed, Identity, Listener, Peer, dial
from kithnode import Failure, check

REVISIONS = (PIP, FND)
ALONE = ("-exclusive", "-redialSpecial", "60s")  # dials nobody but its special peers, and each once
OPEN = ("-peerRequestLimit", "0")  # answers each PeerReq


# --- connections ---

def kith(lab, revision, *flags, start=True):
    return lab.node("-protocol", revision.name, "-jsonPayload", "both", *OPEN, *flags, port=wire.PORT, start=start)


def node_identity(node, revision):
    """The identity of a node, from its file."""
    text = Path(node.home, f"identity-{revision.name}.key").read_text(encoding="ascii")
    return Identity(bytes.fromhex(text.strip()))


def listener(lab, revision, **fields):
    return lab.closes(Listener(revision, lab.address(), **fields))


def dialer(lab, node, revision, identity=None, port=0, source=None):
    """A peer that has dialed the node, before the handshake."""
    return lab.closes(Peer(revision, dial(node.address, source or lab.address()), True, identity, port))


def wait_online(node, peer, **fields):
    return node.wait("online", peer=peer.name, **fields)


def met(lab, node, revision, **fields):
    peer = dialer(lab, node, revision, **fields).meet()
    wait_online(node, peer, direction="incoming")
    return peer


def in_both_directions(lab, revision, *flags):
    """A node, a peer that has dialed it, and one that it has dialed."""
    here = listener(lab, revision)
    node = kith(lab, revision, *ALONE, "-peers", here.endpoint(here.identity), *flags)
    dialed = here.accept().meet()
    wait_online(node, dialed, direction="outgoing")
    return node, met(lab, node, revision), lab.closes(dialed)


# --- what comes of them ---

_numbers = itertools.count()


def answers(peer, seconds=5):
    """The node answers a PeerReq: so it has dealt with all that was sent before, and the session goes on."""
    peer.send("PeerReq")
    return wire.read_peers(peer.revision, peer.receive_kind("PeerRes", seconds).message)


def talks(node, peer):
    """A message goes each way."""
    answers(peer)
    text = f"message {next(_numbers)}"
    peer.send("Update", text.encode())
    node.wait("parcel", text=text, peer=peer.name, kind="Update")
    check(node.send(peer.name, text + " back", kind="Update")["peers"] == 1, f"{peer.name} is not there")
    got = peer.receive_kind("Update").message
    check(got == text.encode() + b" back", f"{got}")


def expect_closed(meet):
    """The node closes the connection within meet()."""
    try:
        meet()
    except Closed:
        return
    raise Failure("the node takes whom it must not")


def another_key(signature):
    """A signature from which another key is recovered."""
    return signature[:-1] + bytes([signature[-1] ^ 1])
