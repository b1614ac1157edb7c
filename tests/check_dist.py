#!/usr/bin/env python3
"""Tries what the build makes from the tables of options and protocols: the sample of kith.conf, the ports for firewalld.

usage: check_dist.py KITH FOLDER-WITH-WHAT-WAS-MADE MANUAL
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import check_manual
from checking import check, run_all

FLAG_ONLY = {"help", "version", "identity", "limits", "doctor", "config", "home"}


def flags(kith):
    run = subprocess.run([kith, "-help"], capture_output=True, text=True, timeout=10, check=True)
    return check_manual.flags_of_help(run.stdout)


def entries(text):
    """Of each option in the sample: its paragraph of comment, and its default."""
    found = re.findall(r"((?:^# .*\n)+)^#(\w+) =(?: (.*))?$", text, re.M)
    names = [name for _, name, _ in found]
    check(len(names) == len(set(names)), f"twice: {sorted(names)}")
    return {name: (comment, value) for comment, name, value in found}


def the_sample_has_each_option_with_its_default(kith, made, _):
    shown, sample = flags(kith), entries((made / "kith.conf").read_text())
    check(sample.keys() == shown.keys() - FLAG_ONLY, f"{sorted(sample.keys() ^ (shown.keys() - FLAG_ONLY))}")
    for name, (comment, value) in sample.items():
        default = shown[name][1] or ""
        told = f"(default: {default})" in " ".join(comment.replace("\n# ", " ").split())
        check(value == default or (value == "" and told), f"{name}: the help says {default!r}, the sample {value!r}: {comment}")


def the_sample_says_what_a_node_without_a_file_does(kith, made, _):
    """With the comment signs away, it changes nothing."""
    text = re.sub(r"^#(\w+ = .)", r"\1", (made / "kith.conf").read_text(), flags=re.M)
    check(len(re.findall(r"^\w", text, re.M)) > 50, text)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "kith.conf")
        config.write_text(text)
        said = [subprocess.run([kith, "-home", folder + "/none", *config_flags, "-limits"], capture_output=True, text=True,
                               timeout=20, check=False) for config_flags in (["-config", config], ["-config", os.devnull])]
    check([done.returncode for done in said] == [0, 0], f"{said}")
    check(said[0].stdout == said[1].stdout, "other limits")


def a_firewall_lets_the_ports_of_the_networks_in(_, made, manual):
    text = Path(manual).read_text()
    files = sorted(made.glob("kith-*.xml"))
    check(len(files) >= 2 or not (made / "kith@.service").exists(), f"{files}")  # -Dservice=disabled makes none
    for file in files:
        protocol = file.stem.removeprefix("kith-")
        service = ElementTree.parse(file).getroot()
        check(service.tag == "service" and service.find("short") is not None, f"{file}")
        ports = {(port.get("protocol"), port.get("port")) for port in service.iter("port")}
        described = re.search(rf"^\.It Cm [\w ,]*\b{protocol}\b.*\n(.*(?:\n\.Ql.*\n.*)?)", text, re.M).group(1)
        wanted = set(re.findall(r"\b\d{4,5}\b", described.partition("of the name")[0]))
        check({port for transport, port in ports if transport == "tcp"} == wanted, f"{protocol}: {ports}, the manual: {wanted}")
        check({transport for transport, _ in ports} == ({"tcp", "udp"} if protocol == "infnote" else {"tcp"}), f"{protocol}: {ports}")


TESTS = [the_sample_has_each_option_with_its_default, the_sample_says_what_a_node_without_a_file_does,
         a_firewall_lets_the_ports_of_the_networks_in]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    return run_all(TESTS, sys.argv[1], Path(sys.argv[2]), sys.argv[3])


if __name__ == "__main__":
    sys.exit(main())
