"""A page of the documentation, and what its code blocks do when they are tried, one after the other.

A block is fenced; the words after its language say what is to be done with it:

    sh                       run by bash; it must succeed
    sh terminal=NAME         typed into a terminal of that name, line by line; what was started there goes on running
    console                  lines that begin with "$ " are run by bash; the others are what they print; "..." is any text
    text                     not code
    text shows=NAME          that terminal shows these lines, in this order, by and by; "..." is any text
    c, python                a program, saved under the name in its first line, "/* NAME */" or "# NAME"; C is compiled
    json                     each line is JSON, or the whole; "..." is any text
    json terminal=NAME       and it is typed into that terminal
    ini, conf                saved under the name in the first line, "# NAME"
    c part=NAME              a part of that file, put behind those before it
    not-run="REASON"         with any language: why it cannot be run in a test
"""
import dataclasses
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import time

from kithnode import SLOW, Failure, check

LANGUAGES = ("sh", "console", "text", "c", "python", "json", "ini", "conf", "mermaid")
KEYS = ("terminal", "shows", "part", "not-run")
FENCE = re.compile(r"^( *)```(?!`)(.*?)\n(.*?)^\1```[ \t]*$", re.M | re.S)
INDENTED = re.compile(r"(?:\A|\n[ \t]*\n)((?: {4}|\t)[^\n]*)")
LIMIT_S = 60


@dataclasses.dataclass
class Block:
    line: int
    language: str
    options: dict
    text: str


def blocks_of(path):
    """Every block of a page. Code that is indented only is a fault: nothing could be said about it."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, *words = shlex.split(match[2]) or [""]
        line = text.count("\n", 0, match.start()) + 1
        if language.startswith("{"):  # a directive of the site
            continue
        options = dict(word.partition("=")[::2] for word in words)
        check(language in LANGUAGES, f"{path.name}:{line}: no such language: {language!r}")
        check(set(options) <= set(KEYS), f"{path.name}:{line}: no such words: {set(options) - set(KEYS)}")
        body = re.sub(rf"^{match[1]}", "", match[3], flags=re.M)
        found.append(Block(line, language, options, body))
    rest = re.sub(r"^([-*]|\d+\.) .*\n(?:(?:[ \t]+.*)?\n)*", "", FENCE.sub("", text), flags=re.M)  # lists are indented, too
    indented = INDENTED.search(rest)
    check(not indented, f"{path.name}: code without a fence: {indented and indented[1].strip()!r}")
    return found


def pattern(text):
    """Of words in which "..." is any text, and white space any white space."""
    parts = [r"\s+".join(re.escape(word) for word in part.split()) for part in text.split("...")]
    return r".*?".join(parts)


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, name, folder, environment):
        self.name, self.text = name, ""
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile"], {**environment, "TERM": "dumb", "PS1": "$ ", "COLUMNS": "200"})
        self.pid = pid

    def type(self, text):
        for line in text.splitlines():
            os.write(self.fd, line.encode() + b"\n")

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return
        try:
            self.text += os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:  # it has ended
            time.sleep(seconds)

    def shows(self, text, where):
        """Each line in its turn; what was shown before is over."""
        for line in filter(str.strip, text.splitlines()):
            wanted, by = re.compile(pattern(line), re.S), time.monotonic() + 30 * SLOW
            while not (found := wanted.search(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text))):
                if time.monotonic() > by:
                    raise Failure(f"{where}: terminal {self.name} does not show {line!r}, but {self.text[-2000:]!r}")
                self.read(0.1)
            self.text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)[found.end():]

    def close(self):
        for number in (signal.SIGHUP, signal.SIGKILL):
            try:
                os.killpg(os.tcgetpgrp(self.fd), number)
            except (OSError, ProcessLookupError):
                pass
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (OSError, ChildProcessError):
            pass
        os.close(self.fd)


class Page:
    """Tries the blocks of a page in a folder, with an environment."""

    def __init__(self, path, folder, environment):
        self.path, self.folder, self.environment = path, str(folder), environment
        self.terminals, self.not_run, self.tried = {}, [], 0

    def terminal(self, name):
        if name not in self.terminals:
            self.terminals[name] = Terminal(name, self.folder, self.environment)
        return self.terminals[name]

    def bash(self, where, script):
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=self.folder, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=LIMIT_S * SLOW)
        check(done.returncode == 0, f"{where}: {script!r} ends with {done.returncode}: {done.stdout[-2000:]}")
        return done.stdout

    def console(self, where, text):
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, _, expected = part.partition("\n")
            while command.endswith("\\"):
                more, _, expected = expected.partition("\n")
                command += "\n" + more
            said = self.bash(where, command)
            check(re.fullmatch(r"\s*" + pattern(expected) + r"\s*", said, re.S), f"{where}: {command!r} prints {said!r}, not {expected!r}")

    def save(self, where, text):
        name = re.match(r"(?:/\*|#|//) *(\S+)", text)
        check(name, f"{where}: its first line names no file")
        with open(os.path.join(self.folder, name[1]), "w", encoding="utf-8") as file:
            file.write(text)
        return name[1]

    def try_one(self, block):
        where, options = f"{self.path.name}:{block.line}", block.options
        if "not-run" in options:
            check(len(options["not-run"]) > 10, f"{where}: no reason")
            self.not_run.append(f"{where}: {options['not-run']}")
            return
        if block.language in ("text", "mermaid"):
            if "shows" in options:
                self.terminal(options["shows"]).shows(block.text, where)
            elif "terminal" in options:
                self.terminal(options["terminal"]).type(block.text)
            else:
                return
        elif block.language == "json":
            whole = re.sub(r",?\.\.\.", "", block.text)
            for text in [whole] if re.match(r"[{[]\s*\n", whole) else filter(str.strip, whole.splitlines()):
                json.loads(text)
            if "terminal" in options:
                self.terminal(options["terminal"]).type(block.text)
        elif block.language == "sh" and "terminal" in options:
            self.terminal(options["terminal"]).type(block.text)
        elif block.language == "sh":
            self.bash(where, block.text)
        elif block.language == "console":
            self.console(where, block.text)
        elif "part" in options:
            with open(os.path.join(self.folder, options["part"]), "a", encoding="utf-8") as file:
                file.write(("\n" if file.tell() else "") + block.text)
        else:
            name = self.save(where, block.text)
            if block.language == "c":
                self.bash(where, f"cc -Wall -Wextra -Werror -fsyntax-only {shlex.quote(name)} $(pkg-config --cflags kith)")
            elif block.language == "python":
                compile(block.text, name, "exec")
        self.tried += 1

    def run(self):
        try:
            for block in blocks_of(self.path):
                self.try_one(block)
        finally:
            for terminal in self.terminals.values():
                terminal.close()
