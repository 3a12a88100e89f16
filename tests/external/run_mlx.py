"""`python -m tests.external.run_mlx CHECKOUT`: MLX's own Metal files in, a table of what is accepted, compiled, run and right out.

The checkout is the user's (github.com/ml-explore/mlx); nothing of it is kept here.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

import metal_runtime
from metal_runtime.errors import IrisError
from tests.external import mlx_elementwise, mlx_indexing, mlx_matrix, mlx_reductions
from tests.external.cases import Case, Outcome, chosen, run
from tests.external.survey import FileReport, examine
from tests.external.tables import print_files, print_outcomes

KERNELS = Path("mlx/backend/metal/kernels")
CASES = [
    *mlx_elementwise.CASES,
    *mlx_reductions.CASES,
    *mlx_indexing.CASES,
    *mlx_matrix.CASES,
]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every file was accepted and compiled and every kernel was right."""
    options = _options(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    root: Path = options.checkout.resolve()
    outcomes: list[Outcome] = []
    files: list[FileReport] = []
    with console.status("") as status:
        if "run" in options.parts:
            seed = options.seed
            console.print(f"seed {seed}")
            for case in chosen(CASES, options.only):
                status.update(f"{case.family}: {case.kernel}")
                outcomes.append(attempt(case, root, seed))
            print_outcomes(console, "Kernels that ran", outcomes)
        if "files" in options.parts:
            paths = [
                path
                for path in sorted((root / KERNELS).rglob("*.metal"))
                if not path.stem.endswith("_nax")
                and (not options.only or any(w in path.name for w in options.only))
            ]
            sample = None if options.sample == 0 else options.sample
            for path in paths:
                name = str(path.relative_to(root / KERNELS))
                files.append(examine(path, name, [root], sample, tell=status.update))
            print_files(console, f"Files below {KERNELS}", files)
    if options.json:
        options.json.write_text(json.dumps(_as_json(outcomes, files), indent=1) + "\n")
    return 0 if all(o.right for o in outcomes) and all(f.good for f in files) else 1


def attempt(case: Case, root: Path, seed: int) -> Outcome:
    """Compiles and runs one case; an error of iris becomes its problem."""
    started = time.perf_counter()
    try:
        source = case.text or root / KERNELS / case.file
        library = metal_runtime.compile(source, include_dirs=[str(root)])
        outcome = run(case, library, np.random.default_rng(seed))
    except (IrisError, LookupError) as error:
        return Outcome(case, problem=str(error).strip(), seconds=time.perf_counter() - started)
    return dataclasses.replace(outcome, seconds=time.perf_counter() - started)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.external.run_mlx", description=__doc__)
    parser.add_argument(
        "checkout", type=Path, help="a checkout of MLX; its root is the include path"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="families, kernels, files"
    )
    parser.add_argument("--parts", nargs="+", choices=["run", "files"], default=["run", "files"])
    parser.add_argument(
        "--sample", type=int, default=4, metavar="N", help="kernels compiled of each file; 0: all"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random data")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every row there too")
    return parser.parse_args(arguments)


def _as_json(outcomes: Sequence[Outcome], files: Sequence[FileReport]) -> dict[str, object]:
    return {
        "kernels": [
            {"family": o.case.family, "kernel": o.case.kernel, "ran": o.ran, "right": o.right}
            | {"error": o.error, "bound": o.bound, "strategy": o.strategy}
            | {"seconds": round(o.seconds, 3), "problem": o.problem}
            for o in outcomes
        ],
        "files": [dataclasses.asdict(f) for f in files],
    }


if __name__ == "__main__":
    raise SystemExit(main())
