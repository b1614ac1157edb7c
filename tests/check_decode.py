#!/usr/bin/env python3
"""scripts/decode: captures of real sessions, their segments in other forms and orders, and captures that lie.

Usage: check_decode.py PATH-OF-KITH [word of a test's name]...
"""
import base64
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent / "scripts" / "decode"
CAPTURES = HERE / "vectors" / "captures"
SESSIONS = ("v9", "v10", "v11")
sys.path[:0] = [str(HERE / "node"), str(SCRIPT.parent)]
sys.dont_write_bytecode = True

import capture_fixture as fixture  # noqa: E402
import factomwire as wire  # noqa: E402
from decoder import capture, factom, gob, packet  # noqa: E402
from kithnode import Failure, check, promises, run, until  # noqa: E402

V11_START = factom.PREAMBLE + wire.frame(wire.field(1, factom.HANDSHAKE))

loader = importlib.machinery.SourceFileLoader("decode", str(SCRIPT))
script = importlib.util.module_from_spec(importlib.util.spec_from_loader("decode", loader))
loader.exec_module(script)


def decode(data, verbose=False):
    """(exit code, lines)"""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = script.decode(io.BytesIO(data), set(script.PORTS), verbose)
    return code, out.getvalue().splitlines()


def run_script(*arguments):
    found = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=20)
    return found.returncode, found.stdout, found.stderr


def recorded(name):
    return (CAPTURES / f"{name}.pcap").read_bytes()


def expected(name):
    return (CAPTURES / f"{name}.txt").read_text().splitlines()


def recorded_packets(name):
    return list(capture.packets(io.BytesIO(recorded(name))))


def recorded_segments(name):
    """In the form that capture_fixture takes."""
    found = (packet.segment(p.link, p.data) for p in recorded_packets(name))
    return [(s.source, s.target, s.sequence, s.flags, s.payload) for s in found]


def said(lines, arrow):
    """What one side says, without times."""
    return [line.split(arrow, 1)[1] for line in lines[1:] if arrow in line]


def same_but_times(lines, wanted, what):
    for arrow in ("A>B", "B>A"):
        check(said(lines, arrow) == said(wanted, arrow), f"{what}: {arrow}: {lines}")


def one_stream(data, size=1400):
    """The result for a connection whose dialer sends these bytes."""
    return decode(fixture.capture(fixture.Talk().send(fixture.DIALER, data, size=size).close().segments))


def has_line(lines, *words):
    check(any(all(word in line for word in words) for line in lines), f"no line with {words}: {lines}")


def vectors():
    return {s["name"]: s["frames"] for s in json.loads((HERE / "vectors" / "factom.json").read_text())["streams"]}


def stream_of(name):
    return b"".join(bytes.fromhex(frame["hex"]) for frame in vectors()[name])


# --- what it prints ---

def sessions_with_the_go_node(lab):
    for name in SESSIONS:
        code, out, err = run_script(CAPTURES / f"{name}.pcap")
        check((code, err) == (0, ""), f"{name}: {code} {err}")
        check(out.splitlines() == expected(name), f"{name}:\n{out}")


def verbose_has_every_byte(lab):
    for name in SESSIONS:
        code, lines = decode(recorded(name), verbose=True)
        check(code == 0 and [line for line in lines if not line.startswith("    ")] != lines, f"{name}: {code}")
        dumped = "".join("".join(line.split()[1:]) for line in lines if line.startswith("    "))
        sent = sum(len(s[4]) for s in recorded_segments(name))
        check(len(dumped) == 2 * sent, f"{name}: {len(dumped) // 2} of {sent} bytes")
        if name != "v11":
            has_line(lines, "V9Header: struct {Network uint, Version uint, Type uint, Length uint, TargetPeer string")


