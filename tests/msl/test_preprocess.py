"""Preprocessing: only where needed, and every token keeps its place in the user's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal_runtime.errors import MslError
from metal_runtime.msl.preprocess import PreparedText, needs_preprocessor, prepare
from metal_runtime.program import CompileOptions

OPTIONS = CompileOptions()


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("#include <metal_stdlib>\nusing namespace metal;\n", False),
        ("  # include <metal_math>\nint x;", False),
        ("#include <simd/simd.h>\nint x;", True),
        ("// #define X\nint x;", False),
        ('#include "mine.h"\n', True),
        ("#define N 3\n", True),
        ("#pragma once\n", True),
        ("int x = __LINE__;", True),
    ],
)
def test_when_it_is_needed(source: str, needed: bool) -> None:
    assert needs_preprocessor(source) is needed


def place(prepared: PreparedText, text: str, which: int = 0) -> tuple[str, str]:
    token = [token for token in prepared.tokens if token.text == text][which]
    span = prepared.span(token)
    return str(span), span.excerpt().split("\n")[1][8:] if span.text else ""


def test_plain_text_keeps_every_offset() -> None:
    source = "#include <metal_stdlib>\nint  a;\n"
    prepared = prepare(source, "f.metal", OPTIONS)
    assert len(prepared.text) == len(source)
    assert place(prepared, "a") == ("f.metal:2:6", "     ^")


SOURCE = """#include <metal_stdlib>
#define TWICE(x) ((x) + (x))
#if 0
int gone;
#endif
    int before   =   1; int after = TWICE( before ) ;  int last;
#define NAME renamed
int NAME; int other;
"""


def test_places_beside_macros() -> None:
    prepared = prepare(SOURCE, "f.metal", OPTIONS)
    assert "gone" not in prepared.text
    assert place(prepared, "before") == ("f.metal:6:9", "        ^~~~~~")
    assert place(prepared, "after") == ("f.metal:6:29", "                            ^~~~~")
    assert place(prepared, "last")[0] == "f.metal:6:60"
    assert place(prepared, "other")[0] == "f.metal:8:15"
    # What a macro made has no column of its own: the line is its place.
    assert place(prepared, "renamed")[0] == "f.metal:8:1"


def test_headers_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "mine.h").write_text(
        "#pragma once\n#include <metal_stdlib>\n// comment\nint   from_header;\n"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.h").write_text("int deep;\n")
    main = tmp_path / "main.metal"
    source = '#include "mine.h"\n#include "other.h"\nint own;\n'
    main.write_text(source)
    options = CompileOptions(include_dirs=(str(tmp_path / "sub"),))
    prepared = prepare(source, str(main), options)
    assert place(prepared, "from_header") == (f"{tmp_path}/mine.h:4:7", "      ^~~~~~~~~~~")
    assert place(prepared, "deep")[0] == f"{tmp_path}/sub/other.h:1:5"
    assert place(prepared, "own")[0] == f"{main}:3:5"


def test_defines_of_the_options() -> None:
    prepared = prepare("int x = WIDTH;", "f", CompileOptions(defines=(("WIDTH", "64"),)))
    assert [token.text for token in prepared.tokens] == ["int", "x", "=", "64", ";"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('int a;\n#include "missing.h"\n', "f.metal:2:10: error: 'missing.h' file not found"),
        ("#if X\nint a;\n", "f.metal:1:2: error: unterminated conditional directive"),
        ("\n  #error no good\n", "f.metal:2:4: error: no good"),
    ],
)
def test_errors_of_directives(source: str, expected: str) -> None:
    with pytest.raises(MslError) as caught:
        prepare(source, "f.metal", OPTIONS)
    assert str(caught.value).splitlines()[0] == expected
