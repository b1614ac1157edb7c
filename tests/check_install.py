#!/usr/bin/env python3
"""Installs what was built into a folder of its own, and uses it as a program that embeds a node does: by pkg-config,
in C and in C++, with each compiler that is there, against the shared and the static library.

Usage: check_install.py FOLDER-OF-THE-BUILD VERSION
Prints how each test ended. Exit code: 0 all hold, 1 some do not.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checking import check, run_all

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "install" / "embed.c"
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
# By compiler: the language, and what it warns of though the header says that it is so (stdbool.h in C of 1989).
COMPILERS = {
    "gcc": ["-std=c89", "-Wstrict-prototypes", "-Wc++-compat"],
    "clang": ["-std=c89", "-Wstrict-prototypes", "-Wno-c99-extensions"],
    "g++": ["-xc++", "-std=c++98"],
    "clang++": ["-xc++", "-std=c++98"],
}


def run(*command, **options):
    found = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **options)
    check(found.returncode == 0, f"{' '.join(map(str, command))}: {found.returncode}\n{found.stdout}{found.stderr}")
    return found.stdout


class Installed:
    """What `meson install` has put into a folder."""

    def __init__(self, build, version, root):
        self.root, self.version = root, version
        self.has_service = Path(build, "dist", "kith@.service").exists()
        run("meson", "install", "-C", build, "--no-rebuild", "--destdir", root)
        self.pc = self.one("kith.pc")
        self.lib = self.pc.parent.parent

    def one(self, name):
        found = [path for path in self.root.rglob(name) if "debug" not in path.parts]
        check(len(found) == 1, f"{name}: {found}")
        return found[0]

    def config(self, *options):
        """pkg-config that knows of no other library, as where the dependencies' packages are not there."""
        told = run("pkg-config", *options, "kith", env={
            "PATH": os.environ["PATH"], "PKG_CONFIG_LIBDIR": str(self.pc.parent),
            "PKG_CONFIG_SYSROOT_DIR": str(self.root)})
        return told.split()


def names_that_are_global(library, *options):
    lines = run("nm", "--defined-only", "--extern-only", "--format=posix", *options, library).splitlines()
    found = {line.split()[0].split("@")[0] for line in lines if len(line.split()) > 1}
    return {name for name in found if not re.fullmatch(r"KITH_\d+", name)} # the names of symbol versions


def declared():
    return set(re.findall(r"^KITH_API [^;]*?\b(kith_\w+)\(", (HERE.parent / "include" / "kith.h").read_text(), re.M))


def the_libraries_define_what_the_header_declares_and_nothing_else(tree):
    wanted = declared()
    check(len(wanted) > 20, f"{wanted}")
    for library, options in (("libkith.a", []), ("libkith.so", ["--dynamic"])):
        found = names_that_are_global(tree.lib / library, *options)
        check(found == wanted, f"{library}: {sorted(found ^ wanted)}")


def the_static_library_holds_machine_code(tree):
    sections = run("readelf", "--sections", "--wide", tree.lib / "libkith.a")
    check(" .text" in sections and ".gnu.lto" not in sections, "libkith.a is for one compiler alone")


def the_shared_library_bears_its_version(tree):
    major = tree.version.split(".")[0]
    names = {f"libkith.so.{tree.version}", f"libkith.so.{major}", "libkith.so", "libkith.a"}
    found = {path.name for path in tree.lib.glob("libkith*")}
    check(found == names, f"{found}")
    told = run("readelf", "--dynamic", "--wide", tree.lib / "libkith.so")
    check(f"[libkith.so.{major}]" in told, told)


def the_header_the_manual_and_the_program_are_installed(tree):
    for name, folder in (("kith.h", "include"), ("kith.1", "man1"), ("kith-ctl.1", "man1"), ("bin/kith", "bin"),
                         ("bin/kith-ctl", "bin")):
        check(tree.one(name).parent.name == folder, f"{tree.one(name)}")
    check([path.name for path in tree.one("kith.h").parent.iterdir()] == ["kith.h"], "more headers than kith.h")
    check(tree.version in run(tree.one("bin/kith"), "-version"), "kith -version")


def what_shells_and_services_need_is_installed(tree):
    for path in ("share/bash-completion/completions/kith", "share/zsh/site-functions/_kith",
                 "share/fish/vendor_completions.d/kith.fish", "share/bash-completion/completions/kith-ctl",
                 "share/zsh/site-functions/_kith-ctl", "share/fish/vendor_completions.d/kith-ctl.fish", "share/doc/kith/kith.conf"):
        check(tree.one(path).stat().st_size > 1000, path)
    if tree.has_service:
        unit = tree.one("systemd/system/kith@.service").read_text()
        program = re.search(r"^ExecStart=(\S+)", unit, re.M).group(1)
        check(tree.root / program.lstrip("/") == tree.one("bin/kith"), f"{program}: no program is there")
        for path in ("sysusers.d/kith.conf", "tmpfiles.d/kith.conf", "firewalld/services/kith-factom.xml"):
            check(tree.one(path), path)


def pkg_config_needs_no_package_of_the_dependencies(tree):
    check(tree.config("--modversion") == [tree.version], "--modversion")
    check(tree.config("--cflags") == [f"-I{tree.one('kith.h').parent}"], f"{tree.config('--cflags')}")
    check(tree.config("--libs") == [f"-L{tree.lib}", "-lkith"], f"{tree.config('--libs')}")
    private = tree.config("--libs", "--static")
    check({"-lkith", "-lsodium", "-lcurl"} < set(private), f"{private}")


def build(tree, folder, compiler, is_static):
    """By what pkg-config says; the static library by its path, since a linker takes the shared one otherwise."""
    program = folder / f"{compiler}-{'static' if is_static else 'shared'}"
    libs = tree.config("--libs", *(["--static"] if is_static else []))
    if is_static:
        libs = [str(tree.lib / "libkith.a") if word == "-lkith" else word for word in libs]
    run(compiler, *COMPILERS[compiler], *WARNINGS, "-fno-lto", *tree.config("--cflags"), PROGRAM, "-xnone", "-o",
        program, *libs)
    return program


def a_program_is_built_and_runs(tree):
    compilers = [name for name in COMPILERS if shutil.which(name)]
    check(compilers, "no compiler")
    with tempfile.TemporaryDirectory(prefix="kith-embed-") as folder:
        for compiler in compilers:
            for is_static in (False, True):
                program = build(tree, Path(folder), compiler, is_static)
                linked = "libkith.so" in run("readelf", "--dynamic", program)
                check(linked != is_static, f"{program.name} is linked to the other library")
                told = run(program, env={"LD_LIBRARY_PATH": str(tree.lib)})
                check(re.fullmatch(rf"{re.escape(tree.version)} 127\.0\.0\.1:\d+\n", told), f"{program.name}: {told}")
                print(f"       {program.name}")


TESTS = [what_shells_and_services_need_is_installed, the_libraries_define_what_the_header_declares_and_nothing_else, the_static_library_holds_machine_code,
         the_shared_library_bears_its_version, the_header_the_manual_and_the_program_are_installed,
         pkg_config_needs_no_package_of_the_dependencies, a_program_is_built_and_runs]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="kith-install-") as folder:
        return run_all(TESTS, Installed(sys.argv[1], sys.argv[2], Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
