"""A bare Debian 12 in a folder, whose systemd runs in namespaces of its own: no network but its loopback, no process
of the machine in sight. It takes root, debootstrap, and a mirror."""
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

# What a machine of an operator has anyhow.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "ca-certificates", "curl", "procps"]

# Runs within the new namespaces, with the root as its folder.
ENTER = """
set -e
mount --make-rprivate /
mount --bind . .
cd .
cd "$PWD"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mount -t tmpfs -o mode=755 cgroup sys/fs/cgroup
mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
ip link set lo up
mkdir -p old
pivot_root . old
umount -l old
rmdir old
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
"""


class Failed(Exception):
    pass


def run(*command, within=None, **options):
    """What the command prints. `within`: what goes before it."""
    options = {"timeout": 300, **options}
    done = subprocess.run([*(within or []), *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def missing():
    """Why no bare Debian can be made here; None if it can."""
    if os.geteuid() != 0:
        return "it takes root"
    for program in ("debootstrap", "unshare", "nsenter", "ip"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return None


class Bare:
    def __init__(self, root):
        self.root, self.init, self.process = Path(root), None, None
        # Who made a temporary folder for it shut all others out; services run by accounts of their own.
        self.root.mkdir(exist_ok=True)
        self.root.chmod(0o755)
        run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", root, timeout=600)
        # Packages start nothing while nothing runs.
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def chroot(self, *command):
        """Runs it before the boot, with the machine's network."""
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return run(*command, within=["chroot", str(self.root)], env=environment)

    def boot(self):
        (self.root / "usr/sbin/policy-rc.d").unlink()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--net", "--fork", "--kill-child",
             "bash", "-c", ENTER], cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        end, said = time.monotonic() + 60, ""
        while time.monotonic() < end and self.process.poll() is None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            self.init = children[0] if children else None
            try:
                if self.init and self.inside("systemctl", "is-system-running").strip() == "running":
                    return
            except Failed as failed:
                said = str(failed)
                if "degraded" in said:
                    break
            time.sleep(0.2)
        raise Failed(f"systemd does not boot in here: {said}\n{self._why()}")

    def _why(self):
        """What systemd waits for, and what failed, as far as it can be asked."""
        if not self.init:
            return "nothing came up at all"
        try:
            return "".join(self.inside(*words, timeout=20) for words in (
                ["systemctl", "list-jobs"], ["systemctl", "--failed"], ["journalctl", "--no-pager", "-n", "40"]))
        except (Failed, subprocess.SubprocessError) as failed:
            return str(failed)

    def inside(self, *command, **options):
        """Runs it beside the systemd that was booted."""
        return run(*command, within=["nsenter", "-t", self.init, "-m", "-u", "-i", "-n", "-p", "-r", "-w"],
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                        "DEBIAN_FRONTEND": "noninteractive"}, **options)

    def until(self, what, *command, holds=lambda said: True, seconds=30):
        """What the command prints, once that holds."""
        end, said = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                said = self.inside(*command)
                if holds(said):
                    return said
            except Failed as failed:
                said = str(failed)
            time.sleep(0.3)
        raise Failed(f"not within {seconds} s: {what}\n{said[-3000:]}")

    def end(self):
        if self.process and self.process.poll() is None:
            if self.init:
                os.kill(int(self.init), signal.SIGKILL)
            self.process.kill()
            self.process.wait()
