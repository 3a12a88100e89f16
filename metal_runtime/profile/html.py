"""A Recording in; one HTML page out that needs no network: timeline, kernels with their texts, memory."""

from __future__ import annotations

import html
import json
from importlib.resources import files

from metal_runtime.profile.notes import headline
from metal_runtime.profile.page_data import page_data
from metal_runtime.recording.recording import Recording


def page(recording: Recording) -> str:
    """The page; assembly is that of kernels of this process, which is made now."""
    folder = files("metal_runtime.profile") / "page"
    text = {
        name: (folder / name).read_text("utf-8") for name in ("page.html", "page.css", "page.js")
    }
    command = " ".join(recording.process.command)
    parts = {
        "@TITLE@": html.escape(command),
        "@HEADLINE@": html.escape(headline(recording)),
        "@STYLE@": text["page.css"],
        "@SCRIPT@": text["page.js"],
        "@DATA@": script_json(page_data(recording)),
    }
    page, *others = text["page.html"].split("@@")
    for piece in others:
        page += parts.get(f"@{piece}@", piece)
    return page


def script_json(data: object) -> str:
    """JSON that ends no script element, whatever a kernel's text holds."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
