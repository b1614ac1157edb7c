#!/usr/bin/env python3
"""Prints which file of the sources uses which, and checks that rooms run one way and that no files stand in a circle.

Usage: check_graph.py BUILD-FOLDER [root of the sources]
A file is a .c with its .h. It uses another if it includes its header, or if its object needs a function or variable that
the other's object defines: the compiler's objects tell, so that nothing is guessed from the text. Neither may headers
include each other in a circle, nor files need each other's functions in one.
Exit code: 0 nothing found, 1 something.
"""
import json
import pathlib
import subprocess
import sys

from check_rules import ARROWS, INCLUDE, PUBLIC_HEADER, without_comments

# Circles that may stand, each with its reason.
KNOWN = {}


def file_of(path):
    """The file that a .c or .h belongs to: its path without the suffix."""
    return path.rpartition(".")[0]


def included(root, path):
    """The headers of the project that a file includes."""
    for line in without_comments((root / path).read_text()).splitlines():
        found = INCLUDE.match(line)
        if found:
            yield PUBLIC_HEADER if found[1] == pathlib.PurePath(PUBLIC_HEADER).name else found[1]


def objects(build, root):
    """Each source in a room with its object; one of them if it was compiled more than once."""
    for command in json.loads((build / "compile_commands.json").read_text()):
        source = (pathlib.Path(command["directory"]) / command["file"]).resolve()
        if source.is_relative_to(root) and source.relative_to(root).parts[0] in ARROWS:
            yield source.relative_to(root).as_posix(), pathlib.Path(command["directory"]) / command["output"]


def symbols(files):
    """For each object, the names that it defines for others and those that it needs of others."""
    listed = subprocess.run(["nm", "--format=posix", "--extern-only", "--print-file-name", *files],
                            check=True, capture_output=True, text=True)
    names = {str(file): (set(), set()) for file in files}
    for line in listed.stdout.splitlines():
        file, _, symbol = line.rpartition(": ")
        name, kind = symbol.split()[:2]
        names[file][kind in "Uvw"].add(name)
    return names


def graph_of_includes(root, sources):
    """Each .c and .h with the headers that it includes."""
    return {path: {used: [] for used in included(root, path) if used in sources} for path in sources}


def graph_of_needs(build, root, sources):
    """Each file with those whose functions and variables it needs, and their names; and the sources without an object. A
    folder that this build leaves out has none."""
    files = dict(objects(build, root))
    names = symbols(files.values())
    compiled = {path: names[str(file)] for path, file in files.items()}
    owners = {name: file_of(path) for path, (defined, _) in compiled.items() for name in defined}
    graph = {file_of(path): {} for path in sources}
    for path, (_, needed) in compiled.items():
        for name in sorted(needed & owners.keys()):
            if owners[name] != file_of(path):
                graph[file_of(path)].setdefault(owners[name], []).append(name)
    built = {path.rpartition("/")[0] for path in compiled}
    return graph, [path for path in sources
                   if path.endswith(".c") and path.rpartition("/")[0] in built and path not in compiled]


def reached(graph, start):
    found, todo = set(), [start]
    while todo:
        for used in graph[todo.pop()]:
            if used not in found:
                found.add(used)
                todo.append(used)
    return found


def circles(graph):
    """The sets of files of which each reaches each."""
    reach = {file: reached(graph, file) for file in graph}
    return sorted({frozenset(other for other in reach[file] if file in reach[other]) for file in graph if file in reach[file]},
                  key=sorted)


def print_circle(graph, circle):
    print(f"circle: {', '.join(sorted(circle))}")
    for file in sorted(circle):
        for used in sorted(circle & graph[file].keys()):
            print(f"  {file} -> {used}: {', '.join(graph[file][used]) or 'included'}")


def print_graph(includes, needs):
    for file, needed in needs.items():
        used = {file_of(header) for path in (file + ".c", file + ".h") for header in includes.get(path, ())}
        print(f"{file}: {' '.join(sorted((used | needed.keys()) - {file})) or '-'}")


def check_rooms(needs):
    """What a file needs without including it is not seen by check_rules.py."""
    for position, (room, below) in enumerate(ARROWS.items()):
        for other in below:
            if other not in list(ARROWS)[:position]:
                yield f"rooms: {room} may include {other}, which does not stand before it"
    for file, needed in needs.items():
        room = file.split("/")[0]
        for used, names in needed.items():
            if used.split("/")[0] not in (room, *ARROWS[room]):
                yield f"rooms: {file} must not need {used}: {', '.join(names)}"


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent.parent).resolve()
    sources = sorted(file.relative_to(root).as_posix() for room in ARROWS for file in (root / room).rglob("*.[ch]"))
    includes = graph_of_includes(root, sources)
    needs, missing = graph_of_needs(build, root, sources)
    print_graph(includes, needs)
    faults = [f"not compiled: {path}" for path in missing] + list(check_rooms(needs))
    for fault in faults:
        print(fault)
    bad = 0
    for graph in (includes, needs):
        for circle in circles(graph):
            if not any(circle <= known for known in KNOWN.values()):
                print_circle(graph, circle)
                bad += 1
    print(f"{len(needs)} files, {bad} circles, {len(faults)} other faults")
    return 1 if bad or faults or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
