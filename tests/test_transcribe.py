import json
import os
import sys
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.transcribe import main
from tests import commands
from tests.finished_run import write_audio, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def test_text_on_stdout_speed_on_stderr(run: Path, tmp_path: Path, capsys):
    short = write_audio(tmp_path / "short.wav", 0.01)
    long = write_audio(tmp_path / "long.wav", 5.0, rate=44100)
    arguments = [str(run), str(short), str(long), "--chunk-seconds", "2", "--context-seconds", "1"]
    assert main([*arguments, "--batch", "2", "--threads", "1"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(short), str(long)]
    assert len(lines[1]) > len(str(long)) + 5
    assert captured.err.count("x real time") == 2
    assert "5.0 s of audio" in captured.err


def test_json_lines_and_a_checkpoint_file(run: Path, tmp_path: Path, capsys):
    path = write_audio(tmp_path / "a.wav", 1.5)
    assert main([str(run / "checkpoints" / "best.ckpt"), str(path), "--json"]) == 0
    captured = capsys.readouterr()
    row = json.loads(captured.out)
    assert set(row) == {"file", "text", "seconds", "processing_seconds"}
    assert (row["file"], row["seconds"], captured.err) == (str(path), 1.5, "")


def test_names_that_are_not_utf_8(run: Path, tmp_path: Path):
    path = write_audio(tmp_path / os.fsdecode(b"caf\xe9.wav"), 0.5)
    # A process of its own: what pytest captures by takes any name.
    transcribe = [sys.executable, "-m", "asr.transcribe", str(run), str(path)]
    as_json, as_text = commands.run([*transcribe, "--json"]), commands.run(transcribe)
    assert json.loads(as_json.stdout)["file"] == str(path), as_json.stderr
    assert as_text.stdout.startswith(f"{tmp_path}/caf\\udce9.wav: "), as_text.stderr


def test_a_missing_file_does_not_stop_the_others(run: Path, tmp_path: Path):
    path = write_audio(tmp_path / "a.wav", 1.0)
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no audio")
    files = ["absent.wav", str(noise), str(path)]
    ended = commands.run([sys.executable, "-m", "asr.transcribe", str(run), *files])
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"{path}: ")
    assert "absent.wav: expected an audio file" in ended.stderr
    assert "noise.wav: expected a WAV" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_missing_run_is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="expected a checkpoint"):
        main([str(tmp_path / "absent"), "a.wav"])


def test_a_missing_file_where_torch_is_not_installed(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    with pytest.raises(InputError, match="got none: no such file"):
        main([str(tmp_path / "absent.safetensors"), "a.wav"])


@pytest.mark.parametrize(
    "wrong",
    [["--chunk-seconds", "0"], ["--context-seconds", "-1"], ["--batch", "0"], ["--threads", "x"]],
)
def test_settings_out_of_range(wrong: list[str], capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", "a.wav", *wrong])
    assert caught.value.code == 2
    assert wrong[0] in capsys.readouterr().err
