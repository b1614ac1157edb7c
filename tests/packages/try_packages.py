#!/usr/bin/env python3
"""Builds the Debian packages and uses them as an operator does, on a bare Debian 12 whose systemd runs: installs them,
starts two instances, looks at the page and the figures, bans a peer, kills the node, upgrades, removes, purges.

Usage: try_packages.py FOLDER
FOLDER gets the packages. Prints each step. The last line is `skipped: why` if no Debian can be made.
Exit code: 0 all hold or skipped, 1 some do not.
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bare import Bare, Failed, missing, run

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """\
Network = LOCAL
Bind = {bind}
Http = {bind}:9110
Peers = {peers}
"""


def step(text):
    print(f"--- {text}", flush=True)


def check(holds, text):
    if not holds:
        raise Failed(text)


def the_same_libraries():
    """scripts/deps and debian/control name one list."""
    deps = (ROOT / "scripts/deps").read_text()
    ours = set(re.search(r"build_packages=\(([^)]*)\)", deps).group(1).split())
    control = (ROOT / "debian/control").read_text()
    theirs = set(re.findall(r"[a-z0-9.+-]+", re.sub(r"\([^)]*\)", "", re.search(
        r"^Build-Depends:((?:.*\n)(?:[ \t].*\n)*)", control, re.M).group(1))))
    # What each Debian builder has, and what the packages alone need.
    ours -= {"gcc", "libc6-dev", "dpkg-dev", "ca-certificates"}
    theirs -= {"debhelper-compat", "systemd"}
    check(ours == theirs, f"in scripts/deps or debian/control alone: {sorted(ours ^ theirs)}")


def build(into):
    run(ROOT / "scripts/package", into, timeout=1200)
    packages = {path.name.split("_")[0]: path for path in into.glob("*.deb")}
    check({"kith", "libkith0", "libkith-dev"} <= set(packages), f"built: {sorted(packages)}")
    return packages


def lint(into):
    # Tags that need a Debian archive to be about something: an upload closes a bug, a native package is Debian's own.
    said = run("lintian", "--fail-on", "error,warning", "--suppress-tags", "initial-upload-closes-no-bugs",
               *into.glob("*.deb"))
    print(said, end="")


def later(package, version):
    """The package again, as the next version of it."""
    with tempfile.TemporaryDirectory() as folder:
        run("dpkg-deb", "-R", package, folder)
        control = Path(folder) / "DEBIAN/control"
        control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.M))
        made = package.parent / "later" / package.name
        made.parent.mkdir(exist_ok=True)
        run("dpkg-deb", "--root-owner-group", "-b", folder, made)
        return made


def files(bare):
    """All that lies where packages, or what they start, may leave something."""
    told = run("find", "etc", "usr", "var/lib", "-xdev", "-not", "-type", "d", "-not", "-path", "var/lib/dpkg/*",
               "-not", "-path", "var/lib/apt/*", "-not", "-path", "var/lib/systemd/*", cwd=bare.root)
    return set(told.splitlines())


class Operator:
    """What an operator types. The instances are called main and other."""

    def __init__(self, bare):
        self.bare = bare

    def configure(self, name, bind, peers):
        (self.bare.root / "etc/kith" / f"{name}.conf").write_text(CONFIGURATION.format(bind=bind, peers=peers))

    def get(self, path, bind="127.0.0.1"):
        return self.bare.inside("curl", "-sS", "--fail", f"http://{bind}:9110{path}")

    def ctl(self, *words, name="main"):
        return self.bare.inside("kith-ctl", "-control", name, *words)

    def main_pid(self):
        return self.bare.inside("systemctl", "show", "-P", "MainPID", "kith@main").strip()

    def until_peers(self, what, some=True):
        self.bare.until(what, "kith-ctl", "-control", "/run/kith/main/control.sock", "-json", "peers", seconds=60,
                        holds=lambda told: bool(json.loads(told.splitlines()[-1])["peers"]) == some)

    def start(self):
        step("start two instances, each ready when it listens")
        self.configure("main", "127.0.0.1", "")
        self.configure("other", "127.0.0.2", "127.0.0.1:8110")
        self.bare.inside("systemctl", "enable", "--now", "kith@main", "kith@other")
        check(self.bare.inside("systemctl", "is-active", "kith@main").strip() == "active", "kith@main is not active")
        self.until_peers("main has no peer")
        print(self.bare.inside("systemctl", "status", "--no-pager", "kith@main"))
        check("online, incoming" in self.bare.inside("journalctl", "--no-pager", "-u", "kith@main"), "the journal is empty")

    def look(self):
        step("the page, the figures, readiness")
        check("<html" in self.get("/"), "no page")
        check(self.get("/healthz") and self.get("/readyz"), "not ready")
        figures = self.get("/metrics")
        check(re.search(r"^kith_peers\{.*\} 1$", figures, re.M), f"no peer in the figures:\n{figures[:2000]}")
        status = json.loads(self.get("/status.json"))
        check(status, "no status")

    def ban(self):
        step("ban a peer by kith-ctl, and take it back")
        self.ctl("ban", "127.0.0.2", "600")
        self.until_peers("a banned peer stays", some=False)
        check("127.0.0.2" in self.ctl("bans"), "the ban is not told of")
        self.ctl("unban", "127.0.0.2")
        self.until_peers("who is unbanned does not come back")

    def kill(self):
        step("kill -9: systemd starts it again")
        before = self.main_pid()
        self.bare.inside("kill", "-9", before)
        self.bare.until("no new process", "systemctl", "show", "-P", "MainPID", "kith@main",
                        holds=lambda pid: pid.strip() not in ("0", before))
        self.until_peers("nobody comes back after a kill")

    def doctor(self):
        step("the doctor finds the instance that has the port, and looks at it")
        said = self.bare.inside("sh", "-c", "kith -doctor -config /etc/kith/main.conf; true")
        print(said)
        for finding in (rf"ok +port +8110: the node that runs has it \(process {self.main_pid()}\)",
                        "ok +home +/var/lib/kith/main", "ok +disk", "ok +book", "ok +node +it is up"):
            check(re.search(f"^{finding}", said, re.M), f"the doctor does not say: {finding}")

    def upgrade(self, packages):
        step("upgrade: the instances go on with the new version, as they are configured")
        before = self.main_pid()
        self.install(packages)
        self.bare.until("not restarted", "systemctl", "show", "-P", "MainPID", "kith@main",
                        holds=lambda pid: pid.strip() not in ("0", before))
        self.until_peers("nobody comes back after the upgrade")

    def install(self, packages):
        for package in packages:
            shutil.copy(package, self.bare.root / "opt")
        self.bare.inside("sh", "-c", "dpkg -i " + " ".join(f"/opt/{package.name}" for package in packages))

    def remove(self, before):
        step("remove, then purge")
        self.bare.inside("apt-get", "remove", "-y", "kith", "libkith0")
        check(self.bare.inside("sh", "-c", "pgrep -x kith || true").strip() == "", "a node runs on")
        check((self.bare.root / "etc/kith/main.conf").exists(), "remove took the configuration")
        self.bare.inside("apt-get", "purge", "-y", "kith")
        left = {name for name in files(self.bare) - before if "kith" in name}
        # The operator's own two files, and what knows of the account.
        check(left <= {"etc/kith/main.conf", "etc/kith/other.conf"}, f"left behind: {sorted(left)}")


def contain(package, folder):
    """What Containerfile makes of an installed kith: a root in which the node runs, and nothing else can."""
    run("dpkg-deb", "-x", package, folder)
    run(ROOT / "scripts/container-root", folder)
    (Path(folder) / "dev").mkdir()
    # As each container has them.
    run("mknod", "-m", "666", Path(folder) / "dev/null", "c", "1", "3")
    run("mknod", "-m", "666", Path(folder) / "dev/urandom", "c", "1", "9")
    (Path(folder) / "etc/hosts").write_text("127.0.0.1 localhost\n")
    said = run("timeout", "--signal=TERM", "3", "chroot", "--userspec=65532:65532", folder, "/usr/bin/kith", "-home",
               "/var/lib/kith", "-network", "LOCAL", "-seedURL", "", "-bind", "127.0.0.93", "-peers", "localhost:1",
               within=["sh", "-c", '"$@" || [ $? = 124 ]', "sh"])
    check("listening on 127.0.0.93" in said and "name resolution" not in said, said)


class Programmer:
    """Builds the examples upon libkith-dev. It is undone before the operator comes."""

    def __init__(self, bare, packages):
        step("the library's package: its tests build every example")
        shutil.copy(ROOT / "debian/tests/library", bare.root / "opt")
        names = " ".join(f"/opt/{packages[name].name}" for name in ("libkith0", "libkith-dev"))
        bare.chroot("sh", "-c", "apt-get install -q -y --no-install-recommends gcc pkg-config libc6-dev libuv1-dev "
                    f"libsodium-dev {names}")
        print(bare.chroot("/opt/library"))
        bare.chroot("apt-get", "purge", "-q", "-y", "libkith0", "libkith-dev")


def use(packages, folder):
    bare = Bare(folder)
    try:
        for package in packages.values():
            shutil.copy(package, bare.root / "opt")
        bare.chroot("apt-get", "update", "-q")
        Programmer(bare, packages)
        before = files(bare)
        step("install")
        bare.chroot("sh", "-c", "apt-get install -q -y --no-install-recommends /opt/kith_*.deb /opt/libkith0_*.deb")
        shutil.copy(ROOT / "debian/tests/node", bare.root / "opt")
        bare.boot()
        step("the node's package: its test")
        print(bare.inside("/opt/node"))
        operator = Operator(bare)
        operator.start()
        operator.look()
        operator.ban()
        operator.kill()
        operator.doctor()
        operator.upgrade([later(packages[name], "99.0") for name in ("kith", "libkith0")])
        operator.remove(before)
    finally:
        bare.end()


def main():
    into = Path(sys.argv[1]).resolve()
    why = missing()
    if why:
        print(f"skipped: {why}")
        return
    step("build and lint")
    the_same_libraries()
    packages = build(into)
    lint(into)
    step("the root of a container")
    with tempfile.TemporaryDirectory(prefix="kith-image-") as folder:
        contain(packages["kith"], folder)
    with tempfile.TemporaryDirectory(prefix="kith-bare-", ignore_cleanup_errors=True) as folder:
        use(packages, folder)
    print("the packages hold")


if __name__ == "__main__":
    try:
        main()
    except (Failed, subprocess.SubprocessError) as failed:
        print(failed)
        sys.exit(1)
