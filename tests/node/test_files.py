#!/usr/bin/env python3
"""The files and lists that a node is given: what they may be, who may use them, and what happens when they fail."""
import json
import os
import signal
import ssl
import subprocess
import time
from pathlib import Path

from kithnode import SLOW, check, run, until
from namespace import certificate, cover, in_namespaces, sh


# --- seed lists ---

@in_namespaces
def a_seed_list_over_https_leads_to_https_alone(lab):
    """Who sits between a plain server and the node could name the peers: from https no redirect leads to http."""
    chain, key = certificate(lab, "localhost")
    cover("/etc/ssl/certs/ca-certificates.crt", lab, Path(chain).read_text(encoding="utf-8"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    others = [lab.node("-exclusive") for _ in range(2)]
    plain, secure, first = lab.seeds([others[0]]), lab.seeds([others[1]], tls=tls), lab.seeds(tls=tls)
    url = f"https://localhost:{first.port}/seeds.txt"
    first.leads_to = plain.url
    node = lab.node("-seedURL", url)
    until(lambda: first.fetches and "seed URL: " in node.stderr(), 5, "the redirect is refused")
    check(plain.fetches == 0 and node.status()["known"] == 0, "it was followed from https to http")
    first.leads_to = f"https://localhost:{secure.port}/seeds.txt"
    lab.node("-seedURL", url).wait_online(others[1])
    upward = lab.seeds()
    upward.leads_to = first.leads_to
    lab.node("-seedURL", upward.url).wait_online(others[1])


def a_seed_list_that_is_no_file_does_not_hold_the_end(lab):
    """A fifo that nobody writes into blocks whoever opens it."""
    fifo = os.path.join(lab.home, "fifo")
    os.mkfifo(fifo)
    node = lab.node("-seedURL", f"file://{fifo}")
    until(lambda: "not a regular file" in node.stderr(), 5, "it says what is wrong")
    node.send_signal(signal.SIGTERM)
    node.process.wait(2 * SLOW)


def a_seed_list_may_have_comments(lab):
    others = [lab.node("-exclusive") for _ in range(2)]
    listed = Path(lab.home, "seeds.txt")
    listed.write_text(f"\ufeff# seeds\r\n\r\n{others[0]} # one\r\n; two\r\n{others[1]}; three", encoding="utf-8")
    node = lab.node("-seedURL", f"file://{listed}")
    for other in others:
        node.wait_online(other)
    check(" 0 bad lines" in node.stderr(), node.stderr())


# --- the peers file ---

EMPTY = '{"kith_peers":1,"network":"LOCAL","peers":[],"scores":[]}'


def ban_and_end(lab, node, ip):
    """What the node has to keep from now on."""
    node.start()
    node.command("ban", peer=ip)
    node.end()


def peers_file(node):
    return Path(node.home, "peers-LOCAL.json")


def mount_alone(node, real):
    """As containers are given one file of another file system."""
    peers_file(node).touch()
    sh("mount", "--bind", str(real), str(peers_file(node)))


@in_namespaces
def a_peers_file_that_is_mounted_alone_is_kept(lab):
    """Where its folder is read-only, too; whether it is empty at first, or makes no sense."""
    for kind, text in (("own", EMPTY), ("empty", ""), ("nonsense", "{"), ("read-only", EMPTY)):
        node, real = lab.node("-exclusive", start=False), Path(lab.home, kind)
        real.write_text(text, encoding="utf-8")
        real.chmod(0o640)
        mount_alone(node, real)
        if kind == "read-only":
            sh("mount", "--bind", node.home, node.home)
            mount_alone(node, real)
            node.stderr_path = os.path.join(lab.home, "stderr")
            sh("mount", "-o", "remount,bind,ro", node.home)
        for ip in ("10.1.1.1", "10.2.2.2"):
            ban_and_end(lab, node, ip)
        kept = [score["ip"] for score in json.loads(real.read_text(encoding="utf-8"))["scores"]]
        check(sorted(kept) == ["10.1.1.1", "10.2.2.2"], f"{kind}: {kept}, {node.stderr()}")
        check(real.stat().st_mode & 0o7777 == 0o640, f"{kind}: mode {real.stat().st_mode:o}")
        aside = [name for name in os.listdir(node.home) if "corrupt" in name]
        check(len(aside) == (kind in ("empty", "nonsense")), f"{kind}: {aside}")


def a_peers_file_behind_a_link_is_kept(lab):
    """The link stays, and the file that it leads to is replaced as a whole."""
    node, volume = lab.node("-exclusive", start=False), Path(lab.home, "volume")
    volume.mkdir()
    peers_file(node).symlink_to(volume / "real.json")
    seen = set()
    for ip in ("10.1.1.1", "10.2.2.2"):
        ban_and_end(lab, node, ip)
        check(peers_file(node).is_symlink() and ip in (volume / "real.json").read_text(encoding="utf-8"), f"{ip} is lost")
        seen.add((volume / "real.json").stat().st_ino)
    check(len(seen) == 2, "it was written over")


@in_namespaces
def a_full_disk_costs_no_peers(lab):
    """What cannot be saved leaves the old file whole and nothing beside it, is told, and is tried again."""
    node = lab.node("-exclusive", "-savePeers", "300ms", start=False)
    node.stderr_path = os.path.join(lab.home, "stderr")
    sh("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", node.home)
    ban_and_end(lab, node, "10.1.1.1")
    before = peers_file(node).read_text(encoding="utf-8")
    filler = Path(node.home, "filler")
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    node.start()
    node.command("ban", peer="10.2.2.2")
    until(lambda: "could not be written: No space left" in node.stderr(), 5, "it is told")
    time.sleep(1)  # three more that fail
    check(node.stderr().count("could not be written") == 1, f"it is told again and again: {node.stderr()}")
    check(peers_file(node).read_text(encoding="utf-8") == before, "the old file was changed")
    left = [n for n in os.listdir(node.home) if ".tmp-" in n]
    check(not left, f"{left}")
    filler.unlink()
    until(lambda: "10.2.2.2" in peers_file(node).read_text(encoding="utf-8"), 5, "it is saved when there is room")
    until(lambda: "is written again" in node.stderr(), 5, "that is told, too")


def what_a_node_must_not_overwrite_is_no_peers_file(lab):
    """A newer version, another network: one line says so, with exit status 1, and the file stays."""
    for text, said in (('{"kith_peers":2,"network":"LOCAL","peers":[],"scores":[]}', "has version 2 of the format"),
                       (EMPTY.replace("LOCAL", "MAIN"), 'belongs to network "MAIN", not to "LOCAL"')):
        node = lab.node("-exclusive", start=False)
        peers_file(node).write_text(text, encoding="utf-8")
        refused(node, 1, f"-peersFile: {peers_file(node)}: it {said}")
        check(peers_file(node).read_text(encoding="utf-8") == text, "it was changed")


# --- who may use them ---

def refused(node, status, said):
    """It ends at once, with a last line that says why."""
    node.start(wait=False)
    node.process.wait(5 * SLOW)
    check(node.process.returncode == status, f"exit status {node.process.returncode}: {node.stderr()}")
    check(said in node.stderr().splitlines()[-1], node.stderr())


def at_home_of(lab, first, *flags):
    """Another node with the same home."""
    node = lab.node("-exclusive", *flags, start=False)
    node.home = first.home
    return node


def a_home_is_for_one_node(lab):
    first = lab.node("-exclusive", "-savePeers", "200ms")
    first.command("ban", peer="10.1.1.1")
    for flags in ((), ("-network", "TEST"), ("-peersFile", "other.json")):
        refused(at_home_of(lab, first, *flags), 1, f"-home: another node (process {first.process.pid}) uses '{first.home}'")
    done = subprocess.run([lab.kith, "-home", first.home, "-version"], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"{done}")
    until(lambda: peers_file(first).exists() and "10.1.1.1" in peers_file(first).read_text(encoding="utf-8"), 5,
          "the first goes on")
    check(first.status()["bans"] == 1, "the first was disturbed")
    # However it ends, the next one may start at once.
    for how in (signal.SIGKILL, signal.SIGTERM):
        first.process.send_signal(how)
        first.process.wait()
        first = at_home_of(lab, first).start()


def a_peers_file_is_for_one_node(lab):
    """Two homes, with one file by its path, by a link, or as it is mounted in two places."""
    shared = os.path.join(lab.home, "shared.json")
    first = lab.node("-exclusive", "-peersFile", shared)
    said = f"-peersFile: another node (process {first.process.pid}) uses '{shared}'"
    refused(lab.node("-exclusive", "-peersFile", shared, start=False), 1, said)
    second = lab.node("-exclusive", start=False)
    peers_file(second).symlink_to(shared)
    refused(second, 1, said)
    first.end()
    second.start()


@in_namespaces
def a_peers_file_that_is_mounted_twice_is_for_one_node(lab):
    real = Path(lab.home, "real.json")
    real.write_text(EMPTY, encoding="utf-8")
    first, second = (lab.node("-exclusive", start=False) for _ in range(2))
    for node in (first, second):
        mount_alone(node, real)
    first.start()
    refused(second, 1, f"-peersFile: another node uses '{peers_file(second)}'")
    check(real.read_text(encoding="utf-8") == EMPTY, "the file was written to")
    first.end()
    second.start()


@in_namespaces
def a_home_that_may_only_be_read_is_for_one_node(lab):
    """Nothing can be saved there, which is told; still the node runs."""
    first = lab.node("-exclusive", "-savePeers", "200ms", start=False)
    second = at_home_of(lab, first)
    for node in (first, second):
        node.stderr_path = os.path.join(lab.home, str(node))
    sh("mount", "--bind", first.home, first.home)
    sh("mount", "-o", "remount,bind,ro", first.home)
    first.start()
    first.command("ban", peer="10.1.1.1")
    until(lambda: "could not be written: Read-only file system" in first.stderr(), 5, "it is told")
    refused(second, 1, f"-home: another node uses '{first.home}'")
    check(first.status()["bans"] == 1, "the first was disturbed")


def folders_that_are_missing_are_not_made(lab):
    """But for the home and the one that it is in."""
    made = os.path.join(lab.home, "a", "b")
    node = lab.node("-exclusive", start=False)
    node.flags += ["-home", made]
    node.start()
    node.end()
    check(Path(made, "peers-LOCAL.json").exists(), "the home was not made")
    for flags, named in ((["-peersFile", os.path.join(lab.home, "lost", "p.json")], "-peersFile"),
                         (["-peersFile", "lost/p.json"], "-peersFile"),
                         (["-home", os.path.join(lab.home, "lost", "x", "y")], "-home")):
        lost = lab.node("-exclusive", *flags, start=False)
        refused(lost, 2, f"kith: {named}: '")
        found = [str(p) for p in Path(lab.home).rglob("lost")]
        check(not found, f"{flags}: {found}")


def files_that_are_fifos_hold_nobody_up(lab):
    fifo = os.path.join(lab.home, "fifo")
    os.mkfifo(fifo, 0o600)
    for flag, status in (("-config", 2), ("-peersFile", 1)):
        for path in (fifo, "/dev/zero", lab.home):
            refused(lab.node("-exclusive", flag, path, start=False), status, path)


if __name__ == "__main__":
    run([a_seed_list_over_https_leads_to_https_alone, a_seed_list_that_is_no_file_does_not_hold_the_end,
         a_seed_list_may_have_comments, a_peers_file_that_is_mounted_alone_is_kept, a_peers_file_behind_a_link_is_kept,
         a_full_disk_costs_no_peers, what_a_node_must_not_overwrite_is_no_peers_file, a_home_is_for_one_node,
         a_peers_file_is_for_one_node, a_peers_file_that_is_mounted_twice_is_for_one_node,
         a_home_that_may_only_be_read_is_for_one_node, folders_that_are_missing_are_not_made,
         files_that_are_fifos_hold_nobody_up])
