"""Which utterance goes into which split, where nobody has said: shares, filled by hash."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from asr.data.manifest import Utterance
from asr.errors import InputError


def assign(hours: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, str]:
    """Group -> split: groups in the order of their hash fill the shares one after the other.

    A group belongs to the split in which its middle falls.

    Args:
        hours: the size of each group, in any unit.
        shares: fractions that sum to 1.
    """
    bounds = list(zip(shares, accumulate(shares.values()), strict=True))
    total, before = sum(hours.values()), 0.0
    splits = {}
    for group in sorted(hours, key=lambda name: hashlib.sha256(name.encode()).digest()):
        middle = (before + hours[group] / 2) / total
        splits[group] = next((name for name, bound in bounds if middle < bound), bounds[-1][0])
        before += hours[group]
    return splits


def by_shares(
    utterances: Sequence[Utterance], root: Path, shares: Mapping[str, float]
) -> dict[str, Sequence[Utterance]]:
    """Fill `shares` with whole speakers, or single files where no speaker is known.

    Args:
        root: files are hashed by their path below it, wherever it lies.

    Raises:
        InputError: the shares do not sum to 1, or one of them got no audio.
    """
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise InputError(
            "--shares",
            expected="shares that sum to 1",
            got=" + ".join(f"{share:g}" for share in shares.values()),
            remedy="Give them as fractions, train=0.9 validation=0.1.",
        )
    group = {
        utterance.id: utterance.speaker or os.path.relpath(utterance.audio, root)
        for utterance in utterances
    }
    seconds: dict[str, float] = {}
    for utterance in utterances:
        name = group[utterance.id]
        seconds[name] = seconds.get(name, 0.0) + utterance.seconds
    split_of = assign(seconds, shares) if utterances else {}
    empty = [name for name in shares if name not in split_of.values()]
    if empty:
        kind = "speakers" if any(utterance.speaker for utterance in utterances) else "files"
        raise InputError(
            f"--shares {' '.join(f'{name}={share:g}' for name, share in shares.items())}",
            expected="audio for every split",
            got=f"none for {', '.join(empty)}: {len(seconds)} {kind} of uneven size",
            remedy="Give other shares, a column split, or --split NAME.",
        )
    splits = by_name(utterances, {name: split_of[where] for name, where in group.items()})
    return {name: splits[name] for name in shares}


def by_name(
    utterances: Sequence[Utterance], split_of: Mapping[str, str]
) -> dict[str, Sequence[Utterance]]:
    """Group by split; `split_of` gives that of each id."""
    splits: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        splits.setdefault(split_of[utterance.id], []).append(utterance)
    return {**splits}
