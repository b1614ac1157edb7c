#!/usr/bin/env python3
"""Infnote and coin by WebSocket: among nodes, from a client that knows RFC 6455 alone, and from a page in a browser."""
import json
import pathlib
import shutil
import socket
import subprocess
import urllib.parse

from kithnode import Skipped, check, run, until
from websocketwire import BINARY, CLOSE, FIN, PING, TEXT, Browser, Client, Tap

PAGE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "ledger.html"
INFNOTE, COIN = 8210, 8310
QUICK = ("-exclusive", "-redialSpecial", "500ms")


def infnote(lab, *flags, **fields):
    return lab.node("-protocol", "infnote", *flags, port=INFNOTE, **fields)


def transaction(*message):
    return {"sender": "1" * 40, "receiver": "2" * 40, "message": list(message)}


def send(node, tx):
    check(node.ask(send="<BROADCAST>", kind="Transaction", text=json.dumps(tx))["event"] == "sent", f"{node} sends nothing")


def make_block(node):
    answer = node.command("block")
    check(answer["event"] == "done", f"{answer}")
    return answer["message"].split()[2].rstrip(":")


def wait_parcel(node, kind, text, seconds=10):
    return node.wait("parcel", seconds, kind=kind, where=lambda e: text in e["text"])


# --- among nodes ---

def pair_by_websocket(lab, protocol, port):
    """One has dialed the other by name, through a tap."""
    a = lab.node("-protocol", protocol, *QUICK, port=port)
    tap = lab.closes(Tap(a))
    b = lab.node("-protocol", protocol, *QUICK, "-peers", f"ws://localhost:{tap.port}", port=port, address="127.0.0.1")
    return a, b, tap


def nodes_speak_by_websocket(lab):
    for protocol, port in ("infnote", INFNOTE), ("coin", COIN):
        a, b, tap = pair_by_websocket(lab, protocol, port)
        event = b.wait("online", direction="outgoing")
        check(event["special"], f"{event}")
        a.wait("online", direction="incoming")
        for one, other in (a, b), (b, a):
            send(one, transaction("from", str(one)))
            wait_parcel(other, "Transaction", str(one))
            block = make_block(one)
            wait_parcel(other, "Block", block)
        said = tap.said[0]
        check(said["dialer"].startswith(f"GET / HTTP/1.1\r\nHost: localhost:{tap.port}\r\n".encode()), f"{said['dialer'][:200]}")
        check(said["dialed"].startswith(b"HTTP/1.1 101 "), f"{said['dialed'][:200]}")
        check(len(tap.said) == 1, f"{len(tap.said)} connections")
        b.end()
        check(said["dialer"][-8:-6] == b"\x88\x82", f"the dialer ends with {said['dialer'][-30:]}")
        until(lambda: said["dialed"][-4:-2] == b"\x88\x02", 5, "the close is answered")
        a.end()


def who_serves_no_websocket_is_dialed_again(lab):
    """A node that is there later, and one that speaks another protocol."""
    other = lab.node("-exclusive")
    tap = lab.closes(Tap(other))
    b = infnote(lab, *QUICK, "-peers", f"ws://127.0.0.1:{tap.port}", "-logLevel", "debug", "-handshakeTimeout", "1s")
    until(lambda: len(tap.said) > 1, 10, "it dials again")
    b.logged(rf"ws://127\.0\.0\.1:{tap.port} ended, outgoing: ")
    tap.to = infnote(lab, *QUICK)
    b.wait("online", direction="outgoing")


def special_peers_by_websocket_are_set_while_it_runs(lab):
    a = infnote(lab, "-exclusive")
    tap = lab.closes(Tap(a))
    b = infnote(lab, *QUICK, "-peers", f"127.0.0.1:{tap.port}")
    peer = b.wait("online", direction="outgoing")["peer"]
    check(b.command("special", peers=f"ws://127.0.0.1:{tap.port}")["event"] == "done", "not taken")
    since = b.mark()
    b.command("disconnect", peer=peer)
    b.wait("online", since=since, direction="outgoing")
    check([said["dialer"][:1] for said in tap.said] == [b"{", b"G"], f"{tap.said}")
    factom = lab.node("-exclusive")
    answer = factom.command("special", peers=f"ws://{a}")
    check(answer["event"] == "error", f"{answer}")


