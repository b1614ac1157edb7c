#!/usr/bin/env python3
"""How payloads travel by JSON lines: as text, in base64, and as bytes behind their line (-json=binary)."""
import base64
import contextlib
import json
import random
import signal
import threading

from kithnode import EVERYONE, SLOW, check, payload_of, run, until

MEGA = 1 << 20
BINARY = "-json=binary"


def send_bytes(node, data, **fields):
    node.write(json.dumps({"send": EVERYONE, "bytes": len(data), **fields}).encode() + b"\n" + data)


def pair(lab, *flags, receiver=()):
    """The second has dialed the first."""
    a = lab.node("-exclusive", *flags, *receiver)
    b = lab.node("-exclusive", *flags, "-peers", a.endpoint)
    b.wait_online(a)
    a.wait("online")
    return b, a


# --- events ---

def a_payload_is_text_or_base64(lab):
    """With one byte that is no text, wherever it lies, all of it is in base64."""
    sender, receiver = pair(lab)
    long = "é" * MEGA  # a character lies across each border of the pieces that are looked at
    cases = [b"a", b"\xff", b"\xc3", "\0".encode(), b"x" + long.encode(), b"x" + long.encode() + b"\xc3",
             b"x" + long.encode()[:-1], b"\xe9" + long.encode(), b"x" * MEGA + b"\x80"]
    for data in cases:
        since = receiver.mark()
        sender.request(send=EVERYONE, base64=base64.b64encode(data).decode())
        got = receiver.wait("parcel", since=since)
        check(payload_of(got) == data, f"{len(data)} bytes: other bytes came")
        try:
            check(data.decode() == got["text"] and "base64" not in got, f"{len(data)} bytes: {list(got)}")
        except UnicodeDecodeError:
            check("text" not in got, f"{len(data)} bytes: {list(got)}")


def no_payload_is_a_command_to_a_terminal(lab):
    """Lines of JSON are looked at there, too: controls beyond ASCII would be in them as they are."""
    sender, receiver = pair(lab)
    for text, is_text in (("\x1b[31m\x07", True), ("\x9b31m", False), ("é" * MEGA + "\x80", False), ("\x9f", False),
                          ("\xa0 \xad", True)):
        since, lines = receiver.mark(), []
        receiver.raw = lines.append
        sender.send(EVERYONE, text)
        got = receiver.wait("parcel", 20, since=since)
        check(payload_of(got) == text.encode() and ("text" in got) == is_text, f"{text[-9:]!r}: {list(got)}")
        check(all(c >= " " and not "\x7f" < c < "\xa0" for line in lines for c in line.decode()[:-1]), f"{text[-9:]!r}")


def it_can_be_in_base64_or_both(lab):
    for flag, text in (("base64", None), ("both", "text")):
        sender, receiver = pair(lab, receiver=("-jsonPayload", flag))
        sender.send(EVERYONE, "text")
        got = receiver.wait("parcel")
        check(base64.b64decode(got["base64"]) == b"text" and got.get("text") == text, f"{flag}: {got}")
        sender.request(send=EVERYONE, base64="/w==")
        got = receiver.wait("parcel", base64="/w==")
        check("text" not in got, f"{flag}: {got}")


# --- bytes behind a line ---

def bytes_come_behind_their_line(lab):
    """Of every size and sort, among events and answers."""
    sender, receiver = pair(lab, BINARY, "-maxParcel", "8M")
    pick = random.Random(15)
    payloads = [bytes([i]) for i in range(256)] + [b'{"command":"quit"}\n', b"\n" * 4096, b'"}\r\n\0']
    payloads += [pick.randbytes(size) for size in (4095, 4096, 65535, 65536, 65537, MEGA, 8 * MEGA)]
    for number, data in enumerate(payloads):
        send_bytes(sender, data, id=number)
        if number % 50 == 0:
            check(sender.status()["event"] == "status", "no status")
    until(lambda: len(receiver.all("parcel")) == len(payloads), 20 * SLOW, "all come")
    check([payload_of(e) for e in receiver.all("parcel")] == payloads, "others came, or in another order")
    check([e["id"] for e in sender.all("sent")] == list(range(len(payloads))), f"{sender.all('sent')}")
    check(not sender.all("error"), f"{sender.all('error')}")


