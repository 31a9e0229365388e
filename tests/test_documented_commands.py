"""The commands that the pages show are ones that the programs take."""

import argparse
import importlib
import importlib.util
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from asr.configuration import CONFIGURATION
from asr.sweep.submit import first_values
from tests.test_documentation import PAGES

SHOWN = [page for page in PAGES if page.name != "log.md"]  # a log tells what was typed then
# After spaces, a shell's prompt of `srun`, or the opening of inline code that the line closes.
_IN_CODE = re.compile(
    r"^ *(?:srun (?:--\S+ )*)?(python (?:-m asr|train\.py|evaluate\.py).*)$", re.M
)
_INLINE = re.compile(r"`(python (?:-m asr|train\.py|evaluate\.py)[^`\n]*)`")


def commands(text: str) -> Iterator[list[str]]:
    """Words of each command, without those that stand for something or run another one."""
    text = text.replace("\\\n", " ")
    for line in [*_IN_CODE.findall(text), *_INLINE.findall(text)]:
        if "..." in line or "$(" in line:
            continue
        line = re.sub(r"\[(--[^\]]*)\]", r"\1", line).replace("fp32|fp16|int8", "fp16")
        line = line.replace("--hidden H ", "--hidden 512 ")
        yield shlex.split(line, comments=True)[1:]


def composed(name: str, overrides: Sequence[str], *, sweep: bool) -> None:
    """Compose each override's first value, as Hydra does for the first run of a sweep."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    mode = RunMode.MULTIRUN if sweep else RunMode.RUN
    ConfigLoaderImpl.validate_sweep_overrides_legal(parsed, mode, from_shell=True)
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        compose(name, first_values(overrides), return_hydra_config=True)


def program(module: str) -> str:
    """The module that `python -m` runs."""
    found = importlib.util.find_spec(module)
    assert found is not None, module
    return f"{module}.__main__" if found.submodule_search_locations else module


class Parsed(Exception):  # noqa: N818 - as far as a command is to go
    """Its arguments are such that it takes."""


@pytest.fixture
def only_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs go no further than to read their arguments."""

    def stopping(parse: Callable[..., Any]) -> Callable[..., Any]:
        def stopped(*arguments: Any, **options: Any) -> Any:
            parse(*arguments, **options)
            raise Parsed

        return stopped

    for name in ("parse_args", "parse_intermixed_args"):
        parse = stopping(getattr(argparse.ArgumentParser, name))
        monkeypatch.setattr(argparse.ArgumentParser, name, parse)


@pytest.mark.usefixtures("only_parsed")
@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.name)
def test_every_command_is_one(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        if words[0] in ("train.py", "evaluate.py"):
            sweep = "-m" in words
            overrides = [word for word in words[1:] if word != "-m"]
            composed(Path(words[0]).stem, overrides, sweep=sweep)
            continue
        module, given = words[1], words[2:]
        if module == "asr.sweep" and given[0] == "submit" and given[1:] != ["OVERRIDES"]:
            composed("train", given[1:], sweep=True)
        if not given or "--help" in given or given == ["CORPUS"]:
            continue
        monkeypatch.setattr(sys, "argv", [module, *given])
        try:
            importlib.import_module(program(module)).main()
        except Parsed:
            continue
        except SystemExit:
            pytest.fail(" ".join(words))
        pytest.fail(f"{' '.join(words)}: it read no arguments")


def test_the_pages_show_commands() -> None:
    found = [words for page in SHOWN for words in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 60
    assert ["asr.sweep"] in [words[1:2] for words in found]
