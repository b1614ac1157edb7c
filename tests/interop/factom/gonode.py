"""Runs nodes of the Go implementation beside kith's: what the tests in this folder are made of."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "node"))
from kithnode import PORT, Node  # noqa: E402

GO_NODE = os.environ.get("KITH_GO_NODE", "")
VERSIONS = (9, 10, 11)
EVERYONE = "<FULLBORADCAST>"  # as the Go node spells it; kith takes it too
QUICK = ("-redial", "1s", "-redialSpecial", "1s", "-acceptInterval", "0")
LONELY = ("-exclusive", *QUICK)  # dials nobody but its special peers
SHARES = ("-shareAbove", "-1", "-peerRequestLimit", "100ms")


class GoNode(Node):
    """The same for the Go node. Its flags are in main.go; "sent" tells no count, "offline" no reason."""

    def command_line(self):
        return [self.kith, "-bind", self.address, "-networkPort", str(PORT), *self.flags]

    def end(self, number=None):
        self.request(command="quit")
        return super().end(number)


def go_node(lab, *flags, start=True):
    node = GoNode(GO_NODE, lab.address(), os.path.join(lab.home, f"go{len(lab.nodes)}"), flags)
    lab.nodes.append(node)
    return node.start() if start else node


def versions(preferred, minimum=None):
    least = () if minimum is None else ("-protocolVersionMinimum", str(minimum))
    return ("-protocolVersion", str(preferred), *least)


def dials(*nodes):
    return ("-peers", ",".join(node.endpoint for node in nodes))
