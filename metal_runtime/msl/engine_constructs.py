"""What is outside compute kernels over buffers: tokens in, the first such construct and what to say of it out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from metal_runtime.msl.tokens import Token, TokenKind

_BUFFER_INSTEAD = "pass a buffer: device T*"
_OUTSIDE = "`{}` is outside compute kernels over buffers, which are what runs here"


@dataclass(frozen=True, slots=True)
class Construct:
    """A construct that no device runs."""

    token: Token
    message: str
    hint: str


# Pattern of the identifier -> what to say of it. The first that matches wins.
_RULES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), message, hint)
    for pattern, message, hint in (
        (r"(?:texture|depth)(?:1d|2d|3d|cube|_buffer)(?:_\w+)?", _OUTSIDE, _BUFFER_INSTEAD),
        (r"sampler", _OUTSIDE, _BUFFER_INSTEAD),
        (r"imageblock\w*|threadgroup_imageblock|object_data|mesh_grid_properties|render_command|render_pipeline_state"
         r"|command_buffer|compute_command|compute_pipeline_state|rasterization_rate_map_\w+",
         _OUTSIDE, _BUFFER_INSTEAD),
        (r"raytracing|intersector|intersection_(?:query|params|result|function_table|function_buffer\w*)"
         r"|(?:visible|intersection)_function_table|(?:instance|primitive)_acceleration_structure|acceleration_structure"
         r"|ray_data",
         _OUTSIDE, "ray tracing needs Apple's hardware"),
        (r"cooperative_tensor|tensor_(?:handle|inline|offset|ops)|tensor_ops|mpp|MetalPerformancePrimitives",
         _OUTSIDE, "tensors need Apple's tensor units; use simdgroup_matrix"),
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


# One search for all rules: nearly every identifier matches none.
_ANY = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _, _ in _RULES))


def _construct_of(token: Token) -> Construct | None:
    if _ANY.fullmatch(token.text) is None:
        return None
    for pattern, message, hint in _RULES:
        if pattern.fullmatch(token.text):
            return Construct(token, message.format(token.text), hint)
    return None


def find_attribute_construct(name: str, token: Token) -> Construct | None:
    """What to say of a parameter's attribute that belongs to no compute kernel over buffers, or None."""
    if name in ("texture", "sampler", "imageblock_data", "payload", "visible", "color"):
        return Construct(token, _OUTSIDE.format(f"[[{name}]]"), _BUFFER_INSTEAD)
    return None
