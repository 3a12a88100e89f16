"""Traversal finds every child, and rewriting keeps what does not change."""

from __future__ import annotations

import pytest

from metal_runtime.ir.nodes import Assign, Constant, Load, Read
from metal_runtime.ir.walk import Rewriter, Visitor, children, root_of, walk
from tests.hand_made_kernels import ALL, FLOAT, ap, f, n_body, part, saxpy


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_rewriting_nothing_gives_the_same_object(make):
    kernel = make()
    assert Rewriter().rewrite(kernel) is kernel


def test_children_are_in_order_of_the_fields():
    left, right = f(1), f(2)
    assert list(children(ap("add", left, right))) == [left, right]


def test_walk_meets_parents_before_children():
    nodes = list(walk(saxpy()))
    assert nodes[0] == saxpy()
    assert sum(isinstance(n, Load) for n in nodes) == 3


def test_a_visitor_goes_on_where_it_has_no_method():
    class Names(Visitor):
        def __init__(self):
            self.seen = []

        def visit_Read(self, node):
            self.seen.append(node.name)

    names = Names()
    names.visit(saxpy())
    assert names.seen == ["i", "n", "i", "a", "i", "i"]


class _Doubler(Rewriter):
    def rewrite_Constant(self, node):
        return Constant(node.value * 2, node.type)

    def rewrite_Read(self, node):
        return f(0) if node.type is FLOAT else node


def test_a_place_is_no_value_but_its_indices_are():
    place = Load("x", Read("i", FLOAT), FLOAT)
    assert _Doubler().rewrite(Assign(place, f(1))) == Assign(Load("x", f(0), FLOAT), f(2))
    variable = Assign(Read("v", FLOAT), Read("v", FLOAT))
    assert _Doubler().rewrite(variable) == Assign(Read("v", FLOAT), f(0))


def test_a_statement_may_become_none_or_several():
    class Twice(Rewriter):
        def rewrite_Assign(self, node):
            return (node, node)

    class Never(Rewriter):
        def rewrite_Assign(self, node):
            return ()

    body = n_body().body
    assert len(Twice().rewrite_block(body)) == len(body) + 2
    assert not any(isinstance(n, Assign) for n in walk(*Never().rewrite_block(body)))


def test_the_root_of_a_place():
    load = Load("x", Read("i", FLOAT), n_body().body[2].type)
    assert root_of(part(part(load, "xyz"), "x")) is load