def fields_of_the_vectors(lab):
    """The decoder reads the recorded streams as they were meant: two implementations that share nothing agree."""
    count = 0
    for name, frames in vectors().items():
        stream = factom.Stream()
        for frame in frames:
            items = list(stream.feed(bytes.fromhex(frame["hex"])))
            parcel, = (item for item in items if isinstance(item, factom.Parcel))
            for field, wanted in frame["fields"].items():
                found = factom.share(parcel) if field == "Share" else parcel.fields[field]
                found = found.hex() if isinstance(found, bytes) else found
                check(str(found) == str(wanted), f"{name}, {frame['what']}: {field} {found}, not {wanted}")
                count += 1
            check(not parcel.unknown, f"{name}: unknown fields {parcel.unknown}")
    return f"{count} fields"


def the_worked_example_of_the_manual(lab):
    """The page's printed session and its tables of bytes are those of the captures."""
    text = (HERE.parent / "docs" / "protocols" / "factom.md").read_text()
    example = text[text.index("\n## A worked example\n"):].split("\n## ", 2)[1]
    printed, *tables = example.split("\n### ")
    check("\n".join(expected("v10")) in printed, "the printed session is another")
    for table, name in zip(tables, ("v10", "v11"), strict=True):
        segments = recorded_segments(name)
        sent = b"".join(s[4] for s in segments if s[0] == segments[0][0])
        at = 0
        for offset, row in re.findall(r"^\| (\d+) \| `([0-9a-f ]+)` \|", table, re.M):
            row = bytes.fromhex(row)
            check(int(offset) == at and sent[at:at + len(row)] == row, f"{name}: the row at {offset}")
            at += len(row)
        check(at > 60, f"{name}: no table")


def what_the_recorded_sessions_lack(lab):
    _, lines = one_stream(stream_of("v9_stream"))
    has_line(lines, "BAD, not")
    has_line(lines, "MessagePart(7), 4 bytes", "part 1 of 3")
    _, lines = one_stream(stream_of("v9_legacy_stream"))
    has_line(lines, "PeerRequest(3), 12 bytes", "no nonce but \"Peer Request\"", "node 55104dc76695721d")
    has_line(lines, "part 0 of 1, message \"4f1a\"")
    for name in ("v9_reject_stream", "v11_reject_stream"):
        code, lines = one_stream(stream_of(name))
        check(code == 0, f"{lines}")
        has_line(lines, "RejectAlternative(9)", "alternatives 10.1.2.3:8108, ")
    code, lines = one_stream(V11_START + wire.parcel(4, b"nope"))
    check(code == 1, f"{lines}")
    has_line(lines, "PeerResponse(4), 4 bytes; DOES NOT DECODE")
    # A refusal of generation 2 that offers nothing.
    refusal = bytearray.fromhex(vectors()["v10_stream"][0]["hex"])
    refusal[-9:-1], refusal[refusal.index(b"\x01\x08\x01\x08") + 1] = bytes(8), 9
    code, lines = one_stream(bytes(refusal))
    check(code == 0, f"{lines}")
    has_line(lines, "RejectAlternative(9), 8 bytes", "alternatives none")


def payloads_as_text_or_hex(lab):
    for payload, wanted in (
            (b"a \"quoted\" word", r'"a \"quoted\" word"'),
            (b"two\nlines", r'"two\nlines"'),
            (b"text and \x00", "bytes 7465787420616e642000"),
            (b"\xff\xfe", "bytes fffe"),
            (b"x" * 61, '"' + "x" * 60 + '..."'),
            # The limit of what is looked at goes through a character; in the second there is none.
            (b"x" * 239 + "\u00e9".encode() + b"x", '"' + "x" * 60 + '..."'),
            (b"x" * 200 + b"\xff" + b"x" * 200, "bytes " + "78" * 24 + "..."),
    ):
        _, lines = one_stream(V11_START + wire.parcel(6, payload))
        check(said(lines, "A>B")[1] == f" V11 Message(6), {len(payload)} bytes; {wanted}", f"{lines}")


