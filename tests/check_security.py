#!/usr/bin/env python3
"""Checks docs/security.md: each attack in its table has a cost, a reach and tests, and each of those tests exists and is
run.

usage: check_security.py PAGE FOLDER-OF-THE-TESTS
"""
import pathlib
import re
import sys

HEAD = ["attack", "costs", "reaches", "tests"]
NAMED = re.compile(r"`(unit|attacks|node)/(\w+): (\w+)`")
IN_C, IN_PYTHON = r"\b(?:\w*(?:unit|promise)_test\w*|TEST)\((?:\"[^\"]*\",\s*)?%s\b", r"(?s)__main__.*\b%s\b"


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(page):
    """Those of the table of attacks, without its headings."""
    found, inside = [], False
    for line in page.splitlines():
        if not line.startswith("|"):
            inside = False
        elif cells(line) == HEAD:
            inside = True
        elif inside and not re.fullmatch(r"[|\s-]+", line) and not re.fullmatch(r"\*\*.*\*\*", cells(line)[0]):
            found.append(cells(line))
    return found


def fault_of(room, name, test, folder):
    path = folder / room / f"test_{name}.{'c' if room == 'unit' else 'py'}"
    if not path.is_file():
        return f"there is no {path.name} in {room}"
    text = path.read_text(encoding="utf-8")
    if not re.search((IN_C if room == "unit" else IN_PYTHON) % test, text):
        return f"{room}/{path.name} runs no {test}"
    if not re.search(rf"'{name}'", (folder / room / "meson.build").read_text(encoding="utf-8")):
        return f"{room}/{path.name} is not in meson.build"
    return None


def faults(page, folder):
    found = rows(page)
    if not found:
        yield "there is no table of attacks"
    for row in found:
        if len(row) != len(HEAD) or not all(row):
            yield f"{row[0]}: a cell is missing or empty"
            continue
        named = NAMED.findall(row[-1])
        if not named or re.sub(r"[\s,]", "", NAMED.sub("", row[-1])):
            yield f"{row[0]}: this is not a list of tests: {row[-1]}"
        for room, name, test in named:
            fault = fault_of(room, name, test, folder)
            if fault:
                yield f"{row[0]}: {fault}"


def sees_faults(page, folder):
    """It must see what is wrong with the first row, were it so."""
    first = next(line for line in page.splitlines() if line.startswith("|") and NAMED.search(line))
    named = NAMED.search(first)
    wrong = (first.replace(named.group(3), "nobody_wrote_this"), first.replace(f"/{named.group(2)}:", "/nowhere:"),
             first.replace(cells(first)[-1], "it is so"), first.replace(cells(first)[1], ""))
    return all(list(faults(page.replace(first, line), folder)) for line in wrong)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    page, folder = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"), pathlib.Path(sys.argv[2])
    found = list(faults(page, folder))
    if not found and not sees_faults(page, folder):
        found = ["this check sees no fault where there is one"]
    print("\n".join(found) if found else f"{len(rows(page))} attacks have their tests")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
