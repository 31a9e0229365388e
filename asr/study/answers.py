"""The figures below each of the six answers, worked out where the question is."""

from collections.abc import Callable
from typing import Final

from asr.study import (
    block_size,
    choice,
    equal_width,
    gain,
    larger,
    longer,
    method,
    payers,
    zeros,
)
from asr.study.section import Material, Section


def _together(*answers: Callable[[Material], str]) -> Callable[[Material], Section]:
    """What one or several files have to say to a question, a line each statement."""

    def section(material: Material) -> Section:
        said = [line for answer in answers for line in answer(material).splitlines()]
        return Section("".join(f"- {line}\n" for line in said) or "Not answered yet.\n")

    return section


SECTIONS: Final[dict[str, Callable[[Material], Section]]] = {
    "answer-equal-width": _together(equal_width.answer, longer.answer),
    "answer-block-size": _together(block_size.answer),
    "answer-method": _together(method.answer),
    "answer-larger": _together(larger.answer),
    "answer-zeros": _together(zeros.answer, payers.answer),
    "answer-gain": _together(gain.answer, choice.answer),
}