def gob_values(lab):
    """Those of types that no version of the protocol uses, but that a sender may put beside its fields."""
    for element, value, wanted in (
            ("02", "02 01 00", [True, False]),
            ("04", "01 03", [-2]),
            ("08", "01 fe f8 3f", [1.5]),
            ("0c", "01 02 68 69", ["hi"]),
            ("0e", "01 00 fe f8 3f", [(0.0, 1.5)]),
            ("10", "02 00 01 6e 02 01 06", [None, ("n", b"\x06")]),
    ):
        stream, data = gob.Decoder(), gob_slice(element, value)
        stream.message(data[1:1 + data[0]])
        found = stream.message(data[2 + data[0]:]).value
        check(found == wanted, f"{found}, not {wanted}")


def text_cannot_reach_the_terminal(lab):
    share = wire.field(1, wire.field(1, "\x1b[2J\u202e\u00e9".encode()) + wire.field(2, b"8110"))
    _, lines = one_stream(V11_START + wire.parcel(4, share))
    has_line(lines, "PeerResponse(4)", "\\x1b[2J\\u202e\\xe9:8110")
    # A struct named ESC, and a value with a field that it has not.
    code, more = one_stream(bytes.fromhex("0c 7f 03 01 01 01 1b 01 ff 80 00 00 00 04 ff 80 05 00"))
    has_line(more, "DOES NOT DECODE", "field 4 of \\x1b, which has 0")
    lines += more
    check(all(line.isascii() and line.isprintable() for line in lines), f"{lines}")


# --- forms of captures ---

def forms_of_captures(lab):
    for name in SESSIONS:
        packets = [(p.time, p.data) for p in recorded_packets(name)]
        forms = [fixture.pcap(packets, order=order, unit=unit) for order in "<>" for unit in (1, 1000)]
        forms += [fixture.pcapng(packets, order=order) for order in "<>"]
        for number, form in enumerate(forms):
            code, lines = decode(form)
            check((code, lines) == (0, expected(name)), f"{name}, form {number}: {lines}")


def link_types_and_ipv6(lab):
    for name in SESSIONS:
        segments = recorded_segments(name)
        for link in fixture.LINKS:
            code, lines = decode(fixture.capture(segments, link))
            check(code == 0, f"{link}: {lines}")
            same_but_times(lines, expected(name), link)
        for ip in (fixture.ipv6, fixture.ipv6_with_extension):
            code, lines = decode(fixture.capture(segments, ip=ip))
            check(code == 0 and " [fd00::7f00:" in lines[0], f"{lines}")
            same_but_times(lines, expected(name), "IPv6")


def ports_are_chosen(lab):
    talk = fixture.Talk(listener=("127.0.0.2", 8888)).send(fixture.DIALER, stream_of("v11_stream")).close()
    path = Path(lab.home) / "other.pcap"
    path.write_bytes(fixture.capture(talk.segments))
    code, out, _ = run_script(path)
    check(code == 0 and out.splitlines() == [f"left out: {len(talk.segments)} packets of other ports"], out)
    code, out, _ = run_script("-p", "8888", path)
    check(code == 0 and "V11 Ping(1)" in out, out)


# --- TCP ---

def segments_in_any_order(lab):
    """Numbers that wrap, retransmissions, other limits of segments and another order: nothing else is printed."""
    pick = random.Random(1)
    for name in SESSIONS:
        original = recorded_segments(name)
        wanted = expected(name)
        for turn in range(20):
            segments = retransmitted(wrapped(original, pick), pick)
            segments = segments[:2] + shuffled(segments[2:], pick)
            code, lines = decode(fixture.capture(segments))
            check(code == 0, f"{name}, turn {turn}: {lines}")
            same_but_times(lines, wanted, f"{name}, turn {turn}")


def wrapped(segments, pick):
    """The same with numbers that wrap within each direction's bytes."""
    shift = {s[0]: 2**32 - pick.randrange(1, 500) - s[2] for s in reversed(segments)}
    return [(s[0], s[1], (s[2] + shift[s[0]]) % 2**32, *s[3:]) for s in segments]


