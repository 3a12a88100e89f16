"""Arrays, kernels, graphs and profiles in, as texts and figures; the HTML that notebooks show of them out, for light and dark pages."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

EDGE = 4
"""Rows and columns of an array that are shown at each of its edges."""

_MONOSPACE = "font-family:ui-monospace,monospace;font-size:.9em"
_LINE = "border:1px solid rgba(128,128,128,.35)"


def array_html(what: str, elements: np.ndarray[Any, Any] | None) -> str:
    """``what`` in words above the elements: a table of one or two axes; of more axes, the first table of the stack. None: no elements."""
    parts = [f"<div><b>MetalBuffer</b> {html.escape(what)}</div>"]
    if elements is not None:
        table = elements
        while table.ndim > 2 and table.size:
            table = table[0]
        if table.ndim < elements.ndim:
            at = ", ".join(["0"] * (elements.ndim - 2) + [":", ":"])
            parts.append(f'<div style="opacity:.7">[{at}]</div>')
        parts.append(_table(np.atleast_2d(table)) if elements.size else "<div>no elements</div>")
    return f'<div style="{_MONOSPACE}">{"".join(parts)}</div>'


def _table(rows: np.ndarray[Any, Any]) -> str:
    cell = f'<td style="{_LINE};padding:1px 6px;text-align:right">'

    def line(row: int | None) -> str:
        places = _edges(rows.shape[1])
        cells = (_number(rows, row, column) for column in places)
        return f"<tr>{''.join(cell + text + '</td>' for text in cells)}</tr>"

    body = "".join(map(line, _edges(rows.shape[0])))
    return f'<table style="border-collapse:collapse">{body}</table>'


def _edges(count: int) -> list[int | None]:
    """The places that are shown; None for those that are left out."""
    if count <= 2 * EDGE + 1:
        return list(range(count))
    return [*range(EDGE), None, *range(count - EDGE, count)]


def _number(rows: np.ndarray[Any, Any], row: int | None, column: int | None) -> str:
    if row is None or column is None:
        return "⋮" if row is None else "…"
    value = rows[row, column]
    return html.escape(f"{float(value):.6g}" if value.dtype.kind not in "iub" else str(value))


def kernel_html(signature: str, texts: Sequence[tuple[str, str, str]], note: str = "") -> str:
    """A kernel: its signature, and texts as (title, language, text), of which the first is open. ``note`` stands for texts that are not there."""
    parts = [f'<code style="{_MONOSPACE};white-space:pre-wrap">{html.escape(signature)}</code>']
    parts += [
        f"<details{' open' if not at else ''}><summary>{html.escape(title)}</summary>{code_html(text, language)}</details>"
        for at, (title, language, text) in enumerate(texts)
    ]
    if note:
        parts.append(f'<div style="opacity:.7">{html.escape(note)}</div>')
    return f"<div>{''.join(parts)}</div>"


def code_html(text: str, language: str) -> str:
    """Highlighted code. ``language`` is ``msl`` or a name of pygments."""
    from pygments import highlight  # loaded on demand: only notebooks highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    if language == "msl":
        from metal_runtime.msl.highlighting import MslLexer

        lexer = MslLexer()
    else:
        lexer = get_lexer_by_name(language)
    formatter = HtmlFormatter(noclasses=True, nobackground=True, style=_style(), prestyles=_PRE)
    return str(highlight(text.rstrip(), lexer, formatter))


_PRE = f"{_MONOSPACE};line-height:1.35;margin:.3em 0;max-height:30em;overflow:auto"


def _style() -> type:
    """Colours that are legible on white and on black."""
    from pygments import token
    from pygments.style import Style

    class Either(Style):  # type: ignore[misc]  # pygments has no types
        styles = {  # noqa: RUF012  # pygments reads it from the class
            token.Token: "",
            token.Comment: "italic #808890",
            token.Keyword: "bold #3b82c4",
            token.Keyword.Type: "nobold #2a9187",
            token.Number: "#b0721a",
            token.String: "#4f8f3a",
            token.Comment.Preproc: "noitalic #a05cb0",
        }

    return Either


def plain_html(text: str) -> str:
    """A report as it is printed."""
    return f'<pre style="{_MONOSPACE};line-height:1.35">{html.escape(text)}</pre>'
