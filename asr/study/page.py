"""Pages whose marked parts are generated: the rest is written by hand and kept."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from asr.errors import InputError
from asr.study.section import Section

# An HTML comment each: Markdown shows neither.
_MARKED = re.compile(r"(<!-- study: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def regenerate(
    path: Path, text: str, sections: Mapping[str, Callable[[], Section]]
) -> tuple[str, dict[str, Section]]:
    """The page with its marked parts made anew, and the sections used.

    Raises:
        InputError: no marked part, or one that names no section.
    """
    used: dict[str, Section] = {}

    def filled(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        if name not in sections:
            raise _unknown(path, name, sections)
        used.setdefault(name, sections[name]())
        return f"{begin}\n{used[name].text.strip()}\n\n{end}"

    made = _MARKED.sub(filled, text)
    if not used:
        raise _unknown(path, "no marked part", sections)
    return made, used


def _unknown(path: Path, got: str, sections: Mapping[str, object]) -> InputError:
    return InputError(
        str(path),
        expected="parts between <!-- study: NAME --> and <!-- end -->, NAME one of "
        + ", ".join(sections),
        got=got,
        remedy="Mark where each section goes.",
    )
