"""A peer-to-peer node in your program.

    async with kith.Node(network="LOCAL", peers=["127.0.0.1:8110"]) as node:
        await node.send(b"hello")
        async for message in node:
            print(message.peer, message.data)

`Node` is what there is to know; the rest is what it gives and raises.
"""
from ._config import Option
from ._errors import Closed, ConfigError, Invalid, KithError, NoPeer, Refused, StartError, WouldBlock
from ._events import Events
from ._node import Buffer, Node, Validator, library_version
from ._reasons import Reason
from ._types import (BROADCAST, FULL_BROADCAST, RANDOM_PEER, Ban, Dropped, Ended, Event, Known, Listening, Message,
                     MessageView, Missed, Offline, Online, Peer, Score, Source, Status, Verdict)

__all__ = ["BROADCAST", "FULL_BROADCAST", "RANDOM_PEER", "Ban", "Buffer", "Closed", "ConfigError", "Dropped",
           "Ended", "Event", "Events", "Invalid", "KithError", "Known", "Listening", "Message", "MessageView", "Missed", "Node",
           "NoPeer", "Offline", "Online", "Option", "Peer", "Reason", "Refused", "Score", "Source", "StartError", "Status",
           "Validator", "Verdict", "WouldBlock", "__version__"]

__version__: str = library_version()
