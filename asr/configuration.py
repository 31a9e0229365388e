"""Hydra for the entry files: composed, checked against the constructors, and instantiated.

A YAML node with `_target_` holds constructor arguments and nothing else. Values that only a run
knows (`RUNTIME`) are passed by the entry file and never configured.
"""

import difflib
import functools
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import hydra
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from asr.errors import InputError

CONFIGURATION = Path(__file__).resolve().parents[1] / "conf"
_MISCONFIGURED = (ConfigCompositionException, OverrideParseException, OmegaConfBaseException)
_UNSET = {"init_from": str | None, "trial": int | None}  # scalars whose default says no type
# Constructor arguments that the entry file passes, by group of the configuration.
RUNTIME: Mapping[str, frozenset[str]] = {
    "data": frozenset(("normaliser", "seed", "workers", "keep_gigabytes")),
    "logger": frozenset(("folder", "settings")),
    "model": frozenset(("bins", "vocabulary_size")),
    "optimizer": frozenset(("params",)),
    "vocabulary": frozenset(("texts",)),
}


def entry_point(name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make `task(cfg)` a command that composes `conf/<name>.yaml` with the command line.

    What the user got wrong is told in one message, with the legal names; exit code 1.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(task)
        def checked(cfg: DictConfig) -> Any:
            with _told():  # in here too: Hydra would write a line of its own on the way out
                check(cfg, name)
                return task(cfg)

        run = hydra.main(str(CONFIGURATION), name, version_base="1.3")(checked)

        @functools.wraps(task)
        def command() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # hand exceptions to us instead of printing them
            with _told():
                run()

        return command

    return decorate


@contextmanager
def _told() -> Iterator[None]:
    """Exit with 1 and a message on what the user got wrong; a bug keeps its traceback."""
    try:
        yield
    except InputError as error:
        sys.exit(f"error: {error}")
    except _MISCONFIGURED as error:
        sys.exit(f"error: {explained(error)}")
    except HydraException as error:
        if "does not support sweep type" not in str(error):
            raise
        # Of the grid's sweeper, which does not say of which setting.
        refusal = InputError(
            "the swept settings",
            expected="values that can be counted: a,b, choice(...), range(...) or glob(...)",
            got="an interval(...)",
            remedy="Set hydra/sweeper=optuna to draw from it.",
        )
        sys.exit(f"error: {refusal}")


def is_misconfigured(error: Exception) -> bool:
    """Whether an error is of what the user configured, rather than of the code."""
    return isinstance(error, (InputError, *_MISCONFIGURED))


def explained(error: Exception) -> str:
    """Hydra's message, with the legal names where a name is not one."""
    cause = error.__cause__ or error
    node = getattr(cause, "parent_node", None)
    key = str(getattr(cause, "key", ""))
    if isinstance(node, DictConfig) and key and key not in node:
        legal = set(map(str, node)) - {"hydra"}
        return str(_unknown(str(getattr(cause, "full_key", key)), key, legal))
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        return str(_unknown(group, choice, error.options))
    detail = "" if error.__cause__ is None else f"\n{error.__cause__}"
    return f"{error}{detail}"


def check(cfg: DictConfig, name: str) -> None:
    """Compare the composed configuration with the constructors it names.

    Raises:
        InputError: a key that the constructor does not take (`+key=value`), one that it needs
            and does not get (`~key`), or a value of another type.
    """
    primary: Any = OmegaConf.to_container(OmegaConf.load(CONFIGURATION / f"{name}.yaml"))
    scalars = {key: primary[key] for key in primary if key not in ("defaults", "hydra")}
    choices = (next(iter(entry)) for entry in primary["defaults"] if isinstance(entry, dict))
    groups = {group for group in choices if not group.startswith("override ")}
    for key in cfg:
        if key not in groups | scalars.keys():
            raise _unknown(str(key), str(key), groups | scalars.keys())
    for key in sorted({*groups, *scalars} - set(map(str, cfg))) + sorted(
        OmegaConf.missing_keys(cfg)
    ):
        raise _missing(key)
    for key, default in scalars.items():
        if isinstance(default, str | int | float):
            _check_type(key, cfg[key], type(default))
        elif default is None:
            _check_type(key, cfg[key], _UNSET[key])
    for group in sorted(groups):
        _check_node(group, OmegaConf.to_container(cfg[group], resolve=True), group)


def build(node: DictConfig, **runtime: Any) -> Any:
    """Instantiate a node, giving it those `runtime` values that its constructor takes."""
    parameters = _parameters(node["_target_"])
    taken = {name: value for name, value in runtime.items() if name in parameters}
    try:
        # Runtime values go in by a plain call: Hydra would convert and instantiate them too.
        factory = hydra.utils.instantiate(node, _partial_=True, _convert_="all")
    except InstantiationException as error:  # of a nested node
        raise (error.__cause__ if isinstance(error.__cause__, InputError) else error) from error
    return factory if node.get("_partial_") else factory(**taken)


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The resolved configuration as dicts, lists, numbers and strings."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def arguments(cfg: DictConfig) -> dict[str, Any]:
    """The constructor arguments of a node, resolved."""
    return {key: value for key, value in plain(cfg).items() if not key.startswith("_")}


def _parameters(target: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(hydra.utils.get_object(target)).parameters


def _check_node(path: str, node: Any, group: str) -> None:
    if isinstance(node, list):
        for index, item in enumerate(node):
            _check_node(f"{path}[{index}]", item, group)
    if not isinstance(node, dict):
        return
    if target := node.get("_target_"):
        _check_arguments(path, node, target, RUNTIME.get(group, frozenset()))
    for key, value in node.items():
        _check_node(f"{path}.{key}", value, group)


def _check_arguments(
    path: str, node: Mapping[str, Any], target: str, runtime: frozenset[str]
) -> None:
    """Whether a node holds the arguments of its target, all that have no default among them."""
    parameters = {
        name: parameter for name, parameter in _parameters(target).items() if name not in runtime
    }
    types_of = _annotations(target)
    for key, value in node.items():
        if key.startswith("_"):
            continue
        if key not in parameters:
            raise _unknown(f"{path}.{key}", key, parameters)
        if key in types_of:
            _check_type(f"{path}.{key}", value, types_of[key])
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in node:
            raise _missing(f"{path}.{name}")


def _check_type(path: str, value: Any, annotation: Any) -> None:
    if not _fits(value, annotation):
        raise InputError(
            path,
            expected=_shown(annotation),
            got="null" if value is None else repr(value),
            remedy="What is built of a mapping is named in it by _target_, as in conf/."
            if isinstance(value, dict)
            and any(map(_is_built, (annotation, *typing.get_args(annotation))))
            else "Give a value of that type.",
        )


def _is_built(annotation: Any) -> bool:
    """Whether Hydra builds it of a mapping with a `_target_`: a class of ours or of a library."""
    plain = typing.get_origin(annotation) is None and inspect.isclass(annotation)
    return plain and annotation.__module__ != "builtins"


def _annotations(target: str) -> dict[str, Any]:
    found = hydra.utils.get_object(target)
    try:
        return typing.get_type_hints(found.__init__ if inspect.isclass(found) else found)
    except (NameError, TypeError):  # libraries annotate with names that they do not import
        return {}


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a plain value is of a type; what Hydra builds from it is left to the code."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return value in inner
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, choice) for choice in inner)
    if origin in (list, Sequence):
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
    if origin is tuple:
        return (
            isinstance(value, list) and len(value) == len(inner) and all(map(_fits, value, inner))
        )
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation is Any or not inspect.isclass(annotation):
        return True
    if _is_built(annotation):
        return isinstance(value, dict) and "_target_" in value
    return isinstance(value, annotation)


def _shown(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_shown, inner))
    if origin in (list, tuple, Sequence):
        return f"a list of {_shown(inner[0])}"
    if origin is Mapping:
        return f"{{NAME: {_shown(inner[1])}}}"
    if annotation is type(None):
        return "null"
    return getattr(annotation, "__name__", str(annotation))


def _missing(path: str) -> InputError:
    return InputError(
        path, expected="a value", got="none", remedy=f"Set {path}=VALUE on the command line."
    )


def _unknown(path: str, name: str, legal: Iterable[str]) -> InputError:
    names = sorted(each for each in legal if not each.startswith("_"))
    close = difflib.get_close_matches(name, names, n=1)
    return InputError(
        path,
        expected=f"one of {', '.join(names)}",
        got=repr(name),
        remedy=f"Did you mean {close[0]!r}?" if close else "Choose one of them.",
    )
