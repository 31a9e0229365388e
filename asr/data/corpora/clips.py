"""Recordings with their text to utterances: every file is measured, none is dropped unseen."""

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

from asr.audio import probe
from asr.data.corpora.progress import note, track
from asr.data.manifest import Utterance
from asr.errors import InputError

_SHOWN = 50  # files named in an error; with --skip-unreadable all are


@dataclass(frozen=True, slots=True)
class Clip:
    """An audio file that is one utterance."""

    audio: str
    text: str
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot become an utterance."""

    path: str
    reason: str


def to_utterances(
    clips: Sequence[Clip],
    *,
    jobs: int,
    skip_unreadable: bool,
    problems: Sequence[Problem] = (),
) -> list[Utterance]:
    """Measure the clips, in order.

    Args:
        jobs: threads; libsndfile runs outside Python's global lock.
        skip_unreadable: list what cannot be used and go on, instead of raising.
        problems: files already known to be unusable, reported with the unreadable ones.
    """
    seconds, unreadable = measure([clip.audio for clip in clips], jobs=jobs)
    report_problems(
        [*problems, *unreadable], len(clips) + len(problems), skip_unreadable=skip_unreadable
    )
    return [
        Utterance(clip.audio, clip.audio, seconds[clip.audio], clip.text, speaker=clip.speaker)
        for clip in clips
        if clip.audio in seconds
    ]


def measure(paths: Sequence[str], *, jobs: int) -> tuple[dict[str, float], list[Problem]]:
    """The seconds of every readable file, and why the others are not."""
    seconds: dict[str, float] = {}
    problems: list[Problem] = []
    with ThreadPool(jobs) as pool:
        results = pool.imap(_seconds, paths, chunksize=64)
        for path, result in zip(paths, track(results, "measure", len(paths)), strict=True):
            if isinstance(result, str):
                problems.append(Problem(path, result))
            else:
                seconds[path] = result
    return seconds, problems


def _seconds(path: str) -> float | str:
    try:
        path.encode()
        info = probe(path)
    except UnicodeEncodeError:
        return "its path is not UTF-8, as a manifest is: rename it"
    except InputError as error:
        return error.parts[2]
    return info.seconds if info.samples else "holds no samples"


def report_problems(problems: Sequence[Problem], total: int, *, skip_unreadable: bool) -> None:
    """Raise if there are problems, or name all of them on stderr where the user allowed it."""
    if not problems:
        return
    lines = [f"\n  {problem.path}: {problem.reason}" for problem in problems]
    if skip_unreadable:
        note(f"left out {len(problems)} of {total} files (--skip-unreadable):{''.join(lines)}")
        return
    more = f"\n  ... and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    raise InputError(
        "audio and transcripts",
        expected=f"{total} readable files",
        got=f"{len(problems)} that cannot be used",
        remedy="Restore or remove them, or leave them out with --skip-unreadable:"
        f"{''.join(lines[:_SHOWN])}{more}",
    )
