"""The page in a real browser, opened from its file."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asr.leaderboard.browser import emulate, is_installed, open_browser
from asr.leaderboard.rows import Board
from tests.leaderboard.conftest import HOSTILE
from tests.leaderboard.contrast import contrast, luminance
from tests.leaderboard.pages import write_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not is_installed(), reason="needs Debian's chromium and chromium-driver"),
]
BOOKS = "books-clean"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    browser = open_browser(tmp_path_factory.mktemp("browser") / "profile")
    browser.set_script_timeout(20)
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def file(runs: Path, hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("page") / "page.html", runs, hostile_run)


@pytest.fixture
def browser(started: Any, file: Path) -> Iterator[Any]:
    """The page, fresh and on a desktop; afterwards, that nothing complained or was fetched."""
    started.get_log("browser")
    started.get_log("performance")
    emulate(started, width=1300, height=900)
    started.get(file.as_uri())
    drawn(started)
    yield started
    assert [entry["message"] for entry in started.get_log("browser")] == []
    assert {address.split(":")[0] for address in _fetched(started)} <= {"file", "data"}


def drawn(browser: Any) -> None:
    """Wait until the charts are there."""
    browser.execute_async_script(
        """const done = arguments[0];
        const marked = () => performance.getEntriesByName("charts drawn").length > 0;
        const wait = () => marked() ? setTimeout(done, 30) : setTimeout(wait, 10);
        wait();"""
    )


def _fetched(browser: Any) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def read(browser: Any, script: str) -> Any:
    return browser.execute_script(f"return {script}")


def column(browser: Any, name: str) -> list[str]:
    """First lines of a column's cells, in the order shown."""
    return list(
        read(
            browser,
            f"""(() => {{
            const heads = [...document.querySelectorAll("#table thead th")];
            const place = heads.findIndex((head) => head.dataset.id === {json.dumps(name)});
            return [...document.querySelectorAll("#table tbody tr[data-id]")].map(
                (row) => row.children[place].querySelector(".rate")?.textContent
                    ?? row.children[place].textContent);
            }})()""",
        )
    )


def click(browser: Any, selector: str) -> None:
    from selenium.webdriver.common.by import By

    browser.find_element(By.CSS_SELECTOR, selector).click()


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def test_it_opens_with_a_row_a_setting(browser: Any, board: Board) -> None:
    assert read(browser, "document.title") == "Leaderboard"
    count = len(board.rows) + 1  # and the hostile run
    assert read(browser, "document.getElementById('count').textContent") == (
        f"{count} of {count} settings"
    )
    assert len(column(browser, "method")) == count
    heads = read(browser, "[...document.querySelectorAll('thead button')].map(b => b.textContent)")
    assert {f"{BOOKS} (WER %)", "books-noisy (WER %)", "Zeros %", "Bytes", "RTF"} <= set(heads)
    assert read(browser, "document.querySelectorAll('#figures svg').length") == 4


def test_columns_sort_both_ways_and_empty_cells_stay_last(browser: Any, board: Board) -> None:
    expected = sorted(row.cells[BOOKS].rates["words"].interval.estimate * 100 for row in board.rows)
    assert read(browser, "document.querySelector('[aria-sort=ascending]').dataset.id") == (
        f"{BOOKS}/wer"
    )
    for order in (reversed(expected), iter(expected)):
        click(browser, f"th[data-id='{BOOKS}/wer'] button")
        shown = column(browser, f"{BOOKS}/wer")
        assert shown == [f"{value:.2f}" for value in order] + [""]
    click(browser, "th[data-id='block'] button")
    shown = [text for text in column(browser, "block") if text != HOSTILE]
    assert shown == ["4x4", "4x4", "8x8", "8x8", "16x16", "16x16", ""]  # by number
    assert read(browser, "document.querySelectorAll('[aria-sort=ascending]').length") == 1


def test_filters_by_corpus_method_and_text(browser: Any) -> None:
    click(browser, "#by-corpus input[value=books]")
    heads = read(browser, "[...document.querySelectorAll('thead th')].map(h => h.dataset.id)")
    assert [head for head in heads if "/" in head] == [f"{BOOKS}/wer", "books-noisy/wer"]
    assert len(column(browser, "method")) == 7
    click(browser, "#by-method input[value=l1]")
    assert column(browser, "method") == ["l1", "l1"]
    click(browser, "#by-method input[value=dense]")
    assert sorted(column(browser, "method")) == ["dense", "l1", "l1"]
    click(browser, "#search")
    press(browser, "sweep no-such")
    assert read(browser, "document.querySelector('#table tbody').textContent") == (
        "No setting meets these filters."
    )
    assert "0 of 8" in read(browser, "document.getElementById('count').textContent")


