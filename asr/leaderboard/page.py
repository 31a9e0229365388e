"""The table as one HTML file: no network, no server, nothing beside it.

Charts are Vega-Lite's, whose JavaScript comes from the package vl-convert-python.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from importlib.resources import files
from typing import Any

from asr.errors import InputError
from asr.leaderboard.payload import payload
from asr.leaderboard.rows import Board
from asr.leaderboard.showcase import ShownRun, Utterance
from asr.leaderboard.text import LEGEND

SCRIPTS = ("page_format.js", "page_table.js", "page_plots.js", "page_runs.js", "page_start.js")


def render(
    board: Board,
    shown: Sequence[ShownRun],
    missing: Sequence[str],
    *,
    column: str,
    descending: bool,
    made: str,
) -> str:
    """The page's whole text.

    Args:
        board: rows in the order in which they are shown at first.
        shown: runs to embed.
        missing: what could not be read or computed, in a sentence each.
        column, descending: what that order is.
        made: a line that says when and from what.
    """
    content = payload(board)
    content["order"] = {"column": column, "descending": descending}
    content["missing"] = list(missing)
    content["shown"] = [
        {"key": run.run_key, "title": run.title, "seed": run.seed, "folder": str(run.folder)}
        for run in shown
    ]
    content["made"] = made
    library, scripts = vega_lite(), _inlined("\n".join(map(_asset, SCRIPTS)))
    parts = {
        "policy": _policy(library, scripts),
        "style": _asset("page.css"),
        "legend": escape(LEGEND),
        "data": as_script_data(content),
        "runs": "\n".join(_run_data(place, run) for place, run in enumerate(shown)),
        "library": library,
        "scripts": scripts,
    }
    # In one pass: a text that holds {{a name}} is no placeholder.
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html"))
    return page


def as_script_data(content: object) -> str:
    """JSON that is inert inside a script element, whatever its texts hold.

    No text can end the element or open a comment in it, and no address stands in the page as
    such, as U+2028 and U+2029 do not, which once ended lines of JavaScript.
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _without_addresses(text)


def vega_lite() -> str:
    """Vega-Lite, Vega and Vega-Embed as one script, without an address of the network in it."""
    try:
        import vl_convert
    except ImportError as error:
        raise InputError(
            "--html",
            expected="the package vl-convert-python, which holds the charts' JavaScript",
            got=str(error),
            remedy="pip install -e '.[leaderboard]'",
        ) from error
    return _inlined(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _inlined(script: str) -> str:
    """The script as it may stand in a script element."""
    return _without_addresses(re.sub("</(script)", r"<\\/\1", script, flags=re.IGNORECASE))


def _without_addresses(text: str) -> str:
    r"""The same text to JavaScript and JSON, where \u0074 is t in strings and in names alike.

    Namespaces of SVG, and links that charts could show, look like the network's addresses.
    """
    return re.sub("(?i)(ht)t(p)", lambda found: _spelt(found[0]), text)


def _spelt(address: str) -> str:
    return f"{address[:2]}\\u{ord(address[2]):04x}{address[3]}"


def _policy(*scripts: str) -> str:
    """Nothing is loaded, and no script runs but these: texts of results could not, if one got in.

    Vega sets styles by JavaScript and as attributes, which need 'unsafe-inline'.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _run_data(place: int, run: ShownRun) -> str:
    """What the page parses when the run is opened: most of a page is pictures."""
    content = {"curves": run.curves, "masks": run.masks, "worst": [*map(_worst, run.worst)]}
    data = as_script_data(content)
    return f'<script type="application/json" id="run-data-{place}">{data}</script>'


def _worst(of_set: tuple[str, list[Utterance]]) -> tuple[str, list[dict[str, Any]]]:
    name, utterances = of_set
    return name, [asdict(utterance) for utterance in utterances]


def _asset(name: str) -> str:
    return files("asr.leaderboard").joinpath(name).read_text(encoding="utf-8")
