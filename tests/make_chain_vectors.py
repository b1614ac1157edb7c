#!/usr/bin/env python3
"""Makes tests/vectors/chain.json: canonical JSON, blocks, transactions and genesis blocks as Python's json and hashlib make
them, and texts that nobody may accept. It shares no code with kith.

usage: make_chain_vectors.py [--check]   with --check it only compares the file with what it would write
"""

import copy
import hashlib
import json
import pathlib
import random
import sys

FILE = pathlib.Path(__file__).resolve().parent / "vectors" / "chain.json"
NUMBER_MAX = 2**53 - 1
NOBODY = "0" * 40


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value):
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def with_hash(block):
    return {**block, "hash": digest(block)}


def transaction(message, sender="ab" * 20, receiver="cd" * 20):
    return {"sender": sender, "receiver": receiver, "message": message}


def block(number, prev, time, transactions):
    return with_hash({"number": number, "prev": prev, "time": time, "transactions": transactions})


def genesis(network):
    return block(0, "0" * 64, 0, [transaction(["genesis", network], NOBODY, NOBODY)])


STRINGS = ["", "a", "ab", "A", "Z", "\u00e4", "\u00df", "\u20ac", "\uffff", "\ud7ff", "\ue000", "\U00010000", "\U0010ffff",
           "\U0001f600", "\x7f", "\x80", "\u2028", "\"", "\\", "/", "\b\f\n\r\t", "\x01\x1f\x0b\x0e", "a\"b\\c", " "]


def some_value(chance, depth):
    kind = chance.randrange(9 if depth > 0 else 6)
    if kind < 2:
        return "".join(chance.choices(STRINGS, k=chance.randrange(4)))
    if kind < 4:
        return chance.choice([0, 1, -1, 10, 2**31, 2**53, 2**63 - 1, -2**63, chance.randrange(-10**6, 10**6)])
    if kind < 6:
        return chance.choice([True, False, None])
    if kind < 7:
        return [some_value(chance, depth - 1) for _ in range(chance.randrange(5))]
    return {"".join(chance.choices(STRINGS, k=chance.randrange(1, 3))): some_value(chance, depth - 1)
            for _ in range(chance.randrange(12))}


def canonical_vectors():
    chance = random.Random(14)
    values = [*STRINGS, 0, -1, 2**63 - 1, -2**63, True, False, None, [], {}, [[], {}], {"b": 1, "a": 2, "": 3, "aa": 4, "\u00e4": 5},
              {"\uffff": 1, "\U00010000": 2, "z": 3}]
    values += [some_value(chance, 5) for _ in range(150)]
    # As it may be spelled: escapes of all, white space, another order.
    vectors = [{"text": json.dumps(value, ensure_ascii=True, indent=chance.choice([None, 1]),
                                   separators=chance.choice([(",", ":"), (" , ", "\t:\r\n")])),
                "canonical": canonical(value)} for value in values]
    vectors += [{"text": text, "canonical": made} for text, made in [
        (" \t\r\n1 \n", "1"), ("-0", "0"), ('"\\/\\u0041\\ud83d\\ude00"', '"/A\U0001f600"'), ('"\\u00e4"', '"\u00e4"'),
        ("[" * 32 + "]" * 32, "[" * 32 + "]" * 32)]]
    return vectors


def refused_vectors():
    texts = {
        "nothing": b"", "white space": b"  \n", "1,000 deep": b"[" * 1000 + b"]" * 1000, "1,000 deep, without its end": b"[" * 1000,
        "1,000 objects deep": b'{"a":' * 1000 + b"1" + b"}" * 1000, "33 deep": b"[" * 33 + b"]" * 33,
        "400 digits": b"9" * 400, "400 digits in a block": b'{"number":' + b"1" * 400 + b"}", "2^63": b"9223372036854775808",
        "-2^63 - 1": b"-9223372036854775809", "a real that is too large": b"1e400", "400 digits with a point": b"1" * 400 + b".0",
        "a name twice": b'{"a":1,"a":1}', "a name twice, spelled otherwise": b'{"a":1,"\\u0061":1}',
        "a name twice, further in": b'[{"x":{"b":1,"c":2,"b":3}}]', "half a pair": b'"\\ud800"', "the other half": b'"\\udc00"',
        "a pair the wrong way round": b'"\\udc00\\ud800"', "half a pair, then a letter": b'"\\ud800a"',
        "half a pair twice": b'"\\ud800\\ud800"', "a surrogate in UTF-8": b'"\xed\xa0\x80"', "U+0000": b'"a\\u0000b"',
        "U+0000 in a name": b'{"a\\u0000":1}', "a zero byte": b'"a\0b"', "a zero byte behind": b"1\0", "a zero byte behind an object": b"{}\0",
        "a zero byte before": b"\0{}", "a long form": b'"\xc0\xaf"',
        "beyond U+10FFFF": b'"\xf4\x90\x80\x80"', "half a character": b'"\xc3"', "a byte of none": b'"\xff"', "a BOM": b"\xef\xbb\xbf1",
        "a newline in a string": b'"a\nb"', "two values": b"1 2", "two objects": b"{}{}", "a comma behind": b"[1,]",
        "no comma": b"[1 2]", "a comma too many": b"[,1]", "single quotes": b"'a'", "no quotes": b"{a:1}", "a comment": b"/* */1",
        "NaN": b"NaN", "Infinity": b"-Infinity", "plus": b"+1", "a zero before": b"01", "a point before": b".5", "a point behind": b"1.",
        "an exponent alone": b"1e", "hex": b"0x10", "minus alone": b"-", "no end of a string": b'"abc', "no end of an object": b'{"a":1',
        "a bad escape": b'"\\x41"', "an escape at the end": b'"\\', "no digits": b'"\\u00g0"', "a literal too long": b"truee",
        "a literal in capitals": b"True", "the wrong bracket": b"[}", "a bracket too many": b"[]]", "no value": b'{"a"}',
        "a number as a name": b"{1:2}"}
    return [{"name": name, "hex": text.hex()} for name, text in texts.items()]