def text_and_base64_are_sent_as_ever(lab):
    sender, receiver = pair(lab, BINARY)
    sender.send(EVERYONE, "text")
    sender.request(send=EVERYONE, base64="/wA=")
    send_bytes(sender, b"bytes", kind="Message")
    sender.write(b'\n { "id" : 7 , "bytes" : 3 ,"send":"<BROADCAST>", "kind":"Message" } \r\n\n\n\n')
    sender.wait("sent", id=7)
    until(lambda: len(receiver.all("parcel")) == 4, 5, "all come")
    came = [payload_of(e) for e in receiver.all("parcel")]
    check(came == [b"text", b"\xff\0", b"bytes", b"\n\n\n"], f"{came}")
    check(len(sender.all("error")) == 1, f"a line that is empty: {sender.all('error')}")


def a_line_that_waits_for_room_keeps_its_bytes(lab):
    """The receiver stands still at first, so that all queues fill."""
    sender, receiver = pair(lab, BINARY, "-queue", "4", "-stall", "30s")
    receiver.process.send_signal(signal.SIGSTOP)
    pick = random.Random(16)
    payloads = [pick.randbytes(100_000) for _ in range(150)]
    threading.Timer(0.5, receiver.process.send_signal, (signal.SIGCONT,)).start()
    for data in payloads:
        send_bytes(sender, data)
    until(lambda: len(receiver.all("parcel")) == len(payloads), 30, lambda: f"{len(receiver.all('parcel'))} came")
    check([payload_of(e) for e in receiver.all("parcel")] == payloads, "others came, or in another order")


# --- garbage ---

REFUSED = {
    b'{"id":1,"command":"status","bytes":3}\nabc': "a command has no bytes",
    b'{"id":1,"send":"<BROADCAST>","bytes":0}\n': "not empty",
    b'{"id":1,"send":"<BROADCAST>","bytes":3,"text":"a"}\nabc': "needs",
    b'{"id":1,"send":"<BROADCAST>","bytes":3,"text":"\xff"}\nabc': "unable to decode",
    b'{"id":1,"send":"<BROADCAST>","bytes":3,"kind":"none"}\nabc': "no kind",
    b'{"id":1,"bytes":3}\nabc': "a request has",
    b'{"id":1,"send":"<BROADCAST>","bytes":1025}\n' + b"x" * 1025: "maxParcel",
    b'{"id":1,"send":"<BROADCAST>","bytes":3000000}\n' + b'{"command":"quit"}\n' * 158_000: "maxParcel",
}
LOST = (b'{"id":1,"send":"<BROADCAST>","bytes":-1}', b'{"id":1,"send":"<BROADCAST>","bytes":"3"}',
        b'{"id":1,"send":"<BROADCAST>","bytes":3.0}', b'{"id":1,"send":"<BROADCAST>","bytes":1e3}',
        b'{"id":1,"send":"<BROADCAST>","bytes":03}', b'{"id":1,"send":"<BROADCAST>","bytes":99999999999999999999}',
        b'{"id":1,"send":"<BROADCAST>","bytes":3,"bytes":3}', b'{"id":1,"send":"<BROADCAST>","b\\u0079tes":3}',
        b'{"id":1,"send":"<BROADCAST>","bytes":3', b'{"id":1,"send":"<BROADCAST>","bytes":3}}',
        b'{"id":1,"send":"<BROADCAST>","bytes":[3]}', b'{"id":1,"send":"<BROADCAST>" "bytes":3}')
PAYLOAD_LIKE_A_COMMAND = b'{"command":"ban","peer":"10.1.1.1","id":2}\n'


def wrong_requests_are_passed_over_with_their_bytes(lab):
    sender, receiver = pair(lab, BINARY, "-maxParcel", "1K")
    for request, reason in REFUSED.items():
        since = sender.mark()
        size = request.index(b"\n") + 1
        if reason == "maxParcel":
            said = json.loads(request[:size])["bytes"]
            request = request[:size + said].ljust(size + said)
        sender.write(request)
        error = sender.wait("error", since=since, id=1)
        check(reason in error["message"], f"{request[:60]}: {error}")
        check(sender.status()["event"] == "status", f"{request[:60]}: it is not itself again")
    send_bytes(sender, b"good")
    receiver.wait("parcel")
    check([payload_of(e) for e in receiver.all("parcel")] == [b"good"], f"{receiver.all('parcel')}")
    check(len(sender.all("error")) == len(REFUSED), "bytes were taken for lines")


