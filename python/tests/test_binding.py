"""The binding says what kith.h, kith(1) and the library say."""
import contextlib
import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

import kith
from kith._binding import ffi, lib
from kith._config import option_name
from kith._convert import OTHER_NAMES, STRUCTS, reason

ROOT = Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include" / "kith.h").read_text(encoding="utf-8")
NO_OPTIONS = {"help", "version", "identity", "limits", "config", "home"}


def test_each_function_of_the_header_is_bound() -> None:
    functions = set(re.findall(r"^KITH_API [^;]*?\b(kith_\w+)\(", HEADER, re.MULTILINE))
    assert len(functions) > 30
    assert functions <= set(dir(lib))


def test_each_number_of_the_header_is_bound() -> None:
    numbers = set(re.findall(r"^\s+(KITH_[A-Z_]+)(?: = \d+)?,?(?:\s+/\*.*)?$", HEADER, re.MULTILINE))
    assert {"KITH_ENDED", "KITH_NO_MEMORY", "KITH_BUSY"} < numbers
    assert numbers <= set(dir(lib))


@pytest.mark.parametrize("record, struct", STRUCTS.items())
def test_each_member_of_a_record_is_a_field(record: type, struct: str) -> None:
    members = {name for name, _ in ffi.typeof(struct).fields} - {"size"}
    assert {OTHER_NAMES.get(field.name, field.name) for field in dataclasses.fields(record)} == members


def test_the_reasons_are_those_of_the_header() -> None:
    numbers = {name.removeprefix("KITH_").removeprefix("REASON_"): number
               for number, name in ffi.typeof("enum kith_reason").elements.items()}
    assert {reason.name: reason.value for reason in kith.Reason} == numbers
    assert kith.Reason.END_CLOSED.text == "closed by peer"
    assert reason(112) is kith.Reason.END_SILENT and reason(99999) is kith.Reason.NONE


def test_the_sources_are_those_of_the_header() -> None:
    assert {f"KITH_FROM_{source.name}": source.value for source in kith.Source} == ffi.typeof("enum kith_source").relements


def test_the_verdicts_are_those_of_the_header() -> None:
    assert {f"KITH_{verdict.name}": verdict.value for verdict in kith.Verdict} == ffi.typeof("enum kith_verdict").relements


def test_the_targets_are_those_of_the_header() -> None:
    for name in ("BROADCAST", "FULL_BROADCAST", "RANDOM_PEER"):
        assert f'#define KITH_{name}' in HEADER and f'"{getattr(kith, name)}"' in HEADER


def test_each_option_of_the_manual_has_a_name_in_snake_case() -> None:
    manual = (ROOT / "docs" / "kith.1").read_text(encoding="utf-8")
    options = set(re.findall(r"^\.It Fl (\w+)", manual, re.MULTILINE)) - NO_OPTIONS
    assert len(options) > 50
    for option in options:
        snake = re.sub(r"(?<=[a-z])([A-Z]+)", r"_\1", option).lower()
        assert option_name(snake) == option
        wrong: dict[str, Any] = {snake: "\x01"}
        with contextlib.suppress(kith.ConfigError):  # of its value, if anything
            kith.Node(**wrong)
            continue
        with pytest.raises(kith.ConfigError, match=r"^(?!.*no such option)"):
            kith.Node(**wrong)


def test_the_version_is_that_of_the_library() -> None:
    assert kith.__version__ == ffi.string(lib.kith_version()).decode()
    assert lib.kith_version_num() == lib.KITH_VERSION_NUM
