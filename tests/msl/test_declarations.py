"""Functions are found with their scopes, parameters and bodies, whatever stands around them."""

from __future__ import annotations

import pytest

from metal_runtime.msl.declarations import DeclarationScanner
from metal_runtime.msl.tokens import tokenize


def found(text: str) -> list[tuple[str, str, str]]:
    """Scope and name, parameters, body of each function."""
    tokens = tokenize(text)

    def joined(where: range) -> str:
        return " ".join(tokens[i].text for i in where)

    return [
        ("::".join((*f.scope, f.name)), joined(f.parameters), joined(f.body))
        for f in DeclarationScanner(tokens).functions
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int f(int a, int b) { return a; }", [("f", "int a , int b", "return a ;")]),
        ("int f();", [("f", "", "")]),
        ("static inline auto f(int a) -> int { }", [("f", "int a", "")]),
        ("__attribute__((noinline)) int f() {} alignas(16) int x; int g() {}", [("f", "", ""), ("g", "", "")]),
        ("namespace a { namespace b { int f() {} } int g() {} } int h() {}",
         [("a::b::f", "", ""), ("a::g", "", ""), ("h", "", "")]),
        ("struct S { int m() const { if (x) { y(); } } int x; } s; int f() {}",
         [("S::m", "", "if ( x ) { y ( ) ; }"), ("f", "", "")]),
        ("struct A { struct B { void f() {} }; void g() {} };", [("A::B::f", "", ""), ("A::g", "", "")]),
        ("struct V { V(int x) : a{x}, b(x) {} V operator+(V o) const { return o; } float operator()(int i) { return 1; }"
         " operator float() const { return 2; } };",
         [("V::V", "int x", ""), ("V::operator+", "V o", "return o ;"), ("V::operator()", "int i", "return 1 ;"),
          ("V::operatorfloat", "", "return 2 ;")]),
        ("template <typename T, int N = (1 > 0)> struct S<T, N> { T f(T x) {} };", [("S::f", "T x", "")]),
        ("template <> float f<float>(float x) { }", [("f", "float x", "")]),
        ("constant float t[] = { f(1), g(2) }; int a = h(3); enum E { A = 1, B }; enum class F : int { C }; int k() {}",
         [("k", "", "")]),
        ("using T = int; typedef int (*P)(int); int f() {}", [("f", "", "")]),
        ("class C { public: void f() {} private: int x = 3; void g(); };", [("C::f", "", ""), ("C::g", "", "")]),
        ('extern "C" { void f() {} }', [("f", "", "")]),
    ],
)  # fmt: skip
def test_functions(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [("int f() { ( }", 5), ("}", 0), ("int f( {", 3), ("a ] b", 1), ("f() {} {", 5)],
)
def test_unmatched_brackets(text: str, position: int) -> None:
    assert DeclarationScanner(tokenize(text)).unmatched == position