def retransmitted(segments, pick):
    """Some come again: whole, or the second part alone, or from before their start to after it."""
    out = []
    for segment in segments:
        source, target, sequence, flags, payload = segment
        out.append(segment)
        if len(payload) > 1:
            cut = pick.randrange(len(payload))
            out.append((source, target, sequence + cut, flags, payload[cut:]))
        if payload and pick.random() < 0.3:
            out.append(segment)
    return out


def shuffled(segments, pick):
    """Each moves by a few places at most."""
    return [s for _, _, s in sorted((at + pick.uniform(0, 6), at, s) for at, s in enumerate(segments))]


def missing_bytes_are_said(lab):
    segments = recorded_segments("v10")
    lost = max(range(len(segments)), key=lambda at: len(segments[at][4]))
    code, lines = decode(fixture.capture(segments[:lost] + segments[lost + 1:]))
    check(code == 1, f"{lines}")
    has_line(lines, "A>B", f"{len(segments[lost][4])} bytes are missing in the capture")
    check(said(lines, "B>A") == said(expected("v10"), "B>A"), f"{lines}")
    # The same for packets that tcpdump was told to cut.
    code, lines = decode(fixture.capture(segments, limit=1000))
    check(code == 1, f"{lines}")
    has_line(lines, "A>B", "bytes are missing in the capture")
    last = fixture.Talk().send(fixture.DIALER, stream_of("v11_stream"), fixture.ACK | fixture.FIN)
    code, lines = decode(fixture.capture(last.segments, limit=100))
    check(code == 1, f"{lines}")
    has_line(lines, "A>B", f"{len(stream_of('v11_stream')) - 46} bytes are missing in the capture")


def a_start_that_is_missing(lab):
    segments = recorded_segments("v11")
    code, lines = decode(fixture.capture(segments[3:]))
    has_line(lines, "the capture has not the start of this direction")
    same = [[line for line in said(found, "A>B") if "start" not in line] for found in (lines, expected("v11"))]
    check(code == 0 and same[0] == same[1], f"{lines}")
    code, lines = decode(fixture.capture(segments[12:]))
    check(code == 1, f"{lines}")
    has_line(lines, "DOES NOT DECODE at byte 0")


def endpoints_that_come_again(lab):
    first = fixture.Talk().send(fixture.DIALER, stream_of("v11_stream")).close().segments
    second = fixture.Talk((77000, 88000)).send(fixture.DIALER, stream_of("v10_stream")).close().segments
    code, lines = decode(fixture.capture(first + second))
    heads = [line for line in lines if line.startswith("connection")]
    check(code == 0 and len(heads) == 2, f"{lines}")
    has_line(lines, "V11 Ping(1)")
    has_line(lines, "V10 Ping(1)")


def resets(lab):
    talk = fixture.Talk().send(fixture.DIALER, stream_of("v11_stream"))
    reset = [(fixture.LISTENER, fixture.DIALER, number, fixture.RST, b"") for number in (0, 5)]
    code, lines = decode(fixture.capture(talk.segments + reset))
    check(code == 0 and said(lines, "B>A") == [" resets the connection"], f"{lines}")
    code, lines = decode(fixture.capture(talk.segments[:1] + reset))
    check(code == 0 and len(lines) == 2, f"{lines}")


# --- captures that lie ---

def truncated(lab):
    for name in SESSIONS:
        whole = recorded(name)
        for size in range(len(whole)):
            if size > 200 and size % 13:
                continue
            if size < 24:
                with contextlib.suppress(capture.NotACapture):
                    raise Failure(f"{size} bytes are taken for a capture: {decode(whole[:size])}")
                continue
            code, lines = decode(whole[:size])
            check(code in (0, 1), f"{code}")
            if "DAMAGED" in "".join(lines):
                check(code == 1, f"{size}: {lines}")


