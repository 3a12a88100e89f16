"""`python -m tests.external.strategies PATH [-I DIR]`: .metal files in, how the threads of each kernel run out, and why on fibers."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from metal_runtime.errors import IrisError
from metal_runtime.msl.body_edits import Unsplittable
from metal_runtime.msl.library import KernelModel, Library, read_library
from metal_runtime.msl.region_plan import plan_regions
from metal_runtime.msl.strategy import FIBERS, LOOPS, choose_strategy, shares_memory
from metal_runtime.program import CompileOptions


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.external.strategies", description=__doc__
    )
    parser.add_argument("path", type=Path, help="a folder, or one .metal file")
    parser.add_argument("-I", dest="include", action="append", type=Path, default=[], metavar="DIR")
    parser.add_argument("--exclude", nargs="+", default=["nax"], metavar="WORD")
    parser.add_argument("--kernels", action="store_true", help="a line for each kernel")
    options = parser.parse_args()
    root: Path = options.path.resolve()
    paths = [root] if root.is_file() else sorted(root.rglob("*.metal"))
    counts: Counter[str] = Counter()
    reasons: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        if any(word in path.name for word in options.exclude):
            continue
        for name, strategy, reason in _of_file(path, options.include):
            counts[strategy] += 1
            if reason:
                reasons[reason.split(" (")[0]].append(name)
            if options.kernels:
                print(f"{path.name:32} {name:48} {strategy:8} {reason}")
    print(dict(counts))
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4}  {reason}: {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}")


def _of_file(path: Path, include: list[Path]) -> Iterator[tuple[str, str, str]]:
    """Each kernel definition of a file once: its name, its strategy, why it runs on fibers."""
    directories = tuple(str(d.resolve()) for d in [*include, path.parent])
    options = CompileOptions(include_dirs=directories)
    try:
        library = read_library(path.read_text(), str(path), options)
    except IrisError as error:
        print(f"{path.name}: {str(error).splitlines()[0]}")
        return
    seen: set[int] = set()
    for model in library.kernels.values():
        if model.function.start not in seen:
            seen.add(model.function.start)
            yield model.function.name, *_strategy_of(library, model)


def _strategy_of(library: Library, model: KernelModel) -> tuple[str, str]:
    strategy, _ = choose_strategy(library, model, None)
    if strategy != FIBERS:
        return (strategy, "") if shares_memory(model) else (LOOPS, "")
    try:
        plan_regions(library, model)
    except Unsplittable as why:
        token = library.prepared.tokens[why.index]
        span = library.prepared.span(token)
        return FIBERS, f"{why.reason} ({Path(span.file).name}:{span.line})"
    return FIBERS, "threads may meet outside the functions that were found"


if __name__ == "__main__":
    main()
