"""Peers of Infnote and coin that have a chain, or say so: who serves it, who dies half-way, and those that lie.

Each is a thread with one connection to a node, which it has dialed. They share no code with kith.
"""
import threading
import time

import ledgerwire
from kithnode import Failure

FIRST_TIME = 1700000000  # of the blocks


class Chain:
    """Blocks of which each continues the one before it, as text. `bodies` makes the transactions of each number."""

    def __init__(self, count, transactions=1, before=None, word="a message of some length, as people write them"):
        """Of `count` blocks beside the genesis; with `before`, (chain, number), it leaves that one behind the number."""
        kept = before[0].texts[:before[1] + 1] if before else [ledgerwire.canonical(ledgerwire.genesis())]
        self.texts = list(kept)
        self.hashes = list(before[0].hashes[:before[1] + 1]) if before else [ledgerwire.genesis()["hash"]]
        for number in range(len(self.texts), count + 1):
            self.add(number, [ledgerwire.transaction(f"{word}, {number}.{i}") for i in range(transactions)])
        self.at = {h: number for number, h in enumerate(self.hashes)}

    def add(self, number, transactions, at=None):
        made = ledgerwire.block(number, self.hashes[-1], transactions, FIRST_TIME + number if at is None else at)
        self.texts.append(ledgerwire.canonical(made))
        self.hashes.append(made["hash"])

    @property
    def height(self):
        return len(self.texts) - 1


class Peer(threading.Thread):
    """Serves the chain of `peers` as long as the node lets it. What it was asked for is counted in `lists` and `blocks`."""

    def __init__(self, node, source, number, chain, comes_again=False):
        super().__init__(daemon=True)
        self.node, self.source, self.number, self.chain, self.comes_again = node, source, number, chain, comes_again
        self.lists = self.blocks = self.sessions = 0
        self.heard = []  # numbers of blocks that it was told of
        self.is_over, self.line, self.said_last = False, None, None

    def run(self):
        while not self.is_over:
            try:
                self.line = self.meet()
                self.sessions += 1
                while not self.is_over:
                    said = self.line.take()
                    if said is None:
                        break
                    self.said_last = said
                    self.line.said.clear()
                    self.answer(said)
            except (OSError, Failure, ValueError):
                pass
            if self.line:
                self.line.close()
            if not self.comes_again:
                break
            time.sleep(0.05)
        self.is_over = True

    def die(self):
        """Its connection ends at once, within an answer if it has one."""
        self.is_over = True
        if self.line:
            self.line.close()

    close = die

    def is_heard(self, number):
        if not self.heard or number > self.heard[-1]:
            self.heard.append(number)


class InfnotePeer(Peer):
    def meet(self):
        # No time limit within: a node that is busy may say nothing for long.
        line = ledgerwire.Infnote.dial(self.node, self.source)
        line.say(line.hello(self.number), line.status(self.chain.height if self.chain else 0))
        if (line.take() or {}).get("type") != "Hello" or (line.take() or {}).get("type") != "Status":
            raise Failure("it was sent away")
        line.sock.settimeout(None)
        return line

    def answer(self, said):
        kind = said["type"]
        if kind == "Ping":
            self.line.say({"type": "Pong"})
        elif kind == "NewBlock":
            self.is_heard(said["block"]["number"])
        elif kind == "GetBlockHashes" and self.chain:
            self.lists += 1
            self.line.say({"type": "BlockHashes", "from": said["from"], "hashes": self.list_of(said["from"], said["count"])})
        elif kind == "GetBlocks" and self.chain:
            self.give(self.texts_of(said["hashes"]), len(said["hashes"]))

    def list_of(self, first, count):
        return self.chain.hashes[first:first + count]

    def texts_of(self, hashes):
        return [self.chain.texts[self.chain.at[h]] for h in hashes if h in self.chain.at]

    def give(self, texts, asked):
        """In lines of at most 1 MiB."""
        self.blocks += asked
        some, size = [], 0
        for text in texts:
            if size + len(text) > 1000000:
                self.give_line(some)
                some, size = [], 0
            some.append(text)
            size += len(text)
        self.give_line(some)
        if texts and len(texts) < asked:
            self.give_line([])

    def give_line(self, texts):
        self.line.say_bytes(b'{"type":"Blocks","blocks":[' + b",".join(texts) + b"]}\n")


class CoinPeer(Peer):
    def meet(self):
        line = ledgerwire.Coin.dial(self.node, self.source)
        line.say(line.hello(self.chain.height + 1 if self.chain else 1))
        if list(line.take() or {}) != ["HEY"] or list(line.take() or {}) != ["HELLO"]:
            raise Failure("it was sent away")
        line.say(line.hey(self.chain.height + 1 if self.chain else 1))
        line.sock.settimeout(None)
        return line

    def answer(self, said):
        (method, payload), = said.items()
        if method == "HELLO":
            self.line.say(self.line.hey(self.chain.height + 1 if self.chain else 1))
        elif method == "BROADCASTBLOCK":
            self.is_heard(payload)
        elif method == "GETLISTOFBLOCKS" and self.chain and payload < self.chain.height:
            self.lists += 1
            self.line.say({"LISTOFBLOCKS": list(range(payload + 1, min(payload + 2000, self.chain.height) + 1))})
        elif method == "GETBLOCK" and self.chain and isinstance(payload, int):
            self.blocks += 1
            self.give(payload)

    def give(self, number):
        if number <= self.chain.height:
            self.line.say_bytes(b'{"BLOCK":' + self.chain.texts[number] + b"}\n")


PEERS = {"infnote": InfnotePeer, "coin": CoinPeer}


def dies_after(protocol, blocks):
    """A class of peers that die in the middle of an answer, once they were asked for so many blocks."""
    class Dying(PEERS[protocol]):
        def give(self, *answer):
            super().give(*answer)
            if self.blocks >= blocks:
                self.line.say_bytes(b'{"type":"Blocks","blocks":[{"number":')
                self.die()
    return Dying


# --- who lies ---

class ListsWhatNobodyHas(InfnotePeer):
    """Each hash is another's: no block is behind it."""

    def list_of(self, first, count):
        names = [f"{first + i:064x}" for i in range(count)]
        return self.chain.hashes[first:first + 1] + names[1:] if first == 0 else names

    def texts_of(self, hashes):
        return []  # else others' lists of its longer chain would come true


class GivesOthers(InfnotePeer):
    """What it is asked for has the right hash in it, and says something else."""

    def texts_of(self, hashes):
        return [text.replace(b"a message", b"a massage") for text in super().texts_of(hashes)]


class GivesOthersByNumber(CoinPeer):
    """A block of that number, well formed, of no chain."""

    def give(self, number):
        other = ledgerwire.block(number, "ab" * 32, [], FIRST_TIME + number)
        self.line.say_bytes(b'{"BLOCK":' + ledgerwire.canonical(other) + b"}\n")


def invalid_in_the_middle(chain, leaves_at, good, more):
    """A longer chain than that one, which leaves it there; the block after `good` ones of its own is older than its parent."""
    other = Chain(leaves_at + good, 1, (chain, leaves_at), "another branch")
    other.add(other.height + 1, [], FIRST_TIME)
    for _ in range(more):
        other.add(other.height + 1, [])
    other.at = {h: number for number, h in enumerate(other.hashes)}
    return other