def flipped(lab):
    """Anything may be printed, but in lines, and soon. A flip in a file's first bytes may make it no capture."""
    pick = random.Random(2)
    codes = {0: 0, 1: 0, 2: 0}
    forms = [recorded(name) for name in SESSIONS]
    forms += [fixture.pcapng([(p.time, p.data) for p in recorded_packets(name)]) for name in SESSIONS]
    for turn in range(300):
        data = bytearray(pick.choice(forms))
        for _ in range(pick.choice((1, 2, 10, 100))):
            data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
        try:
            code, lines = decode(bytes(data), verbose=turn % 8 == 0)
            check(all(line.isascii() and line.isprintable() for line in lines), f"turn {turn}: {lines}")
        except capture.NotACapture:
            code = 2
        codes[code] += 1
    check(codes[1] > 30, f"{codes}")
    return f"exit codes {codes}"


def flipped_streams(lab):
    """The packets are good, so that every flip gets as far as the parcels."""
    pick = random.Random(3)
    for name in vectors():
        stream = stream_of(name)[:2000]
        for _ in range(60):
            data = bytearray(stream)
            for _ in range(pick.choice((1, 3, 30))):
                data[pick.randrange(len(data))] = pick.randrange(256)
            code, lines = one_stream(bytes(data))
            check(code in (0, 1) and len(lines) > 1, f"{name}: {code} {lines}")


def gob_slice(element, value):
    """Two messages: type 64 is a slice of the element type (in hex, as gob has it); and a value of it."""
    parts = f"7f 02 01 02 ff 80 00 01 {element} 00 00", f"ff 80 00 {value}"
    return b"".join(bytes([len(bytes.fromhex(part))]) + bytes.fromhex(part) for part in parts)


def lengths_that_lie(lab):
    head = recorded("v10")[:24]
    code, lines = decode(head + struct.pack("<IIII", 0, 0, 2**32 - 1, 2**32 - 1) + bytes(100))
    check(code == 1, f"{lines}")
    has_line(lines, "DAMAGED", "a packet claims 4294967295 bytes")
    for data, reason in (
            (b"pbuf" + b"\xff" * 4, "a message of 4294967295 bytes"),
            (b"pbuf" + bytes.fromhex("0000000312ff01"), "field 2"),
            (b"pbuf" + b"\0\0\0\x0c" + b"\xff" * 12, "more than ten bytes"),
            (b"pbuf\0\0\0\2\x08\x08" + b"\0\0\1\0", "a parcel is not complete"),
            (b"\xf8" + b"\x7f" * 8, "a message of"),
            (b"\x90", "an integer of 112 bytes"),
            (b"\0", "without bytes"),
            (b"\x04\x40\x01\x02\x03", "type 32 is not defined"),
            (gob_slice("06", "fa 01 00 00 00 00 00"), "1099511627776 elements in 0 bytes"),
            (gob_slice("ff 80", "01" * 100), "nested deeper"),
            (gob_slice("ff 82", "01 00"), "type 65 is not defined"),
            (gob_slice("06", "00 00"), "1 bytes are left"),
            (gob_slice("06", "01 05"), "no struct"),
            (gob_slice("06", "00")[:12] * 2, "defined twice"),
    ):
        code, lines = one_stream(data)
        check(code == 1, f"{reason}: {lines}")
        has_line(lines, "DOES NOT DECODE", reason)


def json_deeper_than_the_stack(lab):
    """In a share of V9, written over the payload of the message of 71680 bytes."""
    *_, message, _ = vectors()["v9_stream"]
    start = bytes.fromhex(vectors()["v9_stream"][0]["hex"])
    data = bytearray(bytes.fromhex(message["hex"]))
    data[-71681:-1] = b"[" * 71680
    data[data.index(b"\x01\x06") + 1] = 4  # its type
    code, lines = one_stream(start + bytes(data))
    check(code == 1, f"{lines}")
    has_line(lines, "PeerResponse(4), 71680 bytes; DOES NOT DECODE: not the JSON of a share")


