"""The constructs that need threads of a threadgroup to meet: tokens in, the first such construct and what to say of it out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from metal_runtime.msl.tokens import Token, TokenKind

_COMES_LATER = "it comes with the MSL engine; a kernel whose threads work alone runs today"


@dataclass(frozen=True, slots=True)
class Construct:
    """A construct that a device cannot run yet, or that is outside compute kernels."""

    token: Token
    message: str
    hint: str


# Pattern of the identifier -> what to call it. The first that matches wins.
_RULES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), message, hint)
    for pattern, message, hint in (
        (r"threadgroup_barrier", "the barrier `{}` is not supported yet", _COMES_LATER),
        (r"simdgroup_barrier", "the barrier `{}` is not supported yet", _COMES_LATER),
        (r"simdgroup_(?:float|half|bfloat)\w*|simdgroup_matrix|simdgroup_(?:load|store|multiply)\w*|make_filled_simdgroup_matrix",
         "the simdgroup matrix `{}` is not supported yet", _COMES_LATER),
        (r"simdgroup_async_copy\w*|simdgroup_event", "the asynchronous copy `{}` is not supported yet", _COMES_LATER),
        (r"simd_(?:sum|product|min|max|and|or|xor|all|any|ballot|broadcast\w*|shuffle\w*|prefix\w*|is_first|active\w*|vote|is_helper_thread)",
         "the simdgroup function `{}` is not supported yet", _COMES_LATER),
        (r"quad_(?:sum|product|min|max|and|or|xor|all|any|ballot|broadcast\w*|shuffle\w*|prefix\w*|is_first|active\w*|vote)",
         "the quadgroup function `{}` is not supported yet", _COMES_LATER),
        (r"atomic_\w+|atomic|_atomic\w*", "the atomic `{}` is not supported yet", _COMES_LATER),
        (r"(?:texture|depth)(?:1d|2d|3d|cube|_buffer)(?:_\w+)?", "the texture type `{}` is not supported: kernels work on buffers",
         "pass a buffer: device T*"),
        (r"sampler", "a `{}` is not supported: kernels work on buffers", "pass a buffer: device T*"),
        (r"imageblock\w*|threadgroup_imageblock|visible_function_table|intersection_function_table|intersector|instance_acceleration_structure|primitive_acceleration_structure|raytracing|ray_data|object_data|mesh_grid_properties|command_buffer|render_command|compute_command",
         "`{}` is outside compute kernels over buffers", "pass a buffer: device T*"),
        (r"double", "Metal has no double", "write float"),
    )
)  # fmt: skip


def find_construct(tokens: Iterable[Token]) -> Construct | None:
    """The first construct in ``tokens`` that cannot be run, or None."""
    previous = ""
    for token in tokens:
        if token.kind is TokenKind.IDENTIFIER and previous not in (".", "->"):
            found = _construct_of(token)
            if found is not None:
                return found
        previous = token.text
    return None


def _construct_of(token: Token) -> Construct | None:
    if token.text == "threadgroup":
        return Construct(token, "threadgroup memory is not supported yet", _COMES_LATER)
    for pattern, message, hint in _RULES:
        if pattern.fullmatch(token.text):
            return Construct(token, message.format(token.text), hint)
    return None


def find_attribute_construct(name: str, token: Token) -> Construct | None:
    """What to say of an attribute such as ``function_constant`` that cannot be obeyed yet, or None."""
    if name == "function_constant":
        return Construct(token, "function constants are not supported yet", _COMES_LATER)
    if name == "host_name":
        return Construct(
            token, "instantiated templates (`host_name`) are not supported yet", _COMES_LATER
        )
    return None
