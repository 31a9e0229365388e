"""Where no kernel was built, the install works and inference runs in numpy, and says so."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from asr.errors import InputError
from asr.inference import kernel, library
from asr.inference.folding import folded
from asr.inference.recogniser import Recogniser, engine_of
from tests.inference.exported import pruned

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_kernel_numpy_gives_the_same_and_a_warning(monkeypatch, tmp_path):
    model = folded(pruned(), {})
    samples = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    expected = Recogniser(model, engine="numpy").log_probabilities([(samples, 16000)])[0]
    monkeypatch.setattr(library, "library_path", lambda name: tmp_path / name)
    library.open_library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="compiler"):
            recogniser = Recogniser(model)
    finally:
        library.open_library.cache_clear()
    assert recogniser.engine.name == "numpy"
    found = recogniser.log_probabilities([(samples, 16000)])[0]
    np.testing.assert_array_equal(found, expected)


def built(root: Path, monkeypatch) -> tuple[dict, list[str]]:
    """The build hook on a copy of what it needs: the build's data, and the warnings shown."""
    hatchling = pytest.importorskip("hatchling.builders.hooks.plugin.interface")
    core = root / "asr" / "inference" / "core"
    core.mkdir(parents=True, exist_ok=True)
    for source in (ROOT / "asr" / "inference" / "core").glob("*.cpp"):
        shutil.copy(source, core)
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, "hatch_build", raising=False)
    import hatch_build

    warnings: list[str] = []
    hook = SimpleNamespace(root=str(root), app=SimpleNamespace(display_warning=warnings.append))
    assert issubclass(hatch_build.KernelBuildHook, hatchling.BuildHookInterface)
    data: dict = {"artifacts": []}
    hatch_build.KernelBuildHook.initialize(hook, "standard", data)
    return data, warnings


def test_an_install_without_a_compiler_goes_on(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    data, warnings = built(tmp_path, monkeypatch)
    assert data == {"artifacts": []}
    assert len(warnings) == 1
    assert "No C++ compiler" in warnings[0]


@pytest.mark.parametrize("compiler", ["false", "/nonexistent/g++", "true --fast"])
def test_a_compiler_that_fails_is_told_and_the_install_goes_on(compiler, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", compiler)
    stale = tmp_path / "asr/inference/core/block_sparse_portable.so"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an older source")
    data, warnings = built(tmp_path, monkeypatch)
    assert data == {"artifacts": []}
    assert warnings
    assert all("was not built" in warning for warning in warnings)
    assert not stale.exists()


def test_what_another_build_left_is_no_kernel_of_this_one(monkeypatch, tmp_path):
    core = tmp_path / "asr/inference/core"
    core.mkdir(parents=True)
    compiler = tmp_path / "compiler"  # writes half a library, and fails
    compiler.write_text('#!/bin/sh\nfor last; do :; done\necho half > "$last"\nexit 1\n')
    compiler.chmod(0o755)
    (core / "block_sparse_portable.partial").write_bytes(b"of a build that was killed")
    monkeypatch.setenv("CXX", str(compiler))
    data, warnings = built(tmp_path, monkeypatch)
    assert data == {"artifacts": []}
    assert warnings
    assert all("was not built" in warning for warning in warnings)
    assert not list(core.glob("*.so"))
    assert [path.name for path in core.glob("*.partial")] == ["block_sparse_portable.partial"]


def test_an_engine_that_is_none_is_told_by_its_name():
    for built in (("avx2", "portable"), ()):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernel, "available", lambda built=built: built)
            with pytest.raises(InputError) as told:
                engine_of("avx")
        assert f"expected one of {', '.join((*built, 'numpy'))}, got avx." in str(told.value)
        assert ("compiler" in str(told.value)) == (not built)


def test_a_library_of_another_machine_is_told_and_numpy_runs(monkeypatch, tmp_path):
    (tmp_path / "portable").write_bytes(b"\x7fELF of another machine")
    monkeypatch.setattr(library, "library_path", lambda name: tmp_path / name)
    library.open_library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="cannot be loaded"):
            assert library.available() == ()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what is asked for needs no library
            assert engine_of("numpy").name == "numpy"
    finally:
        library.open_library.cache_clear()


@pytest.mark.flow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ here")
def test_a_compiler_makes_one_library_for_each_instruction_set(monkeypatch, tmp_path):
    data, warnings = built(tmp_path, monkeypatch)
    assert warnings == []
    made = sorted(path.name for path in (tmp_path / "asr/inference/core").glob("*.so"))
    assert made == sorted(Path(artifact).name for artifact in data["artifacts"])
    assert "block_sparse_portable.so" in made
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", tmp_path / "asr/inference/core" / made[0]],
        capture_output=True,
        text=True,
    ).stdout
    assert "block_sparse_recur" in symbols
