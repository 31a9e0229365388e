"""What the real test split is, and what it can resolve."""

from collections import Counter

from asr.study.equal_width import compared
from asr.study.plan import EXPERIMENT, REAL, grid
from asr.study.section import Material, Section, between, nothing_yet


def section(material: Material) -> Section:
    """Utterances, words, characters, speakers, and the width of an interval of a difference."""
    found = grid(material.settings, REAL, EXPERIMENT)
    if found is None:
        return nothing_yet("dense model", "python train.py +experiment=study")
    system = found.reference.system
    named = Counter(speaker for speaker in system.speakers if speaker)
    two = sum(count for _, count in named.most_common(2))
    said = (
        f"The test split has {len(system.ids)} utterances, {system.words.sum():.0f} words, "
        f"{system.characters.sum():.0f} characters; {sum(named.values())} utterances have a "
        f"speaker's name, one of {len(named)}, and {two} of these are two speakers'."
    )
    rows = compared(material) or []
    widths = [
        100 * (one.comparison.relative.high - one.comparison.relative.low) / 2
        for one in rows
        if one.comparison is not None
    ]
    if widths:
        ends = between(widths, "{:.1f}")
        said += (
            f" Intervals of the relative differences in CER of question 1 reach {ends} % to "
            "either side; those of models that err more alike, less."
        )
    return Section(said + "\n")
