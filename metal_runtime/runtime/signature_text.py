"""Signatures as a reader wants them: a kernel's signature in, its parameters, memory and constants as text out."""

from __future__ import annotations

from metal_runtime.msl_types import type_name
from metal_runtime.program import Signature


def signature_text(signature: Signature) -> str:
    """One line for the name, one for each parameter, one for what else a launch must know."""
    parameters = [
        f"{a.type_text} {a.name} [[buffer({a.index})]]"
        + (f"  // only if {a.condition}" if a.condition else "")
        for a in signature.arguments
    ]
    parameters += [
        f"{a.type_text} {a.name} [[threadgroup({a.index})]]"
        for a in signature.threadgroup_arguments
    ]
    lines = [f"kernel void {signature.name}("]
    lines += [f"    {_with_comma(p, last=p is parameters[-1])}" for p in parameters]
    lines.append(")" + _facts(signature))
    return "\n".join(lines) if parameters else f"kernel void {signature.name}()" + _facts(signature)


def _with_comma(parameter: str, last: bool) -> str:
    if last:
        return parameter
    code, comment, rest = parameter.partition("  //")
    return f"{code},{comment}{rest}"


def _facts(signature: Signature) -> str:
    facts = []
    if signature.threadgroup_bytes is None:
        facts.append("threadgroup memory in its body")
    elif signature.threadgroup_bytes:
        facts.append(f"{signature.threadgroup_bytes:,} bytes of threadgroup memory in its body")
    if signature.max_threads is not None:
        facts.append(f"at most {signature.max_threads:,} threads in a threadgroup")
    facts += [
        f"{'function constant' if c.required else 'optional function constant'} "
        f"{type_name(c.type)} {c.name} ({c.index})"
        for c in signature.constants
    ]
    return "".join(f"\n    // {fact}" for fact in facts)
