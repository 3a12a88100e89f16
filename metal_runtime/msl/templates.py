"""Explicit instantiations of kernel templates: their tokens in, the instance's name, arguments and parameter types out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metal_runtime.msl.constant_expressions import split_at_commas
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.parameters import DeclaredParameter, attributes_of
from metal_runtime.msl.tokens import Token, TokenKind

_OPENERS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Instantiation:
    """``template [[host_name("x")]] kernel void n::f<A>(T...);``. The ranges are indices into the token list."""

    host_name: str | None
    name: str
    """The last part of the template's qualified name."""

    scope: tuple[str, ...]
    """The namespaces in which the instantiation stands; the template's own may be within them, or named."""

    tokens: range
    """All of it, the semicolon included."""

    qualified: range
    """The template's name with the namespaces before it, without arguments."""

    arguments: range | None
    """Between ``<`` and ``>``; None when they are to be deduced from ``parameters``."""

    parameters: range | None
    """Between the parentheses; None when the type is a ``decltype`` or an alias."""


def read_instantiation(
    tokens: Sequence[Token], where: range, scope: tuple[str, ...]
) -> Instantiation | None:
    """The instantiation whose tokens are ``where``; None when it is none of a kernel."""
    head = [tokens[i] for i in where]
    _, attributes = attributes_of(head[1:])
    is_kernel = "kernel" in attributes or any(t.text == "kernel" for t in head)
    if not is_kernel and "host_name" not in attributes:
        return None
    end = where.stop - 1  # at the semicolon, when there is one
    parameters = arguments = None
    if end > where.start and tokens[end - 1].text == ")":
        open_ = _open_backwards(tokens, end - 1, "(", ")")
        parameters, end = range(open_ + 1, end - 1), open_
    if end > where.start and tokens[end - 1].text == ">":
        open_ = _open_backwards(tokens, end - 1, "<", ">")
        arguments, end = range(open_ + 1, end - 1), open_
    start = end - 1
    while start - 1 > where.start and tokens[start - 1].text == "::":
        start -= (
            2
            if tokens[start - 2].kind is TokenKind.IDENTIFIER and _is_scope(tokens[start - 2])
            else 1
        )
    if end <= where.start or tokens[end - 1].kind is not TokenKind.IDENTIFIER:
        return None
    host_name = text_of(attributes["host_name"][1]) if "host_name" in attributes else None
    return Instantiation(
        host_name, tokens[end - 1].text, scope, where, range(start, end), arguments, parameters
    )


def _is_scope(token: Token) -> bool:
    return token.text not in ("void", "kernel")


def text_of(tokens: Sequence[Token]) -> str:
    """The string that adjacent literals make."""
    return "".join(token.text.strip('"') for token in tokens if token.kind is TokenKind.TEXT)


def _open_backwards(tokens: Sequence[Token], index: int, opener: str, closer: str) -> int:
    depth = 0
    while index > 0:
        text = tokens[index].text
        if opener == "<" and text in _OPENERS.values():
            index = _open_backwards(tokens, index, _OPENER_OF[text], text)
        depth += (text == closer) - (text == opener)
        if depth == 0:
            return index
        index -= 1
    return 0


_OPENER_OF = {closer: opener for opener, closer in _OPENERS.items()}


@dataclass(frozen=True, slots=True)
class TemplateParameter:
    """One parameter of a template: its name, and the tokens of its default."""

    name: str
    default: tuple[Token, ...] = ()


def template_parameters(
    tokens: Sequence[Token], function: Function
) -> tuple[TemplateParameter, ...]:
    """The parameters of the template list that stands before ``function``; none for an explicit specialisation."""
    if [t.text for t in tokens[function.start : function.start + 2]] != ["template", "<"]:
        return ()
    close = close_angle(tokens, function.start + 1)
    parts = split_at_commas(tokens[function.start + 2 : close])
    return tuple(_template_parameter(part) for part in parts)


def _template_parameter(part: list[Token]) -> TemplateParameter:
    equals = next((i for i, t in enumerate(part) if t.text == "="), len(part))
    name = part[equals - 1].text if part[equals - 1].kind is TokenKind.IDENTIFIER else ""
    return TemplateParameter(name, tuple(part[equals + 1 :]))


def close_angle(tokens: Sequence[Token], index: int) -> int:
    """The index of the ``>`` that closes the ``<`` at ``index``."""
    depth = parentheses = 0
    for i in range(index, len(tokens)):
        text = tokens[i].text
        parentheses += (text == "(") - (text == ")")
        if not parentheses:
            depth += (text == "<") - (text == ">")
            if depth == 0:
                return i
    return len(tokens)


def template_bindings(
    parameters: Sequence[TemplateParameter], arguments: Sequence[Token]
) -> dict[str, tuple[Token, ...]]:
    """What each template parameter stands for in an instance: the tokens of its argument, or of its default."""
    bound: dict[str, tuple[Token, ...]] = {}
    given = split_at_commas(arguments)
    for position, parameter in enumerate(parameters):
        if position < len(given):
            bound[parameter.name] = tuple(given[position])
        elif parameter.default:
            bound[parameter.name] = tuple(substituted(parameter.default, bound))
    return bound


def substituted(tokens: Sequence[Token], bindings: Mapping[str, tuple[Token, ...]]) -> list[Token]:
    """The tokens with the arguments in place of the template parameters' names."""
    result: list[Token] = []
    for token in tokens:
        argument = bindings.get(token.text)
        if argument is None or token.kind is not TokenKind.IDENTIFIER:
            result.append(token)
        else:
            result += argument
    return result


def instance_parameters(
    declared: Sequence[DeclaredParameter],
    bindings: Mapping[str, tuple[Token, ...]],
    listed: Sequence[DeclaredParameter] | None,
) -> list[DeclaredParameter]:
    """A template's parameters as an instance has them: with ``listed`` types, or with the arguments put in."""
    if listed is not None:
        return [
            DeclaredParameter(there.type_tokens, here.name_token, here.attributes)
            for here, there in zip(declared, listed, strict=False)
        ]
    if not bindings:
        return list(declared)
    return [
        DeclaredParameter(
            substituted(parameter.type_tokens, bindings),
            parameter.name_token,
            {
                name: (token, substituted(argument, bindings) if argument else argument)
                for name, (token, argument) in parameter.attributes.items()
            },
        )
        for parameter in declared
    ]