def if_nobody_knows_how_many_bytes_follow_the_input_ends(lab):
    """What may be a payload is never obeyed."""
    nodes = [(lab.node("-exclusive", BINARY, start=False), line) for line in LOST]
    for size in (80_000, 300_000):  # a line that is too long, as a whole and before its end has come
        node = lab.node("-exclusive", BINARY, "-maxParcel", "1K", start=False)
        nodes.append((node, b'{"id":1,"send":"<BROADCAST>","text":"%s"}' % (b"x" * size)))
    for node, line in nodes:
        node.start()
        with contextlib.suppress(BrokenPipeError):  # it may have ended before it has read all
            node.write(line + b"\n" + PAYLOAD_LIKE_A_COMMAND)
    for node, line in nodes:
        until(lambda n=node: n.process.poll() is not None, 5, f"{line[:60]}: it ends")
        (error,) = node.all("error")
        check(error["id"] == 1, f"{line[:60]}: {error}")
        check(node.process.returncode == 0 and not node.all("done"), f"{line[:60]}: {node.events}")
        check(node.all("ended"), f"{line[:60]}: {node.events}")


def an_input_that_ends_within_bytes_says_so(lab):
    node = lab.node("-exclusive", BINARY)
    node.write(b'{"id":1,"send":"<BROADCAST>","bytes":100}\n' + PAYLOAD_LIKE_A_COMMAND)
    node.process.stdin.close()
    until(lambda: node.process.poll() is not None, 5, "it ends")
    check("ends before" in node.wait("error", id=1)["message"], f"{node.events}")
    check(not node.all("done"), f"{node.events}")


def bytes_need_the_flag(lab):
    node = lab.node("-exclusive")
    node.write(b'{"id":1,"send":"<BROADCAST>","bytes":3}\n')
    check("-json=binary" in node.wait("error", id=1)["message"], f"{node.all('error')}")


def garbage_never_becomes_a_message(lab):
    """Requests with a byte changed: each is sent as it is, or refused, or the input ends."""
    pick = random.Random(17)
    for _ in range(6):
        sender, receiver = pair(lab, BINARY, "-maxParcel", "1K")
        for number in range(300):
            line = bytearray(json.dumps({"send": EVERYONE, "bytes": 8, "id": number}).encode())
            if pick.random() < 0.1:
                line[pick.randrange(len(line))] = pick.randrange(256)
            try:
                sender.write(bytes(line).replace(b"\n", b" ") + b"\n" + b"\n8 bytes")
            except BrokenPipeError:
                break
        if sender.process.poll() is None and not sender.all("ended"):
            sender.process.stdin.close()
        until(lambda s=sender: s.process.poll() is not None, 5, "it ends")
        came = [e["payload"] for e in receiver.all("parcel")]
        check(all(data[:8] == b"\n8 bytes"[:len(data)] for data in came), f"{came}")
        check(sender.process.returncode == 0, f"exit status {sender.process.returncode}")


def what_is_announced_takes_no_memory(lab):
    node = lab.node("-exclusive", BINARY, "-maxParcel", "128M")
    before, resident = node.memory("VmPeak"), node.memory()
    node.write(b'{"id":1,"send":"<BROADCAST>","bytes":%d}\n' % (120 * MEGA) + b"x" * (4 * MEGA))
    until(lambda: node.memory() - resident > 3, 5, "it has read most of it")
    check(node.memory("VmPeak") - before < 20 * SLOW, "memory for bytes that have not come")


if __name__ == "__main__":
    run([a_payload_is_text_or_base64, no_payload_is_a_command_to_a_terminal, it_can_be_in_base64_or_both, bytes_come_behind_their_line,
         text_and_base64_are_sent_as_ever, a_line_that_waits_for_room_keeps_its_bytes,
         wrong_requests_are_passed_over_with_their_bytes, if_nobody_knows_how_many_bytes_follow_the_input_ends,
         an_input_that_ends_within_bytes_says_so, bytes_need_the_flag, garbage_never_becomes_a_message,
         what_is_announced_takes_no_memory])
