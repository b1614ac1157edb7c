"""What Infnote and coin say, and the chain that they keep, without kith: the standard library alone."""
import hashlib
import json
import socket
import time

from kithnode import SLOW, Failure, check

ZERO, INFNOTE_PORT, COIN_PORT = "0" * 64, 8210, 8310


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value):
    return hashlib.sha256(canonical(value)).hexdigest()


def transaction(*message, sender=1, receiver=2):
    return {"sender": f"{sender:040x}", "receiver": f"{receiver:040x}", "message": list(message)}


def block(number, prev, transactions, at):
    body = {"number": number, "prev": prev, "time": at, "transactions": transactions}
    return {**body, "hash": digest(body)}


def genesis(network="LOCAL"):
    return block(0, ZERO, [transaction("genesis", network, sender=0, receiver=0)], 0)


def next_block(before, *transactions, at=None):
    return block(before["number"] + 1, before["hash"], list(transactions), int(time.time()) - 60 if at is None else at)


class Lines:
    """A connection that speaks lines of JSON."""

    def __init__(self, sock):
        self.sock, self.buffer, self.said = sock, b"", []
        self.sock.settimeout(10 * SLOW)

    @classmethod
    def dial(cls, node, source=None, port=None):
        where = (node.address, port or node.port) if hasattr(node, "address") else node
        return cls(socket.create_connection(where, 10 * SLOW, source_address=(source, 0) if source else None))

    def close(self):
        self.sock.close()

    def say(self, *objects):
        self.say_bytes(b"".join(json.dumps(o).encode() + b"\n" for o in objects))

    def say_bytes(self, data):
        self.sock.sendall(data)

    def take(self):
        """The next object; None once the peer has closed."""
        while b"\n" not in self.buffer:
            try:
                more = self.sock.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                raise Failure(f"nothing came; before, {self.said[-5:]}") from None
            if not more:
                check(not self.buffer, f"closed within a line: {self.buffer[:80]}")
                return None
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        said = json.loads(line)
        self.said.append(said)
        return said

    def until(self, wanted):
        """The first object for which wanted(object) is true."""
        while True:
            said = self.take()
            if said is None:
                raise Failure(f"closed; before, {self.said[-5:]}")
            if wanted(said):
                return said

    def until_closed(self):
        """The last object that it says, None for none at all."""
        last = None
        while True:
            said = self.take()
            if said is None:
                return last
            last = said


class Infnote(Lines):
    def hello(self, number=1, port="0", **other):
        return {"type": "Hello", "p2pVersion": "1", "clientId": "a test", "listenPort": port,
                "nodeId": hashlib.sha512(b"%d" % number).hexdigest(), **other}

    def status(self, height=0, network="LOCAL", **other):
        return {"type": "Status", "height": height, "genesisHash": genesis(network)["hash"], "network_id": network, **other}

    @classmethod
    def meet(cls, node, source=None, number=1, **fields):
        """One that has dialed it, and is active."""
        peer = cls.dial(node, source)
        peer.say(peer.hello(number, **fields), peer.status())
        check(peer.take()["type"] == "Hello" and peer.take()["type"] == "Status", f"not first: {peer.said}")
        return peer

    def of(self, kind):
        return self.until(lambda said: said["type"] == kind)

    def is_alive(self):
        self.say({"type": "Ping"})
        return self.of("Pong")


class Coin(Lines):
    def hello(self, blocks=1, port=0, network="LOCAL", ahead=0):
        return {"HELLO": {"blocks": blocks, "time": int(time.time()) + ahead, "port": port, "genesis": genesis(network)["hash"]}}

    def hey(self, blocks=1, ahead=0):
        return {"HEY": {"blocks": blocks, "time": int(time.time()) + ahead}}

    @classmethod
    def meet(cls, node, source=None, **fields):
        peer = cls.dial(node, source)
        peer.say(peer.hello(**fields))
        check(list(peer.take()) == ["HEY"] and list(peer.take()) == ["HELLO"], f"not first: {peer.said}")
        peer.say(peer.hey(fields.get("blocks", 1)))
        return peer

    def of(self, method):
        return self.until(lambda said: method in said)[method]

    def is_alive(self):
        self.say(self.hello())
        return self.of("HEY")
