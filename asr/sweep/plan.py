"""What a sweep still has to do: runs asked for, dense runs they are compared with, who waits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from asr.errors import InputError
from asr.sweep.state import RunView
from asr.training.run_identity import RunIdentity, dense_settings
from asr.training.run_key import DENSE

STOPPED_BY = "its dense run"  # begins the reason of a run that could not start
Baselines = Literal["compared", "needed"]


@dataclass(frozen=True)
class Planned:
    """A run that a sweep asks for, directly or as a baseline."""

    folder: Path
    settings: Mapping[str, Any] | None  # None: they stand in the folder's config.yaml
    identity: Mapping[str, Any]  # what its status repeats
    overrides: Sequence[str]
    after: Path | None  # the run that must be done before
    baseline: bool  # asked for by what is compared with it


def plans_of(
    overrides: Sequence[str], identity: RunIdentity, baselines: Baselines
) -> list[Planned]:
    """A run, and before it the dense run of its settings and seed.

    Args:
        overrides: that name the run.
        identity: of the run.
        baselines: `compared` adds the dense run of every sparse one, `needed` only of those that
            take thresholds from its weights.
    """
    if baselines not in ("compared", "needed"):
        raise InputError(
            "hydra.launcher.baselines",
            expected="compared or needed",
            got=repr(baselines),
            remedy="Choose one of them.",
        )
    after = identity.dense_folder if identity.needs_dense else None
    known = identity.in_status()
    run = Planned(identity.folder, identity.settings, known, overrides, after, baseline=False)
    is_dense = identity.settings["sparsity"] == DENSE
    if is_dense or (baselines == "needed" and not identity.needs_dense):
        return [run]
    return [_baseline(overrides, identity), run]


def in_order(plans: Iterable[Planned]) -> list[Planned]:
    """Every run once, those that others are compared with first."""
    plans = list(plans)
    dense = {plan.folder: plan for plan in plans if plan.baseline}
    runs: dict[Path, Planned] = {}
    for plan in plans:
        if not plan.baseline:
            runs.setdefault(plan.folder, plan)
    # A dense run that the sweep asks for itself keeps its own overrides, and goes first too.
    first = [runs.pop(folder, plan) for folder, plan in dense.items()]
    return [*first, *runs.values()]


def _baseline(overrides: Sequence[str], identity: RunIdentity) -> Planned:
    settings = dense_settings(identity)
    known = identity.in_status() | {
        "run_key": identity.keys.dense_key,
        "group_key": identity.keys.baseline_key,
        "experiment": settings["experiment_name"],
    }
    return Planned(identity.dense_folder, settings, known, overrides, after=None, baseline=True)


def as_yaml(settings: Mapping[str, Any]) -> str:
    """A configuration as `config.yaml` holds it."""
    return yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)


def reason_to_skip(view: RunView, retry_failed: bool) -> str | None:
    """Why a run is not started now; None if it is.

    Args:
        view: the run as it stands.
        retry_failed: start again what failed.
    """
    if view.state == "done":
        return "done"
    if view.state in ("running", "queued"):
        return f"{view.state} {view.where}".rstrip()
    # One that only its dense run's failure stopped has not failed itself.
    if view.state == "failed" and not retry_failed and not view.reason.startswith(STOPPED_BY):
        return f"failed before ({view.reason}); hydra.launcher.retry_failed=true tries again"
    return None


def shared_words(overrides: Sequence[Sequence[str]]) -> set[str]:
    """What all command lines of a sweep have in common; nothing of a single one."""
    return set.intersection(*map(set, overrides)) if len(overrides) > 1 else set()


def describe(overrides: Sequence[str], shared: Collection[str], baseline: bool) -> str:
    """What tells a run from the others of its sweep."""
    own = [word for word in overrides if word not in shared]
    if not baseline:
        return " ".join(own)
    # It is asked for by sparse runs, and is none.
    return " ".join(["dense baseline", *(w for w in own if not w.startswith("sparsity"))])
