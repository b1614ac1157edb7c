"""PNG files, good and bad, made of nothing but Python's own library; and QR codes in them."""
import shutil
import struct
import subprocess
import zlib

from kithnode import Skipped

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
DARK, LIGHT = b"\0", b"\xff"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height, depth=8, color=GREY, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))


def png(width, height, rows, extra=b"", **kinds):
    """`rows` are the bytes of each row."""
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    return SIGNATURE + header(width, height, **kinds) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def enlarged(modules, scale=4, quiet=4):
    """Rows of bytes, a pixel each, of rows of modules, which are true where they are dark; a light margin all around."""
    size = len(modules[0]) * scale + 2 * quiet * scale
    margin, side = [LIGHT * size] * (quiet * scale), LIGHT * (quiet * scale)
    lines = [side + b"".join((DARK if dark else LIGHT) * scale for dark in row) + side for row in modules]
    return margin + [line for line in lines for _ in range(scale)] + margin


def picture(modules, **options):
    rows = enlarged(modules, **options)
    return png(len(rows[0]), len(rows), rows)


def modules_of_blocks(lines):
    """What half blocks show: two rows of modules a line."""
    halves = {" ": (False, False), "\u2580": (True, False), "\u2584": (False, True), "\u2588": (True, True)}
    return [[halves[block][half] for block in line] for line in lines for half in (0, 1)]


def qr_modules(text):
    """The QR code of the text as another program makes it."""
    if not shutil.which("qrencode"):
        raise Skipped("there is no qrencode here")
    shown = subprocess.run(["qrencode", "-t", "ASCII", "-m", "0", "-o", "-", text], capture_output=True, text=True,
                           check=True).stdout
    return [[line[i] == "#" for i in range(0, len(line), 2)] for line in shown.splitlines()]


def zbar_reads(path):
    """What another program reads from the picture."""
    if not shutil.which("zbarimg"):
        raise Skipped("there is no zbarimg here")
    return subprocess.run(["zbarimg", "--nodbus", "--quiet", "--raw", path], capture_output=True, text=True,
                          check=False).stdout.rstrip("\n")
