"""Language model weight and word bonus by validation WER.

    python -m asr.evaluation.tune_decoding RUN --manifest validation.jsonl --language-model lm.arpa

The model runs once; each pair of a grid decodes what it gave. The best pair has the fewest word
errors, then the fewest character errors, then the smaller numbers.
"""

import argparse
import itertools
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from torch import Tensor

from asr.arguments import count, positive_seconds
from asr.checkpoint import TrainedModel, load_trained
from asr.data.manifest import read_manifest
from asr.decoding.beam import BeamDecoder
from asr.decoding.decoder import Decoded
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError, report_input_errors
from asr.evaluation.error_rate import character_counts, pool, word_counts
from asr.evaluation.forward import move, text_of
from asr.evaluation.recognise import emissions
from asr.evaluation.result import RESULT, read_result
from asr.evaluation.run import Run, read_run
from asr.evaluation.score import corpus_and_split, require_texts
from asr.files import sha256
from asr.text import Vocabulary


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting and its error rates on the validation split."""

    language_model_weight: float
    word_bonus: float
    wer: float
    cer: float


def tune(
    trained: TrainedModel,
    log_probs: Sequence[Tensor],
    references: Sequence[str],
    decoder: BeamDecoder,
    pairs: Iterable[tuple[float, float]],
) -> Iterator[Trial]:
    """Decode with each pair of weight and bonus.

    Args:
        trained: whose vocabulary it is.
        log_probs: `(S, V)` of each utterance.
        references: normalised.
        decoder: of any weight and bonus.
        pairs: to give it instead.
    """
    for weight, bonus in pairs:
        # Bound one by one: each loads the language model again, and 24 of them may be too large.
        bound = decoder.reweighted(weight, bonus).for_vocabulary(trained.vocabulary)
        decode = partial(bound.decode, with_words=False)
        yield Trial(weight, bonus, *error_rates(trained, log_probs, references, decode))


def checked_decoder(
    settings: argparse.Namespace,
    pairs: Sequence[tuple[float, float]],
    vocabulary: Vocabulary,
) -> BeamDecoder:
    """The decoder of the command's settings, which `tune` gives each pair of weight and bonus.

    Raises:
        InputError: what any of them would raise, a missing package among it, before the model runs.
    """
    decoder = BeamDecoder(
        beam=settings.beam,
        prefix_threshold=settings.prefix_threshold,
        label_threshold=settings.label_threshold,
        language_model=settings.language_model,
        language_model_weight=pairs[0][0],
        word_bonus=pairs[0][1],
        unknown_word_score=settings.unknown_word_score,
        lexicon=settings.lexicon,
        hot_words=(),
        hot_word_weight=0.0,
    )
    grid = [decoder.reweighted(*pair) for pair in pairs]
    grid[0].for_vocabulary(vocabulary)  # loads the language model
    return decoder


def error_rates(
    trained: TrainedModel,
    log_probs: Sequence[Tensor],
    references: Sequence[str],
    decode: Callable[[Tensor], Decoded],
) -> tuple[float, float]:
    """WER and CER of a decoder's readings, from pooled counts."""
    texts = [text_of(trained, decode(one)) for one in log_probs]
    words, characters = word_counts(references, texts), character_counts(references, texts)
    return pool(words).rate, pool(characters).rate


def refuse_test_set(run: Run, manifest: Path) -> None:
    """Raise InputError if a manifest is one of the run's own test sets, by content.

    Where a test set lies elsewhere by now, its digest is that of the run's results on it; without
    any a warning says that nothing was compared.
    """
    digest = sha256(manifest) if manifest.is_file() else ""
    scored = [read_result(path) for path in run.folder.glob(f"eval/*/{RESULT}")]
    for test in run.test:
        name = corpus_and_split(test)
        digests = {one.manifest_sha256 for one in scored if (one.corpus, one.split) == name}
        if test.is_file():
            digests.add(sha256(test))
        elif not digests:
            print(f"warning: {test} is not here to tell {manifest} from it", file=sys.stderr)
        if digest in digests:
            raise InputError(
                str(manifest),
                expected="a validation split",
                got=f"what the run is tested on, {test}",
                remedy="What is tuned on a test set says nothing about new speech: give another.",
            )


