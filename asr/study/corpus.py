"""What the real test split is, and what it can resolve."""

from collections import Counter
from itertools import combinations

from asr.statistics.comparison import Comparison
from asr.study.compared import compare_settings, without_reference
from asr.study.equal_width import compared
from asr.study.plan import Grid
from asr.study.section import Material, Section, nothing_yet
from asr.study.wording import between, units_and_zeros


def section(material: Material) -> Section:
    """Utterances, words, characters, speakers, and the width of an interval of a difference."""
    found = material.grid
    if found is None:
        return nothing_yet("dense model", material.real.command())
    system = found.reference.system
    named = Counter(speaker for speaker in system.speakers if speaker)
    two = sum(count for _, count in named.most_common(2))
    most = f", and {two} of these are two speakers'" if len(named) > 2 else ""
    said = (
        f"The test split has {len(system.ids)} utterances, {system.words.sum():.0f} words, "
        f"{system.characters.sum():.0f} characters; {sum(named.values())} utterances have a "
        f"speaker's name, one of {len(named)}{most}."
    )
    gaps = [gap for _, gap in without_reference(compared(material) or [])]
    if gaps:
        said += (
            " Intervals of the relative differences in CER of question 1 reach "
            f"{between(map(_half_width, gaps), '{:.1f}')} % to either side"
        )
        alike = [compare_settings(a, b) for a, b in combinations(found.at_ninety, 2)]
        if alike:
            between_sparse = between(map(_half_width, alike), "{:.1f}")
            said += f", those between sparse models of 90 % zeros {between_sparse} %"
        said += "."
    return Section(f"{said}{_seeds(found, material)}\n")


def _half_width(gap: Comparison) -> float:
    """Of the interval of the relative difference, in percent."""
    return 100 * (gap.relative.high - gap.relative.low) / 2


def _seeds(found: Grid, material: Material) -> str:
    """How far seeds of one setting lie apart, which is in no interval."""
    searched = material.searched_grid
    said = []
    for decoder, its in (("greedily", found), ("with a language model", searched)):
        several = (
            [one for one in (its.reference, *its.standard) if len(one.runs) > 1] if its else []
        )
        apart = ", ".join(
            f"{units_and_zeros(one)} {between([100 * rate for rate in one.rates], '{:.1f}')} %"
            for one in several
        )
        if apart:
            said.append(f"{decoder} {apart}")
    return f" CER of the seeds of one setting: {'; '.join(said)}." if said else ""
