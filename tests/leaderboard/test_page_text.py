"""The page as a file: self-contained, and inert whatever the results hold."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from asr.leaderboard.page import as_script_data
from tests.leaderboard.conftest import HOSTILE
from tests.leaderboard.pages import write_page


class Elements(HTMLParser):
    """Every element with its attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script" and data.strip():
            self.scripts.append(data)


@pytest.fixture(scope="module")
def page(runs: Path, hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = write_page(tmp_path_factory.mktemp("page") / "page.html", runs, hostile_run)
    return path.read_text(encoding="utf-8")


def test_no_address_of_the_network_stands_in_it(page: str) -> None:
    # Stricter than any scheme: the letters stand there once, in an attribute's name.
    assert re.findall("http.{6}", page, re.IGNORECASE) == ["http-equiv"]
    for tag, attributes in Elements(page).found:
        assert not {"src", "href", "action", "background"} & set(attributes), tag
        assert tag not in ("link", "iframe", "object", "embed", "base")
    assert not re.search(r"url\(|@import", page.split("<style>")[1].split("</style>")[0])


def test_texts_of_results_make_no_element(page: str) -> None:
    elements = Elements(page)
    kinds = [attributes.get("type") for tag, attributes in elements.found if tag == "script"]
    embedded = page.count('id="run-data-')
    assert embedded == 2
    assert kinds == ["application/json"] * (1 + embedded) + [None, None]
    assert not [tag for tag, _ in elements.found if tag == "b"]
    (shown,) = (json.loads(s) for s in elements.scripts if '"sets":' in s and '"rows":' in s)
    assert HOSTILE in {row["experiment"] for row in shown["rows"]}


def test_the_policy_lets_only_the_page_s_own_scripts_run(page: str) -> None:
    elements = Elements(page)
    (policy,) = (a["content"] for _, a in elements.found if "content-security" in str(a).lower())
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    own = elements.scripts[-2:]
    assert allowed == [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in own
    ]
    assert "eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


@pytest.mark.parametrize(
    "text", [HOSTILE, "\u2029&amp;", "HTTPS://a", "ht\\tp", "\\u0074 \\", "\ud7ff\U0001f600", "é"]
)
def test_data_come_back_as_they_were(text: str) -> None:
    written = as_script_data({"key": [text]})
    assert not re.search("[<>&\u2028\u2029]|https?", written, re.IGNORECASE)
    assert json.loads(written) == {"key": [text]}
