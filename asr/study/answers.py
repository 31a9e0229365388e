"""The six questions and a sentence to each, worked out where the question is."""

import re
from collections.abc import Callable

from asr.study import (
    block_size,
    choice,
    equal_width,
    gain,
    language_model,
    larger,
    longer,
    method,
    payers,
    zeros,
)
from asr.study.plan import TWO_LAYERS
from asr.study.section import Material, Section

_QUESTIONS: dict[str, tuple[Callable[[Material], str], ...]] = {
    "Dense against block-sparse at equal width": (
        equal_width.answer,
        longer.answer,
        language_model.answer,
    ),
    "The size of blocks at equal sparsity": (block_size.answer,),
    "The method at equal sparsity": (method.answer,),
    "A large sparse model against a small dense one": (larger.answer,),
    "Where the zeros go, and who pays": (zeros.answer, payers.answer),
    "What it buys": (gain.answer, choice.answer),
}


def section(material: Material) -> Section:
    """A line a question, in the page's order."""
    lines = []
    for number, (question, answers) in enumerate(_QUESTIONS.items(), 1):
        said = " ".join(filter(None, (_said(answer, material) for answer in answers)))
        anchor = "-".join(re.findall(r"\w+(?:-\w+)*", f"{number} {question.lower()}"))
        lines.append(f"{number}. [{question}](#{anchor}). {said or 'Not answered yet.'}\n")
    return Section("".join(lines))


def _said(answer: Callable[[Material], str], material: Material) -> str:
    """By the page's own models, or by those of two layers where these are not trained yet."""
    own = answer(material)
    if own or material.real == TWO_LAYERS:
        return own
    instead = answer(material.by(TWO_LAYERS))
    return instead and f"Of models of two layers: {instead}"
