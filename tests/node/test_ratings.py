#!/usr/bin/env python3
"""Ratings by node id, in Infnote: who misbehaves is known again at another address, and after a restart of the node."""
import glob
import json
import os
import socket

from kithnode import SLOW, check, promises, run

INFNOTE = ("-protocol", "infnote", "-exclusive", "-acceptInterval", "0")
MEMBER, OTHER = "ab" * 64, "cd" * 64
BAD_BLOCK = {"type": "NewBlock", "block": {"number": 1}}  # costs 50 points


class Client:
    """Says Hello and Status from that address; `online` tells if the node took it. It speaks lines of JSON."""

    def __init__(self, lab, node, address, node_id=MEMBER):
        self.sock = socket.create_connection((node.address, node.port), 5 * SLOW, (address, 0))
        lab.closes(self.sock)
        self.lines = self.sock.makefile("rb")
        mark = node.mark()
        self.say({"type": "Hello", "p2pVersion": "1", "clientId": "a test", "listenPort": "0", "nodeId": node_id})
        check(self.hear()["type"] == "Hello", "no Hello")
        status = self.hear()
        self.say({"type": "Status", "height": 0, "genesisHash": status["genesisHash"], "network_id": "LOCAL"})
        first = self.hear()
        self.online = first["type"] != "Disconnect"
        if self.online:
            node.wait("online", since=mark, peer=node_id)

    def say(self, thing):
        self.sock.sendall(json.dumps(thing).encode() + b"\n")

    def hear(self):
        line = self.lines.readline()
        return json.loads(line) if line else {"type": "Disconnect"}

    def misbehave(self):
        """Until the node ends the connection."""
        self.say(BAD_BLOCK)
        while self.hear()["type"] != "Disconnect":
            pass
        self.sock.close()


def misbehave(lab, node, address):
    """Until it has lost 250 points; below -200 nobody is let in."""
    for i in range(5):
        mark = node.mark()
        client = Client(lab, node, address)
        check(client.online, f"the connection {i + 1} was refused")
        client.misbehave()
        node.wait("offline", since=mark)


@promises("I23")
def who_changes_his_address_keeps_his_rating(lab):
    node = lab.node(*INFNOTE)
    bad, moved = lab.address(), lab.address()
    misbehave(lab, node, bad)
    check(not Client(lab, node, moved).online, "he was taken at another address")
    node.logged(f"{MEMBER}: the quality of its node id is -250, below -200")
    check(Client(lab, node, lab.address(), OTHER).online, "another was refused")
    node.end()
    (path,) = glob.glob(os.path.join(node.home, "peers*.json"))
    with open(path, encoding="utf-8") as file:
        rated = {score["id"]: score["quality"] for score in json.load(file)["ids"]}
    check(rated[MEMBER] == -250, f"the file has {rated}")
    node.start()
    check(not Client(lab, node, moved).online, "he was taken after a restart")
    check(Client(lab, node, moved, OTHER).online, "another was refused")


@promises("I23")
def a_ban_of_a_peer_is_one_of_its_id(lab):
    node = lab.node(*INFNOTE)
    first, second = lab.address(), lab.address()
    Client(lab, node, first)
    done = node.command("ban", peer=MEMBER, seconds=60)
    check(done["event"] == "done" and f"banned {first} and {MEMBER}" in done["message"], f"{done}")
    node.wait("offline")
    check(node.status()["bans"] == 2, f"{node.status()['bans']} bans")
    check(not Client(lab, node, second).online, "taken at another address")
    node.logged(f"{MEMBER}: its node id is banned")
    check(node.command("unban", address=MEMBER)["event"] == "done", "the id is still banned")
    check(node.command("unban", address=MEMBER[2:])["event"] == "error", "no id, and unbanned")
    check(Client(lab, node, second).online, "refused after the unban")
    check(node.status()["bans"] == 1, "the address is unbanned, too")


if __name__ == "__main__":
    run([who_changes_his_address_keeps_his_rating, a_ban_of_a_peer_is_one_of_its_id])
