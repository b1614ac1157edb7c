#!/usr/bin/env python3
"""Strangers hold every descriptor that they can get: the peers file is written all the same, and nothing spins."""
import json
import os
import resource
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

import factomwire as wire
from factomwire import try_dial
from kithnode import SLOW, check, run, until
from namespace import in_namespaces

MORE, FOR_FILES = 30, 8
FLAGS = ("-outgoing", "0", "-incoming", "200", "-acceptInterval", "0", "-savePeers", "300ms", "-handshakeTimeout",
         "60s")


def bans(node):
    with open(os.path.join(node.home, "peers-LOCAL.json"), encoding="utf-8") as file:
        return {score["ip"] for score in json.load(file)["scores"] if score["banned_until"]}


def taken(node, limit):
    """Strangers come until no more are let in."""
    held = []
    for i in range(3 * MORE):
        said = wire.handshake(node_id=i + 1)[:9 if i % 2 else None]
        held += filter(None, [try_dial(node.address, f"127.{71 + i}.0.1", said)])
    until(lambda: "Too many open files" in node.stderr(), 5, "it is short of descriptors")
    until(lambda: node.descriptors() >= limit - FOR_FILES - 2, 5, lambda: f"{node.descriptors()} of {limit} are open")
    return held


@in_namespaces
def the_peers_file_is_written(lab):
    node = lab.node(*FLAGS, address="127.9.0.1")
    limit = node.descriptors() + MORE
    _, hard = resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (limit, hard))
    held = taken(node, limit)
    for i in range(3):
        node.command("ban", peer=f"10.0.0.{i + 1}", seconds=1000)
        until(lambda i=i: os.path.exists(f"{node.home}/peers-LOCAL.json") and f"10.0.0.{i + 1}" in bans(node), 5,
              lambda: f"not written: {node.stderr()[-500:]}")
    before, seconds = node.cpu(), 1
    time.sleep(seconds)
    spent = node.cpu() - before
    check(spent < 0.3 * SLOW, f"{spent:.2f} s of processor time in {seconds} s")
    node.command("ban", peer="10.0.0.9", seconds=1000)
    node.end()
    check("10.0.0.9" in bans(node), "the last ban is lost")
    check("could not be written" not in node.stderr(), node.stderr())
    return f"{len(held)} strangers, {limit} descriptors, {spent:.2f} s of processor time in {seconds} s"


if __name__ == "__main__":
    run((), alone=(the_peers_file_is_written,))
