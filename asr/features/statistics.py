"""Mean and deviation of every feature bin over a corpus, pooled in one pass."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError

# A bin that is empty in training (telephone speech above 4 kHz) deviates by next to nothing, and
# would be blown up without bound by the first recording that has energy there. Bins with speech
# deviate by 2 to 6 nats, so the floor leaves them alone.
SMALLEST_DEVIATION = 0.5  # nats


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """Mean and deviation per bin, both of length F, and the number of frames behind them."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    frames: int

    def plain(self) -> dict[str, Any]:
        """Numbers and lists only, for checkpoints and JSON."""
        return {**asdict(self), "mean": list(self.mean), "deviation": list(self.deviation)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "FeatureStatistics":
        return cls(tuple(plain["mean"]), tuple(plain["deviation"]), int(plain["frames"]))


def feature_statistics(features: Iterable[NDArray[Any]]) -> FeatureStatistics:
    """Pool arrays `(F, T)` of any lengths T, in float64 and without keeping them.

    The deviation is the population's, sqrt(sum((x - mean)^2) / frames), at least
    `SMALLEST_DEVIATION`. Chunks are merged as in Chan, Golub and LeVeque (1979), which is exact
    where the difference of two large sums is not.

    Raises:
        InputError: there is no frame, or one is not finite.
    """
    frames = 0
    mean, scatter = np.zeros(1), np.zeros(1)  # broadcast to (F,) by the first chunk
    for number, chunk in enumerate(features):
        values = np.asarray(chunk, np.float64)
        if values.shape[1] == 0:
            continue
        chunk_mean = values.mean(axis=1)
        if not np.isfinite(chunk_mean).all():
            raise _not_finite(number)
        total = frames + values.shape[1]
        apart = chunk_mean - mean
        scatter = (
            scatter
            + np.square(values - chunk_mean[:, None]).sum(axis=1)
            + apart**2 * (frames * values.shape[1] / total)
        )
        mean = mean + apart * (values.shape[1] / total)
        frames = total
    if frames == 0:
        raise InputError(
            "feature statistics",
            expected="at least one frame of features",
            got="none",
            remedy="The training set is empty: check its manifest.",
        )
    deviation = np.maximum(np.sqrt(scatter / frames), SMALLEST_DEVIATION)
    return FeatureStatistics(tuple(mean.tolist()), tuple(deviation.tolist()), frames)


def _not_finite(number: int) -> InputError:
    return InputError(
        "feature statistics",
        expected="finite features",
        got=f"NaN or infinity in array {number} (counted from 0)",
        remedy="Run asr.data.check on the training manifest.",
    )
