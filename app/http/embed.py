#!/usr/bin/env python3
"""Makes a C source of the page: its bytes, and the policy that lets a browser run the script and the style that are in it,
and nothing else.

Usage: embed.py PAGE SOURCE
"""
import base64
import hashlib
import pathlib
import re
import sys


def hashes(page, tag):
    """Of each element of that name: what stands between its tags, byte by byte."""
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
                    for text in re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), page, re.DOTALL))


def policy(page):
    return (f"default-src 'none'; script-src {hashes(page, b'script')}; style-src {hashes(page, b'style')}; "
            "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def main(source, target):
    page = pathlib.Path(source).read_bytes()
    lines = [page[i:i + 20] for i in range(0, len(page), 20)]
    body = "\n".join("    " + " ".join(f"0x{byte:02x}," for byte in line) for line in lines)
    pathlib.Path(target).write_text(f"""#include "app/http/page.h"

static const unsigned char bytes[] = {{
{body}
    0x00,
}};

const char *const page_html = (const char *)bytes;
const char *const page_policy = "{policy(page)}";
""", encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
