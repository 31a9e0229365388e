"""Hydra for the entry files: composed, checked against the constructors, and instantiated.

A YAML node with `_target_` holds constructor arguments and nothing else. Values that only a run
knows (`RUNTIME`) are passed by the entry file and never written in YAML.
"""

import difflib
import functools
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import hydra
from hydra.errors import ConfigCompositionException, InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from asr.errors import InputError

CONFIGURATION = Path(__file__).resolve().parents[1] / "conf"
RUNTIME = frozenset(
    ("bins", "folder", "normaliser", "seed", "settings", "texts", "vocabulary_size", "workers")
)


def entry_point(name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make `task(cfg)` a command that composes `conf/<name>.yaml` with the command line.

    What the user got wrong is told in one message, with the legal names; exit code 1.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(task)
        def checked(cfg: DictConfig) -> Any:
            check(cfg, name)
            return task(cfg)

        run = hydra.main(str(CONFIGURATION), name, version_base="1.3")(checked)

        @functools.wraps(task)
        def command() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # hand exceptions to us instead of printing them
            try:
                run()
            except InputError as error:
                sys.exit(f"error: {error}")
            except (ConfigCompositionException, OmegaConfBaseException) as error:
                sys.exit(f"error: {explained(error)}")

        return command

    return decorate


def explained(error: Exception) -> str:
    """Hydra's message, with the legal names where a key is not one."""
    cause = error.__cause__ or error
    node = getattr(cause, "parent_node", None)
    key = str(getattr(cause, "key", ""))
    if isinstance(node, DictConfig) and key and key not in node:
        return str(_unknown_key(str(getattr(cause, "full_key", key)), key, map(str, node)))
    detail = "" if error.__cause__ is None else f"\n{error.__cause__}"
    return f"{error}{detail}"


def check(cfg: DictConfig, name: str) -> None:
    """Compare the composed configuration with the constructors it names.

    Raises:
        InputError: a key that the constructor does not take, `+key=value` included, or a value
            of another type.
    """
    primary = OmegaConf.load(CONFIGURATION / f"{name}.yaml")
    groups = (next(iter(entry)) for entry in primary.defaults if isinstance(entry, DictConfig))
    legal = {str(key) for key in (*primary, *groups)} - {"defaults", "hydra"}
    for key in cfg:
        if key not in legal:
            raise _unknown_key(str(key), str(key), legal)
    _check_node("", OmegaConf.to_container(cfg, resolve=True))


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


def _check_node(path: str, node: Any) -> None:
    if isinstance(node, list):
        for index, item in enumerate(node):
            _check_node(f"{path}[{index}]", item)
    if not isinstance(node, dict):
        return
    if target := node.get("_target_"):
        parameters = _parameters(target)
        legal = [name for name in parameters if name not in RUNTIME]
        types_of = _annotations(target)
        for key, value in node.items():
            if key.startswith("_"):
                continue
            if key not in parameters:
                raise _unknown_key(f"{path}.{key}", key, legal)
            if key in types_of and not _fits(value, types_of[key]):
                raise InputError(
                    f"{path}.{key}",
                    expected=_shown(types_of[key]),
                    got=repr(value),
                    remedy="Give a value of that type.",
                )
    for key, value in node.items():
        _check_node(f"{path}.{key}" if path else str(key), value)


def _annotations(target: str) -> dict[str, Any]:
    found = hydra.utils.get_object(target)
    try:
        return typing.get_type_hints(found.__init__ if inspect.isclass(found) else found)
    except (NameError, TypeError):  # libraries annotate with names that they do not import
        return {}


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a YAML scalar is of a type; whatever is not a scalar type is left to the code."""
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return value in typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, choice) for choice in typing.get_args(annotation))
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation in (bool, str, type(None)):
        return isinstance(value, annotation)
    return True


def _shown(annotation: Any) -> str:
    if typing.get_origin(annotation) is Literal:
        return " or ".join(map(repr, typing.get_args(annotation)))
    return getattr(annotation, "__name__", str(annotation).replace("None", "null"))


def _unknown_key(full_key: str, key: str, legal: Iterable[str]) -> InputError:
    names = sorted(name for name in legal if not name.startswith("_"))
    close = difflib.get_close_matches(key, names, n=1)
    return InputError(
        full_key,
        expected=f"one of {', '.join(names)}",
        got=repr(key),
        remedy=f"Did you mean {close[0]!r}?" if close else "Choose one of them.",
    )
