"""Two Recordings in; what each kernel gained or lost from the first to the second out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from metal_runtime.profile.notes import headline
from metal_runtime.profile.statistics import KernelStatistics, kernel_statistics
from metal_runtime.profile.units import share_text, time_text
from metal_runtime.recording.recording import Recording


@dataclass(frozen=True, slots=True)
class Side:
    """A kernel in one of the recordings; ``calls`` is 0 where it did not run."""

    calls: int = 0
    total_ns: int = 0
    mean_ns: float = 0.0
    roofline_share: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A kernel, known by its name and device, in both."""

    name: str
    device: str
    before: Side
    after: Side

    @property
    def lost_ns(self) -> int:
        """By how much it takes longer, all together; below 0 where it gained."""
        return self.after.total_ns - self.before.total_ns


def compare(before: Recording, after: Recording) -> list[Change]:
    """Every kernel of either, the greatest change of total time first."""
    first, second = _sides(kernel_statistics(before)), _sides(kernel_statistics(after))
    changes = [
        Change(*key, first.get(key, Side()), second.get(key, Side()))
        for key in dict.fromkeys((*first, *second))
    ]
    return sorted(changes, key=lambda change: (-abs(change.lost_ns), change.name))


def comparison_table(before: Recording, after: Recording) -> RenderableType:
    """The changes, for rich to print."""
    table = Table(box=None, pad_edge=False, header_style="bright_black", padding=(0, 1, 0, 0))
    table.add_column("kernel", style="bold", no_wrap=True, max_width=26)
    for name in ("calls", "", "mean", "", "roofline", "", "total", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for change in compare(before, after):
        old, new = change.before, change.after
        style = "red" if change.lost_ns > 0 else "green" if change.lost_ns < 0 else ""
        table.add_row(
            Text(change.name),
            f"{old.calls:,}",
            f"→ {new.calls:,}",
            _mean(old),
            f"→ {_mean(new)}",
            share_text(old.roofline_share),
            f"→ {share_text(new.roofline_share)}",
            Text(f"{'+' if change.lost_ns > 0 else ''}{time_text(change.lost_ns)}", style=style),
            Text(_ratio(old, new), style=style),
        )
    heads = (f"before: {headline(before)}", f"after:  {headline(after)}")
    return Group(*(Text(head, style="bright_black") for head in heads), Text(""), table)


def _mean(side: Side) -> str:
    return time_text(side.mean_ns) if side.calls else "–"


def _ratio(old: Side, new: Side) -> str:
    if not old.calls or not new.calls:
        return "new" if new.calls else "gone"
    return f"{100 * (new.total_ns / old.total_ns - 1):+.0f}%" if old.total_ns else ""


def _sides(rows: Iterable[KernelStatistics]) -> dict[tuple[str, str], Side]:
    """One for each name and device: kernels of one name, for example for several types, together."""
    groups: dict[tuple[str, str], list[KernelStatistics]] = defaultdict(list)
    for row in rows:
        groups[row.facts.name, row.facts.device].append(row)
    return {key: _together(group) for key, group in groups.items()}


def _together(rows: list[KernelStatistics]) -> Side:
    total, timed = sum(row.total_ns for row in rows), sum(row.timed_calls for row in rows)
    known = [row for row in rows if row.roofline_share is not None]
    weight = sum(row.total_ns for row in known)
    share = (
        sum((row.roofline_share or 0) * row.total_ns for row in known) / weight if weight else None
    )
    return Side(sum(row.calls for row in rows), total, total / timed, share)
