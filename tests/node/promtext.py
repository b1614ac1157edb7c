"""Reads Prometheus' text format 0.0.4, strictly: what its page says, and what its naming guide asks for."""
import re

from kithnode import check

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (NaN|[+-]Inf|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)")


class Family:
    def __init__(self, name, words):
        self.name, self.help, self.kind, self.samples = name, words, None, {}


def read_labels(text):
    """In their order, as one key: (("queue", "inbound"),)"""
    found = re.findall(LABEL, text or "")
    check(len({name for name, _ in found}) == len(found), f"a label comes twice: {text}")
    return tuple((name, value.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")) for name, value in found)


def check_name(family):
    check((family.kind == "counter") == family.name.endswith("_total"), f"{family.name}: a {family.kind}")
    for word in ("milliseconds", "ms", "kilobytes", "percent"):
        check(word not in family.name.split("_"), f"{family.name}: not a base unit")
    check(family.help.endswith("."), f"{family.name}: its help is no sentence")


def parse(text):
    """Families by name. Each is one block: HELP, TYPE, samples."""
    check(text.endswith("\n") and "\r" not in text and "\n\n" not in text, "lines end with one newline each")
    families, family = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            check(name not in families and re.fullmatch(NAME, name), f"not a new name: {line}")
            check(family is None or family.samples, f"no sample: {family and family.name}")
            family = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(family and family.name == name and family.kind is None and kind in ("counter", "gauge"), line)
            family.kind = kind
            check_name(family)
        else:
            found = SAMPLE.fullmatch(line)
            check(found and family and found[1] == family.name and family.kind, f"no sample: {line}")
            key = read_labels(found[2])
            check(key not in family.samples, f"twice: {line}")
            check([n for n, _ in key] == [n for n, _ in next(iter(family.samples), key)], f"other labels: {line}")
            family.samples[key] = float(found.groups()[-1])
    check(family and family.samples, "no metrics")
    return families


def counters(families):
    """Each sample that must never become less."""
    return {(f.name, key): value for f in families.values() if f.kind == "counter" for key, value in f.samples.items()}
