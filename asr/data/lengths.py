"""How long every utterance of an epoch is: what batches are planned with, before audio is read."""

import numpy as np
from numpy.typing import NDArray

from asr.checkpoint import TrainedModel
from asr.data.sampler import EpochLengths
from asr.data.selection import alignable
from asr.features.speed import SpeedPerturbation


def epoch_lengths(
    seconds: NDArray[np.float64],
    needed: NDArray[np.int64],
    trained: TrainedModel,
    speed: SpeedPerturbation | None,
    *,
    seed: int,
    epoch: int,
) -> EpochLengths:
    """Frames and speeds of the training set: a pure function of seed and epoch.

    Args:
        seconds: (utterances,) as recorded.
        needed: (utterances,) labels and repeats.
        trained: its features and its model count the frames.
        speed: None leaves the speech as it is.
    """
    features = trained.features
    samples = np.round(seconds * features.sample_rate).astype(np.int64)
    speeds = np.ones(len(samples))
    if speed is not None:
        drawn = speed.draw(seed, epoch, len(samples))
        faster = features.frames(speed.samples(samples, drawn))
        # Speaking faster must not make a line one that CTC cannot align.
        speeds = np.where(alignable(needed, trained.model.output_lengths(faster)), drawn, 1.0)
        samples = speed.samples(samples, speeds)
    return EpochLengths(features.frames(samples), speeds)
