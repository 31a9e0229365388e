"""Files whose checksum is right and whose content was tampered with: an error, or a safe run."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from asr.errors import InputError
from asr.inference.folding import folded
from asr.inference.library import available
from asr.inference.model_file import FORMAT, model_bytes, model_from_bytes
from asr.inference.recogniser import Recogniser
from tests.inference.exported import pruned

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)


def sealed(description, tensors) -> bytes:
    meta = {"format": FORMAT, "model": json.dumps(description), "sha256": "0" * 64}
    data = save(tensors, meta)
    digest = hashlib.sha256(data).hexdigest().encode()
    return data.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + digest, 1)


def numbers(node, path=()):
    """Paths of all numbers in a description."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, (dict, list)):
            yield from numbers(value, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, key)


def other_number(value, rng: random.Random):
    near = [value - 1, value + 1, 2 * value]
    return rng.choice([0, -1, 1, *near, float(value), value + 0.5, float("nan"), True, str(value)])


def other_vocabulary(characters: str, rng: random.Random):
    longer = [characters + "#", characters + "#$%"]
    return rng.choice([characters[:-1], characters[:3], "", [characters], *longer])


def other_tensor(values, rng: random.Random):
    kind = rng.randrange(5)
    if kind < 2 and len(values) > 1:
        return values[: rng.randrange(len(values))]
    if kind == 2:
        return values.reshape(-1)
    if kind == 3:
        return rng.choice([values[None], values[..., None], values[..., :0], values[..., :1]])
    return values.reshape(values.shape[::-1])


def tampered(content: bytes, rng: random.Random) -> bytes:
    length = int.from_bytes(content[:8], "little")
    description = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["model"])
    tensors = {name: np.array(tensor) for name, tensor in load(content).items()}
    for _ in range(rng.randrange(1, 3)):
        chance = rng.random()
        if chance < 0.1:
            vocabulary = description["vocabulary"]
            vocabulary["characters"] = other_vocabulary(str(vocabulary["characters"]), rng)
            continue
        if chance < 0.45:
            *path, last = rng.choice([p for p in numbers(description) if p[0] != "provenance"])
            node = description
            for key in path:
                node = node[key]
            node[last] = other_number(node[last], rng)
            continue
        name = rng.choice(sorted(tensors))
        # Indices above all: they are what could lead out of bounds.
        if rng.random() < 0.5:
            name = rng.choice([n for n in sorted(tensors) if n.endswith((".columns", ".counts"))])
            values = tensors[name].copy()
            if values.size:
                values.reshape(-1)[rng.randrange(values.size)] = rng.randrange(256)
        else:
            if "lookahead" in tensors and rng.random() < 0.3:
                name = "lookahead"
            values = other_tensor(tensors[name], rng)
        tensors[name] = np.ascontiguousarray(values)
    return sealed(description, tensors)


def run_tampered(count: int, seed: int, **model) -> tuple[int, int]:
    """Load and run so many; returns how many were refused and how many ran."""
    content = model_bytes(folded(pruned((4, 4), hidden=20, **model), {}))
    rng, refused = random.Random(seed), 0
    for _ in range(count):
        try:
            recogniser = Recogniser(model_from_bytes(tampered(content, rng), "tampered"))
            recogniser.log_probabilities([(SAMPLES, 16000), (SAMPLES[:1000], 8000)] * 3)
            text = recogniser.transcribe(SAMPLES, 11025)
            if len(recogniser.model.layers[0]) == 1:
                stream = recogniser.stream(11025)
                stream.accept(SAMPLES)
                assert stream.finish() == text
        except InputError:
            refused += 1
    return refused, count - refused


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers may overflow
@pytest.mark.parametrize("model", [{}, {"directions": "one", "lookahead": 3}], ids=str)
def test_tampered_files_are_refused_or_run(model):
    refused, ran = run_tampered(300, 0, **model)
    assert refused > 100
    assert ran > 10


UNDER_SANITIZER = """
import sys, warnings
from pathlib import Path
import asr.inference.library as library
folder = Path(sys.argv[1])
library.library_path = lambda name: folder / f"block_sparse_{name}.so"
import pytest
warnings.simplefilter("ignore")
from tests.inference.test_hostile import run_tampered
assert library.available(), "no sanitised kernel"
print(*run_tampered(500, 1), *run_tampered(500, 2, directions="one", lookahead=3))
names = ["convolution", "features", "recurrence", "model_file", "export"]
tests = [f"tests/inference/test_{name}.py" for name in names]
chosen = "not numpy and not no_torch"
sys.exit(pytest.main(["-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-k", chosen, *tests]))
"""


@pytest.mark.flow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ here")
def test_nothing_is_read_or_written_out_of_bounds(tmp_path):
    from hatch_build import FLAGS, X86

    sources = sorted(map(str, (ROOT / "asr/inference/core").glob("*.cpp")))
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-O1", "-g1"]
    for name in {"portable", *available()}:
        out = tmp_path / f"block_sparse_{name}.so"
        command = ["g++", *FLAGS, *X86.get(name, []), *checks, *sources, "-o", str(out)]
        subprocess.run(command, check=True, capture_output=True)
    libraries = [
        subprocess.run(
            ["g++", f"-print-file-name={name}"], capture_output=True, text=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    done = subprocess.run(
        [sys.executable, "-c", UNDER_SANITIZER, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "LD_PRELOAD": " ".join(libraries),
            # Python's own memory is never freed; the allocator's other limits are the files'.
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "PYTHONMALLOC": "malloc",
            "OMP_NUM_THREADS": "1",
        },
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
