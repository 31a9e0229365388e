"""The command that checks manifests: its choices, its help, its exit codes."""

import sys
from pathlib import Path

import pytest

from asr.data.check.__main__ import main
from asr.data.check.findings import MUST_BE_FIXED
from asr.errors import InputError
from tests.commands import run
from tests.data.checked_corpus import Corpus
from tests.finished_run import write_run


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def test_every_kind_is_in_the_help(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    kinds = set(MUST_BE_FIXED) - {"unreadable audio", "too long"}  # told with another
    assert [kind for kind in kinds if kind not in text] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["m.jsonl", "--model", "smal"], "small"),
        (["m.jsonl", "--data", "manifest"], "manifests"),
        (["m.jsonl", "m.jsonl"], "each once"),
        (["absent.jsonl"], "no such file"),
        (["m.jsonl", "--run", "r", "--model", "tiny"], "--run alone"),
    ],
)
def test_what_cannot_be_checked(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    corpus.manifest("m", corpus.line(corpus.audio("a.wav")))
    monkeypatch.chdir(corpus.folder)
    with pytest.raises(InputError, match=said):
        main(arguments)


def test_exit_codes_of_the_command(corpus: Corpus) -> None:
    command = [sys.executable, "-m", "asr.data.check"]
    good = corpus.manifest("good", corpus.line(corpus.audio("a [b].wav")))
    bad = corpus.manifest("bad", corpus.line("absent [bold].wav", "é"))
    ended = run([*command, good])
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = run([*command, bad])
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "[bold].wav" in ended.stdout


def test_the_vocabulary_and_model_of_a_run(corpus: Corpus) -> None:
    write_run(corpus.folder / "run")
    manifest = corpus.manifest("m", corpus.line(corpus.audio("a.wav"), "ab" * 30))
    assert corpus.check(manifest, "--run", str(corpus.folder / "run"))[0] == 1
    assert corpus.check(manifest, "--model", "deepspeech2")[0] == 0
