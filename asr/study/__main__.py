"""The study's pages from its kept results: python -m asr.study FOLDER --page FILE (--help)."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from asr.errors import InputError, report_input_errors
from asr.files import atomic_write
from asr.study import block_size, equal_width, front, gain, larger, method, tuning, where
from asr.study.kept import read_kept
from asr.study.page import regenerate
from asr.study.section import Material, Section
from asr.study.setting import settings

SECTIONS: dict[str, Callable[[Material], Section]] = {
    "front": front.section,
    "tuning": tuning.section,
    "equal-width": equal_width.section,
    "block-size": block_size.section,
    "method": method.section,
    "larger": larger.section,
    "zeros": where.zeros,
    "payers": where.payers,
    "sizes": gain.sizes,
    "speed": gain.speed,
    "cost": tuning.cost,
}


@report_input_errors
def main() -> None:
    """Fill in the marked parts of each page, and draw their pictures."""
    given = _parser().parse_args()
    folder = Path(given.folder)
    runs = read_kept(folder)
    material = Material(folder, runs, settings(runs, "test"), settings(runs, "validation"))
    sections = {name: _of(make, material) for name, make in SECTIONS.items()}
    outdated = []
    for name in given.page:
        page = Path(name)
        try:
            text = page.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                name,
                expected="a page with marked parts",
                got=f"{type(error).__name__}: {error}",
                remedy="Write the page first; only its marked parts are generated.",
            ) from error
        made, used = regenerate(page, text, sections)
        if given.check:
            outdated += [name] if made != text else []
            continue
        for one in used.values():
            for picture, figure in one.figures.items():
                (folder / "figures").mkdir(exist_ok=True)
                figure.savefig(folder / "figures" / picture, dpi=110, metadata={"Software": None})
        with atomic_write(page) as file:
            file.write(made)
    if outdated:
        print(f"out of date: {', '.join(outdated)}", file=sys.stderr)
        sys.exit(1)


def _of(make: Callable[[Material], Section], material: Material) -> Callable[[], Section]:
    return lambda: make(material)


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
        "--check", action="store_true", help="change nothing; exit 1 if a page is out of date"
    )
    return parser


if __name__ == "__main__":
    main()
