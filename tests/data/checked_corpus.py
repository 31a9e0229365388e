"""A corpus that is made to have what a check of manifests finds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.data.check.__main__ import main

RATE = 16000


def speech(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))


class Corpus:
    """Audio and manifests in a folder; each file sounds different unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, 0

    def audio(self, name: str, samples: np.ndarray | None = None, rate: int = RATE) -> str:
        self.files += 1
        sound = speech(2.0, seed=self.files) if samples is None else samples
        soundfile.write(self.folder / name, sound, rate)
        return name

    def line(self, audio: str, text: str = "hello", duration: float = 2.0, **more: Any) -> str:
        return json.dumps({"audio_filepath": audio, "duration": duration, "text": text, **more})

    def manifest(self, name: str, *lines: str) -> str:
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return str(path)

    def check(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        report = self.folder / "report.json"
        code = main([*arguments, "--json", str(report), "--jobs", "2"])
        return code, json.loads(report.read_text(encoding="utf-8"))


def found(report: dict[str, Any], kind: str) -> list[str]:
    return [finding["subject"] for finding in report["findings"] if finding["kind"] == kind]