def other_protocols_refuse_such_an_address_at_their_start(lab):
    for flags, line in (
            (["-peers", "ws://127.0.0.1:1"], "-peers: ws://127.0.0.1:1: protocol factom of this build does not speak WebSocket"),
            (["-protocol", "infnote", "-bootstrap", "ws://127.0.0.1:1"],
             "-bootstrap: ws://127.0.0.1:1: only special peers are dialed by WebSocket")):
        ended = subprocess.run([lab.kith, "-network", "LOCAL", "-home", lab.home, *flags], capture_output=True, text=True,
                               stdin=subprocess.DEVNULL, timeout=30, check=False)
        check(ended.returncode == 2 and ended.stderr.splitlines()[0].endswith(line), f"{ended}")


def a_proxy_is_told_the_place_and_no_scheme(lab):
    if not shutil.which("microsocks"):
        raise Skipped("no microsocks: scripts/deps test")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = open(pathlib.Path(lab.home, "proxy-log"), "wb")
    proxy = subprocess.Popen(["microsocks", "-i", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    lab.closers += [log.close, proxy.wait, proxy.kill]
    a = lab.node("-protocol", "coin", "-exclusive", port=COIN)
    tap = lab.closes(Tap(a))
    b = lab.node("-protocol", "coin", *QUICK, "-proxy", f"127.0.0.1:{port}", "-peers", f"ws://localhost:{tap.port}", port=COIN)
    event = b.wait("online", direction="outgoing")
    check(event["peer"] == f"localhost:{tap.port}" and event["address"] == f"ws://localhost:{tap.port}", f"{event}")
    check(tap.said[0]["dialer"].startswith(f"GET / HTTP/1.1\r\nHost: localhost:{tap.port}\r\n".encode()), f"{tap.said}")


# --- from others ---

def a_client_is_a_member_like_any_other(lab):
    node = infnote(lab)
    member = lab.closes(Client(node)).meet()
    node.wait("online", direction="incoming")
    member.say({"type": "Ping"})
    member.of("Pong")
    member.send(FIN | PING, b"are you there")
    member.wait_pong(b"are you there")
    member.send(TEXT, b'{"type":\n"Transactions",')
    member.send(FIN | PING, b"between")
    member.send(FIN, b'\n"transactions":[' + json.dumps(transaction("in", "fragments")).encode() + b"]}\n")
    member.wait_pong(b"between")
    wait_parcel(node, "Transaction", "fragments")
    send(node, transaction("from the node"))
    check(member.of("Transactions")["transactions"] == [transaction("from the node")], "another transaction")
    block = make_block(node)
    check(member.of("NewBlock")["block"]["hash"] == block, "another block")
    member.send(FIN | CLOSE, b"\x03\xe8bye")
    check(member.code() == 1000, "another code")
    node.wait("offline", reason="closed by peer")


def what_breaks_the_framing_gets_its_code_and_costs_ten_points(lab):
    node = infnote(lab, "-logLevel", "debug")
    wrong = [
        (1002, "a frame of a WebSocket client without a mask", lambda c: c.send(FIN | TEXT, b"{}", masked=False)),
        (1002, "reserved bits in a WebSocket frame", lambda c: c.send(0xC0 | TEXT, b"{}")),
        (1003, "a WebSocket message that is no text", lambda c: c.send(FIN | BINARY, b"{}")),
        (1007, "WebSocket text that is not UTF-8", lambda c: c.send(FIN | TEXT, b"\xff")),
        (1009, "a WebSocket message longer than the limit",
         lambda c: c.sock.sendall(b"\x81\xff\x00\x00\x00\x00\x00\x20\x00\x00mask1")),
        (1008, "a line that is no JSON object", lambda c: c.send(FIN | TEXT, b"[1]")),
    ]
    for i, (code, words, do) in enumerate(wrong):
        client = lab.closes(Client(node)).meet(i)
        before = node.ended("bad parcel")
        do(client)
        got = client.code()
        check(got == code, f"{got}, not {code}: {words}")
        node.logged(words)
        until(lambda: node.ended("bad parcel") == before + 1, 5, f"counted: {words}")
        node.logged(rf"127\.0\.0\.1: -10 points, quality {-10 * (i + 1)}\b")


def a_request_that_is_no_upgrade_is_refused_and_costs_nothing(lab):
    node = infnote(lab, "-logLevel", "debug")
    for status, fields in ((400, {"upgrade": False}), (404, {"path": "/favicon.ico"}), (426, {"version": "8"}),
                           (400, {"key": "short"}), (400, {"path": "/ " + "x" * 9000})):
        before = node.ended("broken encryption or framing")
        client = lab.closes(Client(node, **fields))
        check(client.status == status, f"{client.status} for {fields}")
        check(status != 426 or client.fields["sec-websocket-version"] == "13", f"{client.fields}")
        check(client.is_closed(), "it stays")
        until(lambda: node.ended("broken encryption or framing") == before + 1, 5, f"counted: {fields}")
    lab.closes(Client(node)).meet()
    node.wait("online", direction="incoming")
    check("points" not in node.stderr(), node.stderr())


def the_end_of_the_node_is_told(lab):
    node = infnote(lab)
    member = lab.closes(Client(node)).meet()
    node.wait("online", direction="incoming")
    node.send_signal(15)
    check(member.of("Disconnect")["reason"] == 7, "another reason")
    check(member.code() == 1001, "another code")
    node.join()


# --- from a browser ---

def a_page_in_a_browser_joins_and_sends_and_shows(lab):
    browser = Browser(lab)
    node, peer = infnote(lab), infnote(lab, "-exclusive", start=False)
    send(node, transaction("before the page"))
    first = make_block(node)
    browser.open(f"{PAGE.as_uri()}?node={urllib.parse.quote(f'ws://{node}', safe='')}")

    def shown(element):
        return browser.run(f"return document.getElementById('{element}').innerText")
    until(lambda: "before the page" in shown("blocks"), 20, lambda: f"the page shows block {first}: {shown('state')}")
    check("genesis LOCAL" in shown("blocks"), f"{shown('blocks')}")
    peer.flags += ["-peers", node.endpoint]
    peer.start().wait("online", direction="outgoing")

    browser.run("document.getElementById('text').value = 'made by the page';"
                "document.getElementById('form').requestSubmit()")
    for one in node, peer:
        wait_parcel(one, "Transaction", "made by the page")
    check("made by the page" in shown("pool"), f"{shown('pool')}")
    send(peer, transaction("made by the peer"))
    until(lambda: "made by the peer" in shown("pool"), 10, "the page shows a transaction")
    make_block(peer)
    until(lambda: "made by the page" in shown("blocks") and "made by the peer" in shown("blocks"), 10, "the page shows the block")
    until(lambda: shown("pool") == "", 10, "nothing waits")
    check(shown("state") == "block 2", f"{shown('state')}")
    node.end()
    until(lambda: shown("state") == "closed, 1001", 10, "the page tells that the node has left")


if __name__ == "__main__":
    run([a_page_in_a_browser_joins_and_sends_and_shows, who_serves_no_websocket_is_dialed_again, nodes_speak_by_websocket,
         a_proxy_is_told_the_place_and_no_scheme, what_breaks_the_framing_gets_its_code_and_costs_ten_points,
         a_request_that_is_no_upgrade_is_refused_and_costs_nothing, a_client_is_a_member_like_any_other,
         special_peers_by_websocket_are_set_while_it_runs, other_protocols_refuse_such_an_address_at_their_start,
         the_end_of_the_node_is_told])
