"""How long the leaderboard takes: python -m asr.leaderboard.benchmark (--help).

Makes up results with hypotheses, writes them as files, times the command that reads them into a
page, and, where there is a browser, the opening of that page.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from asr.arguments import count
from asr.leaderboard.browser import is_installed, open_browser
from asr.leaderboard.synthetic import settings, write_results

_SEEDS, _SETS = (1, 2, 3), ("clean", "noisy")


def main() -> None:
    """Print seconds."""
    parser = argparse.ArgumentParser(
        prog="python -m asr.leaderboard.benchmark", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--results", type=count, default=2000, help="to read (%(default)s)")
    parser.add_argument("--utterances", type=count, default=100, help="of each (%(default)s)")
    parser.add_argument("--show-best", type=count, default=10, help="runs embedded (%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs, page = Path(folder, "runs"), Path(folder, "page.html")
        number = -(-given.results // (len(_SEEDS) * len(_SETS)))
        written = write_results(
            runs, settings(number), seeds=_SEEDS, sets=_SETS, utterances=given.utterances
        )
        started = time.perf_counter()
        command = [sys.executable, "-m", "asr.leaderboard", str(runs), "--html", str(page)]
        command += ["--show-best", str(given.show_best)]
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        print(
            f"{written} results of {given.utterances} utterances into a page of "
            f"{page.stat().st_size / 1e6:.2f} MB: {seconds:.1f} s, start of Python included"
        )
        if is_installed():
            _print_opening(page, Path(folder, "profile"))
        else:
            print("no chromium with chromium-driver on the path: the page was not opened")


def _print_opening(page: Path, profile: Path) -> None:
    browser = open_browser(profile)
    try:
        browser.get("about:blank")
        for turn in ("first", "second"):
            browser.get(page.as_uri())
            marks = _marks(browser)
            told = ", ".join(f"{name} after {seconds:.2f} s" for name, seconds in marks.items())
            print(f"{turn} opening: {told}")
    finally:
        browser.quit()


def _marks(browser: object) -> dict[str, float]:
    """When the page's parts were drawn, in seconds from the start of its navigation."""
    script = """
        const done = arguments[0];
        const read = () => Object.fromEntries(performance.getEntriesByType("mark")
            .map((mark) => [mark.name, mark.startTime / 1000]));
        const wait = () => "charts drawn" in read() ? done(read()) : setTimeout(wait, 10);
        wait();
    """
    found: dict[str, float] = browser.execute_async_script(script)  # type: ignore[attr-defined]
    return found


if __name__ == "__main__":
    main()
