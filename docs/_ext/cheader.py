"""include/kith.h as a page: what it declares, with the comments that say what it means, for Sphinx' C domain."""
import dataclasses
import re

COMMENT = re.compile(r"/\*.*?\*/", re.S)
ROLES = {"function": "func", "struct": "struct", "enum": "enum", "enumerator": "enumerator", "macro": "macro", "type": "type"}


@dataclasses.dataclass
class Item:
    """A declaration, or a member of one; those that share one comment share an item."""
    kind: str  # function, struct, enum, enumerator, member, macro, type; "text" for a comment by itself
    signatures: list
    text: str = ""
    members: list = dataclasses.field(default_factory=list)

    def names(self):
        return [re.sub(r"\[.*|\(.*| = .*", "", s).split()[-1].lstrip("*") for s in self.signatures]


def words_of(comment):
    """The text of a comment, its lines without their stars."""
    lines = comment[2:-2].strip().splitlines()
    return "\n".join(re.sub(r"^ ?\* ?", "", line.strip() if i else line) for i, line in enumerate(
        re.sub(r"^\s+(?=\*)", " ", line) if line.lstrip().startswith("*") else line.strip() for line in lines))


def split_top(text, separator):
    """At separators that are in no brackets."""
    depth, parts = 0, [""]
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


def declarators(text):
    """`char a[3], *b` as `char a[3]` and `char *b`."""
    first, *others = split_top(" ".join(text.split()), ",")
    base = re.sub(r"[\s*]*\w+(\[[^]]*\])*$", "", first)
    return [first] + [f"{base} {other}" for other in others]


def members_of(body, separator, kind):
    """Of a struct or an enum. A comment behind a member is its own; one on lines of its own is for those that follow."""
    found, code, at = [], "", 0
    for match in re.finditer(rf"/\*.*?\*/|{separator}|\n|[^/{separator}\n]+|.", body + "\n", re.S):
        token = match[0]
        if token.startswith("/*"):
            own_line = not body[at:match.start()].rpartition("\n")[2].strip()
            if own_line and not code.strip():
                found.append(Item("text", [], words_of(token)))
            elif code.strip():
                found.append(Item(kind, declarators(code) if kind == "member" else [" ".join(code.split())], words_of(token)))
                code = ""
            else:
                found[-1].text = words_of(token)
        elif token == separator:
            if code.strip():
                found.append(Item(kind, declarators(code) if kind == "member" else [" ".join(code.split())]))
            code = ""
        elif token != "\n":
            code += token
        else:
            code += " "
    if code.strip():
        found.append(Item(kind, [" ".join(code.split())]))
    return found


def declaration(code):
    """An item of a declaration, without its comment; None for one that says nothing."""
    code = code.strip().removeprefix("KITH_API ").rstrip(";").strip()
    whole = re.match(r"(struct|enum) (\w+)\s*\{(.*)\}$", code, re.S)
    if whole:
        separator, member = (";", "member") if whole[1] == "struct" else (",", "enumerator")
        return Item(whole[1], [whole[2]], members=members_of(whole[3], separator, member))
    code = " ".join(COMMENT.sub("", code).split())
    if code.startswith("typedef "):
        return Item("type", [code.removeprefix("typedef ")])
    if re.fullmatch(r"struct \w+", code):
        return Item("struct", [code.split()[1]])
    return Item("function", [code]) if "(" in code else None


def chunks_of(text):
    """(what, text) in turn: comments, macros, declarations with what is behind them on their line, and blank lines."""
    pattern = re.compile(r"(?P<comment>/\*.*?\*/)|(?P<macro>\#define (?:[^\n]*\\\n)*[^\n]*)|(?P<skip>\#[^\n]*|extern \"C\" \{|^\}$)"
                         r"|(?P<blank>\n[ \t]*\n)|(?P<code>[A-Za-z](?:\{[^}]*\}|/\*(?:[^*]|\*(?!/))*\*/|[^;{/])*;)|\s+", re.S | re.M)
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        if not match:
            raise ValueError(f"kith.h: cannot read {text[at:at + 60]!r}")
        if match.lastgroup and match.lastgroup != "skip":
            yield match.lastgroup, match[0], text[match.start() - 1:match.start()] != "\n"
        at = match.end()


