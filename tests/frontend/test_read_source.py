"""Sources are found, with their places, wherever a function can be written."""

import doctest
import functools

import pytest

from metal_runtime.errors import UnsupportedPythonError
from metal_runtime.frontend.read_source import read_source, written
from tests.frontend.both_ways import function_of


def passed(function):
    return function


def plain(x):
    return x + 1


class Holder:
    @staticmethod
    @passed
    def decorated(x):
        return x * 2


def test_spans_are_those_of_the_file() -> None:
    source = read_source(plain)
    span = source.span(source.node.body[0])
    assert (span.file, span.line) == (__file__, plain.__code__.co_firstlineno + 1)
    assert (span.column, span.end_column) == (5, 17)
    assert span.text == "    return x + 1"
    assert written(span) == "return x + 1"


def test_nested_and_decorated_functions() -> None:
    @passed
    @passed
    def inner(x):
        return x - 3

    for function, text in ((inner, "return x - 3"), (Holder.decorated, "return x * 2")):
        source = read_source(function)
        assert source.text(source.node.body[0]) == text
        assert source.span(source.node).excerpt().count("^") == 1


def test_columns_count_characters() -> None:
    function = function_of("def kernel(größe):\n    ä, ö = 'ü', größe\n")
    source = read_source(function)
    name = source.node.body[0].value.elts[1]
    span = source.span(name)
    assert span.text[span.column - 1 : span.end_column - 1] == "größe"


def test_tabs_and_continued_lines() -> None:
    function = function_of("def kernel(x):\n\ty = (x +\n\t\t1)\n\treturn y\n")
    source = read_source(function)
    span = source.span(source.node.body[0].value)
    assert (span.line, span.end_line, span.column) == (2, 3, 7)
    assert span.excerpt().splitlines()[1].endswith(" | \t     ^~~")


def test_doctest() -> None:
    text = ">>> def kernel(x):\n...     return x\n>>> read_source(kernel).text(read_source(kernel).node)\n'def kernel'\n"  # fmt: skip
    test = doctest.DocTestParser().get_doctest(text, {"read_source": read_source}, "t", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_a_function_on_one_line_with_another() -> None:
    names = {}
    text = "def f(x): return x\nif True: g = f\n"
    assert read_source(function_of(text, "g", **names)).node.name == "f"


def test_what_has_no_source() -> None:
    namespace: dict = {}
    exec("def f(x):\n    return x\n", namespace)
    with pytest.raises(UnsupportedPythonError, match="cannot be read"):
        read_source(namespace["f"])


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (lambda x: x, "the lambda at"),
        (len, "is not a Python function"),
        (functools.partial(plain, 1), "is not a Python function"),
        (3, "is not a Python function"),
    ],
)
def test_what_is_no_function(thing, message) -> None:
    with pytest.raises(UnsupportedPythonError, match=message):
        read_source(thing)


async def later(x):
    return x


def test_async_functions_are_refused() -> None:
    with pytest.raises(UnsupportedPythonError, match="async def"):
        read_source(later)


def test_a_file_that_changed(tmp_path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def f(x):\n    return x\n")
    namespace: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    assert read_source(namespace["f"]).node.name == "f"
    for changed in ("\ndef f(x):\n    return x\n", "def f(x, y):\n    return x\n", "def f(\n"):
        file.write_text(changed)
        with pytest.raises(UnsupportedPythonError, match="does not define `f` any more"):
            read_source(namespace["f"])
