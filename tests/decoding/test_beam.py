import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from asr.decoding.beam import BeamDecoder
from asr.decoding.decoder import Decoded, Decoder
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.label_text import label_texts
from asr.decoding.lexicon import read_lexicon
from asr.errors import InputError
from asr.text import BpeVocabulary, CharacterVocabulary, Vocabulary
from tests.decoding.oracle import MODELS, Arpa, all_texts, random_log_probs

pytest.importorskip("ctc_beam_decoder", reason="needs the extra lm")

PRESET = Path(__file__).resolve().parents[2] / "conf/decoding/beam.yaml"
ARPA = str(MODELS / "words.arpa")
VOCABULARY = CharacterVocabulary(" ab")
TEXTS = ("", " ", "a", "b")
WIDE = {"beam": 100_000, "prefix_threshold": -1e9, "label_threshold": -30.0}


def settings(**changed: Any) -> dict[str, Any]:
    preset = yaml.safe_load(PRESET.read_text())
    assert not changed.keys() - preset.keys()
    return {key: value for key, value in (preset | changed).items() if key != "_target_"}


def beam(vocabulary: Vocabulary = VOCABULARY, **changed: Any) -> Decoder:
    return BeamDecoder(**settings(**changed)).for_vocabulary(vocabulary)


def emission(seed: int, frames: int = 5, labels: int = 4) -> torch.Tensor:
    return torch.from_numpy(random_log_probs(frames, labels, np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(5))
def test_the_best_text_is_brute_forces(seed):
    log_probs = emission(seed)
    expected = all_texts(log_probs.numpy(), TEXTS)
    decoded = beam(**WIDE).decode(log_probs)
    text = VOCABULARY.decode(decoded.labels)
    assert text == max(expected, key=expected.__getitem__)
    assert decoded.score == pytest.approx(expected[text], abs=1e-5)
    oracle = Arpa(MODELS / "words.arpa")
    fused = {text: score + oracle.fused(text, 0.9, 2.0, -1.0) for text, score in expected.items()}
    with_model = beam(
        **WIDE,
        language_model=ARPA,
        language_model_weight=0.9,
        word_bonus=2.0,
        unknown_word_score=-1.0,
    ).decode(log_probs)
    assert VOCABULARY.decode(with_model.labels) == max(fused, key=fused.__getitem__)
    assert with_model.score == pytest.approx(max(fused.values()), abs=1e-4)


def test_it_is_never_below_greedy_and_on_a_plain_sum_often_above():
    greedy, above = GreedyDecoder(), 0
    for seed in range(40):
        log_probs = emission(seed, frames=30)
        found, best_path = beam().decode(log_probs), greedy.decode(log_probs)
        assert found.score >= best_path.score - 1e-4
        above += found.labels != best_path.labels
    assert above > 10


@pytest.mark.parametrize("model", [None, ARPA])
def test_words_are_the_texts_in_order_inside_the_utterance(model):
    for seed in range(20):
        decoded = beam(language_model=model).decode(emission(seed, frames=40))
        assert decoded.words is not None
        text = VOCABULARY.decode(decoded.labels)
        assert [word.text for word in decoded.words] == text.split()
        times = [time for word in decoded.words for time in (word.start, word.stop)]
        assert times == sorted(times)
        assert all(0 <= time <= 40 for time in times)
        assert all(word.start < word.stop for word in decoded.words)
        assert all(0 < word.confidence <= 1 for word in decoded.words)
        first = [i for i, (a, b) in enumerate(zip(" " + text, text, strict=False)) if a == " " != b]
        assert [decoded.starts[i] for i in first] == [word.start for word in decoded.words]


def test_confidence_is_the_share_of_texts_that_have_the_word_times_that_of_its_frames():
    rows = torch.full((3, 4), -30.0)
    rows[0, 2] = rows[2, 0] = 0.0  # a, then b with 0.7
    rows[1, 3], rows[1, 0] = math.log(0.7), math.log(0.3)
    decoded = beam().decode(rows)
    assert decoded.words is not None
    assert [(w.text, w.start, w.stop) for w in decoded.words] == [("ab", 0, 2)]
    assert decoded.words[0].confidence == pytest.approx(0.7 * 0.7**0.5, abs=1e-4)


def test_hot_words_and_lexicon_change_the_text_as_they_should(tmp_path):
    log_probs = torch.tensor([[0.02, 0.02, 0.94, 0.02], [0.02, 0.02, 0.5, 0.46]]).log()
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("b\nab\n\n")

    def text(**changed: Any) -> str:
        return VOCABULARY.decode(beam(**changed).decode(log_probs).labels)

    assert text() == "a"
    assert text(hot_words=["ab"]) == "ab"
    assert text(hot_words=["ab"], hot_word_weight=0.01) == "a"
    assert text(lexicon=str(lexicon)) == "ab"
    assert text(lexicon=str(lexicon), language_model=ARPA) == "ab"


def test_a_batch_is_its_utterances_and_what_lies_beyond_them_is_not_read():
    decoder, lengths = beam(language_model=ARPA), [7, 1, 12, 0]
    batch = torch.full((12, 4, 4), float("nan"))
    for index, length in enumerate(lengths):
        batch[:length, index] = emission(index, length)
    alone = [decoder.decode(emission(index, length)) for index, length in enumerate(lengths)]
    assert decoder.decode_batch(batch, torch.tensor(lengths)) == alone
    assert alone[-1] == Decoded((), (), 0.0, ())


def test_a_diverged_model_shows_in_the_score():
    assert math.isnan(beam().decode(torch.full((3, 4), float("nan"))).score)
    assert not math.isfinite(beam().decode(torch.full((3, 4), float("inf"))).score)


def test_unicode_labels_and_words_of_a_manifest():
    vocabulary = CharacterVocabulary.from_texts(["\u00e9t\u00e9 \u65e5\u672c", "na\u00efve"])
    text = "\u00e9t\u00e9 na\u00efve \u65e5\u672c"
    decoded = beam(vocabulary, hot_words=["\u65e5\u672c"]).decode(certain(vocabulary, text))
    assert vocabulary.decode(decoded.labels) == text
    assert decoded.words is not None
    assert [word.text for word in decoded.words] == text.split()


def test_byte_pairs():
    texts = ["the cat sat on the mat", "the hat", "a cat and a hat"]
    vocabulary = BpeVocabulary.from_texts(texts, 24)
    text = "a cat sat on the hat"
    decoded = beam(vocabulary, hot_words=["sat"]).decode(certain(vocabulary, text))
    assert vocabulary.decode(decoded.labels) == text
    assert decoded.labels == tuple(vocabulary.encode(text))
    assert decoded.words is not None
    assert [word.text for word in decoded.words] == text.split()
    # A path of other pieces than those that the vocabulary itself would write the text in.
    spelt = [label_texts(vocabulary).index(piece) for piece in (" ", "h", "a", "t")]
    assert spelt != vocabulary.encode("hat")
    log_probs = torch.full((2 * len(spelt), len(vocabulary)), -20.0)
    log_probs[range(1, 2 * len(spelt), 2), spelt] = 0.0
    log_probs[::2, 0] = 0.0
    assert vocabulary.decode(beam(vocabulary).decode(log_probs).labels) == "hat"


def certain(vocabulary: Vocabulary, text: str) -> torch.Tensor:
    """A label, then a blank, for each label of a text."""
    labels = vocabulary.encode(text)
    log_probs = torch.full((2 * len(labels), len(vocabulary)), -20.0)
    log_probs[range(0, 2 * len(labels), 2), labels] = 0.0
    log_probs[1::2, 0] = 0.0
    return log_probs


def test_names_tell_settings_apart_by_content(tmp_path):
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("ab\n")
    changes: list[dict[str, Any]] = [
        {},
        {"beam": 50},
        {"prefix_threshold": -20.0},
        {"label_threshold": -7.0},
        {"hot_words": ["ab"]},
        {"hot_words": ["ab"], "hot_word_weight": 5.0},
        {"lexicon": str(lexicon)},
        {"language_model": ARPA},
        {"language_model": str(MODELS / "words.kenlm")},
        {"language_model": ARPA, "language_model_weight": 0.6},
        {"language_model": ARPA, "word_bonus": 0.0},
        {"language_model": ARPA, "unknown_word_score": -5.0},
        {"language_model": ARPA, "lexicon": str(lexicon)},
    ]
    decoders = [BeamDecoder(**settings(**change)) for change in changes]
    assert len({decoder.name for decoder in decoders}) == len(changes)
    assert all(decoder.name.startswith("beam") for decoder in decoders)
    recorded = [decoder.language_model for decoder in decoders]
    assert [name is None for name in recorded] == ["language_model" not in c for c in changes]
    assert str(recorded[7]).startswith("words.arpa (sha256 ")
    assert str(recorded[9]).endswith("weight 0.6, word bonus 1.5")
    # What has no effect changes no name; nor does where a file lies.
    assert BeamDecoder(**settings(word_bonus=3.0, hot_word_weight=1.0)).name == decoders[0].name
    moved = tmp_path / "moved.arpa"
    moved.write_bytes(Path(ARPA).read_bytes())
    assert BeamDecoder(**settings(language_model=str(moved))).name == decoders[7].name


def test_a_number_typed_without_a_point_changes_no_name():
    typed = {
        "prefix_threshold": -10,
        "label_threshold": -5,
        "language_model": ARPA,
        "language_model_weight": 1,
        "word_bonus": 2,
        "unknown_word_score": -10,
        "hot_words": ["ab"],
        "hot_word_weight": 10,
    }
    written = {key: float(one) if isinstance(one, int) else one for key, one in typed.items()}
    decoder, same = (BeamDecoder(**settings(**change)) for change in (typed, written))
    assert decoder.name == same.name
    assert decoder.reweighted(2, -1).name == same.reweighted(2.0, -1.0).name
    # What results on disk are named by stays.
    alone = BeamDecoder(**settings(language_model=ARPA, language_model_weight=1.0))
    assert alone.name == "beam100-lm1-bonus1.5-28ad01e4"


@pytest.mark.parametrize(
    ("vocabulary", "changed", "told"),
    [
        (VOCABULARY, {"beam": 0}, "from 1 on, got 0"),
        (VOCABULARY, {"beam": math.nan}, "from 1 on, got nan"),
        (VOCABULARY, {"beam": 1 << 31}, "from 1 on, got 2147483648"),
        (VOCABULARY, {"label_threshold": 5.0}, "label_threshold: expected a number below 0"),
        (VOCABULARY, {"label_threshold": None}, "below 0, got None"),
        (VOCABULARY, {"prefix_threshold": math.nan}, "prefix_threshold: expected a number below"),
        (VOCABULARY, {"prefix_threshold": -math.inf}, "below 0, got -inf"),
        (VOCABULARY, {"language_model_weight": math.inf}, "above 0, got inf"),
        (VOCABULARY, {"language_model_weight": 0.0}, r"above 0, got 0\.0"),
        (VOCABULARY, {"word_bonus": math.nan}, "word_bonus: expected a finite"),
        (VOCABULARY, {"unknown_word_score": -math.inf}, "unknown_word_score: expected a finite"),
        (VOCABULARY, {"hot_word_weight": -1.0}, r"above, got -1\.0"),
        (VOCABULARY, {"hot_word_weight": math.nan}, "above, got nan"),
        (VOCABULARY, {"hot_words": [""]}, "single words.*got 1: ''"),
        (VOCABULARY, {"hot_words": ["a", " "]}, "got 1: ' '"),
        (VOCABULARY, {"hot_words": ["ab", "a b"]}, "got 1: 'a b'.*singly"),
        (VOCABULARY, {"hot_words": "ab"}, "a list of single words"),
        (VOCABULARY, {"hot_words": [1]}, "got 1: 1"),
        (VOCABULARY, {"language_model": "absent.arpa"}, "absent.arpa"),
        (VOCABULARY, {"language_model": str(PRESET)}, "no words in it"),
        (VOCABULARY, {"lexicon": "absent.txt"}, "absent.txt"),
        (VOCABULARY, {"hot_words": ["Ab", "ab"]}, "got 1: 'Ab'"),
        (CharacterVocabulary("ab"), {"language_model": ARPA}, "writes spaces"),
        (CharacterVocabulary("ab"), {"hot_words": ["ab"]}, "writes spaces"),
        (CharacterVocabulary(" AB"), {"language_model": ARPA}, "none of 3: 'a', 'ab', 'b'.*as the"),
    ],
)
def test_what_cannot_be_used_is_told(vocabulary, changed, told):
    with pytest.raises(InputError, match=told):
        beam(vocabulary, **changed)


def test_other_weights_are_what_a_decoder_of_its_own_would_have():
    first = BeamDecoder(**settings(language_model=ARPA, language_model_weight=0.3))
    first.for_vocabulary(VOCABULARY).decode(emission(0, frames=30))
    weights = {"language_model_weight": 1.5, "word_bonus": -1.0}
    other, alone = (
        first.reweighted(1.5, -1.0),
        BeamDecoder(**settings(language_model=ARPA, **weights)),
    )
    assert (other.name, other.language_model) == (alone.name, alone.language_model)
    for seed in range(5):
        log_probs = emission(seed, frames=30)
        expected = alone.for_vocabulary(VOCABULARY).decode(log_probs)
        bound = other.for_vocabulary(VOCABULARY)
        assert bound.decode(log_probs) == expected
        bare = bound.decode(log_probs, with_words=False)
        assert (bare.labels, bare.score, bare.words) == (expected.labels, expected.score, None)
        kept = first.for_vocabulary(VOCABULARY).decode(log_probs)
        assert kept.score != expected.score
    with pytest.raises(InputError, match="language_model_weight"):
        first.reweighted(math.nan, 0.0)


def test_one_word_that_can_be_written_makes_a_language_model_usable():
    log_probs = torch.tensor([[0.1, 0.1, 0.8]]).log()
    vocabulary = CharacterVocabulary(" b")
    decoded = beam(vocabulary, language_model=ARPA).decode(log_probs)
    assert vocabulary.decode(decoded.labels) == "b"


def test_a_lexicon_that_a_spreadsheet_wrote_is_read_without_its_mark(tmp_path):
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("ab\nb\n", encoding="utf-8-sig")
    assert read_lexicon(str(lexicon)) == ["ab", "b"]


def test_a_lexicon_that_the_model_does_not_know_is_told_with_the_remedy(tmp_path):
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("ab\nbaba\n")
    with pytest.raises(InputError, match=r"got 1: 'baba'.*--words"):
        beam(lexicon=str(lexicon), language_model=ARPA)
    lexicon.write_text("two words\n")
    with pytest.raises(InputError, match="'two words'"):
        beam(lexicon=str(lexicon))


def test_loading_a_model_is_quiet_but_for_its_warnings(tmp_path, capfd):
    beam(language_model=ARPA)
    assert capfd.readouterr().err == ""
    without = tmp_path / "without.arpa"
    lines = Path(ARPA).read_text().replace("ngram 1=6", "ngram 1=5").splitlines()
    without.write_text("\n".join(line for line in lines if "<unk>" not in line) + "\n")
    beam(language_model=str(without))
    assert "<unk>" in capfd.readouterr().err
