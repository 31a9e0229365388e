"""How often each word occurs in the texts that a model was trained on."""

from collections import Counter
from pathlib import Path

from asr.data.manifest import read_manifest
from asr.errors import InputError
from asr.text import BasicNormaliser


def training_words(manifest: str | Path, normaliser: str) -> Counter[str]:
    """Occurrences of each word of a manifest's texts.

    Args:
        manifest: that was trained on.
        normaliser: by its name in a result, so that words are written as in the references.

    Raises:
        InputError: a bad manifest, or a name that no normaliser here has.
    """
    name, _, language = normaliser.partition("-")
    if name != "basic":
        raise InputError(
            "normaliser of the results",
            expected="basic, or basic-LANGUAGE",
            got=repr(normaliser),
            remedy="Leave out --train, or score the runs again with this version.",
        )
    normalise = BasicNormaliser(language or "en")
    words: Counter[str] = Counter()
    for utterance in read_manifest(manifest):
        words.update(normalise(utterance.text).split())
    return words
