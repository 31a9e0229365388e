"""The steps between audio and text by a trained model: features, log-probabilities, labels."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from asr.audio import read
from asr.checkpoint import TrainedModel
from asr.data.manifest import Utterance
from asr.decoding.decoder import Decoded
from asr.errors import InputError
from asr.features.resample import resample


def utterance_features(trained: TrainedModel, utterance: Utterance) -> Tensor:
    """Features `(F, T)` of an utterance, read from its file."""
    return waveform_features(trained, *read(utterance.audio, utterance.offset, utterance.seconds))


@torch.inference_mode()
def waveform_features(trained: TrainedModel, samples: np.ndarray, rate: int) -> Tensor:
    """Features `(F, T)` of samples `(N,)` at `rate` Hz."""
    waveform = resample(samples, rate, trained.features.sample_rate)
    features: Tensor = trained.features(torch.from_numpy(waveform))
    return features


def move(trained: TrainedModel, device: str) -> None:
    """Put the model's weights on a device; raises InputError where there is no such device."""
    try:
        trained.model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            "device",
            expected="cpu, or an accelerator that torch finds here",
            got=f"{device!r} ({str(error).splitlines()[0]})",
            remedy="Use the CPU, or check the driver and torch's build.",
        ) from error


def device_of(model: nn.Module) -> str:
    """Where a model's weights are, as results say it: two kinds of GPU are two devices."""
    device = next(model.parameters()).device
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


@torch.inference_mode()
def log_probabilities(trained: TrainedModel, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pad features `(F, T)` and run the model: `(S, B, V)` and output lengths `(B,)`.

    They stay on the device that the model's weights are on.
    """
    device = next(trained.model.parameters()).device
    frames = torch.tensor([one.shape[1] for one in features], device=device)
    padded = torch.nn.utils.rnn.pad_sequence([one.T for one in features], batch_first=True)
    log_probs, output_frames = trained.model(padded.transpose(1, 2).to(device), frames)
    return log_probs, output_frames


def text_of(trained: TrainedModel, decoded: Decoded) -> str:
    """The text of a reading, its words apart by single spaces."""
    return " ".join(trained.vocabulary.decode(decoded.labels).split())
