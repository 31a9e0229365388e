"""Any audio file to text: python -m asr.transcribe MODEL FILE... (--help)."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from asr.arguments import count, positive_seconds, seconds
from asr.errors import InputError, report_input_errors
from asr.evaluation.windows import Transcript
from asr.inference.model_file import is_model_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Transcribe every file that can be; the exit code is 1 if one could not."""
    given = _parser().parse_args(arguments)
    transcribe = (_exported if is_model_file(given.model) else _trained)(given)
    failed = 0
    for path in given.files:
        try:
            transcript = transcribe(path)
        except InputError as error:
            failed += 1
            print(f"error: {error}", file=sys.stderr)
            continue
        _show(path, transcript, as_json=given.json)
    return 1 if failed else 0


def _exported(given: argparse.Namespace) -> Callable[[str], Transcript]:
    """By an exported file: torch is not imported, which alone takes seconds."""
    from asr.inference.recogniser import Recogniser

    if given.device != "cpu":
        raise InputError(
            "device",
            expected="cpu for an exported file",
            got=given.device,
            remedy="Name the run folder to use an accelerator.",
        )
    return partial(
        Recogniser(given.model, threads=given.threads or 1).transcribe_file,
        chunk_seconds=given.chunk_seconds,
        context_seconds=given.context_seconds,
        batch=given.batch,
    )


def _trained(given: argparse.Namespace) -> Callable[[str], Transcript]:
    """By a run folder or a checkpoint, in torch.

    Raises:
        InputError: torch is not installed, without which exported files are transcribed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError(
            given.model,
            expected="an exported model, since torch is not installed",
            got=f"none: {_what_it_is(given.model)}",
            remedy="Check the path, or install torch for run folders and checkpoints.",
        ) from error

    from asr.checkpoint import load_trained
    from asr.decoding.greedy import GreedyDecoder
    from asr.evaluation.forward import move
    from asr.evaluation.long_audio import transcribe_file

    if given.threads is not None:
        torch.set_num_threads(given.threads)
    trained, decoder = load_trained(given.model), GreedyDecoder()
    move(trained, given.device)

    def transcribe(path: str) -> Transcript:
        return transcribe_file(
            trained,
            path,
            decoder,
            chunk_seconds=given.chunk_seconds,
            context_seconds=given.context_seconds,
            batch=given.batch,
        )

    return transcribe


def _what_it_is(path: str) -> str:
    if Path(path).is_dir():
        return "a folder"
    return "another file" if Path(path).exists() else "no such file"


def _show(path: str, transcript: Transcript, *, as_json: bool) -> None:
    """Text on stdout, speed beside it as JSON or on stderr, so that the text can be piped."""
    if as_json:
        line = json.dumps({"file": path, **asdict(transcript)}, ensure_ascii=False)
    else:
        line = f"{path}: {transcript.text}"
    # A byte of a name that is not UTF-8 becomes \udcXX, which JSON reads back.
    print(line.encode(errors="backslashreplace").decode(), flush=True)
    if not as_json:
        length, speed = transcript.seconds, transcript.seconds / transcript.processing_seconds
        print(
            f"{path}: {length:.1f} s of audio in {transcript.processing_seconds:.2f} s, "
            f"{speed:.1f} x real time",
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.transcribe",
        description="Transcribe audio files of any length and sample rate, by greedy decoding.",
        epilog="Exit code 1 if a file could not be transcribed; the others are all the same.",
    )
    parser.add_argument(
        "model", metavar="MODEL", help="an exported file, a run folder or a .ckpt file"
    )
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
    parser.add_argument(
        "--threads",
        type=count,
        help="of the CPU; otherwise 1 for an exported file, and torch chooses",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(report_input_errors(main)())
