"""`iris check`: a .metal file and a GPU family enter, its kernels and every broken rule of Metal leave."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metal_runtime.cli.console import progress, stdout
from metal_runtime.cli.json_report import AsJson, write_json
from metal_runtime.msl.limits import DEFAULT_FAMILY, Family

if TYPE_CHECKING:
    from rich.text import Text

    from metal_runtime.program import CompileOptions

MOST_KERNELS = 40
"""Kernels that are listed one by one; of more, the first are, and `--json` has all."""


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE.metal", help="The file to check.", exists=True, dir_okay=False)],
    include_dirs: Annotated[list[Path] | None, typer.Option("-I", "--include-dir", metavar="DIR", help="Where headers are looked for; may be repeated.", file_okay=False, exists=True)] = None,
    defines: Annotated[list[str] | None, typer.Option("-D", "--define", metavar="NAME=VALUE", help="Define a macro; may be repeated.")] = None,
    family: Annotated[Family, typer.Option(help="The GPU family that must be able to run it.")] = DEFAULT_FAMILY,
    allow: Annotated[list[str] | None, typer.Option(metavar="RULE", help="A rule to leave out, by the name in brackets after its messages; may be repeated.")] = None,
    metal: Annotated[bool, typer.Option("--metal", help="Ask Apple's compiler too; fails where there is none.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Check MSL against Metal's rules and limits; the status is 0 only if Metal would take it.

    The check is iris's own, on any machine. With --metal Apple's compiler is asked as well, which needs a Mac.
    """
    allowed = _allowed(allow or [])
    options = _options(include_dirs or [], defines or [])
    with progress(f"checking {file.name}"):
        report = _report(file, options, family, allowed)
        if metal:
            report = _with_metal(report, file, options)
    if as_json:
        write_json(report)
    else:
        _print(report)
    if not (report["accepted"] and report.get("metal", {}).get("accepted", True)):
        raise typer.Exit(1)


def _allowed(names: list[str]) -> frozenset[str]:
    from metal_runtime.msl.rules.table import RULES

    known = {rule.name for rule in RULES}
    for name in names:
        if name not in known:
            raise typer.BadParameter(
                f"there is no rule '{name}'; the rules are: {', '.join(sorted(known))}"
            )
    return frozenset(names)


def _options(include_dirs: list[Path], defines: list[str]) -> CompileOptions:
    from metal_runtime.program import CompileOptions

    pairs = [text.partition("=") for text in defines]
    for name, _, _ in pairs:
        if not name.isidentifier():
            raise typer.BadParameter(f"-D takes NAME or NAME=VALUE, and '{name}' is no name")
    # Without a value a macro is 1, as for every compiler.
    values = tuple((name, value if equals else "1") for name, equals, value in pairs)
    return CompileOptions(defines=values, include_dirs=tuple(str(path) for path in include_dirs))


def _report(
    file: Path, options: CompileOptions, family: Family, allowed: frozenset[str]
) -> dict[str, Any]:
    """The report from the cache, or made now and kept."""
    from metal_runtime.errors import IrisError
    from metal_runtime.msl.rules import report_store

    try:
        source = file.read_text()
    except (OSError, UnicodeDecodeError) as reason:
        raise IrisError(f"{file} cannot be read: {reason}") from None
    key = report_store.key_of(source, str(file), os.getcwd(), repr(options), family.value, repr(sorted(allowed)),
                              report_store.sources_digest())  # fmt: skip
    found = report_store.find(key)
    if found is not None:
        return found
    from metal_runtime.backends.cpu.compiler import kernel_flags, standard_header
    from metal_runtime.msl.rules.check import check_text, syntax_check
    from metal_runtime.msl.rules.report_json import report_json

    flags = (*kernel_flags(options), "-include-pch", str(standard_header(options)))
    made = check_text(
        source, str(file), options, family, syntax=syntax_check(flags), allowed=allowed
    )
    report = report_json(made)
    report_store.store(key, report)
    return report


def _with_metal(report: dict[str, Any], file: Path, options: CompileOptions) -> dict[str, Any]:
    """The report with the answer of Apple's compiler."""
    from metal_runtime.cli.metal_check import metal_report

    return {**report, "metal": metal_report(file.read_text(), file, options)}


