#!/usr/bin/env python3
"""A tracker of a coin network: whom it tells of, and for how long after they have died.

Usage: test_tracker.py PATH-OF-KITH [word of a test's name]...
"""
import json
import random
import selectors
import socket
import threading
import time

from kithnode import SLOW, check, promises, run, until
from ledgerwire import COIN_PORT, Coin

CALL = SLOW  # seconds between two calls of a member; a minute by default
TIMES = ("-ping", f"{int(CALL * 1000)}ms", "-handshakeTimeout", f"{int(CALL * 500)}ms", "-dialTimeout", f"{int(CALL * 500)}ms")


class Member:
    """Listens, and answers HELLO by HEY and HELLO as long as it is alive."""

    def __init__(self, address):
        self.address, self.endpoint, self.alive, self.dialed, self.asked = address, f"{address}:{COIN_PORT}", True, 0, []
        self.tells = None  # the addresses that it answers GETADDR with
        self.listener = socket.create_server((address, COIN_PORT))
        self.listener.setblocking(False)
        self.peers = []

    def answer(self, peer, line):
        said = json.loads(line)
        if not self.alive:
            return
        if "HELLO" in said:
            peer.say(peer.hey(), *([] if peer.has_greeted else [peer.hello(port=COIN_PORT)]))
            peer.has_greeted = True
        elif "GETADDR" in said:
            self.asked.append(said["GETADDR"])
            if self.tells is not None:
                peer.say({"ADDR": self.tells})


class Members:
    """One thread serves all of them."""

    def __init__(self, addresses):
        self.selector, self.ended = selectors.DefaultSelector(), False
        self.lock = threading.Lock()  # of the selector and the members
        self.all = [Member(address) for address in addresses]
        for member in self.all:
            self.selector.register(member.listener, selectors.EVENT_READ, (member, None))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __getitem__(self, key):
        return self.all[key]

    def _add(self, member, sock, has_greeted):
        peer = Coin(sock)
        peer.has_greeted = has_greeted
        member.peers.append(peer)
        self.selector.register(sock, selectors.EVENT_READ, (member, peer))
        return peer

    def registers(self, member, node, stays):
        """It dials the tracker unless it has, and asks with its port."""
        with self.lock:
            here = next((p for p in member.peers if p.sock.getpeername() == (node.address, node.port)), None)
            if here:
                here.say({"GETADDR": COIN_PORT})
                return
            peer = self._add(member, socket.create_connection((node.address, node.port), 10 * SLOW, (member.address, 0)), True)
            peer.say(peer.hello(port=COIN_PORT), peer.hey(), {"GETADDR": COIN_PORT})
            peer.leaves = not stays

    def _read(self, member, peer):
        try:
            data = peer.sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._close(member, peer)
        *lines, peer.buffer = (peer.buffer + data).split(b"\n")
        for line in lines:
            member.answer(peer, line)
            said = json.loads(line).get("ADDR")
            if said is not None and said != [peer.sock.getpeername()] and getattr(peer, "leaves", False):
                self._close(member, peer)
                return

    def _close(self, member, peer):
        if peer in member.peers:
            self.selector.unregister(peer.sock)
            member.peers.remove(peer)
            peer.close()

    def _run(self):
        while not self.ended:
            ready = self.selector.select(0.05)
            with self.lock:
                for key, _ in ready:
                    member, peer = key.data
                    if key.fileobj.fileno() < 0:
                        continue  # closed within this round
                    if peer:
                        self._read(member, peer)
                    else:
                        member.dialed += 1
                        self._add(member, member.listener.accept()[0], False)

    def dies(self, member, is_mute):
        """A mute one takes connections and keeps those that it has, and says nothing; another is gone."""
        with self.lock:
            member.alive, member.dialed = False, 0
            if not is_mute:
                self.selector.unregister(member.listener)
                member.listener.close()
                for peer in list(member.peers):
                    self._close(member, peer)

    def close(self):
        self.ended = True
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def tracker(lab, *flags):
    return lab.node("-protocol", "coin", "-tracker", "-exclusive", "-incoming", "1000", "-pending", "1000", "-peerRequestLimit", "0",
                    *TIMES, *flags, port=COIN_PORT)


def told(asker, node, port=0):
    """Whom it tells of. What it says of itself alone, unasked, is no answer."""
    asker.say({"GETADDR": port})
    return set(asker.until(lambda said: "ADDR" in said and said["ADDR"] != [node.endpoint])["ADDR"])


