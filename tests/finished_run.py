"""A run folder and audio for tests of what reads runs: real files, a real (tiny) model."""

import json
import wave
from pathlib import Path

import numpy as np
import torch
import yaml

from asr.checkpoint import Blueprint, TrainedModel
from asr.features.statistics import FeatureStatistics
from asr.text import CharacterVocabulary

REPOSITORY = Path(__file__).resolve().parents[1]
CHARACTERS = " 'abcdefghijklmnopqrstuvwxyz"
RATE = 16000


def blueprint(**model: object) -> Blueprint:
    """The presets `log_mel` and `tiny`, the latter with `model` changed."""
    features, arguments = (
        {key: value for key, value in yaml.safe_load(path.read_text()).items() if key[0] != "_"}
        for path in (REPOSITORY / "conf/features/log_mel.yaml", REPOSITORY / "conf/model/tiny.yaml")
    )
    bins = features["bins"]
    return Blueprint(
        features="LogMel",
        feature_arguments=features,
        model_arguments={
            **arguments,
            "bins": bins,
            "vocabulary_size": len(CHARACTERS) + 1,
            **model,
        },
        vocabulary=CharacterVocabulary(CHARACTERS).state(),
        language="en",
        statistics=FeatureStatistics((-6.0,) * bins, (3.0,) * bins, frames=1000),
    )


def talkative(trained: TrainedModel, seed: int = 0) -> TrainedModel:
    """Fresh weights so large that the likeliest label changes from frame to frame."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in trained.model.parameters():
            if weight.dim() > 1:
                weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))
    trained.model.eval()
    return trained


def write_run(folder: Path, *, key: str = "k1", seed: int = 0, **model: object) -> TrainedModel:
    """A finished run as training leaves it; returns what its checkpoint holds."""
    plan = blueprint(**model)
    trained = talkative(plan.build(), seed)
    (folder / "checkpoints").mkdir(parents=True)
    weights = {f"model.{name}": tensor for name, tensor in trained.model.state_dict().items()}
    checkpoint = {"recogniser": plan.state(), "state_dict": weights}
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    status = {"state": "done", "step": 10, "epoch": 1, "experiment": "tiny", "seed": seed}
    keys = {"run_key": key, "group_key": f"group-{key}", "baseline_key": None}
    (folder / "status.json").write_text(json.dumps(status | keys))
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": {"test": []}}))
    return trained


def write_audio(path: Path, seconds: float, *, rate: int = RATE, seed: int = 0) -> Path:
    """A wav file of band-limited noise whose loudness wanders, so that frames differ."""
    generator = np.random.default_rng(seed)
    steps = generator.uniform(0.0, 0.5, max(int(seconds * 10), 2))
    samples = round(seconds * rate)
    loudness = np.interp(np.linspace(0, len(steps) - 1, samples), np.arange(len(steps)), steps)
    noise = np.convolve(generator.standard_normal(samples + 7), np.ones(8) / 8, "valid")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, samples, "NONE", "NONE"))
        file.writeframes((np.clip(loudness * noise, -1, 1) * 32767).astype("<i2").tobytes())
    return path