def _print(report: dict[str, Any]) -> None:
    from rich.markup import escape

    console = stdout()
    for kernel in report["kernels"][:MOST_KERNELS]:
        console.print(_kernel_text(kernel, console.width))
    more = len(report["kernels"]) - MOST_KERNELS
    if more > 0:
        console.print(f"… and {more:,} more kernels; --json lists them all", style="bright_black")
    for name in report["refused"][:MOST_KERNELS]:
        console.print(f"[bold]{escape(name)}[/]\n    [red]cannot be launched, see below[/]")
    if report["kernels"] or report["refused"]:
        console.print()
    for finding in report["findings"]:
        console.print(_finding_text(finding), soft_wrap=True)
        console.print()
    console.print(_summary(report), soft_wrap=True)
    if "metal" in report:
        _print_metal(report["metal"])


def _print_metal(asked: dict[str, Any]) -> None:
    console = stdout()
    for finding in asked["findings"]:
        console.print(f"\n{finding}", markup=False, highlight=False, soft_wrap=True)
    if not asked["asked"]:
        said = f"Apple's compiler was not asked: {asked['reason']}"
    elif asked["accepted"]:
        waiting = len(asked["waiting_for_constants"])
        more = f"; {waiting} wait for function constants" if waiting else ""
        said = (
            f"{asked['compiler']} on {asked['device']} compiled {asked['compiled']} kernels{more}"
        )
    else:
        said = f"{asked['compiler']} does not take the file"
    console.print(said, style="green" if asked["accepted"] else "red", markup=False, soft_wrap=True)


def _kernel_text(kernel: dict[str, Any], width: int) -> Text:
    """The name, then what it takes, wrapped at the commas below the name."""
    from rich.text import Text

    parts = [f"{a['type']} {a['name']} [{a['index']}]" for a in kernel["arguments"]]
    parts += [
        f"{t['type']} {t['name']} [[threadgroup({t['index']})]]"
        for t in kernel["threadgroup_arguments"]
    ]
    parts += [
        f"{c['type']} {c['name']} [[function_constant({c['index']})]]"
        for c in kernel["function_constants"]
    ]
    text = Text(kernel["name"], "bold", no_wrap=True, overflow="ellipsis")
    column = width
    for number, part in enumerate(parts):
        end = "," if number + 1 < len(parts) else ""
        if column + len(part) + 2 > width:
            text.append("\n    ")
            column = 4
        elif number:
            text.append(" ")
            column += 1
        text.append(part + end, "not bold")
        column += len(part) + len(end)
    facts = [*kernel["attributes"]]
    if kernel["threadgroup_bytes"]:
        facts.append(f"{kernel['threadgroup_bytes']:,} bytes of threadgroup memory")
    if kernel["max_threads"]:
        facts.append(f"at most {kernel['max_threads']} threads a threadgroup")
    for line in textwrap.wrap(", ".join(facts), max(width - 4, 20)):
        text.append(f"\n    {line}", "not bold bright_black")
    return text


def _finding_text(data: dict[str, Any]) -> Text:
    from rich.text import Text

    from metal_runtime.msl.rules.report_json import finding_of

    text = Text(finding_of(data).render())
    text.highlight_regex(r"(?m)^\s*\|\s*\^~*$", "bold red")
    text.highlight_regex(r"\berror:", "bold red")
    text.highlight_regex(r"\bwarning:", "bold yellow")
    text.highlight_regex(r"(?m)^\s*hint:", "bold green")
    text.highlight_regex(r"\bnote:", "bold cyan")
    return text


def _summary(report: dict[str, Any]) -> Text:
    from rich.text import Text

    counts = [_count(report["errors"], "error"), _count(report["warnings"], "warning")]
    found = (
        ", ".join(text for text in counts if not text.startswith("0 ")) or "nothing to complain of"
    )
    verdict = "Metal would take it" if report["accepted"] else "Metal would refuse it"
    text = Text(
        "✓ " if report["accepted"] else "✗ ", "bold green" if report["accepted"] else "bold red"
    )
    text.append(
        f"{report['file']}: {_count(len(report['kernels']) + len(report['refused']), 'kernel')}, {found}; ",
        "default",
    )
    return text.append(f"{verdict} ({report['family']})", "bold")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"
