"""A computer of a test's own that systemd has booted: namespaces over a copy-on-write view of this one's files. What is
written there is in memory, and goes with it."""
import ctypes
import os
import shutil
import signal
import subprocess

from kithnode import SLOW, Skipped, check, until

PR_SET_PDEATHSIG = 1
DEVICES = "null zero full random urandom tty".split()
# What would change the computer itself, or takes long.
MASKED = """systemd-sysctl.service systemd-modules-load.service systemd-timesyncd.service systemd-udevd.service
    systemd-udev-trigger.service systemd-update-utmp.service systemd-remount-fs.service networking.service
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount""".split()
TARGET = """[Unit]
Requires=sysinit.target systemd-journald.service
After=sysinit.target systemd-journald.service
AllowIsolate=yes
"""
BOOT = """set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$0"
mkdir "$0"/upper "$0"/work "$0"/root
units="$0"/upper/etc/systemd/system
mkdir -p "$units"
for unit in """ + " ".join(MASKED) + """; do ln -s /dev/null "$units/$unit"; done
printf %s "$1" > "$units/machine.target"
mount -t overlay overlay -o lowerdir=/,upperdir="$0"/upper,workdir="$0"/work "$0"/root
cd "$0"/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 tmp
for device in """ + " ".join(DEVICES) + """; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
# Not by chroot: in there nobody may make the user namespaces that units ask for.
pivot_root . .
umount -l .
exec env -i container=kith PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=machine.target \\
    --log-target=journal --show-status=0
"""
NAMESPACES = "--mount --pid --net --uts --ipc --cgroup".split()


def cgroups():
    """Where the unified hierarchy of control groups is mounted."""
    with open("/proc/mounts", encoding="utf-8") as file:
        found = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
    return found[0] if found else None


class Machine:
    def __init__(self, lab):
        if os.geteuid() != 0 or not os.path.exists("/lib/systemd/systemd") or not cgroups() or not shutil.which("nsenter"):
            raise Skipped("only root can boot systemd here, if it is installed")
        self.place, self.log = os.path.join(lab.home, "machine"), os.path.join(lab.home, "machine.log")
        self.group = os.path.join(cgroups(), f"kith-test-{os.getpid()}")
        os.makedirs(self.place)
        try:
            os.mkdir(self.group)
        except OSError as error:
            raise Skipped(f"no control group of our own: {error}") from None
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["unshare", *NAMESPACES, "--fork", "--kill-child", "bash", "-c", BOOT, self.place, TARGET],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._enter_group)
        lab.closes(self)
        self._wait()

    def _enter_group(self):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it goes with the test, whatever ends that
        with open(os.path.join(self.group, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write("0")

    def _children(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            return file.read().split()

    def _is_up(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                raise Skipped(f"systemd does not boot here: {file.read()[-300:]}")
        return self._children() and self.try_run("systemctl", "is-active", "machine.target").returncode == 0

    def _wait(self):
        until(self._is_up, 20, "systemd is up")

    def _root(self):
        return f"/proc/{self._children()[0]}/root"

    def has_process(self, number):
        """Whether the process of that number, as counted outside, runs in there."""
        return os.readlink(f"/proc/{number}/ns/pid") == os.readlink(f"/proc/{self._children()[0]}/ns/pid")

    def path(self, path):
        """Where a file of the machine is, from outside."""
        return self._root() + path

    def write(self, path, text):
        where = self.path(path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return file.read()

    def try_run(self, *command):
        """Runs a command in there."""
        inside = ["nsenter", "--target", self._children()[0], *NAMESPACES, "--root", "--wd=/", "env", "-i",
                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", *command]
        return subprocess.run(inside, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW, check=False)

    def run(self, *command):
        done = self.try_run(*command)
        check(done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def close(self):
        self.process.kill()  # which ends all that is in there
        self.process.wait()
        for folder, _, _ in os.walk(self.group, topdown=False):
            until(lambda f=folder: self._removed(f), 10, f"{folder} is empty")

    @staticmethod
    def _removed(folder):
        try:
            os.rmdir(folder)
        except OSError:
            return False
        return True
