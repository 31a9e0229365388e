"""A reader that is gone, as tee is after Ctrl-C: training saves and ends all the same."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytest
from lightning.pytorch.callbacks import Callback

from asr.checkpoint import read_checkpoint
from asr.training.run_folder import TrainingInterruptedError
from tests.commands import REPOSITORY
from tests.training.in_process import speech_data, speech_module, trainer


@contextmanager
def unread() -> Iterator[None]:
    """A standard output that nobody reads any more. No fixture: pytest sets its own after those."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as output, redirect_stdout(output):
        yield


def test_a_lost_reader_changes_no_exit_code() -> None:
    script = "import sys; from asr.training.telling import say; say('a'); say('b'); sys.exit(130)"
    reading, writing = os.pipe()
    os.close(reading)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, env=buffered,
        cwd=REPOSITORY, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (130, b"")


def asked_by(hook: str) -> Callback:
    """A callback that asks the training to stop."""
    made = Callback()
    setattr(made, hook, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    return made


def test_a_signal_saves_though_nobody_hears_of_it(tones: Path, tmp_path: Path) -> None:
    """The epoch's own line comes before its checkpoint, too."""
    data = speech_data(tones)
    made = trainer(tmp_path, asked_by("on_validation_start"))
    with pytest.raises(TrainingInterruptedError), unread():
        made.fit(speech_module(data), datamodule=data, weights_only=True)
    steps = len(data.train_sampler().plan(0))
    assert read_checkpoint(tmp_path / "checkpoints/last.ckpt")["global_step"] == steps


class MidLine(io.StringIO):
    """A standard output that is being written to, which Python lets no signal handler do too."""

    def write(self, _: str) -> int:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stdout>'>")


def test_a_signal_in_the_middle_of_a_line_saves(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    made = trainer(tmp_path, asked_by("on_train_batch_start"))
    with pytest.raises(TrainingInterruptedError), redirect_stdout(MidLine()):
        made.fit(speech_module(data), datamodule=data, weights_only=True)
    assert read_checkpoint(tmp_path / "checkpoints/last.ckpt")["global_step"] == 1


@pytest.mark.parametrize(
    ("hook", "said"),
    [("on_train_batch_start", "this batch"), ("on_validation_start", "validation")],
)
def test_a_signal_is_told_what_comes_before_the_saving(
    hook: str, said: str, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = speech_data(tones)
    made = trainer(tmp_path, asked_by(hook))
    with pytest.raises(TrainingInterruptedError):
        made.fit(speech_module(data), datamodule=data, weights_only=True)
    assert f"SIGINT: saving after {said}; once more" in capsys.readouterr().out
