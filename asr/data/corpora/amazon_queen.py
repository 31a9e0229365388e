"""Flight of the Amazon Queen: the acted dialogue of a freely distributed adventure game."""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.data.corpora.clips import Clip, to_utterances
from asr.data.corpora.progress import note, track
from asr.data.corpora.queen_archive import PACKAGE, read_archive
from asr.data.corpora.queen_script import voiced_segments
from asr.data.corpora.source import absolute_path
from asr.data.manifest import ManifestError, Utterance, read_manifest
from asr.errors import InputError
from asr.files import atomic_write

NAME = "amazon_queen"
HELP = (
    "acted US English of an adventure game, 67 characters, 4.5 h at 11 kHz (nothing above "
    f"5.5 kHz); apt-get download {PACKAGE}; free to distribute, not to sell"
)

# Scenes of the held-out splits; all others train.
_HELD_OUT = {
    "validation": "04 49 67 71 80 c12a_ c13d_ c21b_ c25c_ c32c_ c51a_ c51c_ c62d_ c69n_ c73d_ "
    "c74c_ joe14 joe17",
    "test": "08 52 c103b c13h_ c16a_ c18b_ c25h_ c3h__ c50h_ c63b_ c64a_ c97b_ joe30 joe34",
}
_SPLIT_OF_SCENE = {scene: split for split, scenes in _HELD_OUT.items() for scene in scenes.split()}
# Voice files that last several times as long as their line: growls, pauses, other words.
_NOT_THE_SCRIPT = frozenset({"130023p2", "140001p2", "140008p1", "c42b_141"})
_REPEAT_WORDS = 4  # shorter lines ("hello again") may recur between splits
_SPLITS_OF_A_COPY = {"train": "train", "valid": "validation", "test": "test", "dup": "repeat"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the game, or a finished copy of the corpus, is."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument(
        "--archive",
        type=absolute_path,
        metavar="FILE",
        help=f"the Debian package {PACKAGE}_*.deb, or the queen.1c in it",
    )
    group.add_argument(
        "--source",
        type=absolute_path,
        metavar="FOLDER",
        help="a finished copy: manifest.jsonl with a `split` on every line, and its audio",
    )


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """Train, validation and test; training lines that repeat a held-out one are left out."""
    if options.archive:
        splits = from_archive(read_archive(options.archive), folder / "audio")
    else:
        splits = from_copy(options.source)
    if repeats := splits.pop("repeat", []):
        note(
            f"{NAME}: left out {len(repeats)} lines that repeat {_REPEAT_WORDS} or more words "
            "of validation or test"
        )
    return {
        split: to_utterances(
            splits[split], jobs=options.jobs, skip_unreadable=options.skip_unreadable
        )
        for split in ("train", "validation", "test")
    }


def from_archive(files: Mapping[str, bytes], folder: Path) -> dict[str, list[Clip]]:
    """Write the voices of `queen.1c` to `folder`/NAME.mp3, as they are; clips by split.

    Files already there are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note(f"{NAME}: left out {', '.join(sorted(_NOT_THE_SCRIPT))}, which do not speak their line")
    segments = voiced_segments(files)
    clips = {}
    for name in track(sorted(segments.keys() - _NOT_THE_SCRIPT), f"{NAME} voices"):
        path = folder / f"{name}.mp3"
        voice = files[f"{name.upper()}.SB"]
        if not path.exists() or path.stat().st_size != len(voice):
            with atomic_write(path, "wb") as file:
                file.write(voice)
        words, speaker = segments[name]
        clips[name] = Clip(str(path), words, speaker)
    return split_by_scene(clips)


def split_by_scene(clips: Mapping[str, Clip]) -> dict[str, list[Clip]]:
    """Train, validation and test have no scene in common; `repeat` is what train must do without.

    Args:
        clips: by the name of the voice file.
    """
    splits: dict[str, list[Clip]] = defaultdict(list)
    of_name = {name: _SPLIT_OF_SCENE.get(scene(name), "train") for name in clips}
    held_out = {clip.text for name, clip in clips.items() if of_name[name] != "train"}
    for name, clip in clips.items():
        long = len(clip.text.split()) >= _REPEAT_WORDS
        repeats = of_name[name] == "train" and long and clip.text in held_out
        splits["repeat" if repeats else of_name[name]].append(clip)
    return splits


def scene(name: str) -> str:
    """The scene of a voice file: its talk, its scripted scene, or twenty of Joe's remarks."""
    if name.startswith("joe"):
        return f"joe{int(name[3:7]) // 20}"
    return name[:2] if name[0].isdigit() else name[:5]


def from_copy(folder: Path) -> dict[str, list[Clip]]:
    """The clips of a finished copy, by the `split` of its manifest; their length is measured."""
    path = folder / "manifest.jsonl"
    utterances = read_manifest(path)
    with open(path, encoding="utf-8") as file:
        rows = [(number, json.loads(line)) for number, line in enumerate(file, 1) if line.strip()]
    splits: dict[str, list[Clip]] = defaultdict(list)
    problems = []
    for (number, row), utterance in zip(rows, utterances, strict=True):
        if utterance.offset:
            problems.append((number, "offset must be 0: every recording is one utterance"))
        elif row.get("split") in _SPLITS_OF_A_COPY:
            clip = Clip(utterance.audio, utterance.text, utterance.speaker)
            splits[_SPLITS_OF_A_COPY[row["split"]]].append(clip)
        else:
            wanted = ", ".join(_SPLITS_OF_A_COPY)
            problems.append((number, f"split must be one of {wanted}, got {row.get('split')!r}"))
    if problems:
        raise ManifestError(path, problems)
    if missing := {"train", "validation", "test"} - splits.keys():
        raise InputError(
            str(path),
            expected="lines of the splits train, valid and test",
            got=f"none of {' and '.join(sorted(missing))}",
            remedy="The copy is incomplete: fetch it again, or extract it with --archive.",
        )
    return splits
