"""`python -m tests.external.check_tree PATH [-I DIR]`: any tree of .metal files in, a table of what is accepted and compiled out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.external.survey import examine
from tests.external.tables import print_files


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every file was accepted and its kernels compiled."""
    options = _options(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    root: Path = options.path.resolve()
    paths = [root] if root.is_file() else sorted(root.rglob("*.metal"))
    base = root.parent if root.is_file() else root
    sample = None if options.sample == 0 else options.sample
    reports = []
    with console.status("") as status:
        for path in paths:
            name = str(path.relative_to(base))
            if any(word in name for word in options.exclude):
                continue
            directories = [*options.include, path.parent]
            reports.append(examine(path, name, directories, sample, tell=status.update))
    print_files(console, f"Files below {base}", reports)
    if options.json:
        rows = [dataclasses.asdict(report) for report in reports]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if all(report.good for report in reports) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.external.check_tree", description=__doc__
    )
    parser.add_argument("path", type=Path, help="a folder, or one .metal file")
    parser.add_argument("-I", dest="include", action="append", type=Path, default=[], metavar="DIR")
    parser.add_argument("--exclude", nargs="+", default=[], metavar="WORD", help="names left out")
    parser.add_argument(
        "--sample", type=int, default=4, metavar="N", help="kernels compiled of each file; 0: all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every row there too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
