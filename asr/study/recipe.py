"""What tells one recipe of training from another: parts of configurations, by dotted keys."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from asr.study.kept import Kept
from asr.training.run_key import UNHASHED

_CLASS = "._target_"  # ends the key of what a part of a configuration is made by
_GROUPS = ("features", "augmentation", "model", "data", "optimizer", "scheduler", "training")


def changes(first: Kept, run: Kept, but: Sequence[str] = ()) -> str:
    """What a run's recipe changes of another's: values, classes, and parts that it has no more.

    Args:
        first: the other.
        run: whose changes are told.
        but: keys that are not, with all below them.
    """
    untold = tuple(f"{key}." for key in but)
    said = {key: f"`{key}={value}`" for key, value in _changed(first, run)}
    said |= {part: f"no `{part}`" for part in _gone(first, run)}
    return " ".join(one for key, one in said.items() if not f"{key}.".startswith(untold)) or "none"


def _changed(first: Kept, run: Kept) -> list[tuple[str, str]]:
    """Dotted key and value of what a run has otherwise or anew; of a class the key of its part."""
    before = dict(_flat(first.config))
    return [
        (key.removesuffix(_CLASS), value.rpartition(".")[2] if key.endswith(_CLASS) else value)
        for key, value in _flat(run.config)
        if before.get(key) != value
    ]


def _gone(first: Kept, run: Kept) -> list[str]:
    """Largest parts that only the first has, where no other value or class stands for them."""
    before, after = (dict(_flat(one.config)) for one in (first, run))
    parts = {part for key in after for part in _parts(key)}
    gone: dict[str, None] = {}
    for key in before:
        part = next((one for one in _parts(key) if one not in parts), "")
        whole = part.rpartition(".")[0]
        another = before.get(whole + _CLASS) != after.get(whole + _CLASS)
        if part and whole not in after and not another:
            gone[part] = None
    return list(gone)


def _parts(key: str) -> list[str]:
    """Of a.b.c: a, a.b and a.b.c."""
    names = key.split(".")
    return [".".join(names[: end + 1]) for end in range(len(names))]


def _flat(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dotted key and value, of the groups that a baseline is tuned in."""
    for group in _GROUPS:
        if group in config:
            yield from leaves(group, config[group])


def other_settings(
    before: Mapping[str, Any], after: Mapping[str, Any], but: Collection[str]
) -> dict[str, str]:
    """What two trainings depend on and do not share: dotted key and value in the second.

    But for seeds and manifests: runs of one experiment share those, wherever they lie. What only
    the first has is "unset".

    Args:
        before, after: of two runs.
        but: groups and dotted keys that are left out too.
    """
    one, other = (_recipe(config, but) for config in (before, after))
    keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    return {key: other.get(key, "unset") for key in keys}


def _recipe(config: Mapping[str, Any], but: Collection[str]) -> dict[str, str]:
    unsaid = {*UNHASHED, "seed", "data.train", "data.validation", "data.test", *but}
    return {
        key: value
        for group in config.keys() - unsaid
        for key, value in leaves(group, config[group])
        if key not in unsaid
    }


def leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Dotted keys below a key, and their values as a command writes them."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(f"{key}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for index, inner in enumerate(value):
            yield from leaves(f"{key}.{index}", inner)
    else:
        yield key, "null" if value is None else str(value).replace(" ", "")


def augmented(augmentation: Mapping[str, Any]) -> str:
    """The kinds of it, and how many masks."""
    said = []
    for masks in augmentation["spectrum"]:
        said.append(f"{masks['time_masks']} time and {masks['frequency_masks']} frequency masks")
    if augmentation["waveform"]:
        said.append("waveform")
    if augmentation["speed"]:
        said.append("speed")
    return ", ".join(said) or "none"


def frames(config: Mapping[str, Any]) -> str:
    """From one output frame to the next: the features' hop times the convolutions' strides."""
    strides = [one["stride"][1] for one in config["model"]["convolutions"]]  # (frequency, time)
    return f"{1000 * config['features']['hop_seconds'] * prod(strides):g} ms"
