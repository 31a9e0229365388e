"""A recogniser of two threads in a process forked from the one that used it."""

import multiprocessing

import numpy as np
import pytest

from asr.inference.folding import folded
from asr.inference.recogniser import Recogniser
from tests.inference.exported import pruned

SAMPLES = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)


# Python 3.12 warns of the very case.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_process_has_a_thread_of_its_own():
    recogniser = Recogniser(folded(pruned(), {}), threads=2, engine="numpy")
    expected = recogniser.log_probabilities([(SAMPLES, 16000)])[0]
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)

    def child() -> None:
        theirs.send(recogniser.log_probabilities([(SAMPLES, 16000)])[0])

    process = fork.Process(target=child)
    process.start()
    try:
        assert ours.poll(20), "it waits for a thread that the fork has not"
        np.testing.assert_array_equal(ours.recv(), expected)
    finally:
        process.kill()
        process.join()
