"""Sweeps that outlive the shell: `python -m asr.sweep submit|status|retry|cancel`.

submit takes the overrides of `python train.py -m`, sends the sweep off and returns:

    python -m asr.sweep submit +experiment=block_size_sweep seed=1,2,3 hydra/launcher=slurm

The others take the experiment's folder, runs/<experiment_name>.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from asr.errors import InputError, report_input_errors
from asr.sweep.cancel import cancel
from asr.sweep.interruption import SweepInterruptedError
from asr.sweep.overview import look, table
from asr.sweep.resubmit import retry
from asr.sweep.submit import submit
from asr.training.telling import say


@report_input_errors
def main() -> None:
    """Run the command named first."""
    options = _parser().parse_args()
    try:
        sys.exit(options.act(options))
    except SweepInterruptedError as interruption:
        say(f"{interruption}: stopped; the same command continues")
        sys.exit(interruption.exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    sending = commands.add_parser("submit", help="send a sweep off; again: run what is left of it")
    sending.add_argument("overrides", nargs="+", help="of train.py -m")
    sending.add_argument("--wait", action="store_true", help="return when all runs have ended")
    sending.set_defaults(act=lambda o: submit(o.overrides, wait=o.wait))
    looking = commands.add_parser("status", help="how far every run is")
    looking.add_argument("folder", type=Path, help="runs/<experiment_name>")
    looking.add_argument("--json", action="store_true", help="one JSON object a line, a run each")
    looking.set_defaults(act=_status)
    again = commands.add_parser("retry", help="start again what failed, and what nobody has")
    again.add_argument("folder", type=Path, help="runs/<experiment_name>")
    again.add_argument("--wait", action="store_true", help="return when all runs have ended")
    again.set_defaults(act=lambda o: retry(o.folder, wait=o.wait))
    ending = commands.add_parser(
        "cancel", help="stop what waits or runs; runs save first, SLURM's if KillWait lets them"
    )
    ending.add_argument("folder", type=Path, help="runs/<experiment_name>")
    ending.set_defaults(act=lambda o: cancel(o.folder))
    return parser


def _status(options: argparse.Namespace) -> int:
    views = look(options.folder)
    if not views:
        raise InputError(
            str(options.folder),
            expected="a folder with the runs of an experiment",
            got="no run in it",
            remedy="Give runs/<experiment_name> of a sweep.",
        )
    if options.json:
        for view in views:
            print(json.dumps(asdict(view)))
        return 0
    # Into a file or a pipe there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table(views))
    for view in views:
        if view.state == "failed":
            console.print(f"\n{view.folder} failed: {view.reason}", markup=False, highlight=False)
            for line in view.last_lines:
                console.print(f"  {line}", markup=False, highlight=False)
    return 0


if __name__ == "__main__":
    main()
