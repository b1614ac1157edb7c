"""Describes the extension kith._binding to cffi: the functions of include/kith.h, which is read here, and those of
native/; and builds libkith.a, which it links.

The library is that of a build folder of meson, which the environment variable KITH_BUILD names. Without the variable it is
built, in the folder build-python beside this repository's other build folders, or in an unpacked archive of sources.
"""
import os
import re
import shlex
import subprocess
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
REPOSITORY = "library"  # the folder of an archive of sources that holds what lies beside HERE in the repository
ROOT = HERE / REPOSITORY if (HERE / REPOSITORY).exists() else HERE.parent
# What meson reads besides the folders that hold the library.
BESIDES = ("LICENSE", "meson.build", "meson_options.txt", "include/kith.h", "docs/kith.1", "docs/kith-ctl.1",
           "tests/meson.build", "bench/meson.build", "python/meson.build")


def header() -> str:
    return (ROOT / "include" / "kith.h").read_text(encoding="utf-8")


def version() -> str:
    found = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text(encoding="utf-8"))
    assert found, "meson.build tells no version"
    return found.group(1)


def sources() -> list[Path]:
    """What the library is built from."""
    folders = re.findall(r"^subdir\('(\w+)'\)", (ROOT / "meson.build").read_text(encoding="utf-8"), flags=re.MULTILINE)
    inside = [path for folder in folders if f"{folder}/meson.build" not in BESIDES for path in (ROOT / folder).rglob("*")]
    return sorted([ROOT / name for name in BESIDES] + [path for path in inside if path.is_file() and "__pycache__" not in path.parts])


def declarations(text: str) -> str:
    """What a header declares, as cffi reads it: without comments, conditions, attributes and bodies of functions. A
    number that is defined stays one, for the compiler to fill in."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL).replace("\\\n", " ")
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.DOTALL)
    numbers = re.findall(r"^#define[ \t]+((?:KITH|NATIVE)_\w+)[ \t]+(?:\d+|0x[0-9a-fA-F]+)[ \t]*$", text, flags=re.M)
    text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\bstatic inline\b[^;{]*\{.*?^\}", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text)
    text = re.sub(r"\bKITH_API\b", "", text)
    return "".join(f"#define {name} ...\n" for name in numbers) + text


def own_declarations() -> str:
    text = (HERE / "native" / "native.h").read_text(encoding="utf-8")
    return declarations(text.partition("/* cffi reads on from here. */")[2].partition("/* As far as here. */")[0])


def archive_and_links() -> tuple[str, list[str]]:
    """libkith.a, and what a program that uses it links besides."""
    named = os.environ.get("KITH_BUILD")
    build = Path(named).resolve() if named else ROOT / "build-python"
    if not named:
        if not (build / "build.ninja").exists():
            subprocess.run(["meson", "setup", build, ROOT, "-Dbuildtype=release", "-Dtests=false"], check=True)
        subprocess.run(["ninja", "-C", build, "libkith.a"], check=True)
    told = subprocess.run(["pkg-config", "--static", "--libs", "kith"], check=True, capture_output=True, text=True,
                          env={**os.environ, "PKG_CONFIG_PATH": str(build / "meson-private")}).stdout
    return str(build / "libkith.a"), [word for word in shlex.split(told) if word != "-lkith"]


def make() -> FFI:
    ffi = FFI()
    ffi.cdef(declarations(header()))
    ffi.cdef(own_declarations())
    # Called by the store's thread of a node; the first argument stands for the application's function.
    ffi.cdef('extern "Python" bool native_judge(void *context, const char *kind, const void *text, size_t size);')
    ffi.set_source(
        "kith._binding",
        (HERE / "native" / "native.c").read_text(encoding="utf-8"),
        include_dirs=[str(ROOT / "include"), str(HERE / "native")],
        # Nothing of the library is seen outside the extension: another copy of it may be in the same process.
        extra_link_args=["-Wl,--exclude-libs,ALL", "-Wl,-Bsymbolic"],
        extra_compile_args=["-O2", "-fvisibility=hidden"])
    return ffi