def not_canonical():
    return ["1.0", "1.5", "1e2", "[1,2.0]", '{"a":-0.0}']


def changed(value, **fields):
    other = copy.deepcopy(value)
    other.update(fields)
    return other


def without(value, field):
    other = copy.deepcopy(value)
    del other[field]
    return other


def bad_transactions():
    good = transaction(["hello"])
    yield "no object", [good]
    for field in good:
        yield f"without {field}", without(good, field)
        yield f"{field} is null", changed(good, **{field: None})
        yield f"{field} is a number", changed(good, **{field: 1})
        yield f"{field} is an object", changed(good, **{field: {}})
    for field in ("sender", "receiver"):
        for digits in ("", "ab" * 19, "ab" * 19 + "a", "ab" * 20 + "a", "ab" * 32, "xy" * 20, " " + "ab" * 19 + "a", "\u00e4" * 20):
            yield f"{field} is {digits!r}", changed(good, **{field: digits})
        yield f"{field} is an array", changed(good, **{field: ["ab" * 20]})
    yield "message is text", changed(good, message="hello")
    yield "a field more", changed(good, fee=1)
    yield "another field instead", changed(without(good, "message"), Message=[])
    yield "a number that is no integer", transaction([1.5])
    yield "a number that is no integer, further in", transaction([{"a": [1.0]}])
    nested = []
    for _ in range(23):
        nested = [nested]
    yield "nests too deep", transaction(nested)


def bad_blocks():
    good = block(1, genesis("LOCAL")["hash"], 1700000000, [transaction(["hello"])])
    hashless = without(good, "hash")
    yield "no object", [good]
    for field in good:
        yield f"without {field}", without(good, field)
        yield f"{field} is null", changed(good, **{field: None})
        yield f"{field} is an object", changed(good, **{field: {}})
    for field in ("number", "time"):
        for value in (-1, 2**53, 2**63 - 1, -2**63, 1.0, "1", True, [1]):
            yield f"{field} is {value!r}", with_hash(changed(hashless, **{field: value}))
    for field in ("prev", "hash"):
        for value in ("", "0" * 63, "0" * 65, "g" * 64, 0, ["0" * 64], "\u00e4" * 32):
            yield f"{field} is {value!r}", (with_hash(changed(hashless, prev=value)) if field == "prev" else
                                            changed(good, hash=value))
    yield "the hash of another", changed(good, hash=genesis("LOCAL")["hash"])
    yield "another number", changed(good, number=2)
    yield "another time", changed(good, time=good["time"] + 1)
    yield "another parent", changed(good, prev="0" * 64)
    yield "another transaction", changed(good, transactions=[transaction(["hallo"])])
    yield "no transaction", changed(good, transactions=[])
    yield "a hash of all fields", changed(good, hash=digest(good))
    yield "a field more", with_hash(changed(hashless, nonce=1))
    yield "a field more that is not hashed", changed(good, nonce=1)
    yield "transactions are text", with_hash(changed(hashless, transactions="none"))
    for name, bad in bad_transactions():
        yield f"a transaction: {name}", with_hash(changed(hashless, transactions=[transaction(["good"]), bad]))


def good_blocks():
    first = genesis("TEST")
    yield first
    yield block(1, first["hash"], 1700000000, [])
    yield block(2, first["hash"], 1700000000, [transaction([]), transaction(["}", "{\"", "\\", "],["]), transaction([{"a": {"b": []}}])])
    yield block(NUMBER_MAX, "f" * 64, NUMBER_MAX, [transaction(["\u20ac\n"])] * 3)
    yield block(3, "AB" * 32, 5, [transaction(["capitals"], "AB" * 20, "CD" * 20)])
    yield block(4, "ab" * 32, 5, [transaction([n, "x" * n]) for n in range(300)])


def vectors():
    nested = []
    for _ in range(22):
        nested = [nested]
    transactions = [transaction([]), transaction(["hello"]), transaction([1, -2, None, True, {"b": 1, "a": ["\u00e4\n"]}], "AB" * 20, NOBODY),
                    transaction(["\U0001f600", 2**63 - 1]), transaction(nested)]
    return {
        "canonical": canonical_vectors(),
        "refused": refused_vectors(),
        "not_canonical": not_canonical(),
        "genesis": [{"network": name, "hash": genesis(name)["hash"], "text": canonical(genesis(name))}
                    for name in ("MAIN", "TEST", "LOCAL", "my own", "\u00e4\"\\")],
        "transactions": [{"value": value, "id": digest(value), "text": canonical(value)} for value in transactions],
        "blocks": [{"value": value, "hash": value["hash"], "text": canonical(value),
                    "ids": [digest(each) for each in value["transactions"]]} for value in good_blocks()],
        "bad_transactions": [{"name": name, "value": value} for name, value in bad_transactions()],
        "bad_blocks": [{"name": name, "value": value} for name, value in bad_blocks()],
    }


def main():
    made = json.dumps(vectors(), indent=0, ensure_ascii=True, separators=(",", ":")) + "\n"
    if "--check" not in sys.argv[1:]:
        FILE.write_text(made)
        return 0
    same = FILE.read_text() == made
    print(f"{FILE.name} is {'as' if same else 'not as'} this script makes it")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
