"""What is evaluated whenever a statement is, and where it jumps: texts of tokens and places in, answers out."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime.msl.body_edits import Unsplittable
from metal_runtime.msl.statements import Statement, StatementKind


def is_unconditional(texts: Sequence[str], index: int, start: int) -> bool:
    """Whether what stands at ``index`` is evaluated once whenever the statement that begins at ``start`` is.

    Not so behind ``&&``, ``||``, ``?`` or a comma operator, nor in the body of a lambda.
    """
    depth = 0
    skips = False  # over the other arguments of a call, to its parenthesis
    for i in range(index - 1, start - 1, -1):
        text = texts[i]
        if text in (")", "]", "}"):
            depth += 1
        elif text in ("(", "[", "{"):
            if depth == 0:
                skips = False
                if text == "{" and not _is_initializer(texts, i):
                    return False
            depth = max(depth - 1, 0)
        elif depth == 0 and not skips:
            if text in ("&&", "||", "?"):
                return False
            skips = text == ","
    return True


def has_lambda(texts: Sequence[str], where: range) -> bool:
    """Whether a lambda stands in the statement: a bracket that follows no operand."""
    return any(
        texts[i] == "["
        and not (
            texts[i - 1] in (")", "]", ">")
            or texts[i - 1][-1:].isalnum()
            or texts[i - 1][-1:] == "_"
        )
        for i in where
    )


def has_comma_operator(texts: Sequence[str], where: range) -> bool:
    """Whether an expression statement holds a comma outside all brackets."""
    depth = 0
    for i in where:
        depth += (texts[i] in ("(", "[", "{")) - (texts[i] in (")", "]", "}"))
        if depth == 0 and texts[i] == ",":
            return True
    return False


def escaping_jump(
    statement: Statement, texts: Sequence[str], in_loop: bool = False, in_switch: bool = False
) -> int | None:
    """The token of a jump that leaves the statement; None if it only leaves loops that lie within."""
    if statement.kind is StatementKind.JUMP:
        text = texts[statement.tokens.start]
        stays = text in ("break", "continue") and (in_loop or (in_switch and text == "break"))
        return None if stays else statement.tokens.start
    loop = in_loop or statement.kind in (StatementKind.FOR, StatementKind.WHILE, StatementKind.DO)
    switch = in_switch or statement.kind is StatementKind.SWITCH
    found = (
        escaping_jump(part, texts, loop, switch) for part in (*statement.body, *statement.otherwise)
    )
    return next((place for place in found if place is not None), None)


def closing(texts: Sequence[str], open_: int, stop: int) -> int:
    """The parenthesis that closes the one at ``open_``. Raises Unsplittable: none before ``stop``."""
    depth = 0
    for i in range(open_, stop):
        depth += (texts[i] in ("(", "[", "{")) - (texts[i] in (")", "]", "}"))
        if depth == 0:
            return i
    raise Unsplittable("a parenthesis is left open", open_)


def _is_initializer(texts: Sequence[str], brace: int) -> bool:
    before = texts[brace - 1]
    return before in ("=", ",", "(", "{", "return", ">") or before[-1:].isalnum()
