"""The study's pages from its kept results: python -m asr.study FOLDER --page FILE (--help)."""

import argparse
import functools
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from asr.errors import InputError, report_input_errors
from asr.files import atomic_write
from asr.study import (
    answers,
    best,
    block_size,
    choice,
    corpus,
    equal_width,
    front,
    gain,
    language_model,
    larger,
    longer,
    method,
    payers,
    targets,
    tuning,
    zeros,
)
from asr.study.kept import read_kept
from asr.study.page import regenerate
from asr.study.plan import DEEP, TWO_LAYERS
from asr.study.section import FIGURES, Material, Section

SECTIONS: dict[str, Callable[[Material], Section]] = {
    "front": front.section,
    "front-longer": front.longer,
    **answers.SECTIONS,
    "targets": targets.section,
    "corpus": corpus.section,
    "tuning": tuning.section,
    "tuning-of-sparse": tuning.of_sparse,
    "equal-width": equal_width.section,
    "longer": longer.section,
    "block-size": block_size.section,
    "method": method.section,
    "larger": larger.section,
    "zeros": zeros.section,
    "payers": payers.section,
    "sizes": gain.sizes,
    "speed": gain.speed,
    "choice": choice.section,
    "language-model": language_model.section,
    "best": best.section,
    "cost": tuning.cost,
}

# Of a picture's values from 0 to 1, on average: a moved point changes more than edges of letters.
_ROUNDING = 1e-5


@report_input_errors
def main() -> None:
    """Fill in the marked parts of each page, and draw their pictures."""
    given = _parser().parse_args()
    folder = Path(given.folder)
    texts = {Path(name): _read(name) for name in given.page}
    runs = read_kept(folder)
    material = Material.of(folder, runs, DEEP)
    sections = {name: _once(make, material) for name, make in SECTIONS.items()}
    sections |= {
        f"two-layers-{name}": functools.partial(_renamed, _once(make, material.by(TWO_LAYERS)))
        for name, make in SECTIONS.items()
    }
    made: dict[Path, str] = {}
    drawn: dict[str, Figure] = {}
    for page, text in texts.items():
        made[page], used = regenerate(page, text, sections, folder / "figures")
        for section in used.values():
            drawn.update(section.figures)
    if given.check:
        _check(texts, made, {folder / "figures" / name: one for name, one in drawn.items()})
        return
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in drawn.items():
        _draw(figure, folder / "figures" / name)
    for page, text in made.items():
        with atomic_write(page) as file:
            file.write(text)


def _renamed(make: Callable[[], Section]) -> Section:
    """Its pictures by names of their own."""
    section = make()
    return Section(
        section.text.replace(FIGURES, f"{FIGURES}two_layers_"),
        {f"two_layers_{name}": figure for name, figure in section.figures.items()},
    )


def _draw(figure: Figure, file: Path | BytesIO) -> None:
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})


def _shows(picture: Path, figure: Figure) -> bool:
    """Whether a file is the figure's picture, pixel by pixel but for what rounding may change."""
    if not picture.is_file():
        return False
    drawn = BytesIO()
    _draw(figure, drawn)
    drawn.seek(0)
    try:
        here, there = imread(picture), imread(drawn)
    except (OSError, SyntaxError):  # as Pillow says that a file is no PNG
        return False
    return here.shape == there.shape and bool(np.abs(here - there).mean() < _ROUNDING)


def _check(texts: dict[Path, str], made: dict[Path, str], drawn: dict[Path, Figure]) -> None:
    """Exit with 1 and the names of pages that say, or pictures that show, something else."""
    outdated = [str(page) for page, text in texts.items() if made[page] != text]
    outdated += [str(picture) for picture, figure in drawn.items() if not _shows(picture, figure)]
    if outdated:
        print(
            f"out of date: {', '.join(outdated)}. Run without --check, with constraints.txt's "
            "versions.",
            file=sys.stderr,
        )
        sys.exit(1)


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            name,
            expected="a page with marked parts",
            got=f"{type(error).__name__}: {error}",
            remedy="Write the page first; only its marked parts are generated.",
        ) from error


def _once(make: Callable[[Material], Section], material: Material) -> Callable[[], Section]:
    """A section made when it is first asked for; two pages may show it."""
    return functools.cache(lambda: make(material))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.study",
        description="Work out the tables, intervals, sentences and pictures of the study from kept "
        "runs, and write them into the marked parts of pages.",
    )
    parser.add_argument("folder", help="of the kept runs, see python -m asr.study.collect")
    parser.add_argument(
        "--page", required=True, nargs="+", metavar="FILE", help="docs/study.md, README.md"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; exit 1 if a page or a picture is out of date",
    )
    return parser


if __name__ == "__main__":
    main()
