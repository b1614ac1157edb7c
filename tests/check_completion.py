#!/usr/bin/env python3
"""Has bash, zsh and fish complete command lines of kith, each as it does for a person. A shell that is not installed is
passed over.

usage: check_completion.py KITH FOLDER-WITH-THE-COMPLETIONS
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What is typed, and what it may become. A name with a slash at its end is a folder.
CASES = [
    ("kith -logF", {"-logFormat"}),
    ("kith --logF", {"--logFormat"}),
    ("kith -logFormat j", {"json", "journal"}),
    ("kith -logFormat=j", {"json", "journal"}),
    ("kith --logFormat=t", {"text"}),
    ("kith -json -protocol min", {"mintlayer"}),
    ("kith -exclusive -outgoing ", set()),
    ("kith -config a-", {"a-file", "a-folder/"}),
    ("kith -home a-", {"a-folder/"}),
    ("kith -exclusive=t", {"true"}),
    ("kith -proxy 1 -logFormat ", {"text", "json", "journal"}),
]
# Of kith-ctl: the node that it asks has these peers. The one that is named has others.
PEERS = ["10.0.0.7:8110 0001a2b3", "10.0.0.8:8110 0001a2b4", "192.0.2.1:8110 0001a2b5"]
PEERS_THERE = ["192.0.2.2:8110 0001a2b6"]


def told(peers):
    return json.dumps({"event": "peers", "peers": [{"peer": peer, "direction": "outgoing"} for peer in peers]}, separators=(",", ":"))


CTL = f"""#!/bin/sh
case "$*" in
"-json peers") printf '%s\\n' '{told(PEERS)}' ;;
"-control=there -json peers" | "-control there -json peers" | "--control=there -json peers") printf '%s\\n' '{told(PEERS_THERE)}' ;;
*) exit 3 ;;
esac
"""
CTL_CASES = [
    ("kith-ctl sta", {"status"}),
    ("kith-ctl -json un", {"unban"}),
    ("kith-ctl -js", {"-json"}),
    ("kith-ctl -control a-", {"a-file", "a-folder/"}),
    ("kith-ctl disconnect 10", {"10.0.0.7:8110", "10.0.0.8:8110"}),
    ("kith-ctl disconnect 10.0.0.7:8", {"10.0.0.7:8110"}),
    ("kith-ctl disconnect 10.0.0.7:8110 ", set()),
    ("kith-ctl ban 192", {"192.0.2.1:8110"}),
    ("kith-ctl -control there ban 192", {"192.0.2.2:8110"}),
    ("kith-ctl -json --control=there ban ", {"192.0.2.2:8110"}),
    ("kith-ctl special ", {"add", "remove", "set"}),
    ("kith-ctl send broad", {"broadcast"}),
]
# The scripts have the folder with the completions as their first argument, then the lines. They print the words of each line,
# a word a line, between these two.
BEGIN, END = "\x01", "\x02"

BASH = r"""
source "$1/kith"
source "$1/kith-ctl"
shift
for COMP_LINE; do
    COMP_POINT=${#COMP_LINE}
    # As readline does it: equals signs and colons are words.
    line=${COMP_LINE//=/ = }
    read -ra COMP_WORDS <<<"${line//:/ : }"
    if [[ $line == *" " ]]; then COMP_WORDS+=(""); fi
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    if [[ $line == kith-ctl* ]]; then _kith_ctl; else _kith; fi
    printf '\x01\n'
    # What it replaces is the last of these words.
    before=${COMP_LINE##* }
    before=${before%"${before##*:}"}
    printf '%s\n' "${COMPREPLY[@]/#/$before}"
    printf '\x02\n'
done
"""

# A shell in a terminal of its own, whose completion prints what it finds instead of showing it.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; stty -echo; cd '"${(q)PWD}"'; fpath=('"${(q)1}"' $fpath)'
zpty -w shell 'autoload -U compinit; compinit -u -D; bindkey "^I" complete-word; zstyle ":completion:*" insert-tab false'
zpty -w shell 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    typeset -a hits; builtin compadd -A hits "$@"; print -l -- "<"${^hits}">"; builtin compadd "$@" }'
zpty -w shell 'begins() { print "\x01" }; ends() { print "\x02" }'
shift
for typed; do
    zpty -w shell 'compprefuncs=(begins); comppostfuncs=(ends)'
    zpty -w -n shell "$typed"$'\t'
    while zpty -r shell line; do print -r -- "$line"; [[ $line == *$'\x02'* ]] && break; done
    zpty -w -n shell $'\x15'
done
"""

FISH = r"""
source $argv[1]/kith.fish
source $argv[1]/kith-ctl.fish
for line in $argv[2..]
    printf '\x01\n'
    complete -C "$line"
    printf '\x02\n'
end
"""


def answers(shell, made, lines):
    """What each line may become, as the cases name it: of "-flag=value" the value alone."""
    command = {"bash": ["bash", "--norc", "-c", BASH, "bash"], "zsh": ["zsh", "-f", "-c", ZSH, "zsh"],
               "fish": ["fish", "--no-config", "-c", FISH]}[shell]
    done = subprocess.run([*command, made, *lines], capture_output=True, text=True, timeout=100, check=True)
    found = re.findall(f"{BEGIN}(.*?){END}", done.stdout, re.S)
    if len(found) != len(lines):
        sys.exit(f"{shell}: {len(found)} answers to {len(lines)} lines: {done.stdout}{done.stderr}")
    for line, text in zip(lines, found):
        words = re.findall("<(.*?)>", text) if shell == "zsh" else re.findall(r"^[^\t\n]+", text, re.M)
        start = line.split()[-1].partition("=")[0] + "=" if "=" in line else ""
        words = {word.removeprefix(start).rstrip("/") for word in words}
        yield {word + "/" if os.path.isdir(word) else word for word in words}


def faults(shell, made, cases):
    if shell == "fish":  # it knows no value that is only behind an equals sign
        cases = [case for case in cases if "-exclusive=" not in case[0]]
    for (line, wanted), found in zip(cases, answers(shell, made, [line for line, _ in cases])):
        if line == "kith -":
            found = {word for word in found if not word.startswith("--")}
        if found != wanted:
            yield f"{shell}: {line!r}: {sorted(found ^ wanted)}"


def names(kith):
    shown = subprocess.run([kith, "-help"], capture_output=True, text=True, timeout=10, check=True).stdout
    return {"-" + name for name in re.findall(r"^  -(\w+)", shown, re.M)}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    made = Path(sys.argv[2]).resolve()
    cases = [*CASES, *CTL_CASES, ("kith -", names(os.path.abspath(sys.argv[1])))]
    shells = [shell for shell in ("zsh", "fish", "bash") if shutil.which(shell)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        os.chdir(folder)
        os.environ["HOME"] = folder
        os.mkdir("a-folder")
        Path("a-file").touch()
        os.mkdir("bin")
        Path("bin/kith-ctl").write_text(CTL)
        os.chmod("bin/kith-ctl", 0o755)
        os.environ["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
        found = [fault for each in pool.map(lambda shell: list(faults(shell, made, cases)), shells) for fault in each]
        os.chdir("/")
    print("\n".join([*found, f"{', '.join(shells)}: {len(cases)} lines each, {len(found)} faults"]))
    return 1 if found or not shells else 0


if __name__ == "__main__":
    sys.exit(main())
