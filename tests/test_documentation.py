"""What the pages say exists, exists."""

import re
from pathlib import Path

import pytest
import yaml

from asr.study.__main__ import main as study

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_resolve(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_linked_headings_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if link[1] not in anchors(page.parent / link[0], page)] == []


def anchors(linked: Path, page: Path) -> set[str]:
    """Those that a page's headings get: small letters, words joined by hyphens, no punctuation."""
    text = (page if linked.is_dir() else linked).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_the_tree_is_the_real_one() -> None:
    tree = README.split("## The tree")[1].split("```")[1]
    shown = {line.split()[0].rstrip("/") for line in tree.splitlines() if line.startswith("  ")}
    real = {
        path.name
        for path in (ROOT / "asr").iterdir()
        if path.name not in ("__init__.py", "__pycache__", "errors.py", "files.py", "arguments.py")
    }
    assert shown == real


def test_the_table_of_choices_is_complete() -> None:
    table = README.split("| group | choices |")[1].split("\n\n")[0]
    defaults = yaml.safe_load((ROOT / "conf/train.yaml").read_text(encoding="utf-8"))["defaults"]
    groups = {group for entry in defaults if isinstance(entry, dict) for group in entry}
    shown = set(re.findall(r"`([\w/]+)`", " ".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert {group for group in groups if not group.startswith("override ")} <= shown
    for row in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.*) \|$", table, re.MULTILINE):
        groups = re.findall(r"`(\w+)`", row[0])
        told = set(re.findall(r"`([\w-]+)`", row[1])) - {"32-true", "bf16-mixed", "16-mixed"}
        real = {file.stem for group in groups for file in (ROOT / "conf" / group).glob("*.yaml")}
        assert told == real - {"default"} | (told & real), groups


def test_experiments_open_with_their_command() -> None:
    for file in (ROOT / "conf/experiment").glob("*.yaml"):
        first, second = file.read_text(encoding="utf-8").splitlines()[:2]
        assert first == "# @package _global_"
        assert re.search(rf"python train.py (-m )?\+experiment={file.stem}\b", second)


def test_the_study_s_pages_are_what_its_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    pages = ["docs/study.md", "docs/study_two_layers.md", "README.md"]
    monkeypatch.setattr("sys.argv", ["study", "docs/results/study", "--page", *pages, "--check"])
    study()