def hundred(lab, node):
    """Members of which every other one keeps its connection with the tracker."""
    members = lab.closes(Members([lab.address() for _ in range(100)]))
    asker = Coin.meet(node, lab.address())
    everybody = {m.endpoint for m in members}
    left = everybody
    by = time.monotonic() + 30 * SLOW
    while left:  # of one network, few are called for the first time at once
        check(time.monotonic() < by, f"100 members, but it tells of {len(everybody - left)}")
        for i, member in enumerate(members):
            if member.endpoint in left:
                members.registers(member, node, stays=i % 2 == 0)
        time.sleep(0.1)
        left = everybody - told(asker, node)
    return members, asker, everybody


@promises("C16", "C17")
def the_dead_leave_its_answers_in_time(lab):
    """By the default of a minute between two calls: within three minutes."""
    node = tracker(lab)
    members, asker, everybody = hundred(lab, node)
    dead = random.Random(7).sample(range(100), 10)
    died = time.monotonic()
    for i, n in enumerate(dead):
        members.dies(members[n], is_mute=i < 6)
    gone, last = {members[n].endpoint for n in dead}, died
    while time.monotonic() < died + 4 * CALL:
        answer = told(asker, node)
        check(everybody - gone <= answer, f"{everybody - gone - answer} is alive")
        if answer & gone:
            last = time.monotonic()
        time.sleep(0.05)
    check(last - died < 3 * CALL + 0.1, f"a dead one is told of after {last - died:.1f} s, calls come each {CALL:.0f} s")
    return f"the last was told of {last - died:.1f} s after its death, calls come each {CALL:.0f} s"


@promises("C17")
def nobody_is_told_of_himself(lab):
    node = tracker(lab)
    members, _, everybody = hundred(lab, node)
    for member in members[::20]:
        peer = Coin.meet(node, member.address, port=COIN_PORT)
        for _ in range(5):
            check(told(peer, node, COIN_PORT) == everybody - {member.endpoint}, "all others, and not the asker")
        peer.close()
    stranger = Coin.meet(node, members[0].address)
    check(members[0].endpoint in told(stranger, node, 7), "another port at that address is another member")


@promises("C16")
def a_member_is_forgotten_after_three_failures(lab):
    node = tracker(lab)
    members = lab.closes(Members([lab.address() for _ in range(3)]))
    for member in members:
        members.registers(member, node, stays=False)
    asker = Coin.meet(node, lab.address())
    until(lambda: len(told(asker, node)) == 3, 10, "three members")
    once, ever, alive = members
    members.dies(ever, is_mute=True)
    members.dies(once, is_mute=True)
    until(lambda: once.dialed == 2, 10 * CALL, "it has failed once and is called again")
    once.alive = True
    until(lambda: told(asker, node) == {once.endpoint, alive.endpoint}, 10 * CALL, "who answers again is told of again")
    until(lambda: ever.dialed == 3, 10 * CALL, "the third call")
    before = alive.dialed
    until(lambda: alive.dialed >= before + 3, 10 * CALL, "three more calls of the others")
    check(ever.dialed == 3, f"it was called {ever.dialed} times after its death")
    return "called three times after its death"


@promises("C18")
def a_member_asks_with_its_port_and_dials_whom_it_is_told_of(lab):
    members = lab.closes(Members([lab.address() for _ in range(2)]))
    scripted, other = members
    scripted.tells = [other.endpoint, other.endpoint]
    node = lab.node("-protocol", "coin", "-trackers", scripted.endpoint, "-bootstrap=", "-networkPort", "8377", port=8377)
    until(lambda: scripted.asked and other.dialed, 20, "it asks the tracker and dials the one that it is told of")
    check(set(scripted.asked) == {8377}, f"it asks with {scripted.asked}")
    node.wait_online(other.endpoint)
    node.wait("offline", peer=scripted.endpoint, reason="disconnected on request")


@promises("C16", "C17", "C18")
def members_find_each_other_by_a_tracker(lab):
    """All of them are kith."""
    center = tracker(lab)
    nodes = [lab.node("-protocol", "coin", "-trackers", center.endpoint, "-bootstrap=", "-anyPort", port=COIN_PORT)]
    asker = Coin.meet(center, lab.address())
    until(lambda: told(asker, center) == {nodes[0].endpoint}, 20, "the first is a member")
    nodes += [lab.node("-protocol", "coin", "-trackers", center.endpoint, "-bootstrap=", "-anyPort", port=COIN_PORT) for _ in range(2)]
    until(lambda: told(asker, center) == {n.endpoint for n in nodes}, 20, "all three are")
    for late in nodes[1:]:
        late.wait_online(nodes[0])
    nodes[0].kill()
    until(lambda: told(asker, center) == {n.endpoint for n in nodes[1:]}, 4 * CALL, "the first is not told of any more")


if __name__ == "__main__":
    run([the_dead_leave_its_answers_in_time, a_member_is_forgotten_after_three_failures, nobody_is_told_of_himself,
         members_find_each_other_by_a_tracker, a_member_asks_with_its_port_and_dials_whom_it_is_told_of])
