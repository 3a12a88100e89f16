"""``c ? x : 0`` where x may be a bfloat: tokens in, what stands in place of the literal out, so that C++ takes it for a bfloat too.

In Metal bfloat is a number like others. Here it is a class that integers convert to and that converts to them,
between which C++ does not choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from metal_runtime.msl.tokens import Token, TokenKind

_OPENERS, _CLOSERS = frozenset("([{"), frozenset(")]}")
_NO_INTEGER = frozenset(".xXfFhHpP")


def literal_arms(
    tokens: Sequence[Token], spelled: Callable[[int, dict[int, str]], str]
) -> dict[int, str]:
    """The texts in place of the tokens of integer literals that are one arm of a conditional.

    ``spelled`` is the C++ of a token, given what has been replaced so far. Empty for texts without bfloat.
    """
    if not any("bfloat" in token.text for token in tokens):
        return {}
    replaced: dict[int, str] = {}
    # From the last to the first, for an arm that holds another conditional has that one's text.
    for question in reversed([i for i, token in enumerate(tokens) if token.text == "?"]):
        for literal, other in _pairs(tokens, question):
            texts = [tokens[i].text for i in other]
            if "{" in texts or not texts:
                continue  # a lambda may not stand in decltype
            type_ = "".join(_spaced(tokens, i, spelled(i, replaced)) for i in other)
            value = "".join(tokens[i].text for i in literal)
            replaced.update(dict.fromkeys(literal, ""))
            replaced[literal.start] = f"metal::__impl::arm<decltype({type_})>({value})"
    return replaced


def _spaced(tokens: Sequence[Token], index: int, text: str) -> str:
    """A token's text, apart from the one before it unless they touch: ``>=`` is two tokens."""
    touches = tokens[index - 1].end == tokens[index].start
    return text if touches else f" {text}"


def _pairs(tokens: Sequence[Token], question: int) -> Iterator[tuple[range, range]]:
    """The literal arm of a conditional and its other arm, if one of them is an integer literal."""
    colon = _end(tokens, question + 1, frozenset(":"))
    if colon is None:
        return
    first = range(question + 1, colon)
    end = _end(tokens, colon + 1, frozenset(",;:"))
    if end is None:
        return
    second = range(colon + 1, end)
    literals = [_is_integer(tokens, arm) for arm in (first, second)]
    if literals == [False, True]:
        yield second, first
    elif literals == [True, False] and not _is_cut(tokens, second, end):
        yield first, second


def _end(tokens: Sequence[Token], start: int, ends: frozenset[str]) -> int | None:
    """Where the arm that begins at ``start`` ends: at one of ``ends``, or where a bracket closes around it."""
    depth = conditionals = 0
    for i in range(start, len(tokens)):
        text = tokens[i].text
        if text in _OPENERS:
            depth += 1
        elif text in _CLOSERS:
            if depth == 0:
                return i if ":" not in ends or len(ends) > 1 else None
            depth -= 1
        elif depth == 0 and text == "?":
            conditionals += 1
        elif depth == 0 and text == ":" and conditionals:
            conditionals -= 1
        elif depth == 0 and text in ends:
            return i
    return None


def _is_integer(tokens: Sequence[Token], arm: range) -> bool:
    parts = [tokens[i] for i in arm]
    if len(parts) == 2 and parts[0].text == "-":
        parts = parts[1:]
    if len(parts) != 1 or parts[0].kind is not TokenKind.NUMBER:
        return False
    return not _NO_INTEGER.intersection(parts[0].text)


def _is_cut(tokens: Sequence[Token], arm: range, end: int) -> bool:
    """Whether a comma that ends an arm may be one between template arguments."""
    return tokens[end].text == "," and any(tokens[i].text == "<" for i in arm)
