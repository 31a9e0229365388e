"""The name of a run: a hash of what affects its result."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Groups of the configuration that say where and how, not what. Of the hardware the number of
# processes counts, since a step has the batches of all: one process is what a key without it means.
UNHASHED = ("experiment_name", "runs", "logger", "hardware", "trial")
DENSE = {"_target_": "asr.sparsity.dense.Dense"}


@dataclass(frozen=True)
class RunKeys:
    """Names of a run, of its setting whatever the seed, and of the dense ones beside them."""

    run_key: str
    group_key: str
    baseline_key: str  # of the dense group
    dense_key: str  # of the dense run of this seed


def run_keys(
    config: Mapping[str, Any],
    manifests: Mapping[str, str],
    parents: Mapping[str, tuple[str, str]],
) -> RunKeys:
    """Keys of a resolved configuration.

    Args:
        config: resolved, plain data.
        manifests: path as configured -> SHA-256 of the content; it takes the path's place.
        parents: path as configured of a run that this one starts from -> that run's key, and
            its group's, which stands for it in group keys: each seed may have its own parent.
    """
    kept = {name: value for name, value in config.items() if name not in UNHASHED}
    hardware = config["hardware"]
    processes = hardware.get("devices", 1) * hardware.get("nodes", 1)
    if processes > 1:
        kept["processes"] = processes
    # Test sets are scored after training and change nothing in it.
    kept["data"] = {name: value for name, value in kept["data"].items() if name != "test"}
    hashed = _replace(kept, {**manifests, **{path: key for path, (key, _) in parents.items()}})
    group = _replace(kept, {**manifests, **{path: key for path, (_, key) in parents.items()}})
    del group["seed"]
    dense = {"sparsity": DENSE}
    return RunKeys(
        _digest(hashed), _digest(group), _digest({**group, **dense}), _digest({**hashed, **dense})
    )


def _replace(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _replace(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_replace(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