@report_input_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Print all trials, the best, and how to score with it."""
    given = _parser().parse_args(arguments)
    run, manifest = read_run(given.run), Path(given.manifest)
    refuse_test_set(run, manifest)
    utterances = read_manifest(manifest)
    trained = load_trained(given.run)
    references = [trained.normaliser(utterance.text) for utterance in utterances]
    require_texts(manifest, references)
    pairs = list(itertools.product(given.weights, given.bonuses))
    decoder = checked_decoder(given, pairs, trained.vocabulary)
    move(trained, given.device)
    log_probs: dict[int, Tensor] = {}
    for indices, batch, frames in emissions(trained, utterances, given.batch, given.batch_seconds):
        for place, (index, length) in enumerate(zip(indices, frames.tolist(), strict=True)):
            log_probs[index] = batch[:length, place].cpu().clone()
    in_order = [log_probs[index] for index in range(len(utterances))]
    greedy = error_rates(
        trained, in_order, references, GreedyDecoder().for_vocabulary(trained.vocabulary).decode
    )
    trials = list(tune(trained, in_order, references, decoder, pairs))
    best = min(trials, key=lambda t: (t.wer, t.cer, t.language_model_weight, t.word_bonus))
    if given.json:
        rows = {"greedy_wer": greedy[0], "best": asdict(best), "trials": [*map(asdict, trials)]}
        print(json.dumps(rows))
        return
    table = Table()
    for heading in ("language model weight", "word bonus", "WER %", "CER %"):
        table.add_column(heading, justify="right")
    table.add_row("greedy", "", *(f"{100 * rate:.2f}" for rate in greedy))
    for trial in trials:
        rates = (f"{100 * rate:.2f}" for rate in (trial.wer, trial.cer))
        mark = " *" if trial is best else ""
        table.add_row(f"{trial.language_model_weight:g}", f"{trial.word_bonus:g}{mark}", *rates)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    for name, option, value, values in (
        ("weight", "weights", best.language_model_weight, given.weights),
        ("bonus", "bonuses", best.word_bonus, given.bonuses),
    ):
        if len(values) > 1 and value in (min(values), max(values)):
            print(f"note: the best {name} is at the edge of those tried: widen --{option}")
    print(_overrides(given, best))


def _overrides(given: argparse.Namespace, best: Trial) -> str:
    """The command that scores with the best setting."""
    chosen = {
        "beam": given.beam,
        "prefix_threshold": given.prefix_threshold,
        "label_threshold": given.label_threshold,
        "language_model": given.language_model,
        "language_model_weight": best.language_model_weight,
        "word_bonus": best.word_bonus,
        "unknown_word_score": given.unknown_word_score,
        "lexicon": given.lexicon,
    }
    set_here = {
        name: value
        for name, value in chosen.items()
        if name in ("language_model", "language_model_weight", "word_bonus")
        or value != _parser().get_default(name)
    }
    runs = f"runs=[{_for_hydra(given.run)}]"
    keys = [f"decoding.{name}={_for_hydra(value)}" for name, value in set_here.items()]
    return shlex.join(["python", "evaluate.py", runs, "decoding=beam", *keys])


_PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)$)(?:\.{0,2}/|[a-z])[\w/.-]*", re.A | re.I)


def _for_hydra(value: object) -> str:
    """A value as Hydra reads it back: a path with characters of its grammar in quotes."""
    text = str(value)
    if not isinstance(value, str) or _PLAIN.fullmatch(text):
        return text
    return "'" + re.sub(r"(\\*)('|$)", lambda found: _escaped(*found.groups()), text) + "'"


def _escaped(backslashes: str, quote: str) -> str:
    return 2 * backslashes + "\\" * bool(quote) + quote


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.evaluation.tune_decoding",
        description="Choose language model weight and word bonus on a validation split.",
    )
    parser.add_argument("run", metavar="RUN", help="run folder")
    parser.add_argument("--manifest", required=True, help="validation split; no test set")
    parser.add_argument("--language-model", required=True, metavar="FILE", help="ARPA or KenLM")
    parser.add_argument("--lexicon", metavar="FILE", help="a word a line")
    parser.add_argument(
        "--weights", type=float, nargs="+", default=[0.2, 0.4, 0.6, 0.8, 1.0, 1.3], metavar="W"
    )
    parser.add_argument(
        "--bonuses", type=float, nargs="+", default=[0.0, 1.0, 2.0, 3.0], metavar="B"
    )
    # As in conf/decoding/beam.yaml.
    parser.add_argument("--beam", type=count, default=100)
    parser.add_argument("--prefix-threshold", type=float, default=-10.0)
    parser.add_argument("--label-threshold", type=float, default=-5.0)
    parser.add_argument("--unknown-word-score", type=float, default=-10.0)
    parser.add_argument("--batch", type=count, default=16, help="utterances (%(default)s)")
    parser.add_argument("--batch-seconds", type=positive_seconds, default=320.0)
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
