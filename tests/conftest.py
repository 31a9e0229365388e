"""Fixtures of all tests: one thread, and the real speech where it is at hand."""

import os
import signal
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported anywhere

import hypothesis
import pytest
import torch

from tests.tones import make_tones

# On a busy machine an example may take long; what is tested is not how long.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: a core that came to it last would work on it alone."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Two busy threads on shared cores were seen many times slower than one."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def signals_reach_children() -> None:
    """Processes inherit what is ignored, by nohup SIGHUP and by a script's `&` SIGINT, but no
    handler: with one that does nothing, this process ignores them still."""
    for signum in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(signum) == signal.SIG_IGN:
            signal.signal(signum, lambda *_: None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora beside the checkout; tests that need it skip without it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs real speech, and there is no {folder}")
    return folder


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train, validation and test manifests of tones, one pitch a letter."""
    return make_tones(tmp_path_factory.mktemp("tones"))
