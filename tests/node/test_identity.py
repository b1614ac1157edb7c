#!/usr/bin/env python3
"""Protocols whose peers prove who they are: the node's key, ids before addresses, and kinds of messages."""
import os
import re
import stat
import subprocess
import time
from pathlib import Path

from kithnode import SLOW, check, promises, run, until
from test_program import Console, call

PROTOCOLS = ("ddrp", "fnd")
PORT = 9097
SOMEBODY = "ab" * 32
ONES = "2d95ebcdc7d1e528eb8dc339a5c44721d39743932b82a3303f5a22ac1e470d36"  # whose secret is 32 bytes of 0x11


def peer(lab, protocol, *flags, **how):
    return lab.node("-protocol", protocol, "-exclusive", "-redialSpecial", "300ms", "-logLevel", "debug", *flags,
                    port=PORT, **how)


def key_of(node, protocol):
    return Path(node.home, f"identity-{protocol}.key")


def the_key_is_made_once(lab):
    for protocol in PROTOCOLS:
        node = peer(lab, protocol)
        key, name = key_of(node, protocol), node.status()["identity"]
        check(re.fullmatch("[0-9a-f]{64}", name), name)
        check(stat.S_IMODE(key.stat().st_mode) == 0o600, f"mode {key.stat().st_mode:o}")
        secret = key.read_text(encoding="ascii")
        check(re.fullmatch("[0-9a-f]{64}\n", secret), "no hex digits in a line")
        node.end()
        shown = call(lab, "-protocol", protocol, "-home", node.home, "-identity")
        check((shown.returncode, shown.stdout, shown.stderr) == (0, name + "\n", ""), f"{shown}")
        check(node.start().status()["identity"] == name, "another id at the next start")
        check(key.read_text(encoding="ascii") == secret, "the key was written again")
        node.end()
        check(secret.strip() not in node.stderr() + str(node.events) + str(shown), "the secret was told")


def the_id_without_a_node(lab):
    """-identity makes the key, in the home that it is given; every one of several gets the same."""
    home = os.path.join(lab.home, "new", "home")
    line = [lab.kith, "-protocol", "ddrp", "-home", home, "-identity"]
    started = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    shown = {process.communicate(timeout=10 * SLOW)[0] for process in started}
    check(len(shown) == 1 and re.fullmatch("[0-9a-f]{64}\n", *shown), f"{shown}")
    check(all(process.returncode == 0 for process in started), "an exit status")
    check(os.listdir(home) == ["identity-ddrp.key"], f"{os.listdir(home)}")
    check(stat.S_IMODE(os.stat(home).st_mode) == 0o700, "the folder is open to others")
    other = call(lab, "-protocol", "ddrp", "-home", home, "-identityFile", "other.key", "-identity")
    check(other.stdout not in shown and Path(home, "other.key").exists(), f"{other}")
    line = [lab.kith, "-protocol", "ddrp", "-home", home, "-peersFile", os.path.join(lab.home, "p", "x"), "-identity"]
    lost = call(lab, *line[1:])
    check(lost.returncode == 2 and "-peersFile" in lost.stderr and not Path(lab.home, "p").exists(), f"{lost}")
    lost = call(lab, "-protocol", "ddrp", "-home", home, "-identityFile", os.path.join(lab.home, "p", "x"), "-identity")
    check(lost.returncode == 2 and "-identityFile" in lost.stderr and not Path(lab.home, "p").exists(), f"{lost}")
    Path(lab.home, "p").mkdir()
    beside = call(lab, *line[1:])
    check(Path(lab.home, "p", "identity-ddrp.key").exists(), f"{beside}")


def the_id_beside_a_node(lab):
    """Who only asks for the id needs no home of its own."""
    node = lab.node("-protocol", "ddrp", "-exclusive")
    shown = call(lab, "-protocol", "ddrp", "-home", node.home, "-identity")
    check(shown.returncode == 0 and shown.stdout.strip() == node.status()["identity"], f"{shown}")


def keys_that_are_refused(lab):
    """One line that names the option, exit status 2, and the file as it was; with -identity and without."""
    good = "11" * 32 + "\n"
    cases = [(good, 0o644), (good, 0o640), (good, 0o620), (good, 0o602), ("", 0o600), ("11" * 31 + "\n", 0o600),
             ("11" * 33 + "\n", 0o600), ("xy" * 32 + "\n", 0o600), ("00" * 32 + "\n", 0o600), ("ff" * 32 + "\n", 0o600)]
    key = Path(lab.home, "k.key")
    for text, mode in cases:
        key.write_text(text, encoding="ascii")
        key.chmod(mode)
        for flags in ([], ["-identity"]):
            done = call(lab, "-protocol", "ddrp", "-home", lab.home, "-identityFile", str(key), *flags)
            check(done.returncode == 2 and not done.stdout, f"{text!r} {mode:o}: {done}")
            check(done.stderr.startswith("kith: -identityFile: ") and done.stderr.count("\n") == 1, f"{done}")
            check(key.read_text(encoding="ascii") == text and stat.S_IMODE(key.stat().st_mode) == mode, "it was changed")
            check(not text.strip() or text.strip() not in done.stderr, "the secret was told")
    key.write_text(good, encoding="ascii")
    key.chmod(0o400)
    done = call(lab, "-protocol", "ddrp", "-home", lab.home, "-identityFile", str(key), "-identity")
    check(done.stdout == ONES + "\n", f"{done}")
    key.unlink()
    os.mkfifo(key, 0o600)
    done = call(lab, "-protocol", "ddrp", "-home", lab.home, "-identityFile", str(key), "-identity")
    check(done.returncode == 2 and "-identityFile" in done.stderr, f"{done}")


