"""Manifests, their audio and a model's shape to everything that training would trip over."""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.pool import ThreadPool

import numpy as np
from tqdm import tqdm

from asr.checkpoint import TrainedModel
from asr.data.check.audio_faults import Heard, listen
from asr.data.check.findings import Finding, Report
from asr.data.check.splits import Line, same_audio, same_text
from asr.data.manifest import Utterance, parse_manifest
from asr.data.selection import normalised, obstacles, output_frames
from asr.errors import InputError

_LONGEST_READ = 30.0  # seconds, at the least: validation and test sets keep what is too long


def read_lines(manifests: Sequence[str]) -> tuple[dict[str, list[Utterance]], list[Finding]]:
    """The good lines of each manifest, and the bad lines of all."""
    if len({os.path.realpath(manifest) for manifest in manifests}) < len(manifests):
        raise InputError(
            "manifests",
            expected="each once",
            got=", ".join(manifests),
            remedy="Name the manifest of every split once.",
        )
    good: dict[str, list[Utterance]] = {}
    bad: list[Finding] = []
    for manifest in manifests:
        good[manifest], problems = parse_manifest(manifest)
        bad += [Finding("bad line", manifest, f"line {line}", what) for line, what in problems]
        if not good[manifest] and not problems:
            bad.append(Finding("bad line", manifest, "line 1", "the manifest is empty"))
    return good, bad


def preflight(
    manifests: Mapping[str, Sequence[Utterance]],
    bad_lines: Sequence[Finding],
    trained: TrainedModel,
    *,
    min_seconds: float,
    max_seconds: float,
    jobs: int,
) -> Report:
    """Check texts against the model, every audio file, and the manifests against each other.

    Args:
        manifests, bad_lines: as `read_lines` returns them.
        trained: decides what can be written and aligned; its weights are not used.
        min_seconds, max_seconds: of the utterances that will be trained on; half a minute is read
            of longer ones.
        jobs: threads that read audio.
    """
    names = list(manifests)
    texts = [normalised(manifests[name], trained.normaliser) for name in names]
    findings = list(bad_lines)
    for name, utterances in zip(names, texts, strict=True):
        findings += text_findings(
            name, utterances, trained, min_seconds=min_seconds, max_seconds=max_seconds
        )
    placed = [(index, line) for index, utterances in enumerate(texts) for line in utterances]
    everything = [utterance for _, utterance in placed]
    longest = max(max_seconds, _LONGEST_READ)
    sounds = listen_to_all(everything, longest=longest, jobs=jobs)
    lines = [Line(*where, sound) for where, sound in zip(placed, sounds, strict=True)]
    return Report(
        utterances={name: len(lines) for name, lines in zip(names, texts, strict=True)},
        seconds=sum(utterance.seconds for utterance in everything),
        findings=[
            *findings,
            *audio_findings(lines, names),
            *rate_findings(lines),
            *split_findings(lines, names),
        ],
        unknown=Counter(
            character
            for utterance in everything
            for character in trained.vocabulary.unknown(utterance.text).elements()
        ),
    )


def text_findings(
    manifest: str,
    utterances: Sequence[Utterance],
    trained: TrainedModel,
    *,
    min_seconds: float,
    max_seconds: float,
) -> Iterator[Finding]:
    """What training would leave out of one manifest, by training's own rules."""
    seconds = np.array([utterance.seconds for utterance in utterances])
    frames = output_frames(trained, seconds).tolist()
    for utterance, available in zip(utterances, frames, strict=True):
        for obstacle in obstacles(
            utterance,
            trained.vocabulary,
            trained.vocabulary.frames_needed(utterance.text),
            available,
            min_seconds=min_seconds,
            max_seconds=max_seconds,
        ):
            yield _of(utterance, manifest, obstacle.kind, obstacle.detail)


def listen_to_all(utterances: Sequence[Utterance], *, longest: float, jobs: int) -> Iterator[Heard]:
    """`listen` to each, in order, under a progress bar; libsndfile lets threads run at once."""
    uses = Counter(utterance.audio for utterance in utterances)

    def heard(utterance: Utterance) -> Heard:
        whole = utterance.offset == 0 and uses[utterance.audio] == 1
        return listen(utterance, whole=whole, longest=longest)

    with ThreadPool(jobs) as pool:
        results = pool.imap(heard, utterances, chunksize=16)
        # None: no bar where stderr is no terminal.
        yield from tqdm(results, "audio", len(utterances), disable=None, file=sys.stderr)


def audio_findings(lines: Iterable[Line], names: Sequence[str]) -> Iterator[Finding]:
    """What is wrong with the sound of single utterances."""
    for line in lines:
        for kind, detail in line.heard.faults:
            yield _of(line.utterance, names[line.manifest], kind, detail)


def rate_findings(lines: Iterable[Line]) -> Iterator[Finding]:
    """One for each sample rate, if there are several."""
    rates: dict[int, list[Utterance]] = defaultdict(list)
    for line in lines:
        if line.heard.sample_rate:
            rates[line.heard.sample_rate].append(line.utterance)
    for rate, utterances in sorted(rates.items() if len(rates) > 1 else ()):
        seconds = sum(utterance.seconds for utterance in utterances)
        detail = f"{len(utterances)} utterances, the first of them {utterances[0].id}"
        yield Finding("mixed sample rates", "", f"{rate} Hz", detail, seconds)


def split_findings(lines: Sequence[Line], names: Sequence[str]) -> Iterator[Finding]:
    """What stands in two manifests; it is told of the later one's utterance."""
    for kind, pairs in (
        ("same audio in two splits", same_audio(lines)),
        ("same text in two splits", same_text(lines)),
    ):
        for later, earlier in pairs:
            found = _of(later.utterance, names[later.manifest], kind, later.utterance.text)
            yield replace(found, other=f"{names[earlier.manifest]}: {earlier.utterance.id}")


def _of(utterance: Utterance, manifest: str, kind: str, detail: str) -> Finding:
    return Finding(kind, manifest, utterance.id, detail, utterance.seconds)