def test_the_rate_is_chosen_for_cells_and_charts(browser: Any, board: Board) -> None:
    read(browser, """(() => { const select = document.getElementById("rate");
        select.value = "cer"; select.dispatchEvent(new Event("change")); })()""")  # fmt: skip
    expected = sorted(
        row.cells[BOOKS].rates["characters"].interval.estimate * 100 for row in board.rows
    )
    assert column(browser, f"{BOOKS}/cer")[:-1] == [f"{value:.2f}" for value in expected]
    assert read(browser, "document.querySelector('figcaption').textContent").startswith("CER on")


def test_the_front_is_the_points_that_no_other_beats(browser: Any, board: Board) -> None:
    points = {
        row.group_key: (row.bytes, row.cells[BOOKS].rates["words"].interval.estimate)
        for row in board.rows
    }
    unbeaten = {
        key
        for key, (x, y) in points.items()
        if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points.values())
    }
    shown = read(browser, "[...document.querySelectorAll('figure li')].map(l => l.textContent)")
    first = shown[: len(unbeaten)]
    assert {text.rsplit("(", 1)[1].rstrip(")") for text in first} == unbeaten
    assert 1 < len(unbeaten) < len(points)


def test_a_point_tells_its_details(browser: Any, board: Board) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    marks = browser.find_elements(By.CSS_SELECTOR, "#figures figure:first-child .mark-symbol path")
    marks = [mark for mark in marks if mark.get_attribute("aria-label")]
    read(browser, "document.getElementById('plots-heading').scrollIntoView()")
    told = ""
    for mark in marks:
        ActionChains(browser).move_to_element(mark).pause(0.1).perform()
        told = read(browser, "document.querySelector('#vg-tooltip-element.visible')?.innerText")
        if told and "gradual_block 16x16 90.0 %" in told:
            break
    assert told
    (row,) = (r for r in board.rows if (r.method, r.block, r.sparsity > 0.85) == (
        "gradual_block", "16x16", True))  # fmt: skip
    rate = row.cells[BOOKS].rates["words"].interval.estimate
    for text in (row.group_key, f"{100 * rate:.2f} [", "gru 2x256", "1, 2, 3", f"{row.rtf:.4f}"):
        assert text in told


def test_one_seed_is_said_beside_its_difference(browser: Any, runs: Path, tmp_path: Path) -> None:
    kept: set[str] = set()
    for path in sorted(runs.glob("sweep/*/eval/*/result.json")):
        told = json.loads(path.read_text())
        if told["method"] == "dense" or (told["method"], told["seed"]) == ("l1", 1):
            kept.add(str(path))
    browser.get(write_page(tmp_path / "page.html", *sorted(kept)).as_uri())
    drawn(browser)
    cells = read(browser, "[...document.querySelectorAll('td .small')].map(c => c.textContent)")
    marked = [text for text in cells if text.endswith(", 1 seed")]
    assert len(marked) == 4  # two sparsities, two test sets
    caption = read(browser, "document.querySelector('caption').textContent")
    assert "rtf, PyTorch checkpoint" in caption
    assert "these trained seeds on other speech" in caption
    titles = read(browser, "[...document.querySelectorAll('.role-axis-title text')]"
                  ".map(t => t.textContent)")  # fmt: skip
    assert "rtf, PyTorch checkpoint on cpu" in titles


def test_every_device_has_its_own_front_of_times(browser: Any, runs: Path, tmp_path: Path) -> None:
    """Of the rows timed on a GPU none is on the CPU's front, however fast; nor in one order."""
    shutil.copytree(runs, tmp_path / "runs")
    for path in sorted((tmp_path / "runs").glob("sweep/*/eval/*/result.json")):
        told = json.loads(path.read_text())
        if told["method"] == "l1":
            path.write_text(json.dumps(told | {"device": "cuda (A)", "rtf": told["rtf"] / 100}))
    browser.get(write_page(tmp_path / "page.html", tmp_path / "runs").as_uri())
    drawn(browser)
    fronts = read(browser, """Object.fromEntries([...document.querySelectorAll("figure")].map(
        (f) => [f.querySelector("figcaption").textContent.split(";")[0].split(" against ")[1],
            [...f.querySelectorAll("li")].map((l) => l.textContent)]))""")  # fmt: skip
    on_cpu, on_gpu = (fronts[f"rtf, PyTorch checkpoint on {one}"] for one in ("cpu", "cuda (A)"))
    assert on_cpu
    assert on_gpu
    assert not [text for text in on_cpu if "sweep l1 " in text]
    assert all("sweep l1 " in text and " on cuda (A)" in text for text in on_gpu)
    for last in (True, False):
        click(browser, "th[data-id='rtf'] button")
        shown = ["on cuda (A)" in text for text in column(browser, "rtf")]
        assert shown == sorted(shown, reverse=not last)


