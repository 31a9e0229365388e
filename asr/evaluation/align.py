"""Word times of known texts, by forced alignment: python -m asr.evaluation.align RUN MANIFEST.

Writes a JSON object a line, in the manifest's order: `id`, `text` (normalised), `score` (natural
log-probability of the alignment) and `words`, each with start and end in seconds and its
confidence, the geometric mean of its frames' probabilities.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from asr.arguments import count, positive_seconds
from asr.checkpoint import TrainedModel, load_trained
from asr.data.manifest import Utterance, read_manifest
from asr.decoding.alignment import align, aligned_words
from asr.decoding.label_text import label_texts
from asr.errors import InputError, report_input_errors
from asr.evaluation.forward import move
from asr.evaluation.long_audio import samples_per_output_frame
from asr.evaluation.recognise import emissions, timed
from asr.files import atomic_write, require_writable


def align_utterances(
    trained: TrainedModel, utterances: Sequence[Utterance], batch: int, batch_seconds: float
) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    """Of each utterance, by its index, the line to write, or why its text cannot be aligned.

    Raises:
        InputError: some audio cannot be read, or the model's log-probabilities are not finite.
    """
    texts = label_texts(trained.vocabulary)
    frame_seconds = samples_per_output_frame(trained) / trained.features.sample_rate
    for indices, log_probs, frames in emissions(trained, utterances, batch, batch_seconds):
        for place, (index, length) in enumerate(zip(indices, frames.tolist(), strict=True)):
            utterance = utterances[index]
            text = trained.normaliser(utterance.text)
            try:
                labels = trained.vocabulary.encode(text)
                alignment = align(log_probs[:length, place], labels)
            except InputError as error:
                yield index, error
                continue
            words = aligned_words(alignment, labels, texts)
            yield (
                index,
                {
                    "id": utterance.id,
                    "text": text,
                    "score": alignment.score,
                    "words": timed(words, frame_seconds, utterance.seconds),
                },
            )


@report_input_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Align every utterance that can be; the exit code is 1 if one could not."""
    given = _parser().parse_args(arguments)
    if given.out is not None:
        require_writable(given.out)
    utterances = read_manifest(given.manifest)
    trained = load_trained(given.run)
    move(trained, given.device)
    outcomes = dict(align_utterances(trained, utterances, given.batch, given.batch_seconds))
    failed = 0
    with nullcontext(sys.stdout) if given.out is None else atomic_write(given.out) as file:
        for index, utterance in enumerate(utterances):
            outcome = outcomes[index]
            if isinstance(outcome, InputError):
                failed += 1
                print(f"error: {utterance.id}: {outcome}", file=sys.stderr)
            else:
                print(json.dumps(outcome, ensure_ascii=False), file=file)
    print(f"{len(utterances) - failed} aligned, {failed} not", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.evaluation.align",
        description="Find when each word of a manifest's texts was said.",
        epilog="Exit code 1 if a text could not be aligned; the others are all the same.",
    )
    parser.add_argument("run", metavar="RUN", help="run folder or .ckpt file")
    parser.add_argument("manifest", metavar="MANIFEST", help="audio with its texts")
    parser.add_argument("--out", metavar="FILE", help="JSONL to write; otherwise stdout")
    parser.add_argument("--batch", type=count, default=16, help="utterances (%(default)s)")
    parser.add_argument(
        "--batch-seconds",
        type=positive_seconds,
        default=320.0,
        help="of a batch, padding included (%(default)s)",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
