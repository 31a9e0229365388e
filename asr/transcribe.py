"""Any audio file to text: python -m asr.transcribe RUN FILE... (--help)."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import torch

from asr.arguments import count, positive_seconds, seconds
from asr.checkpoint import load_trained
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError, report_input_errors
from asr.evaluation.forward import move
from asr.evaluation.long_audio import Transcript, transcribe_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Transcribe every file that can be; the exit code is 1 if one could not."""
    given = _parser().parse_args(arguments)
    if given.threads is not None:
        torch.set_num_threads(given.threads)
    trained, decoder = load_trained(given.model), GreedyDecoder()
    move(trained, given.device)
    failed = 0
    for path in given.files:
        try:
            transcript = transcribe_file(
                trained,
                path,
                decoder,
                chunk_seconds=given.chunk_seconds,
                context_seconds=given.context_seconds,
                batch=given.batch,
            )
        except InputError as error:
            failed += 1
            print(f"error: {error}", file=sys.stderr)
            continue
        _show(path, transcript, as_json=given.json)
    return 1 if failed else 0


def _show(path: str, transcript: Transcript, *, as_json: bool) -> None:
    """Text on stdout, speed beside it as JSON or on stderr, so that the text can be piped."""
    if as_json:
        line = json.dumps({"file": path, **asdict(transcript)}, ensure_ascii=False)
        print(line, flush=True)
        return
    print(f"{path}: {transcript.text}", flush=True)
    length, speed = transcript.seconds, transcript.seconds / transcript.processing_seconds
    print(
        f"{path}: {length:.1f} s of audio in {transcript.processing_seconds:.2f} s, "
        f"{speed:.1f} x real time",
        file=sys.stderr,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.transcribe",
        description="Transcribe audio files of any length and sample rate.",
        epilog="Exit code 1 if a file could not be transcribed; the others are all the same.",
    )
    parser.add_argument("model", metavar="RUN", help="a run folder or a .ckpt file")
    parser.add_argument("files", metavar="FILE", nargs="+", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("--json", action="store_true", help="one JSON object a file, on stdout")
    parser.add_argument(
        "--chunk-seconds",
        type=positive_seconds,
        default=30.0,
        help="of audio recognised in one piece (%(default)s)",
    )
    parser.add_argument(
        "--context-seconds",
        type=seconds,
        default=3.0,
        help="more on both sides of a piece, heard but not written (%(default)s)",
    )
    parser.add_argument(
        "--batch", type=count, default=1, help="pieces recognised at once (%(default)s)"
    )
    parser.add_argument("--threads", type=count, help="of the CPU; otherwise torch chooses")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(report_input_errors(main)())