def much_of_little(lab):
    """Time is in proportion to the capture, whatever is in it."""
    before = time.process_time()
    talk = fixture.Talk().send(fixture.DIALER, b"pbuf" + struct.pack(">I", 100 << 20) + bytes(20000), size=1)
    backwards = talk.segments[:2] + talk.segments[:1:-1]
    for segments in (talk.segments, backwards):
        code, lines = decode(fixture.capture(segments))
        check(code == 1, f"{lines}")
        has_line(lines, "a parcel is not complete, 20004 bytes")
    check(time.process_time() - before < 10, "too slow")


def no_capture(lab):
    path = Path(lab.home) / "none"
    for data in (b"", b"abc", b"a text that is no capture, though it is long enough for one", recorded("v9")[:23]):
        path.write_bytes(data)
        code, out, err = run_script(path)
        check(code == 2 and not out and err.startswith("decode: "), f"{data}: {code} {out} {err}")
    code, _, err = run_script(Path(lab.home) / "is not there")
    check(code == 2 and "No such file" in err, err)


# --- a live one ---

def record(lab, path, address):
    """tcpdump, listening; None where it is missing or may not."""
    try:
        dump = subprocess.Popen(["tcpdump", "-U", "--immediate-mode", "-i", "lo", "-w", path,
                                 f"host {address} and tcp"], stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None
    lab.closers.append(dump.kill)
    return dump if any("listening on" in line for line in dump.stderr) else None


def live_session(lab, version):
    """What is on the wire between two nodes; None where it cannot be recorded."""
    path = os.path.join(lab.home, f"live-{version}.pcap")
    flags = ("-exclusive", "-protocolVersion", str(version), "-shareAbove", "-1000")
    a, other, b = (lab.node(*flags, start=False) for _ in range(3))
    dump = record(lab, path, b.address)
    if dump is None:
        return None
    a.start()
    for node in (other, b):
        node.flags += ["-peers", a.endpoint]
        node.start()
        a.wait_online(node)
        node.wait_online(a)
    b.request(send="<BROADCAST>", base64=base64.b64encode(bytes(range(256)) * 100).decode())
    a.wait("parcel")
    b.end()
    until(lambda: b"A>B closes" in run_quietly(path), 5, "the end in the capture")
    dump.terminate()
    dump.wait()
    code, lines = decode(Path(path).read_bytes())
    check(code == 0, f"{lines}")
    has_line(lines, "B>A", "PeerResponse(4)", f"share {other.endpoint}")
    return lines


def run_quietly(path):
    return subprocess.run([SCRIPT, path], capture_output=True, timeout=20).stdout


@promises("F7")
def live_between_nodes_of_kith(lab):
    """Each asks the other for peers as soon as it is online and is answered; a message is on the wire as given."""
    if os.geteuid() != 0:
        return "skipped: only root may capture"
    for version in (9, 10, 11):
        lines = live_session(lab, version)
        if lines is None:
            return "skipped: tcpdump is not there, or may not capture"
        has_line(lines, "A>B", f"V{version:<2} Message(6), 25600 bytes", "bytes 00010203")
        has_line(lines, "A>B", "PeerRequest(3)")
        has_line(lines, "B>A", "PeerRequest(3)")
    return None


if __name__ == "__main__":
    run([sessions_with_the_go_node, verbose_has_every_byte, fields_of_the_vectors, the_worked_example_of_the_manual,
         what_the_recorded_sessions_lack, payloads_as_text_or_hex, gob_values, text_cannot_reach_the_terminal,
         forms_of_captures, link_types_and_ipv6, ports_are_chosen, segments_in_any_order, missing_bytes_are_said,
         a_start_that_is_missing, endpoints_that_come_again, resets, truncated, flipped, flipped_streams,
         lengths_that_lie, json_deeper_than_the_stack, much_of_little, no_capture, live_between_nodes_of_kith])
