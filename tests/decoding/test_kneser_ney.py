import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.kneser_ney import END, START, NGrams, kneser_ney


def tokens(sentences: list[list[int]]) -> np.ndarray:
    return np.array([token for s in sentences for token in (START, *s, END)], dtype=np.int64)


class Backoff:
    """What a reader of the file would make of the arrays."""

    def __init__(self, orders: list[NGrams]) -> None:
        rows = [
            zip(map(tuple, o.words.tolist()), o.probabilities, o.backoffs, strict=True)
            for o in orders
        ]
        self.rows = {words: (p, b) for order in rows for words, p, b in order}

    def p(self, history: tuple[int, ...], word: int) -> float:
        if (*history, word) in self.rows:
            return float(self.rows[*history, word][0])
        return float(self.rows.get(history, (0.0, 1.0))[1]) * self.p(history[1:], word)


def plain(sentences: list[list[int]], order: int, size: int, history: tuple[int, ...], word: int):
    """Chen and Goodman's formula for one probability, by counting with dictionaries."""
    grams = {n: Counter[tuple[int, ...]]() for n in range(1, order + 1)}
    for s in sentences:
        padded = (START, *s, END)
        for n in grams:
            grams[n].update(padded[i : i + n] for i in range(len(padded) - n + 1))

    def adjusted(n: int) -> dict[tuple[int, ...], int]:
        if n == order:
            counts = dict(grams[n])
        else:
            before = {
                gram: {longer[0] for longer in grams[n + 1] if longer[1:] == gram}
                for gram in grams[n]
            }
            counts = {g: grams[n][g] if g[0] == START else len(before[g]) for g in grams[n]}
        counts.pop((START,), None)
        return counts

    def p(history: tuple[int, ...], word: int) -> float:
        counts = adjusted(len(history) + 1)
        of_counts = Counter(counts.values())
        n1, n2, n3, n4 = (of_counts[i] for i in (1, 2, 3, 4))
        d = (0.5, 1.0, 1.5)
        if n1 and n2 and n3:
            y = n1 / (n1 + 2 * n2)
            own = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            d = own if all(0 < x <= i for i, x in enumerate(own, 1)) else d
        after = {gram[-1]: c for gram, c in counts.items() if gram[:-1] == history}
        lower = p(history[1:], word) if history else 1 / (size - 1)
        if not after:
            return lower
        taken = {w: d[min(c, 3) - 1] for w, c in after.items()}
        seen = after.get(word, 0) - taken.get(word, 0.0)
        return (seen + sum(taken.values()) * lower) / sum(after.values())

    return p(history, word)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(st.integers(3, 6), min_size=1, max_size=5), min_size=1, max_size=8),
    st.integers(2, 4),
)
def test_it_is_the_formula_and_every_distribution_sums_to_one(sentences, order):
    size = 8  # 7 never occurs
    model = Backoff(kneser_ney(tokens(sentences), order, size))
    can_follow = [word for word in range(size) if word != START]
    histories = {
        padded[max(i - order + 1, 0) : i]
        for s in sentences
        for padded in [(START, *s, END)]
        for i in range(1, len(padded))
    } | {(7,) * (order - 1), (3, 7)[: order - 1]}
    for history in sorted(histories):
        assert sum(model.p(history, word) for word in can_follow) == pytest.approx(1, abs=1e-9)
    for history, word in itertools.islice(
        itertools.product(sorted(histories), can_follow), 0, None, 5
    ):
        expected = plain(sentences, order, size, history, word)
        assert model.p(history, word) == pytest.approx(expected, rel=1e-9)
    assert all(0 < p <= 1 for words, (p, _) in model.rows.items() if words != (START,))


def test_two_sentences_by_hand():
    # "a b" and "a c", bigrams: too little text, so the discounts are 0.5, 1 and 1.5.
    a, b, c = 3, 4, 5
    orders = kneser_ney(tokens([[a, b], [a, c]]), 2, 6)
    assert [order.estimated for order in orders] == [False, False]
    model = Backoff(orders)
    # Words before: a 1, b 1, c 1, </s> 2; taken 0.5, 0.5, 0.5 and 1 of 5, for five words alike.
    unseen = 2.5 / 5 / 5
    assert model.p((), 0) == pytest.approx(unseen)
    assert model.p((), b) == pytest.approx(0.5 / 5 + unseen)
    assert model.p((), END) == pytest.approx(1 / 5 + unseen)
    # After <s>: a twice, of which 1 is taken.
    assert model.p((START,), a) == pytest.approx(1 / 2 + 1 / 2 * model.p((), a))
    assert model.p((a,), b) == pytest.approx(0.5 / 2 + 1 / 2 * model.p((), b))
    assert model.p((a,), a) == pytest.approx(1 / 2 * model.p((), a))


def test_a_discount_of_nothing_is_no_discount():
    # "b c", "d b c" and "c": bigrams counted 1, 1, 1, 1, 2 and 3 times, so that of a count of 2
    # 2 - 3 (4/6) 1/1 = 0 would be taken, and b, which only c follows, twice, would not back off.
    b, c, d = 3, 4, 5
    orders = kneser_ney(tokens([[b, c], [d, b, c], [c]]), 2, 6)
    assert not orders[1].estimated
    assert all((order.backoffs > 0).all() for order in orders)