def stands_alone(chunks):
    """Whether the comment before macros is theirs: no declaration follows them at once."""
    after = [what for what, _, same_line in chunks if not (what == "comment" and same_line)]
    while after and after[0] == "macro":
        del after[0]
    return not after or after[0] == "blank"


def read(text):
    """(what the whole is, sections: [title, text, items])"""
    intro, pending, sections, latest = None, "", [["The library", "", []]], None
    chunks = list(chunks_of(text))
    for number, (what, chunk, same_line) in enumerate(chunks):
        if what == "blank":
            latest = None
            continue
        if what == "comment":
            words = words_of(chunk)
            title = re.match(r"--- (.*?) ---\s*", words)
            if intro is None:
                intro = words
            elif title:
                sections.append([title[1], words[title.end():].strip(), []])
            elif same_line and latest:
                latest.text = words
            else:
                pending = words
            continue
        if what == "macro":
            name = re.match(r"#define (\w+(?:\([^)]*\))?)", chunk)[1]
            comment = COMMENT.search(chunk)
            item = None if name == "KITH_H" or name == "KITH_API" else Item("macro", [name], words_of(comment[0]) if comment else "")
        else:
            item = declaration(chunk)
        if not item:
            continue
        items = sections[-1][2]
        if what == "code" and item.kind == "function" and latest and latest.kind == "function" and not latest.text_is_behind:
            latest.signatures += item.signatures
            continue
        if pending and (item.kind != "macro" or stands_alone(chunks[number:])):
            item.text, pending = pending, ""
            item.text_is_behind = False
        else:
            item.text_is_behind = True
        items.append(item)
        latest = item
    return intro, [section for section in sections if section[2]]


# --- as reStructuredText ---

def all_names(sections):
    names = {}
    items = [item for section in sections for item in section[2]]
    for item in sorted(items, key=lambda each: each.kind == "function"):
        names.update({name.partition("(")[0]: item.kind for name in item.names()})
    for item in items:
        for member in item.members:
            if member.kind == "enumerator" and names[item.names()[0]] != "function":
                names.update({name: "enumerator" for name in member.names()})
    return names


def rst(text, names):
    """Prose, its names as links; what is indented is a program."""
    out = []
    for paragraph in re.split(r"\n\s*\n", text):
        if all(line.startswith("    ") for line in paragraph.splitlines()):
            out += [".. code-block:: c", "", *("   " + line[4:] for line in paragraph.splitlines()), ""]
            continue
        plain = " ".join(paragraph.split())
        escaped = re.sub(r"([\\*`|_])", r"\\\1", plain)
        linked = re.sub(r"(?<![\w\\])((?:kith|KITH)(?:\\_\w+?)+)(?![\w\\])", lambda m: link(m[1].replace("\\_", "_"), names, m[0]), escaped)
        out += [re.sub(r"\\`(.*?)\\`", lambda m: "``" + m[1].replace("\\", "") + "``", linked), ""]
    return out


def link(name, names, otherwise):
    return f"\\ :c:{ROLES[names[name]]}:`{name}`\\ " if name in names else otherwise


def indented(lines):
    return ["   " + line if line else "" for line in lines]


def item_rst(item, names, hidden=False):
    """`hidden`: it is no target of links. The domain has one namespace for functions and for what C tells from them by
    `struct` or `enum`."""
    if item.kind == "text":
        return rst(item.text, names)
    first, *others = item.signatures
    hidden = hidden or item.kind in ("struct", "enum") and names.get(first) == "function"
    directive = ".. describe:: " if hidden else f".. c:{item.kind}:: "
    if hidden and item.members:
        first = f"{item.kind} {first}"
    head = [directive + first, *(" " * len(directive) + other for other in others), ""]
    body = rst(item.text, names) if item.text else []
    for member in item.members:
        body += item_rst(member, names, hidden)
    return head + indented(body) + [""]


def page(text):
    """The lines of the page, without its title."""
    intro, sections = read(text)
    names = all_names(sections)
    lines = rst(intro, names)
    for title, words, items in sections:
        title = title[0].upper() + title[1:]
        lines += ["", title, "-" * len(title), "", *(rst(words, names) if words else [])]
        for item in items:
            lines += item_rst(item, names)
    return lines
