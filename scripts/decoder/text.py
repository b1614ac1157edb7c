"""The lines that scripts/decode prints."""
import codecs
from datetime import datetime, timezone

from decoder import factom

TYPES = ("Heartbeat", "Ping", "Pong", "PeerRequest", "PeerResponse", "Alert", "Message", "MessagePart", "Handshake",
         "RejectAlternative")
NETWORKS = {0xFEEDBEEF: "MAIN", 0xDEADBEEF: "TEST", 0x00BEADED: "LOCAL"}
MAX_TEXT, MAX_REASON, MAX_BYTES, MAX_ADDRESSES = 60, 200, 24, 64
HEX_WIDTH = 32
WHITE_SPACE = "\t\n\r"


def printable(text):
    """The text with all but printable ASCII escaped: it comes from the network and goes to a terminal."""
    return text.encode("unicode_escape").decode()


def shortened(text, limit):
    return text if len(text) <= limit else f"{text[:limit]}..."


def quoted(text):
    return '"' + shortened(printable(text).replace('"', '\\"'), MAX_TEXT) + '"'


def start_as_text(payload):
    """Empty where it is no UTF-8. A character that the cut splits does no harm."""
    start = payload[:4 * MAX_TEXT]
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(start, len(start) == len(payload))
    except UnicodeDecodeError:
        return ""


def preview(payload):
    """Text where it reads as text, the start in hex otherwise."""
    text = start_as_text(payload)
    if text and all(character.isprintable() or character in WHITE_SPACE for character in text):
        return quoted(text)
    return "bytes " + payload[:MAX_BYTES].hex() + ("..." if len(payload) > MAX_BYTES else "")


def addresses(found):
    shown = [shortened(printable(address), MAX_TEXT) for address in found[:MAX_ADDRESSES]]
    more = [f"and {len(found) - MAX_ADDRESSES} more"] if len(found) > MAX_ADDRESSES else []
    return ", ".join(shown + more) or "none"


def type_name(number):
    return f"{TYPES[number] if number < len(TYPES) else 'invalid'}({number})"


def network(number):
    return f"{number:08x}" + (f" {NETWORKS[number]}" if number in NETWORKS else "")


def identity(fields):
    return [f"network {network(fields['Network'])}", f"version {fields['Version']}", f"node {fields['NodeID']:08x}"]


def checksum(parcel):
    given, right = parcel.fields["Crc32"], factom.crc32k(parcel.payload)
    return f"checksum {given:08x} " + ("good" if given == right else f"BAD, not {right:08x}")


def length(parcel):
    given = parcel.fields["Length"]
    return f"length {given} " + ("good" if given == len(parcel.payload) else "BAD")


def parts(parcel):
    number, total = parcel.fields["PartNo"], parcel.fields["PartsTotal"]
    wanted = parcel.type == factom.MESSAGE_PART or number or total
    return [f"part {number} of {total}, message {quoted(parcel.fields['AppHash'])}"] if wanted else []


def gob_handshake(parcel):
    """All fields of the V9 shape."""
    fields = parcel.fields
    return [*identity(fields), f"port {quoted(fields['PeerPort'])}", length(parcel), checksum(parcel),
            f"target {quoted(fields['TargetPeer'])}", f"part {fields['PartNo']} of {fields['PartsTotal']}",
            f"address {quoted(fields['PeerAddress'])}", f"app {quoted(fields['AppHash'])} {quoted(fields['AppType'])}"]


def handshake(parcel):
    if parcel.shape == 10:
        return []
    if parcel.shape == 9:
        return [*gob_handshake(parcel), *gob_nonce(parcel)]
    if "ListenPort" not in parcel.fields:
        return []  # of a handshake's type, but none: it is not the first
    return [*identity(parcel.fields), f"port {quoted(parcel.fields['ListenPort'])}",
            f"nonce {parcel.fields['Loopback']:016x}", f"alternatives {addresses(factom.alternatives(parcel))}"]


def gob_nonce(parcel):
    if parcel.type == factom.REJECT:
        return []
    if len(parcel.payload) == 8:
        return [f"nonce {int.from_bytes(parcel.payload, 'little'):016x}"]
    return [f"no nonce but {preview(parcel.payload)}"]


def header(parcel):
    """What the head of a V9 parcel says besides the type, where it is no handshake."""
    target, said = parcel.fields["TargetPeer"], [checksum(parcel)]
    if parcel.fields["Length"] != len(parcel.payload):
        said.append(length(parcel))
    if target:
        said.append(f"target {quoted(target)}")
    return said + parts(parcel)


def content(parcel):
    """What is in the parcel. Raises factom.BadShare."""
    said = []
    if parcel.is_handshake():
        said += handshake(parcel)
    elif parcel.shape == 9:
        said += header(parcel)
    if parcel.unknown:
        said.append("unknown fields " + shortened(printable(" ".join(parcel.unknown)), MAX_TEXT))
    if parcel.type == factom.PEER_RESPONSE:
        said.append("share " + addresses(factom.share(parcel)))
    elif parcel.type == factom.REJECT and parcel.shape != 11:
        said.append("alternatives " + addresses(factom.alternatives(parcel)))
    elif parcel.payload and not (parcel.is_handshake() and said):
        said.append(preview(parcel.payload))
    return said


def parcel_line(parcel):
    """(the line, whether all of it decodes)"""
    version = parcel.fields["Version"] if parcel.shape == 9 else parcel.shape
    head = f"V{version:<2} {type_name(parcel.type)}, {len(parcel.payload)} bytes"
    try:
        return "; ".join([head, *content(parcel)]), True
    except factom.BadShare as fault:
        return f"{head}; DOES NOT DECODE: {fault}; {preview(parcel.payload)}", False


def hex_lines(offset, raw):
    """Bytes with their offset in the stream."""
    return [f"    {offset + at:8}  {raw[at:at + HEX_WIDTH].hex(' ', -2)}" for at in range(0, len(raw), HEX_WIDTH)]


def moment(nanoseconds):
    """The date and time; a hostile capture may name one that no calendar has."""
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        date = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        date = f"second {seconds}"
    return f"{date}.{rest // 1000:06} UTC"
