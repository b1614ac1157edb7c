#!/usr/bin/env python3
"""Invitations to a network: QR codes that are read from pictures, and those that the node shows.

Usage: test_invitations.py PATH-OF-KITH [word of a test's name]...
"""
import os
import pty
import random
import re
import resource
import select
import struct
import subprocess
import time
import zlib

import pngfile
from kithnode import FAULTS, PORT, SHADOW, SLOW, Skipped, check, promises, run
from namespace import in_namespaces, on_public_addresses, wire_up
from pngfile import GREY_ALPHA, PALETTE, RGB, RGBA, chunk, enlarged, header, picture, png, qr_modules

ELSEWHERE = "factom:node.example:8110?network=MAIN"  # who reads it, and is of another network, says so
FOUND = "an invitation to network MAIN, but this node is of network LOCAL"
MIB = 1 << 20
MOST_SECONDS = 5


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Desk:
    """Has the program look at pictures."""

    def __init__(self, lab):
        self.lab, self.home = lab, os.path.join(lab.home, "desk")
        self.path = os.path.join(lab.home, "picture.png")
        self.show(picture(qr_modules(ELSEWHERE)))
        if "this build reads no QR codes" in self.refusal():
            raise Skipped("this build reads no QR codes")

    def show(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def refusal(self, *names):
        """The one line that it ends with."""
        before = cpu_of_children()
        flags = [flag for name in names or [self.path] for flag in ("-addnode", name)]
        done = subprocess.run([self.lab.kith, "-home", self.home, *flags, "-limits"], capture_output=True, text=True,
                              timeout=60 * SLOW, check=False)
        took = cpu_of_children() - before
        check(took < MOST_SECONDS * SLOW, f"{names}: {took:.1f} s of the processor")
        check(done.returncode == 2 and not done.stdout and not FAULTS.search(done.stderr),
              f"{names}: exit status {done.returncode}: {done.stdout}{done.stderr}")
        lines = done.stderr.splitlines()
        check(len(lines) == 1 and lines[0].startswith("kith: -addnode: ") and lines[0].isprintable(), f"it says {lines}")
        return lines[0]

    def refuses(self, data, why):
        self.show(data)
        said = self.refusal()
        check(why in said and self.path in said, f"not \"{why}\": {said}")


@promises("I2")
def who_is_invited_by_a_picture_comes(lab):
    Desk(lab)
    host, other = lab.node("-exclusive"), lab.node("-exclusive")
    names = "an invitation.PNG", "folder/other.bin"
    os.mkdir(os.path.join(lab.home, "folder"))
    for name, node in zip(names, (host, other)):
        with open(os.path.join(lab.home, name), "wb") as file:
            file.write(picture(qr_modules(f"factom:{node.endpoint}?network=LOCAL")))
    config = os.path.join(lab.home, "kith.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"addnode = {os.path.join(lab.home, names[1])}\n")
    guest = lab.node("-exclusive", "-addnode", os.path.join(lab.home, names[0]), "-config", config)
    guest.wait_online(host, special=True)
    guest.wait_online(other, special=True)


@promises("I2")
def every_kind_of_png_is_read(lab):
    desk, rows = Desk(lab), enlarged(qr_modules(ELSEWHERE))
    width, height = len(rows[0]), len(rows)
    bits = [bytes(int("".join("1" if p else "0" for p in (row + b"\0" * 7)[i:i + 8]), 2) for i in range(0, width, 8))
            for row in rows]
    clear = [b"".join(b"\0\0\0" + bytes([255 - p]) for p in row) for row in rows]  # black on nothing
    kinds = {
        "colours": png(width, height, [b"".join(bytes([p // 2, p, p]) for p in row) for row in rows], color=RGB),
        "16 bits": png(width, height, [b"".join(bytes([p, 7]) for p in row) for row in rows], depth=16),
        "1 bit": png(width, height, bits, depth=1),
        "a palette": png(width, height, [bytes(p & 1 for p in row) for row in rows], color=PALETTE,
                         extra=chunk(b"PLTE", b"\x20\0\0\xff\xff\xe0")),
        "grey and clear": png(width, height, [b"".join(bytes([0, 255 - p]) for p in row) for row in rows], color=GREY_ALPHA),
        "colour and clear": png(width, height, clear, color=RGBA),
        "chunks that say nothing of pixels": png(width, height, rows, extra=chunk(b"tEXt", b"a\0b") + chunk(b"gAMA", bytes(4))),
    }
    for name, data in kinds.items():
        desk.show(data)
        check(FOUND in desk.refusal(), f"{name}: {desk.refusal()}")
        if "clear" not in name:  # which is black to zbarimg
            check(pngfile.zbar_reads(desk.path) == ELSEWHERE, f"{name}: zbarimg does not read it")
    turned = [bytes(column) for column in zip(*reversed(rows))]
    desk.show(png(height, width, turned))
    check(FOUND in desk.refusal(), "it is not read when it is turned")
    return f"{len(kinds)} kinds"


def bad_pictures(good, rows):
    width, height = len(rows[0]), len(rows)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    bomb, packer = b"", zlib.compressobj(9)
    for _ in range(200):
        bomb += packer.compress(bytes(MIB))
    bomb += packer.flush()
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(7 * MIB)))
    end = chunk(b"IEND", b"")
    start = pngfile.SIGNATURE
    return {
        "nothing": (b"", "no PNG"),
        "a text": (b"factom:1.2.3.4:5?network=LOCAL\n" * 9, "no PNG"),
        "a JPEG": (b"\xff\xd8\xff\xe0" + bytes(500), "no PNG"),
        "a signature": (start, "no PNG"),
        "another first chunk": (start + chunk(b"IDAT", body) + header(width, height) + end, "no PNG"),
        "a header of another length": (start + chunk(b"IHDR", bytes(40)) + chunk(b"IDAT", body) + end, "no PNG"),
        "no end": (good[:-len(end)], "the picture is cut off"),
        "half of it": (good[:len(good) // 2], "the picture is cut off"),
        "a chunk of 4 GB": (start + header(width, height) + b"\xff\xff\xff\xffIDAT" + body, "the picture is cut off"),
        "100,000 pixels wide": (png(100_000, 2, [bytes(100_000)] * 2), "100000 x 2 pixels: at most 8192"),
        "100,000 pixels high": (png(1, 100_000, [b"\0"] * 100_000), "1 x 100000 pixels: at most 8192"),
        "so wide that it wraps": (start + header(1 << 31, 2) + chunk(b"IDAT", body) + end, "2147483648 x 2 pixels"),
        "too many pixels": (start + header(8192, 8192) + chunk(b"IDAT", body) + end, "16777216 in all are read"),
        "no pixels": (start + header(0, 5) + chunk(b"IDAT", body) + end, "0 x 5 pixels"),
        "a wrong checksum": (good.replace(chunk(b"IDAT", body)[-4:], b"\0\0\0\0"), "no PNG that can be read"),
        "too few rows": (start + header(width, height * 2) + chunk(b"IDAT", body) + end, "no PNG that can be read"),
        "no rows": (start + header(width, height) + end, "no PNG that can be read"),
        "a kind that is none": (start + header(width, height, color=5) + chunk(b"IDAT", body) + end, "no PNG that can be read"),
        "a palette without colours": (start + header(width, height, color=PALETTE) + chunk(b"IDAT", body) + end,
                                      "no PNG that can be read"),
        "200 MiB behind the pixels": (start + header(8, 8) + chunk(b"IDAT", bomb) + end, "it has more bytes than its pixels"),
        "3 GiB of texts": (png(8, 8, [bytes(8)] * 8, extra=text * 450), "there is no QR code in it"),
        "a file of 17 MiB": (good + bytes(17 * MIB), "longer than 16777216 bytes"),
        "no code": (png(200, 200, [bytes(200)] * 200), "there is no QR code in it"),
        "half a code": (png(width, height // 2, rows[:height // 2]), "there is no QR code in it"),
        "a text that is no invitation": (picture(qr_modules("hello")), "\"hello\" is not PROTOCOL:HOST:PORT?network=NAME"),
        "a URL": (picture(qr_modules("https://example.org/?network=LOCAL")), "the address is not host:port"),
        "control characters": (picture(qr_modules("factom:\x1b[2J:1?network=LOCAL")), "the address is not host:port"),
        "a very long text": (picture(qr_modules("factom:a:1?network=" + "x" * 900)), "its QR code is no invitation"),
    }


def a_bad_picture_is_one_line(lab):
    desk, modules = Desk(lab), qr_modules(ELSEWHERE)
    rows, good = enlarged(modules), picture(modules)
    bad = bad_pictures(good, rows)
    for data, why in bad.values():
        desk.refuses(data, why)
    other = enlarged(qr_modules("factom:node.example:8111?network=MAIN"))
    desk.refuses(png(len(rows[0]), 2 * len(rows), rows + other), "there is more than one QR code in it")
    desk.show(png(len(rows[0]), 2 * len(rows), rows + rows))
    check(FOUND in desk.refusal(), "two that say the same are not read")
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 / SHADOW
    check(most < 90 or SLOW > 1, f"it took {most:.0f} MiB")
    return f"{len(bad) + 1} bad ones, {most:.0f} MiB at most"


def what_is_no_file_is_no_picture(lab):
    desk = Desk(lab)
    missing, fifo = os.path.join(lab.home, "missing.png"), os.path.join(lab.home, "fifo.png")
    os.mkfifo(fifo)
    for name, why in ((missing, "No such file"), (fifo, "not a regular file"), (lab.home, "not a regular file"),
                      ("/dev/zero", "not a regular file")):
        check(why in desk.refusal(name), f"{name}: {desk.refusal(name)}")
    check("\"8110\" is neither a host nor host:port" in desk.refusal("missing.png", "8110"), "a name is taken for a picture")
    desk.show(picture(qr_modules("infnote:node.example:8210?network=LOCAL")))
    check("protocol infnote, but this node speaks factom" in desk.refusal(), "an invitation of another protocol")


def a_damaged_picture_does_no_harm(lab):
    desk, chance = Desk(lab), random.Random(14)
    good = picture(qr_modules(ELSEWHERE))
    for cut in range(0, len(good), max(1, len(good) // 25)):
        desk.show(good[:cut])
        check(FOUND not in desk.refusal(), f"read from {cut} of {len(good)} bytes")
    for _ in range(80):
        damaged, at = bytearray(good), chance.randrange(len(good))
        damaged[at] ^= 1 << chance.randrange(8)
        desk.show(bytes(damaged))
        desk.refusal()
    # Behind checksums that are right.
    rows, modules = enlarged(qr_modules(ELSEWHERE)), qr_modules(ELSEWHERE)
    for _ in range(25):
        fields = [chance.choice([0, 1, 7, 8, 16, 255]) for _ in range(5)]
        damaged = struct.pack(">II5B", len(rows[0]), chance.choice([len(rows), 1, 8192]), *fields)
        desk.show(good.replace(good[16:29 + 4], damaged + struct.pack(">I", zlib.crc32(b"IHDR" + damaged))))
        desk.refusal()
    for _ in range(25):
        spoilt = [[dark ^ (chance.random() < 0.1) for dark in row] for row in modules]
        desk.show(picture(spoilt))
        desk.refusal()


# --- what the node shows ---

def shown(node):
    """Its QR code in JSON, which another program has to read, too."""
    answer = node.command("qr")
    if answer["event"] == "error" and "this build has no QR codes" in answer["message"]:
        raise Skipped(answer["message"])
    check(answer["event"] == "qr", f"{answer}")
    path = os.path.join(node.home, "shown.png")
    with open(path, "wb") as file:
        file.write(picture([[module == "1" for module in row] for row in answer["rows"]]))
    check(pngfile.zbar_reads(path) == answer["text"], f"zbarimg reads {pngfile.zbar_reads(path)}")
    return answer["text"], answer["source"], path


@promises("I2")
def a_code_that_a_node_shows_leads_to_it(lab):
    Desk(lab)
    host = lab.node("-exclusive")
    text, source, path = shown(host)
    check((text, source) == (f"factom:{host.endpoint}?network=LOCAL", "bind"), f"{text} {source}")
    guest = lab.node("-exclusive", "-addnode", path)
    guest.wait_online(host)
    named = lab.node("-exclusive", "-customnet", "a net, 100 % \u00e4", "-network", "CUSTOM")
    text, _, path = shown(named)
    check(text == f"factom:{named.endpoint}?network=a%20net%2C%20100%20%25%20%C3%A4", text)
    lab.node("-exclusive", "-customnet", "a net, 100 % \u00e4", "-network", "CUSTOM", "-addnode", path).wait_online(named)


def console(lab, out, *flags):
    """A node with a console, which is asked for its code and ended when there is the text below it."""
    address = lab.address()
    node = subprocess.Popen([lab.kith, "-network", "LOCAL", "-bind", address, "-home", os.path.join(lab.home, "console"),
                             "-exclusive", *flags], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.DEVNULL)
    lab.closers.append(node.kill)
    node.stdin.write(b"/qr\n")
    node.stdin.flush()
    return node, f"factom:{address}:{PORT}?network=LOCAL"


def read_until(fd, end, seconds=10):
    data, by = b"", time.monotonic() + seconds * SLOW
    while end not in data:
        check(time.monotonic() < by, f"no {end}: {data}")
        if select.select([fd], [], [], 0.1)[0]:
            data += os.read(fd, 65536)
    if b"this build has no QR codes" in data:
        raise Skipped("this build has no QR codes")
    return data.decode()


def decoded(lab, blocks):
    path = os.path.join(lab.home, "console.png")
    with open(path, "wb") as file:
        file.write(picture(pngfile.modules_of_blocks(blocks), quiet=0))  # the margin must be in it
    return pngfile.zbar_reads(path)


@promises("I2")
def the_console_shows_a_code(lab):
    """In a pipe it is ink on paper."""
    reader, writer = os.pipe()
    node, text = console(lab, writer)
    said = read_until(reader, b"(as -bind says)\n").splitlines()
    at = next(i for i, line in enumerate(said) if line.startswith(" " * 20))
    check(said[-1] == f"* {text} (as -bind says)", said[-1])
    check(len({len(line) for line in said[at:-1]}) == 1, "lines of different lengths")
    check(decoded(lab, said[at:-1]) == text, f"another program reads {decoded(lab, said[at:-1])}")
    check(not any(line.strip() for line in said[at:at + 2]) and all(line.startswith("    ") for line in said[at:-1]), "no margin")
    node.kill()
    os.close(reader)
    os.close(writer)


@promises("I2")
def a_terminal_shows_a_code_in_its_own_colours(lab):
    """Dark is dark, whatever colours the terminal has."""
    reader, terminal = pty.openpty()
    node, text = console(lab, terminal)
    said = read_until(reader, b"(as -bind says)").replace("\r", "").splitlines()
    lines = [re.fullmatch("\033\\[30;47m(.*)\033\\[0m", line) for line in said if line.startswith("\033")]
    check(len(lines) >= 15 and all(lines), f"{said}")
    check(decoded(lab, [line.group(1) for line in lines]) == text, "another program does not read it")
    node.kill()
    os.close(reader)
    os.close(terminal)


@in_namespaces
def which_address_it_shows(lab):
    """What -bind says; else where the default route leaves from; else loopback, if that may be dialed."""
    anywhere = lab.node("-exclusive", "-bind", "::")
    check(shown(anywhere)[:2] == (f"factom:127.0.0.1:{PORT}?network=LOCAL", "loopback"), f"{shown(anywhere)}")
    anywhere.end()
    public = lab.node("-exclusive", "-bind", "::", "-network", "MAIN")
    check("-bind says one" in public.command("qr")["message"], f"{public.command('qr')}")
    public.end()
    wire_up("198.18.0.7", "198.18.0.1")
    for flags in (("-bind", "::"), ("-bind", "0.0.0.0")):
        routed = lab.node("-exclusive", *flags)
        check(shown(routed)[:2] == (f"factom:198.18.0.7:{PORT}?network=LOCAL", "route"), f"{shown(routed)}")
        routed.end()
    hidden = lab.node("-exclusive", "-proxy", "127.0.0.1:9050", start=False)
    line = [word for word in hidden.command_line() if word not in ("-bind", hidden.address)]
    hidden.command_line = lambda: line
    hidden.start(wait=False)
    check("it does not listen" in hidden.command("qr")["message"], f"{hidden.command('qr')}")


@on_public_addresses
def what_peers_see_is_shown_before_the_route(lab):
    flags = ("-protocol", "mintlayer", "-exclusive")
    peer = lab.node(*flags, port=23031)
    node = lab.node(*flags, "-bind", "0.0.0.0", "-peers", peer.endpoint, port=9002)
    node.wait_online(peer)
    seen = peer.wait("online")["peer"].split(":")[0]
    check(node.status()["seen_as"] == seen, f"{node.status()}")
    check(shown(node)[:2] == (f"mintlayer:{seen}:9002?network=LOCAL", "peers"), f"{shown(node)}")
    check("seen_as" not in peer.status(), "who has dialed is asked, too")


if __name__ == "__main__":
    run([a_damaged_picture_does_no_harm, a_bad_picture_is_one_line, every_kind_of_png_is_read,
         who_is_invited_by_a_picture_comes, what_is_no_file_is_no_picture, a_code_that_a_node_shows_leads_to_it,
         the_console_shows_a_code, a_terminal_shows_a_code_in_its_own_colours, which_address_it_shows,
         what_peers_see_is_shown_before_the_route])
