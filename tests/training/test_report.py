"""How long training waited for data: for data, and for nothing else."""

import time
from pathlib import Path
from typing import Any

import lightning
import pytest
from lightning.pytorch.callbacks import Callback

from asr.data.batch import Batch
from asr.data.dataset import SpeechDataset
from tests.training.in_process import speech_data, speech_module, trainer


class Slow(Callback):
    """A callback that takes its time, as one that saves does; it counts batches and audio."""

    def __init__(self) -> None:
        self.batches, self.seconds = 0, 0.0

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        outputs: Any,
        batch: Batch,
        _: int,
    ) -> None:
        self.batches += 1
        self.seconds += batch.seconds
        time.sleep(0.05)


def reported(tones: Path, folder: Path, *after: Callback, workers: int = 0) -> dict[str, float]:
    """The metrics of an epoch in which the callbacks `after` come after the report."""
    data = speech_data(tones, batch_seconds=1.5, workers=workers)
    made = trainer(folder, epochs=1)
    made.callbacks[-1:-1] = after  # type: ignore[attr-defined]
    made.fit(speech_module(data, epochs=1), datamodule=data, weights_only=True)
    return {name: float(value) for name, value in made.callback_metrics.items()}


def test_a_slow_callback_is_no_wait_for_data(tones: Path, tmp_path: Path) -> None:
    slow = Slow()
    found = reported(tones, tmp_path / "b", slow)
    assert 0 < found["data_wait"] < 0.25
    # It is time of training all the same, but for what follows the last batch.
    slept = 0.05 * (slow.batches - 1)
    assert found["audio_seconds_per_second"] <= slow.seconds / slept


@pytest.mark.parametrize("workers", [0, 1])
def test_a_slow_dataset_is(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    load = SpeechDataset.__getitem__

    def slowly(dataset: SpeechDataset, plan: Any) -> Any:
        time.sleep(0.4)
        return load(dataset, plan)

    monkeypatch.setattr(SpeechDataset, "__getitem__", slowly)
    assert 0.3 < reported(tones, tmp_path, workers=workers)["data_wait"] < 1