def test_a_row_unfolds_by_keyboard(browser: Any, board: Board) -> None:
    from selenium.webdriver.common.keys import Keys

    read(browser, "document.querySelector('.scroll').focus()")
    for _ in range(len(read(browser, "[...document.querySelectorAll('thead button')]")) + 1):
        press(browser, Keys.TAB)
    focused = "document.activeElement"
    assert read(browser, f"{focused}.getAttribute('aria-expanded')") == "false"
    assert read(browser, f"getComputedStyle({focused}).outlineStyle") == "solid"
    press(browser, Keys.ENTER)
    assert read(browser, f"{focused}.getAttribute('aria-expanded')") == "true"
    seeds = read(browser, "[...document.querySelectorAll('tr.seed')].map(r => r.textContent)")
    best = min(board.rows, key=lambda row: row.cells[BOOKS].rates["words"].interval.estimate)
    assert len(seeds) == 3
    for key, one, text in zip(best.runs, best.cells[BOOKS].seeds, seeds, strict=True):
        assert key in text
        assert f"WER {100 * one.result.wer:.2f}" in text
    press(browser, Keys.SPACE)
    assert read(browser, "document.querySelectorAll('tr.seed').length") == 0


def test_a_run_opens_with_curves_masks_and_alignments(browser: Any) -> None:
    click(browser, "details.run:last-child summary")
    browser.execute_async_script("setTimeout(arguments[0], 300)")
    inside = "document.querySelector('details.run:last-child')"
    assert read(browser, f"{inside}.querySelectorAll('figure svg').length") == 4
    assert read(browser, f"{inside}.querySelector('.masks img').naturalWidth") == 100
    assert read(browser, f"{inside}.querySelectorAll('.alignment td.wrong').length") > 0
    letters = read(browser, f"{inside}.querySelector('.alignment tr:last-child').textContent")
    assert set(letters.removeprefix("error")) <= set("SDI")


def test_texts_of_results_are_shown_as_texts(browser: Any) -> None:
    scripts = read(browser, "document.scripts.length")
    assert any(HOSTILE in text for text in column(browser, "experiment"))
    read(browser, "document.getElementById('run-hostile').open = true")
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    shown = read(browser, "document.querySelector('#run-hostile').textContent")
    assert shown.count("</script><script>window.entered=1</script><!--") > 2
    assert read(browser, "document.scripts.length") == scripts
    assert read(browser, "document.querySelectorAll('main b, main script').length") == 0
    # In the tooltip too, which Vega sets as markup.
    read(browser, """(() => { const box = document.getElementById("plotted");
        box.value = [...box.options].find(o => o.text.includes("script")).value;
        box.dispatchEvent(new Event("change"));
        document.getElementById('plots-heading').scrollIntoView(); })()""")  # fmt: skip
    browser.execute_async_script("setTimeout(arguments[0], 300)")
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    (mark, *_) = (
        one
        for one in browser.find_elements(By.CSS_SELECTOR, "#figures .mark-symbol path")
        if one.get_attribute("aria-label")
    )
    ActionChains(browser).move_to_element(mark).pause(0.1).perform()
    told = read(browser, "document.querySelector('#vg-tooltip-element.visible').textContent")
    assert "<script>window.entered=1" in told
    assert read(browser, "window.entered") is None
    assert read(browser, "document.querySelectorAll('#vg-tooltip-element script').length") == 0


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_in_both_colour_schemes(browser: Any, dark: bool) -> None:
    emulate(browser, width=1300, height=900, dark=dark)
    browser.execute_async_script("setTimeout(arguments[0], 400)")
    ground = luminance(read(browser, "getComputedStyle(document.body).backgroundColor"))
    assert (ground < 0.1) == dark
    for selector, least in (("body", 7), ("#count", 4.5), ("caption", 4.5), (".worse", 4.5)):
        ink = read(browser, f"getComputedStyle(document.querySelector('{selector}')).color")
        assert contrast(luminance(ink), ground) >= least, selector
    label = read(browser, "document.querySelector('#figures .role-axis-label text')"
                 ".getAttribute('fill')")  # fmt: skip
    assert contrast(luminance(label), ground) >= 4.5


def test_a_phone_scrolls_the_table_and_not_the_page(browser: Any) -> None:
    emulate(browser, width=390, height=844)
    browser.refresh()
    drawn(browser)
    assert read(browser, "document.documentElement.scrollWidth") <= 390
    assert read(browser, "document.querySelector('.scroll').scrollWidth") > 390
    left = "document.querySelector('tbody th').getBoundingClientRect().left"
    before = read(browser, left)
    read(browser, "document.querySelector('.scroll').scrollLeft = 300")
    assert read(browser, left) == before
    widths = read(browser, "[...document.querySelectorAll('#figures svg')].map(s => "
                  "s.getBoundingClientRect().right)")  # fmt: skip
    assert max(widths) <= 390
    height = read(browser, "document.querySelector('tbody button').offsetHeight")
    assert height >= 24  # target size of WCAG 2.2, 2.5.8
