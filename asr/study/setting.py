"""A setting of the study: all seeds of it are one system."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import Unit, counts
from asr.statistics.interval import error_rate_interval
from asr.statistics.system import System, read_systems
from asr.study.kept import GREEDY, Decoding, Kept

NEAR = 0.015  # sparsities this close count as equal; thresholds do not land on a point


@dataclass(frozen=True, eq=False)
class Setting:
    """Runs that differ in nothing but the seed, on one test set."""

    runs: tuple[Kept, ...]  # by seed
    system: System
    trained_for: Mapping[str, set[str]]  # experiments of each run key, wherever it was kept

    @property
    def config(self) -> dict[str, Any]:
        """Of the first seed."""
        return self.runs[0].config

    @property
    def group_key(self) -> str:
        return self.system.group_key

    @property
    def baseline_key(self) -> str | None:
        return self.system.results[0].baseline_key

    @property
    def experiments(self) -> set[str]:
        """That its runs were trained for."""
        return {name for one in self.trained_for.values() for name in one}

    @property
    def corpus(self) -> str:
        return self.system.results[0].corpus

    @property
    def hidden(self) -> int:
        return int(self.config["model"]["hidden"])

    @property
    def layers(self) -> int:
        return int(self.config["model"]["layers"])

    @property
    def method(self) -> str:
        return self.system.results[0].method

    @property
    def dense(self) -> bool:
        return self.method == "dense"

    @property
    def collapsed(self) -> bool:
        """Whether a run of it has a matrix without a weight, or recognises next to nothing."""
        return any(result.collapsed for result in self.system.results)

    @property
    def block(self) -> str | None:
        return self.system.results[0].block

    @property
    def sparsity(self) -> float:
        """Of the pruned matrices, mean of the seeds."""
        return sum(one.sparsity for one in self.system.results) / len(self.runs)

    @property
    def parameters(self) -> int:
        """Weights of the whole model, zeros counted."""
        return self.system.results[0].parameters

    @property
    def nonzero(self) -> int:
        """Weights of the whole model that are not zero, mean of the seeds."""
        return round(sum(one.nonzero for one in self.system.results) / len(self.runs))

    @property
    def recurrent_nonzero(self) -> int:
        """Those of the recurrent layers' matrices, mean of the seeds."""
        kept = [sum(part.weights - part.zeros for part in run.weights.zeros) for run in self.runs]
        return round(sum(kept) / len(kept))

    @property
    def pruning(self) -> dict[str, Any]:
        """The section `sparsity` of the configuration."""
        section: dict[str, Any] = self.config["sparsity"]
        return section

    @property
    def rates(self) -> list[float]:
        """The character error rate of each seed."""
        return [one.cer for one in self.system.results]

    def by_seed(self, unit: Unit) -> dict[int, float]:
        """The error rate of each seed."""
        return {one.seed: one.wer if unit == "words" else one.cer for one in self.system.results}

    @property
    def cer(self) -> float:
        """Mean of the seeds."""
        return sum(self.rates) / len(self.rates)

    @cached_property
    def cer_interval(self) -> Interval:
        """The character error rate with its interval over utterances."""
        return error_rate_interval(*counts(self.system, "characters"))

    @cached_property
    def wer_interval(self) -> Interval:
        """The word error rate, likewise."""
        return error_rate_interval(*counts(self.system, "words"))

    def is_at(self, sparsity: float) -> bool:
        """Whether it is as sparse as that, within what a threshold may miss it by."""
        return abs(self.sparsity - sparsity) < NEAR


def settings(runs: Iterable[Kept], split: str, decoding: Decoding = GREEDY) -> list[Setting]:
    """The settings of runs that were so scored on a split, in the order of their first runs.

    A run that was kept for two experiments counts once.

    Raises:
        InputError: the same run was trained twice, and reads something else the second time.
    """
    by_key: dict[str, tuple[Kept, Path]] = {}
    read: dict[str, tuple[float, float]] = {}
    trained_for: defaultdict[str, set[str]] = defaultdict(set)
    for run in runs:
        if not (scored := run.scored.get((split, decoding))):
            continue
        key, own = scored.result.run_key, (scored.result.wer, scored.result.cer)
        if read.setdefault(key, own) != own:
            raise InputError(
                f"{by_key[key][0].folder} and {run.folder}",
                expected="one training of a run key, wherever it was kept",
                got=f"WER and CER {read[key]} and {own}, {split}",
                remedy="Keep one of them; the other would be dropped.",
            )
        by_key[key] = run, scored.folder
        trained_for[key].add(scored.result.experiment)
    return [
        Setting(
            tuple(by_key[result.run_key][0] for result in system.results),
            system,
            {result.run_key: trained_for[result.run_key] for result in system.results},
        )
        for system in read_systems(folder for _, folder in by_key.values())
    ]


def the_one(found: Iterable[Setting], what: str, wanted: Callable[[Setting], bool]) -> Setting:
    """The one setting of a kind.

    Raises:
        InputError: there are several, of which a comparison would pick one silently.
    """
    matching = [setting for setting in found if wanted(setting)]
    if len(matching) != 1:
        raise InputError(
            f"the kept runs of {what}",
            expected="one setting",
            got=", ".join(one.system.name for one in matching) or "none",
            remedy="Keep the runs of one setting; others need an experiment of their own.",
        )
    return matching[0]


def refuse_several_decoders(models: Sequence[Setting]) -> None:
    """Another weight, bonus or language model would be compared with, not sparsity alone."""
    used = {
        one.system.results[0].decoding: (
            one.system.decoder,
            str(one.system.results[0].language_model),
        )
        for one in models
    }
    if len(used) > 1:
        raise InputError(
            "the kept results with a language model",
            expected="one decoder and one language model for all models",
            got="; ".join(" with ".join(one) for one in sorted(used.values())),
            remedy="Score all models by one command line, and keep only those results.",
        )
