"""Pages whose marked parts are generated."""

import sys

import pytest

from asr.study.__main__ import main
from tests.study.material import damaged, write_kept

PAGE = """# By hand

<!-- study: two-layers-equal-width -->
old
<!-- end -->

Between.

<!-- study: cost -->
<!-- end -->
After.
"""


def study(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["study", *map(str, arguments)])
    main()


@pytest.fixture
def kept(tmp_path):
    write_kept(tmp_path / "kept", "dense", damaged(10))
    write_kept(tmp_path / "kept", "sparse", damaged(12), zeros=0.9)
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path


def test_marked_parts_are_made_and_the_rest_is_kept(kept, monkeypatch, capsys):
    page = kept / "page.md"
    with pytest.raises(SystemExit):
        study(monkeypatch, kept / "kept", "--page", page, "--check")
    assert "out of date" in capsys.readouterr().err
    assert page.read_text() == PAGE
    study(monkeypatch, kept / "kept", "--page", page)
    made = page.read_text()
    assert made.startswith("# By hand\n\n<!-- study: two-layers-equal-width -->\n")
    assert "\nBetween.\n" in made
    assert made.endswith("<!-- end -->\nAfter.\n")
    assert "old" not in made
    assert "| 90 % in 16x16, 1 seed |" in made
    assert (kept / "kept/figures/two_layers_equal_width.png").read_bytes().startswith(b"\x89PNG")
    assert "](kept/figures/two_layers_equal_width.png)" in made
    study(monkeypatch, kept / "kept", "--page", page, "--check")  # the same again


def test_a_picture_that_is_gone_or_shows_other_rates_is_out_of_date(kept, monkeypatch, capsys):
    picture = kept / "kept/figures/two_layers_equal_width.png"
    page = kept / "page.md"
    study(monkeypatch, kept / "kept", "--page", page)
    before = picture.read_bytes()
    write_kept(kept / "kept", "sparse", damaged(13), zeros=0.9)
    study(monkeypatch, kept / "kept", "--page", page)
    study(monkeypatch, kept / "kept", "--page", page, "--check")
    picture.write_bytes(before)
    for _ in range(2):  # the second time it is cut off
        with pytest.raises(SystemExit):
            study(monkeypatch, kept / "kept", "--page", page, "--check")
        assert capsys.readouterr().err.startswith(f"out of date: {picture}. Run without")
        picture.write_bytes(before[:1000])


def test_no_page_is_written_if_one_cannot_be(kept, monkeypatch):
    (kept / "plain.md").write_text("nothing marked\n")
    with pytest.raises(SystemExit):
        study(monkeypatch, kept / "kept", "--page", kept / "page.md", kept / "plain.md")
    assert (kept / "page.md").read_text() == PAGE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!-- study: nothing -->\n<!-- end -->\n", "got nothing"),
        ("plain\n", "no marked part"),
        ("<!-- study: cost -->\nkeep\n<!-- study: cost -->\n<!-- end -->\n", "1 that end"),
    ],
)
def test_a_page_that_asks_for_nothing_known_is_refused(kept, monkeypatch, capsys, text, said):
    (kept / "page.md").write_text(text)
    with pytest.raises(SystemExit):
        study(monkeypatch, kept / "kept", "--page", kept / "page.md")
    error = capsys.readouterr().err
    assert said in error
    assert "equal-width" in error
    assert (kept / "page.md").read_text() == text
