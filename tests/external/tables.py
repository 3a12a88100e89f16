"""Reports of files and of cases -> tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.external.cases import Outcome
from tests.external.survey import FileReport


def print_files(console: Console, title: str, reports: Sequence[FileReport]) -> None:
    """One row a file; below the table, why files or kernels failed."""
    table = Table(title=title, title_justify="left")
    for name in ("file", "accepted", "kernels", "compiled", "strategies"):
        table.add_column(name, overflow="fold")
    table.add_column("check s", justify="right")
    table.add_column("compile s", justify="right")
    for report in reports:
        strategies = ", ".join(f"{s} {n}" for s, n in sorted(report.strategies.items()))
        table.add_row(
            report.name,
            _mark(report.accepted),
            str(report.kernels),
            f"{_mark(report.compiled == report.tried and not report.failures)} {report.compiled} of {report.tried}",
            strategies,
            f"{report.check_seconds:.1f}",
            f"{report.compile_seconds:.1f}",
        )
    console.print(table)
    for report in reports:
        for finding in report.findings if not report.accepted else ():
            console.print(f"[red]{report.name}[/] check: {escape(finding)}")
        for kernel, why in report.failures.items():
            console.print(f"[red]{report.name}[/] {kernel}: {escape(why)}")
    good = sum(report.good for report in reports)
    console.print(f"{good} of {len(reports)} files accepted and compiled\n")


def print_outcomes(console: Console, title: str, outcomes: Sequence[Outcome]) -> None:
    """One row a kernel that was run."""
    table = Table(title=title, title_justify="left")
    for name in ("family", "kernel", "ran", "right"):
        table.add_column(name, overflow="fold")
    for name in ("max error", "bound"):
        table.add_column(name, justify="right")
    table.add_column("strategy")
    table.add_column("seconds", justify="right")
    for outcome in outcomes:
        table.add_row(
            outcome.case.family,
            outcome.case.kernel,
            _mark(outcome.ran),
            _mark(outcome.right),
            f"{outcome.error:.2g}" if outcome.ran else "",
            f"{outcome.bound:.2g}" if outcome.ran else "",
            outcome.strategy,
            f"{outcome.seconds:.2f}",
        )
    console.print(table)
    for outcome in outcomes:
        if outcome.problem:
            console.print(
                f"[red]{outcome.case.family}[/] {outcome.case.kernel}: {escape(outcome.problem)}"
            )
    families: dict[str, bool] = {}
    for outcome in outcomes:
        families[outcome.case.family] = families.get(outcome.case.family, False) or outcome.right
    right = sum(outcome.right for outcome in outcomes)
    console.print(
        f"{right} of {len(outcomes)} kernels right; "
        f"{sum(families.values())} of {len(families)} families have one that is"
    )


def _mark(good: bool) -> str:
    return "[green]✓[/]" if good else "[red]✗[/]"
