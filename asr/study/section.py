"""A part of the page, and what all parts are worked out from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from matplotlib.figure import Figure

from asr.study.kept import SEARCHED, Kept
from asr.study.plan import Experiment, Grid, grid
from asr.study.setting import Setting, settings

FIGURES = "figures:"  # where pictures are, until it is known which page shows them


@dataclass(frozen=True)
class Material:
    """All that sections are worked out from."""

    folder: Path  # of the kept runs
    real: Experiment  # that questions on real speech are answered by
    runs: Sequence[Kept]
    settings: Sequence[Setting]  # on the test split
    tuned: Sequence[Setting]  # on the validation split, by which choices are made
    searched: Sequence[Setting]  # on the test split, with a language model

    @classmethod
    def of(cls, folder: Path, runs: Sequence[Kept], real: Experiment) -> "Material":
        """Of all runs kept in a folder."""
        return cls(
            folder,
            real,
            runs,
            settings(runs, "test"),
            settings(runs, "validation"),
            settings(runs, "test", SEARCHED),
        )

    @property
    def grid(self) -> Grid | None:
        """The experiment's models, by greedy decoding."""
        return grid(self.settings, self.real)

    @property
    def searched_grid(self) -> Grid | None:
        """Those that were scored with a language model, by that."""
        return grid(self.searched, self.real)

    def by(self, real: Experiment) -> "Material":
        """The same, with questions on real speech answered by another experiment."""
        return replace(self, real=real)

    def measured(self, name: str) -> Path:
        """What a benchmark wrote about the experiment's models, beside their runs."""
        return self.folder / self.real.name / name


@dataclass(frozen=True)
class Section:
    """Markdown for between two markers of a page, and its pictures by file name."""

    text: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


def picture(name: str, alternative: str) -> str:
    """A picture of the section."""
    return f"![{alternative}]({FIGURES}{name})\n"


def nothing_yet(what: str, command: str) -> Section:
    """What a section says before its runs are there."""
    return Section(f"No {what} yet: train by `{command}`, then score and keep the runs.\n")
