"""Pages whose marked parts are generated: the rest is written by hand and kept."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from asr.errors import InputError
from asr.study.section import FIGURES, Section

# An HTML comment each: Markdown shows neither. No marked part reaches into another.
_BEGIN = r"<!-- study: ([\w-]+) -->\n"
_MARKED = re.compile(rf"({_BEGIN})(?:(?!{_BEGIN}).)*?(<!-- end -->)", re.DOTALL)


def regenerate(
    path: Path, text: str, sections: Mapping[str, Callable[[], Section]], pictures: Path
) -> tuple[str, dict[str, Section]]:
    """The page with its marked parts made anew, and the sections used.

    Args:
        path: of the page, from which it reaches its pictures.
        text: of the page.
        sections: by name; made when used.
        pictures: their folder.

    Raises:
        InputError: no marked part, one without an end, or one that names no section.
    """
    used: dict[str, Section] = {}
    here = Path(os.path.relpath(pictures, path.parent)).as_posix()

    def filled(match: re.Match[str]) -> str:
        begin, name, _, end = match.groups()
        if name not in sections:
            raise _unusable(path, name, sections)
        used.setdefault(name, sections[name]())
        made = used[name].text.strip().replace(f"]({FIGURES}", f"]({here}/")
        return f"{begin}\n{made}\n\n{end}"

    made, count = _MARKED.subn(filled, text)
    if count != len(re.findall(_BEGIN, text)) or not count:
        raise _unusable(path, f"{count} that end" if count else "no marked part", sections)
    return made, used


def _unusable(path: Path, got: str, sections: Mapping[str, object]) -> InputError:
    return InputError(
        str(path),
        expected="parts between <!-- study: NAME --> and <!-- end -->, NAME one of "
        + ", ".join(sections),
        got=got,
        remedy="Mark where each section goes.",
    )
