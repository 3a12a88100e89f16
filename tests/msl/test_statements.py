"""Statements of function bodies, and which variables are uniform."""

from __future__ import annotations

import pytest

from metal_runtime.msl.statements import Statement, StatementKind, StatementParser
from metal_runtime.msl.tokens import Token, tokenize
from metal_runtime.msl.uniformity import UniformityAnalysis


def parse(text: str) -> tuple[list[Token], tuple[Statement, ...]]:
    tokens = tokenize(text)
    return tokens, StatementParser(tokens).parse(range(len(tokens)))


def shape(statements: tuple[Statement, ...]) -> list[object]:
    """Kinds, with what stands within."""
    return [
        (s.kind.value, *(shape(part) for part in (s.initial, s.body, s.otherwise) if part))
        if s.initial or s.body or s.otherwise
        else s.kind.value
        for s in statements
    ]


def test_the_kinds_of_statements() -> None:
    text = """
    float x = a[i], y;
    x += f(y, 2) * 3;
    if (x > 1) { y = 2; } else if (y) return; else x = 1;
    for (uint s = n / 2; s > 0; s >>= 1) sum[i] += sum[i + s];
    while (true) { break; }
    do { ++x; } while (x < 5);
    switch (k) { case 1: x = 1; break; default: ; }
    using T = vec<float, 4>;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    """
    _, statements = parse(text)
    assert shape(statements) == [
        "declaration",
        "expression",
        ("if", [("block", ["expression"])], [("if", ["jump"], ["expression"])]),
        ("for", ["declaration"], ["expression"]),
        ("while", [("block", ["jump"])]),
        ("do", [("block", ["expression"])]),
        ("switch", [("block", ["label", "expression", "jump", "label", "expression"])]),
        "type",
        "expression",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("float x;", [("x", "", False, False)]),
        (
            "const uint n = min(a, b), m = n * 2;",
            [("n", "min(a,b)", False, False), ("m", "n*2", False, False)],
        ),
        ("device const float* p = x + 1;", [("p", "x+1", True, False)]),
        ("thread auto& r = v[0];", [("r", "v[0]", True, False)]),
        ("vec<T, 4> v{1, 2};", [("v", "{1,2}", False, False)]),
        ("metal::vec<float, N> v(0);", [("v", "(0)", False, False)]),
        ("threadgroup T tile[BM][BN + 1];", [("tile", "", False, True)]),
        ("float acc[4] = {0};", [("acc", "{0}", False, True)]),
        ("unsigned i = 0;", [("i", "0", False, False)]),
        ("auto f = [&](int a) { return a; };", [("f", "[&](inta){returna;}", False, False)]),
        ("x = 5;", []),
        ("f(x);", []),
        ("a < b;", []),
        ("x[i] = 1;", []),
        ("p->q = 1;", []),
        ("++i;", []),
    ],
)
def test_declarations(text: str, expected: list[tuple[str, str, bool, bool]]) -> None:
    tokens, statements = parse(text)
    assert len(statements) == 1
    found = [
        (d.name, "".join(tokens[i].text for i in d.initializer), d.is_indirect, d.is_array)
        for d in statements[0].declarators
    ]
    assert found == expected


def test_a_range_based_for_declares_its_variable() -> None:
    _, statements = parse("for (auto x : values) f(x);")
    assert statements[0].kind is StatementKind.FOR
    assert [d.name for d in statements[0].initial[0].declarators] == ["x"]


@pytest.mark.parametrize(
    "text", ["", "{", "}", "if (", "for (;", "do", "x", "if (a) else", "case", "((("]
)
def test_broken_text_is_read_to_its_end(text: str) -> None:
    tokens, statements = parse(text)
    covered = {i for statement in statements for i in statement.tokens}
    assert covered == set(range(len(tokens)))


UNIFORM = [
    ("uint half_size = n / 2;", {"half_size"}),
    ("uint s = n; for (uint k = s; k > 0; k >>= 1) { out[tid] += k; }", {"s", "k"}),
    ("for (uint s = n / 2; s > 0; s /= 2) { if (tid < s) { x[tid] += x[tid + s]; } }", {"s"}),
    ("uint a = tid; uint b = a + 1; uint c = n;", {"c"}),
    ("float v = x[0];", set()),
    ("uint a = n; if (tid > 3) a = 5;", set()),
    ("uint a = n; if (n > 3) { a = 5; } else a += 1;", {"a"}),
    ("uint i = 0; while (i < n) { i++; if (tid == i) break; }", set()),
    ("uint i = 0; while (i < n) { i++; if (n == i) break; }", {"i"}),
    ("uint i = 0; while (i < n) { i++; if (x[i] > 0) { x[i] = 0; } }", {"i"}),
    ("uint a = n; f(&a);", set()),
    ("uint a = f(n);", set()),
    ("uint a = min(n, 4u); uint b = a & n;", {"a", "b"}),
    ("uint a = n; { uint a = tid; }", {"a@1"}),
    ("for (uint i = 0; i < n; i++) {} for (uint i = tid; i < n; i++) {}", {"i@3"}),
    ("uint b = n; { uint n = tid; uint c = n; b = n; }", set()),
    ("uint a = n; if (n > 1) uint a = tid; uint b = a;", {"a@1", "b"}),
    ("uint a = n; a = b = tid;", set()),
    ("uint2 p = uint2(n, 1); p.x = tid;", set()),
    ("uint2 p = uint2(n, 1); p.x = 4;", {"p"}),
    ("bool c = tid <= n; uint d = n; d <<= tid;", set()),
    ("uint d = n; d >>= 1; bool e = d >= 1;", {"d", "e"}),
    ("uint a; a = n;", set()),
    ("for (uint i = tid; i < n; i += 4) { }", set()),
    ("for (auto e : table) { }", {"e"}),
    ("uint d = tid > 2 ? n : 1;", set()),
    ("uint i = 0; x[i++] = 1; uint j = i;", {"i", "j"}),
    ("uint i = 0; if (x[tid] > 0) i++;", set()),
    ("uint2 size = uint2(n, 1); uint d = size.x;", {"size", "d"}),
    ("uint2 size = uint2(n, 1); uint d = size.f(n);", set()),
]


@pytest.mark.parametrize(("text", "expected"), UNIFORM)
def test_uniform_variables(text: str, expected: set[str]) -> None:
    tokens, statements = parse(text)
    analysis = UniformityAnalysis(tokens, ["n"], ["tid", "x", "out"])
    assert analysis.of_body(statements).uniform == expected | {"n"}


def test_uniform_expressions() -> None:
    tokens, statements = parse("uint s = n / 2; if (s > 4) x[0] = 1; if (tid < s) x[1] = 1;")
    analysis = UniformityAnalysis(tokens, ["n"], ["tid", "x"])
    known = analysis.of_body(statements)
    assert [analysis.is_uniform(s.condition, known) for s in statements[1:]] == [True, False]
