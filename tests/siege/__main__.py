"""``python -m tests.siege``: a siege from a seed, with its report; exit code 1 if anything was wrong."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.siege.faults import KINDS
from tests.siege.figures import silence
from tests.siege.planted import PLANTED
from tests.siege.processes import end_in_order
from tests.siege.siege import Plan, Siege, besiege


def main() -> int:
    """Run as many sieges as are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.siege", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first siege")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after another")
    parser.add_argument("--minutes", type=float, default=1.0, help="for which each goes on")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pace", type=float, default=0.35, help="seconds between two messages of a client")
    parser.add_argument("--cached", type=int, help="workflows that a worker keeps in memory")
    parser.add_argument("--calm", action="store_true", help="do no harm to the processes")
    parser.add_argument("--mild", action="store_true", help="leave out messages at the very edge")
    parser.add_argument("--postgresql", action="store_true", help="keep the store there")
    parser.add_argument("--plant", choices=sorted(PLANTED), help="a fault in the workers, to be found")
    parser.add_argument(
        "--into",
        type=Path,
        default=Path("benchmarks/results"),
        help="folder of the JSON reports, and of each history of which something was found",
    )
    parser.add_argument("--keep", type=Path, help="folder in which everything stays that was written")
    asked = parser.parse_args()
    silence()
    end_in_order()
    wrong = 0
    for seed in range(asked.seed, asked.seed + asked.seeds):
        plan = Plan(
            seed=seed,
            seconds=asked.minutes * 60,
            workers=asked.workers,
            pace=asked.pace,
            faults=() if asked.calm else KINDS,
            harsh=not asked.mild,
            fault=asked.plant,
            cached=asked.cached,
            postgresql=asked.postgresql,
        )
        siege = asyncio.run(_in_a_folder(plan, asked.keep))
        asked.into.mkdir(parents=True, exist_ok=True)
        file = asked.into / f"siege-{seed}.json"
        file.write_text(siege.as_json())
        print(f"{siege}\n  written to {file}", flush=True)  # noqa: T201  what it is for
        for name, history in siege.verdict.kept.items():
            (asked.into / f"siege-{seed}-{name.replace('/', '-')}.json").write_text(history.to_json())
        wrong += bool(siege.verdict.findings)
    return 1 if wrong else 0


async def _in_a_folder(plan: Plan, keep: Path | None) -> Siege:
    if keep is not None:
        folder = (keep / f"seed-{plan.seed}").absolute()
        folder.mkdir(parents=True)
        return await besiege(plan, folder)
    with tempfile.TemporaryDirectory(prefix="milepost-siege-", ignore_cleanup_errors=True) as folder_name:
        return await besiege(plan, Path(folder_name))


if __name__ == "__main__":
    sys.exit(main())
