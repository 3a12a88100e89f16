"""What the chosen GPU family lacks: what kernels reach enters, each use of a missing feature or of too much memory leaves."""

from __future__ import annotations

from collections.abc import Iterator

from metal_runtime.msl import limits
from metal_runtime.msl.limits import FEATURES, Feature
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.tokens import Token, TokenKind
from metal_runtime.program import Signature


def find_missing_features(text: CheckedText) -> Iterator[Found]:
    """The first use of each feature that the family lacks, in each function that a kernel may reach."""
    missing = [feature for feature in FEATURES if text.family not in feature.families]
    own = {f.name for f in text.functions}
    for index in sorted(text.reached):
        function = text.functions[index]
        told: set[str] = set()
        for i in (*function.head, *function.parameters, *function.body):
            token = text.tokens[i]
            if (
                token.kind is not TokenKind.IDENTIFIER
                or text.texts[i - 1] in (".", "->")
                or token.text in own
            ):
                continue
            for feature in missing:
                if feature.name not in told and feature.names.fullmatch(_library_name(text, i)):
                    told.add(feature.name)
                    yield _missing(text, feature, token)


def _library_name(text: CheckedText, index: int) -> str:
    """The identifier; ``atomic<float>`` reads as ``atomic_float``."""
    word = text.texts[index]
    if word == "atomic" and text.texts[index + 1 : index + 2] == ["<"]:
        return f"atomic_{text.texts[index + 2]}"
    return word


def _missing(text: CheckedText, feature: Feature, token: Token) -> Found:
    return Found(token, f"{text.family.value} has no {feature.what}: `{token.text}`",
                 f"needs {feature.least} (--family)")  # fmt: skip


def find_over_limits(text: CheckedText) -> Iterator[Found]:
    """Threadgroup memory that kernels declare, and the threads they say they have at most."""
    most_bytes, most_threads = (
        limits.THREADGROUP_MEMORY.of(text.family),
        limits.THREADS.of(text.family),
    )
    for signature in text.signatures:
        token = _name_token(text, signature)
        if token is None:
            continue
        if signature.threadgroup_bytes is not None and signature.threadgroup_bytes > most_bytes:
            yield Found(token, f"kernel `{signature.name}` declares {signature.threadgroup_bytes:,} bytes of threadgroup memory; "
                        f"{text.family.value} has {most_bytes:,}", "use smaller tiles, or half instead of float")  # fmt: skip
        if signature.max_threads is not None and signature.max_threads > most_threads:
            yield Found(token, f"kernel `{signature.name}` asks for {signature.max_threads:,} threads a threadgroup; "
                        f"{text.family.value} has at most {most_threads:,}", f"write at most {most_threads}")  # fmt: skip


def _name_token(text: CheckedText, signature: Signature) -> Token | None:
    """The token at the signature's place: an instance's own, not its template's."""
    return text.places.get(signature.name)
