"""What labels look like in a text, and which of them make up its words."""

from collections.abc import Sequence

from asr.text import Vocabulary


def label_texts(vocabulary: Vocabulary) -> list[str]:
    """What each label adds to a text, by id: `"a"`, `" "`, `"ing"`, `" the"`; blank adds `""`."""
    ids = range(1, len(vocabulary))
    # Behind another label, because byte pairs lose the space they begin with at a text's start.
    anchor = next(index for index in ids if vocabulary.decode([index]).strip())
    before = len(vocabulary.decode([anchor]))
    return ["", *(vocabulary.decode([anchor, index])[before:] for index in ids)]


def word_spans(texts: Sequence[str], labels: Sequence[int]) -> list[tuple[int, int]]:
    """First label and the one after the last, of each word; spaces belong to none.

    Args:
        texts: what each label adds, as `label_texts` gives it.
        labels: ids without blanks.
    """
    spans: list[tuple[int, int]] = []
    open_word = False
    for place, label in enumerate(labels):
        text = texts[label]
        if not text.strip():
            open_word = False
        elif open_word and not text.startswith(" "):
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
            open_word = True
    return spans
