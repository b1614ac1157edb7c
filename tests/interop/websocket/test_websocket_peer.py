#!/usr/bin/env python3
"""kith and Python's websockets, in both directions: whoever dials.

Usage: test_websocket_peer.py PATH-OF-KITH [word of a test's name]...

The script "run" makes what it needs, and then runs this.
"""
import contextlib
import http
import json
import queue
import secrets
import threading

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect
from websockets.sync.server import serve

from kithnode import SLOW, check, run, until

PORT, TIMELY = 8210, 10 * SLOW
LARGE = "x" * 250000  # near to the most that a transaction may have
QUICK = ("-exclusive", "-redialSpecial", "500ms")


def kith(lab, *flags, **fields):
    return lab.node("-protocol", "infnote", *flags, port=PORT, **fields)


def transaction(*message):
    return {"sender": "1" * 40, "receiver": "2" * 40, "message": list(message)}


def send(node, tx):
    answer = node.ask(send="<BROADCAST>", kind="Transaction", text=json.dumps(tx))
    check(answer["event"] == "sent", f"{answer}")


class Member:
    """A peer upon a connection of websockets."""

    def __init__(self, socket):
        self.socket = socket

    def say(self, kind, **fields):
        self.socket.send(json.dumps({"type": kind, **fields}))

    def take(self):
        text = self.socket.recv(TIMELY)
        check(isinstance(text, str) and "\n" not in text, f"{text[:100]}")
        return json.loads(text)

    def of(self, kind):
        while (said := self.take())["type"] != kind:
            pass
        return said

    def hello(self):
        self.say("Hello", p2pVersion="1", clientId="websockets", listenPort="0", nodeId=secrets.token_hex(64))

    def meet(self):
        """Whoever dials says Hello first; what our Status needs is in the node's."""
        self.hello()
        self.of("Hello")
        self.say(**{"kind": "Status", **{k: v for k, v in self.of("Status").items() if k != "type"}, "height": 0})
        return self

    def close_code(self):
        try:
            while True:
                self.socket.recv(TIMELY)
        except ConnectionClosed as end:
            check(end.rcvd, f"{end}")
            return end.rcvd.code


def dial(lab, node, **options):
    connection = contextlib.ExitStack()
    lab.closes(connection)
    return Member(connection.enter_context(
        connect(f"ws://{node}/", origin="https://anywhere.example", **options))).meet()


class Server:
    """Takes connections of kith; each is a member that has not said anything yet."""

    def __init__(self, lab, **options):
        self.members, self.over = queue.Queue(), threading.Event()
        self.server = serve(self.take, "127.0.0.1", 0, **options)
        self.address = f"127.0.0.1:{self.server.socket.getsockname()[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        lab.closers.append(self.close)

    def take(self, socket):
        self.members.put(Member(socket))
        self.over.wait(60 * SLOW)

    def member(self):
        return self.members.get(timeout=TIMELY)

    def close(self):
        self.over.set()
        self.server.shutdown()


def talk(node, member):
    """Each gets what the other says, large and small; pings are answered; fragments are one message."""
    for text in "small", LARGE, "Grüße, \U0001F600":
        member.say("Transactions", transactions=[transaction("from the peer", text)])
        node.wait("parcel", kind="Transaction", where=lambda e: text in json.loads(e["text"])["message"])
        send(node, transaction("from the node", text))
        check(member.of("Transactions")["transactions"] == [transaction("from the node", text)], "another transaction")
    check(member.socket.ping(b"alive").wait(TIMELY), "no pong")
    whole = json.dumps({"type": "Transactions", "transactions": [transaction("in pieces")]})
    member.socket.send(whole[i:i + 7] + ("\n" if whole[i:i + 7].endswith(", ") else "") for i in range(0, len(whole), 7))
    node.wait("parcel", kind="Transaction", where=lambda e: "in pieces" in e["text"])
    answer = node.command("block")
    check(answer["event"] == "done", f"{answer}")
    check(member.of("NewBlock")["block"]["hash"] in answer["message"], f"{answer}")


def it_is_dialed(lab):
    node = kith(lab, "-exclusive")
    talk(node, dial(lab, node))  # its offer to compress is not taken


def it_dials(lab):
    server = Server(lab)
    node = kith(lab, *QUICK, "-peers", f"ws://{server.address}")
    member = server.member()
    request = member.socket.request
    check(request.path == "/" and request.headers["Host"] == server.address, f"{request}")
    check("Sec-WebSocket-Extensions" not in request.headers, f"{request}")
    talk(node, member.meet())
    member.socket.close(4321, "later")
    node.wait("offline", reason="closed by peer")
    server.member().meet()  # it comes again
    node.end()


def each_ends_as_the_other_expects(lab):
    node = kith(lab, "-exclusive")
    for do, code in ((lambda m: m.socket.send(b"{}"), 1003), (lambda m: m.socket.send("{"), 1008),
                     (lambda m: m.say("Status"), 1008), (lambda m: m.socket.send(LARGE * 9), 1009),
                     (lambda m: node.send_signal(15), 1001)):
        member = dial(lab, node)
        do(member)
        got = member.close_code()
        check(got == code, f"{got}, not {code}")
    node.join()


def who_refuses_is_dialed_again(lab):
    refuse = [True]

    def answer(connection, _):
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "later\n") if refuse.pop() else None
    server = Server(lab, process_request=answer)
    node = kith(lab, *QUICK, "-peers", f"ws://{server.address}", "-logLevel", "debug")
    until(lambda: not refuse, 10, "it dials")
    node.logged(f"ws://{server.address} ended, outgoing: it does not speak WebSocket there")
    refuse.extend([False] * 9)
    server.member().meet()
    node.wait("online", direction="outgoing")


def a_subprotocol_is_not_chosen(lab):
    node = kith(lab, "-exclusive")
    member = dial(lab, node, subprotocols=["infnote", "chat"])
    check(member.socket.subprotocol is None, f"{member.socket.subprotocol}")
    for path, status in ("/chain", 404), ("/?a", 404):
        try:
            with connect(f"ws://{node}{path}"):
                check(False, f"{path} is taken")
        except InvalidHandshake as refused:
            check(refused.response.status_code == status, f"{refused}")


if __name__ == "__main__":
    run([it_dials, it_is_dialed, each_ends_as_the_other_expects, who_refuses_is_dialed_again, a_subprotocol_is_not_chosen])
