#!/usr/bin/env python3
"""What two nodes say to each other: every version on each side, payloads of every size, IPv6 and host names.

Usage: test_payloads.py PATH-OF-KITH
"""
import base64
import itertools
import random

from kithnode import SLOW, check, payload_of, promises, run, until

SIZES = (1, 2, 127, 128, 255, 256, 4095, 4096, 4097, 65535, 65536, 1 << 20)
LARGEST = (16 << 20) - 1, 16 << 20


def pair_of_versions(lab, dialer, listener):
    a = lab.node("-exclusive", "-protocolVersion", str(listener))
    b = lab.node("-exclusive", "-protocolVersion", str(dialer), "-peers", a.endpoint)
    return a, b, b.wait_online(a), a.wait_online(b)


def versions(lab):
    """The connection continues in the version of the reply: that of the request, but a node set to 9 answers 10 with 9."""
    seen = []
    for dialer, listener in itertools.product((9, 10, 11), repeat=2):
        a, b, of_a, of_b = pair_of_versions(lab, dialer, listener)
        wanted = 9 if (dialer, listener) == (10, 9) else dialer
        check(of_a["version"] == of_b["version"] == wanted, f"{dialer} dials {listener}: {of_a['version']}, {of_b['version']}")
        for sender, receiver, name in ((a, b, of_b["peer"]), (b, a, of_a["peer"])):
            text = f"from {sender} to {receiver}"
            check(sender.send(name, text)["event"] == "sent", "not sent")
            receiver.wait("parcel", text=text)
        seen.append(f"{dialer}>{listener}={wanted}")
        a.end()
        b.end()
    return " ".join(seen)


@promises("F10")
def too_low(lab):
    a = lab.node("-exclusive", "-protocolVersionMinimum", "10")
    b = lab.node("-exclusive", "-protocolVersion", "9", "-peers", a.endpoint, "-redialSpecial", "60s")
    until_refused = "version 9, at least 10 is wanted"
    until(lambda: until_refused in a.stderr(), 5, lambda: f"no reason in the log: {a.stderr()}")
    check(not a.online and not b.online, "a version that is too low got through")


def sizes(lab, version):
    """Payloads from one byte to 16 MiB, compared byte by byte: both ways, of the two largest each one way."""
    a, b, of_a, of_b = pair_of_versions(lab, version, version)
    there, back = (a, b, of_b["peer"]), (b, a, of_a["peer"])
    for size, ways in [*((size, (there, back)) for size in SIZES), *zip(LARGEST, ((there,), (back,)))]:
        payload = random.randbytes(size)
        for sender, receiver, name in ways:
            since = receiver.mark()
            sender.request(send=name, base64=base64.b64encode(payload).decode())
            got = receiver.wait("parcel", seconds=200, since=since)
            check(payload_of(got) == payload, f"{size} bytes came back changed")
    return f"{sum(LARGEST) + 2 * sum(SIZES) >> 20} MiB"


def sizes_in_version_9(lab):
    return sizes(lab, 9)


def sizes_in_version_10(lab):
    return sizes(lab, 10)


def sizes_in_version_11(lab):
    return sizes(lab, 11)


@promises("F13")
def ipv6(lab):
    a = lab.node("-exclusive", "-bind", "::1", "-networkPort", "0")
    endpoint = a.wait("listening")["address"]
    check(endpoint.startswith("[::1]:"), endpoint)
    b = lab.node("-exclusive", "-bind", "::1", "-networkPort", "0", "-peers", endpoint)
    name = b.wait_online(endpoint)["peer"]
    check(name.startswith(endpoint + " "), name)
    b.send(name, "over IPv6")
    a.wait("parcel", text="over IPv6")


def host_names(lab):
    a = lab.node("-exclusive", address="127.0.0.1", start=False)
    a.flags += ["-networkPort", "0"]
    a.start()
    port = a.wait("listening")["address"].rpartition(":")[2]
    b = lab.node("-exclusive", "-peers", f"localhost:{port}", address="127.0.0.1", start=False)
    b.flags += ["-networkPort", "0"]
    b.start()
    check(b.wait_online(f"127.0.0.1:{port}")["special"], "not special")
    a.wait("online")  # each side says so when it has got so far
    check(a.status()["incoming"] == 1, "not one incoming connection")


@promises("F13")
def every_address(lab):
    """Without -bind a node is reached by IPv4 and IPv6."""
    a = lab.node("-exclusive", start=False)
    a.command_line = lambda: [a.kith, "-json", "-network", "LOCAL", "-networkPort", "0", "-exclusive", "-home", a.home,
                              "-seedURL=", "-acceptInterval", "0"]
    a.start()
    port = a.wait("listening")["address"].rpartition(":")[2]
    b = lab.node("-exclusive", "-peers", f"127.0.0.1:{port}")
    c = lab.node("-exclusive", "-bind", "::1", "-networkPort", "0", "-peers", f"[::1]:{port}")
    b.wait_online(f"127.0.0.1:{port}")
    c.wait_online(f"[::1]:{port}")


if __name__ == "__main__":
    if SLOW > 1:
        LARGEST = ()  # a sanitizer would spend minutes on them
    run([sizes_in_version_9, sizes_in_version_10, sizes_in_version_11, versions, too_low, ipv6, host_names,
         every_address])
