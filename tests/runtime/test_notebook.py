"""What notebooks show: well-formed HTML without scripts, with the values, the texts and nothing of a user's names as markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import metal_runtime
from metal_runtime import api, kernel, metal, ops
from metal_runtime.dtype import DType

VOID = {"br", "hr", "img", "meta"}


class Checked(HTMLParser):
    """The text of a document, whose elements must close in their order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.opened: list[str] = []
        self.tags: list[str] = []
        self.found: list[str] = []
        self.feed(text)
        self.close()
        assert self.opened == []
        assert "script" not in self.tags

    @property
    def text(self) -> str:
        return "".join(self.found)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def shown(thing: Any) -> Checked:
    return Checked(thing._repr_html_())


@pytest.mark.parametrize(
    ("array", "cells"),
    [
        (np.float32(2.5), ["2.5"]),
        (np.arange(9), [*map(str, range(9))]),
        (np.arange(100), ["0", "1", "2", "3", "…", "96", "97", "98", "99"]),
        (np.array([[True, False]]), ["True", "False"]),
        (np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), ["1", "2", "3", "4"]),
        (np.array([np.nan, -np.inf, 1e-9], np.float32), ["nan", "-inf", "1e-09"]),
        (np.zeros((0, 3), np.float32), []),
        (np.zeros((2, 0, 3), np.float32), []),
    ],
)
def test_an_array(array: Any, cells: list[str]) -> None:
    found = shown(api.asarray(array))
    assert str(np.shape(array)) in found.text
    assert "on cpu" in found.text
    assert found.tags.count("td") == len(cells)
    assert all(cell in found.text for cell in cells)


def test_what_is_pending_runs_and_what_is_closed_says_so() -> None:
    buffer = api.asarray(np.ones((20, 30), np.float32)) * 3.0
    found = shown(buffer)
    assert found.tags.count("tr") == found.tags.count("td") // 9 == 9
    assert "3" in found.text
    buffer.close()
    assert "closed" in shown(buffer).text
    half = shown(api.asarray(np.ones(2, np.float32)).astype(DType.BFLOAT16))
    assert "bfloat" in half.text


def test_kernels_show_their_texts() -> None:
    @kernel
    def later(x, n):
        i = metal.thread_id()
        if i < n:
            x[i] = x[i] * 2.0

    assert "first launch" in shown(later).text
    assert "if i < n:" in shown(later).text
    typed = later.specialise("device float*", "uint")
    assert "kernel void later(" in shown(typed).text.replace("\n", " ")
    library = metal_runtime.compile(
        "kernel void f(device int* x [[buffer(0)]]) { x[0] = x[0] < 3; } // <b>&"
    )
    for found in (shown(library), shown(library.f)):
        assert "x[0] < 3" in found.text
        assert "<b>&" in found.text
        assert "b" not in found.tags


def test_graphs_and_profiles() -> None:
    with api.profile(roofline=False) as profile:
        y = ops.softmax(api.asarray(np.ones((4, 5), np.float32)) + 1.0)
        explained = api.explain(y)
        y.numpy()
    graph = shown(explained)
    assert "svg" in graph.tags
    assert str(explained) in graph.text
    assert str(profile) in shown(profile).text
    assert "cpu memory" in shown(profile).text
    assert "not ended" in shown(api.profile()).text
