"""Made-up results, for the benchmark and for tests: real files, invented errors."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from asr.evaluation.error_rate import character_counts, pool, word_counts
from asr.evaluation.result import CPU, Hypothesis, Result, save

_WORDS = (  # noqa: SIM905
    "the a of and to in that it was he she they had with for on his her as at from by but not "
    "river mountain morning letter window captain silver garden evening winter question answer "
    "nothing someone between against through before another because"
).split()
METHODS = ("gradual_block", "gradual_regrow", "group_lasso_pruning", "weight_pruning")
_PARAMETERS = 2_587_581
_PRUNED = 2_200_000  # weights of the pruned matrices


@dataclass(frozen=True, slots=True)
class Setting:
    """What a made-up run was trained with."""

    experiment: str
    method: str
    block: str | None
    sparsity: float

    @property
    def error(self) -> float:
        """Chance of a word going wrong: rising with sparsity, faster for larger blocks."""
        size = int(self.block.split("x")[0]) if self.block else 1
        harm: float = self.sparsity**4 * (1 + 0.15 * size**0.5)
        return 0.06 + 0.22 * harm


def settings(number: int) -> list[Setting]:
    """Dense settings, each followed by sparse ones of all methods, blocks and sparsities."""
    grid = [
        (method, None if method == "weight_pruning" else block, sparsity)
        for method in METHODS
        for block in ("4x4", "8x8", "16x16", "32x32")
        for sparsity in (0.5, 0.7, 0.8, 0.85, 0.9, 0.95)
        if method != "weight_pruning" or block == "4x4"
    ]
    made: list[Setting] = []
    sweep = 0
    while len(made) < number:
        name = f"sweep_{sweep}"
        made += [Setting(name, "dense", None, 0.0), *(Setting(name, *one) for one in grid)]
        sweep += 1
    return made[:number]


def references(utterances: int, seed: int = 0) -> list[str]:
    """Sentences of 1 to 20 words."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(_WORDS, k=rng.randint(1, 20))) for _ in range(utterances)]


def write_results(
    runs: Path,
    chosen: Iterable[Setting],
    *,
    seeds: Sequence[int] = (1, 2, 3),
    sets: Sequence[str] = ("clean", "noisy"),
    utterances: int = 100,
    speakers: int = 25,
) -> int:
    """Write run folders as training and scoring leave them; returns how many results."""
    texts = {name: references(utterances, seed=place) for place, name in enumerate(sets)}
    written = 0
    for setting in chosen:
        for seed in seeds:
            for place, name in enumerate(sets):
                rng = random.Random(f"{setting}{seed}{name}")
                chance = setting.error * (1 + 1.2 * place) * (1 + 0.03 * (seed - 2))
                heard = list(_hypotheses(texts[name], chance, speakers, rng))
                result = _result(setting, seed, name, heard)
                folder = runs / setting.experiment / result.run_key
                save(folder / "eval" / f"books-{name}-greedy", result, heard)
                written += 1
            _write_beside(folder, setting)
    return written


def _hypotheses(
    texts: Sequence[str], chance: float, speakers: int, rng: random.Random
) -> Iterator[Hypothesis]:
    for index, text in enumerate(texts):
        # Some utterances are hard for every system, so that pairing tells more.
        hard = random.Random(index).gammavariate(1.0, 1.0)
        words = []
        for word in text.split():
            draw = rng.random() / max(hard * chance, 1e-9)
            if draw < 0.2:
                continue  # deleted
            words.append(rng.choice(_WORDS) if draw < 0.9 else word)
            if 0.9 <= draw < 1.0:
                words.append(rng.choice(_WORDS))  # inserted
        yield Hypothesis(
            f"{index:04}.wav", text, " ".join(words), 0.4 * len(text.split()),
            f"speaker-{index % speakers:02}", -1.0,
        )  # fmt: skip


def key_of(*parts: object) -> str:
    """The group key of a setting; with a seed, the key of a run."""
    return f"{random.Random(repr(parts)).getrandbits(48):012x}"


def _result(setting: Setting, seed: int, split: str, heard: Sequence[Hypothesis]) -> Result:
    said, understood = [one.reference for one in heard], [one.text for one in heard]
    words = pool(word_counts(said, understood))
    characters = pool(character_counts(said, understood))
    zeros = round(_PRUNED * setting.sparsity)
    seconds = sum(one.seconds for one in heard)
    return Result(
        run_key=key_of(setting, seed),
        group_key=key_of(setting),
        baseline_key=key_of(Setting(setting.experiment, "dense", None, 0.0)),
        seed=seed,
        experiment=setting.experiment,
        corpus="books",
        split=split,
        manifest_sha256=key_of(split, len(heard)) * 5,
        utterances=len(heard),
        seconds=seconds,
        method=setting.method,
        block=setting.block,
        sparsity=zeros / _PRUNED,
        sparsity_model=zeros / _PARAMETERS,
        parameters=_PARAMETERS,
        nonzero=_PARAMETERS - zeros,
        bytes=4 * (_PARAMETERS - zeros) + 40_000,
        **asdict(words),
        **{f"char_{name}": value for name, value in asdict(characters).items()},
        wer=words.rate,
        cer=characters.rate,
        decoder="greedy",
        language_model=None,
        batch=16,
        normaliser="basic",
        rtf=0.004 * (1.2 - setting.sparsity),
        threads=1,
        device=CPU,
        collapsed=False,
        versions="",
        commit="",
        created="2026-01-01T00:00:00+00:00",
    )


def _write_beside(folder: Path, setting: Setting) -> None:
    model = {"cell": "gru", "layers": 2, "hidden": 256, "directions": "concatenate"}
    lines = "".join(f"  {name}: {value}\n" for name, value in model.items())
    (folder / "config.yaml").write_text(f"data:\n  test: []\nmodel:\n{lines}seed: 1\n")
    rows = ["step,train_loss,validation_loss,wer,cer,sparsity,lr"]
    for step in range(10, 1001, 10):
        share = step / 1000
        whole = f"{60 * 0.9 ** (step / 60):.3f},{1 - 0.9 * share:.4f},{1 - 0.95 * share:.4f}"
        zeros = setting.sparsity * min(1.0, 2 * share)
        rows.append(f"{step},{120 * 0.99 ** (step / 8):.3f},{whole},{zeros:.4f},{1e-3 * share}")
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
