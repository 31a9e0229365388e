import pytest

from asr.decoding.label_text import label_texts, word_spans
from asr.text import BpeVocabulary, CharacterVocabulary

TEXTS = ["the cat sat on the mat", "the hat", "a cat and a hat"]


def test_characters_are_their_own_text():
    assert label_texts(CharacterVocabulary(" 'ab\u00e9")) == ["", " ", "'", "a", "b", "\u00e9"]


def test_byte_pairs_join_to_what_the_vocabulary_decodes():
    vocabulary = BpeVocabulary.from_texts(TEXTS, 24)
    texts = label_texts(vocabulary)
    assert len(set(texts)) == len(vocabulary) == 24
    for text in (*TEXTS, "hats"):
        labels = vocabulary.encode(text)
        assert "".join(texts[label] for label in labels).strip() == text
        words = ["".join(texts[i] for i in labels[a:b]) for a, b in word_spans(texts, labels)]
        assert [word.strip() for word in words] == text.split()


@pytest.mark.parametrize(
    ("labels", "spans"),
    [
        ([], []),
        ([1, 1], []),
        ([2, 3], [(0, 2)]),
        ([1, 2, 1, 1, 3, 3, 1], [(1, 2), (4, 6)]),
        ([4, 2, 4], [(0, 2), (2, 3)]),
    ],
)
def test_spans_of_words_by_hand(labels, spans):
    assert word_spans(["", " ", "a", "b", " c"], labels) == spans