@promises("D13")
def a_peer_is_called_by_its_id(lab):
    """The hash of its public key, as docs/protocols/ddrp.md gives it for one secret."""
    key = Path(lab.home, "ones.key")
    key.write_text("11" * 32 + "\n", encoding="ascii")
    key.chmod(0o600)
    for protocol in PROTOCOLS:
        a = peer(lab, protocol, "-identityFile", str(key))
        check(a.status()["identity"] == ONES, f"{protocol}: {a.status()}")
        b = peer(lab, protocol, "-peers", a.endpoint)
        check(b.wait_online(a)["peer"] == a.status()["identity"], f"{protocol}: {b.all('online')}")
        check(a.wait("online")["peer"] == b.status()["identity"], f"{protocol}: {a.all('online')}")
        b.end()
        book = Path(b.home, f"peers-{protocol}-LOCAL.json").read_text(encoding="utf-8")
        check(a.endpoint in book, f"{protocol}: its peers file: {book}")


def who_is_expected(lab):
    for protocol in PROTOCOLS:
        a = peer(lab, protocol)
        name = a.status()["identity"]
        right = peer(lab, protocol, "-peers", f"{name}@{a.endpoint}")
        check(right.wait_online(a)["special"], "not special")
        wrong = peer(lab, protocol, "-peers", f"{SOMEBODY}@{a.endpoint}")
        until(lambda: wrong.status()["ended"]["somebody else is there"] > 0, 5, "the end of the connection")
        check(name in wrong.stderr(), "the log does not tell who is there")
        time.sleep(1)
        check(not wrong.all("online"), "somebody else was taken for it")
        # The command replaces what the flag said; an id that nobody can have changes nothing.
        check(wrong.command("special", peers=f"abcd@{a.endpoint}")["event"] == "error", "an id that is too short")
        check(wrong.command("special", peers=f"{name.upper()}@{a.endpoint}")["event"] == "done", "special")
        wrong.wait_online(a)


def ids_that_nobody_has(lab):
    for flag in ("-peers", "-bootstrap"):
        for name in ("ab", "ab" * 31, "ab" * 33):
            done = call(lab, "-protocol", "ddrp", "-home", lab.home, flag, f"{name}@127.0.0.1:{PORT}")
            check(done.returncode == 2 and done.stderr.startswith(f"kith: {flag}: "), f"{done}")


def kinds_of_messages(lab):
    for protocol, extra in (("ddrp", []), ("fnd", ["NilUpdate"])):
        a = peer(lab, protocol)
        b = peer(lab, protocol, "-peers", a.endpoint)
        b.wait_online(a)
        kinds = ["Update", "TreeBaseReq", "TreeBaseRes", "SectorReq", "SectorRes", "UpdateReq", *extra]
        for kind in kinds:
            check(b.send("<BROADCAST>", f"a {kind}", kind=kind).get("peers") == 1, kind)
            check(a.wait("parcel", text=f"a {kind}")["kind"] == kind, f"{a.all('parcel')}")
        b.send("<BROADCAST>", "of no kind")
        check(a.wait("parcel", text="of no kind")["kind"] == "Update", "the first kind")
        for kind in ("Message", "update", "", "Hello", *(["NilUpdate"] if not extra else [])):
            answer = b.send("<BROADCAST>", "nothing", kind=kind)
            check(answer["event"] == "error" and f'"{kind}"' in answer["message"], f"{answer}")
        check(len(a.all("parcel")) == len(kinds) + 1, f"{a.all('parcel')}")


def kinds_at_the_console(lab):
    other = peer(lab, "ddrp")
    node = peer(lab, "ddrp", "-peers", other.endpoint, start=False)
    node.kill = lambda: None  # the console sees to it
    node.events = []
    terminal = Console(node)
    lab.closers.append(terminal.close)
    name = other.wait("online")["peer"]
    terminal.type("a typed line")
    check(other.wait("parcel", text="a typed line")["kind"] == "Update", "the kind of a line")
    terminal.type("/kind SectorReq <BROADCAST> by kind")
    check(other.wait("parcel", text="by kind")["kind"] == "SectorReq", "the kind of /kind")
    other.send(name, "as usual")
    terminal.shows(r"\[[0-9a-f]{64}\] as usual")
    other.send(name, "another", kind="SectorRes")
    terminal.shows(r"\[[0-9a-f]{64}\] SectorRes: another")
    for typed, shown in (("/kind", r"Update \(.*\)\s+TreeBaseReq\s"), ("/kind Nothing <BROADCAST> x", r"there is no kind Nothing"),
                         ("/kind SectorReq", r"not /kind SectorReq"), ("/status", rf"identity {name}")):
        terminal.type(typed)
        terminal.shows(shown)


if __name__ == "__main__":
    run([the_key_is_made_once, the_id_without_a_node, the_id_beside_a_node, keys_that_are_refused, a_peer_is_called_by_its_id, who_is_expected,
         ids_that_nobody_has, kinds_of_messages, kinds_at_the_console])
