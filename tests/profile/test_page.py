"""The page: well formed, of one piece, with every figure; drawn by Chromium where there is one (CHROMIUM, or on PATH)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from metal_runtime.profile import Profile
from tests.profile.recordings import everything, kernel

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
VOID = {"meta"}
HOSTILE = "</script><script>alert(1)</script><!-- \u2028 @@DATA@@"


class Page(HTMLParser):
    """Elements that are open, and texts by the id or name of their element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._at = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._at = dict(attrs).get("id") or tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts[self._at] = self.texts.get(self._at, "") + data


def hostile():
    found = everything()
    facts = replace(kernel(1, "scale"), msl=HOSTILE)
    process = replace(found.process, command=("python", "<b>&.py"))
    return replace(found, kernels={**found.kernels, 1: facts}, process=process)


def test_it_is_well_formed_and_needs_nothing_else():
    text = Profile(hostile()).html()
    page = Page(text)
    assert page.open == []
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not [a for _, a in page.found if "src" in a or "href" in a]
    assert [tag for tag, _ in page.found].count("script") == 2
    assert "<b>&.py" in page.texts["title"]


def test_its_data_are_the_figures():
    data = json.loads(Page(Profile(hostile()).html()).texts["data"])
    scale, add = data["kernels"]
    assert scale["texts"] == {"Python": "def scale(out): ...\n", "MSL": HOSTILE}
    assert (scale["calls"], scale["total"], scale["cache"]) == (2, 6000, "miss: clang")
    assert add["rate"] is None
    assert data["streams"][0]["spans"][0] == [8000, 2000, "scale", 0, "1", "app.py:20"]
    assert data["memory"][0]["points"] == [[6000, 4096, 8192, 1], [18000, 0, 8192, 0]]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: set CHROMIUM to one")
def test_it_is_drawn(tmp_path):
    (tmp_path / "x.html").write_text(Profile(hostile()).html(), "utf-8")
    dom = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,1400",
         "--virtual-time-budget=3000", f"--screenshot={tmp_path / 'x.png'}", "--dump-dom", (tmp_path / "x.html").as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert dom.count('class="span"') == 11
    assert dom.count("<td>scale</td>") == 1
    assert "alert(1)" in dom
    assert (tmp_path / "x.png").stat().st_size > 5000
