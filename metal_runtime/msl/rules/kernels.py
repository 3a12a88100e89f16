"""The rules of entry points: kernels and their parameters enter, each that no pipeline could be made of leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metal_runtime.msl import limits
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.parameters import BUILTINS, THREE_DIMENSIONAL, attributes_of
from metal_runtime.msl.spaces.checked_text import SPACES, CheckedText
from metal_runtime.msl.spaces.declared_types import is_value_type, split_declarations
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.tokens import Token, TokenKind

_RESOURCES = {
    "buffer": limits.BUFFERS,
    "threadgroup": limits.THREADGROUP_ARGUMENTS,
    "texture": limits.TEXTURES,
    "sampler": limits.SAMPLERS,
}
_OTHER_ATTRIBUTES = frozenset(["function_constant", "maybe_unused", "stage_in", "clang", "payload", "id",
                               "raster_order_group", "thread_index_in_quadgroup", "user"])  # fmt: skip
_INDEX_TYPE = re.compile(r"(?:u?short|u?int|u?char|u?int(?:8|16|32)_t)([234]?)")


@dataclass(frozen=True, slots=True)
class KernelParameter:
    """One parameter: its tokens without attributes, its name's token (None if unnamed), its attributes."""

    tokens: tuple[Token, ...]
    name: Token | None
    attributes: dict[str, tuple[Token, list[Token]]]

    @property
    def type_texts(self) -> list[str]:
        return [t.text for t in self.tokens if t is not self.name]

    @property
    def is_indirect(self) -> bool:
        return bool({"*", "&", "["} & set(self.type_texts))

    @property
    def place(self) -> Token:
        return self.name or self.tokens[0]


def parameters_of(text: CheckedText, function: Function) -> list[KernelParameter]:
    """The parameters of a kernel in order."""
    found = []
    for part in split_declarations(text, function.parameters):
        plain, attributes = attributes_of([text.tokens[i] for i in part])
        if not plain or [t.text for t in plain] == ["void"]:
            continue
        found.append(KernelParameter(tuple(plain), _name_of(plain), attributes))
    return found


def _name_of(plain: Sequence[Token]) -> Token | None:
    depth, name, count = 0, None, 0
    for token in plain:
        depth += (token.text in "([<") - (token.text in ")]>")
        if token.text == "=" and depth == 0:
            break
        if (
            token.kind is TokenKind.IDENTIFIER
            and depth == 0
            and token.text not in {*SPACES, "const"}
        ):
            name, count = token, count + 1
        elif token.text in ("*", "&") and depth == 0:
            count += 1
    if name is None:  # float (&x)[4]
        inner = [t for t in plain if t.kind is TokenKind.IDENTIFIER]
        return inner[-1] if len(inner) > 1 else None
    return name if count > 1 else None


def find_result(text: CheckedText) -> Iterator[Found]:
    """A kernel returns void (MSL 5.1.3)."""
    for kernel in text.kernels:
        head = _head_words(text, kernel)
        if "void" not in [t.text for t in head] or any(t.text == "*" for t in head):
            token = head[-1] if head else text.tokens[kernel.name_index]
            yield Found(
                token,
                f"kernel `{kernel.name}` must return void",
                "write results through a `device` pointer",
            )


def _head_words(text: CheckedText, function: Function) -> list[Token]:
    start = function.start
    while text.texts[start] == "template" and text.texts[start + 1] == "<":
        start = (text.closing_angle(start + 1) or start + 1) + 1
    ignored = {"kernel", "static", "inline", "extern", "constexpr"}
    return [text.tokens[i] for i in range(start, function.name_index)
            if i not in text.attribute_tokens and text.texts[i] not in ignored]  # fmt: skip


def find_overloaded_kernel(text: CheckedText) -> Iterator[Found]:
    """No two entry points have one name, and none is called main (MSL 1.5.1, 1.5.4)."""
    first: dict[tuple[tuple[str, ...], str], Function] = {}
    for kernel in text.kernels:
        token = text.tokens[kernel.name_index]
        if kernel.name == "main":
            yield Found(token, "no Metal function can be called `main`", "give it another name")
        other = first.setdefault((kernel.scope, kernel.name), kernel)
        if other is not kernel and not other.template_names and not kernel.template_names:
            yield Found(token, f"kernel `{kernel.name}` is defined twice; kernels have no overloads",
                        "give it a name of its own", (("the first one", text.tokens[other.name_index]),))  # fmt: skip


def find_parameter_passing(text: CheckedText) -> Iterator[Found]:
    """A kernel takes pointers and references to device, constant and threadgroup memory, and thread attributes (MSL 5.2)."""
    for kernel in text.kernels:
        for parameter in parameters_of(text, kernel):
            yield from _check_passing(text, kernel, parameter)


def _check_passing(
    text: CheckedText, kernel: Function, parameter: KernelParameter
) -> Iterator[Found]:
    words = parameter.type_texts
    name = parameter.name.text if parameter.name else "?"
    spaces = [w for w in words if w in SPACES]
    written = " ".join(w for w in words if w not in {*SPACES, "const", "*", "&"})
    if not parameter.is_indirect:
        known = is_value_type(text, [w for w in words if w not in SPACES], kernel.template_names)
        if not known or parameter.attributes.keys() & (
            BUILTINS | {"stage_in", "function_constant", "payload"}
        ):
            return
        if parameter.attributes.keys() & {"buffer", "threadgroup"}:
            yield Found(parameter.place, f"buffer parameter `{name}` must be a pointer or a reference",
                        f"write `constant {written}& {name}` or `device {written}* {name}`")  # fmt: skip
        elif not parameter.attributes:
            yield Found(parameter.place, f"parameter `{name}` needs an attribute, or must be a pointer or a reference",
                        f"write `constant {written}& {name} [[buffer(n)]]` for a value")  # fmt: skip
        return
    if "&" in words and words.count("&") + 2 * words.count("&&") > 1:
        return
    if "thread" in spaces and "(" not in words:
        yield Found(next(t for t in parameter.tokens if t.text == "thread"),
                    f"kernel parameter `{name}` cannot point to thread memory",
                    "write `device`, `constant` or `threadgroup`")  # fmt: skip
    elif not spaces and set(words) & kernel.template_names:
        yield Found(parameter.place, f"kernel parameter `{name}` needs an address space",
                    f"write `device {written}*` or `constant {written}&`")  # fmt: skip
    if "threadgroup" in parameter.attributes and spaces and "threadgroup" not in spaces:
        yield Found(parameter.attributes["threadgroup"][0], f"`[[threadgroup(n)]]` is for threadgroup memory, and `{name}` is in {spaces[0]} memory",
                    "write [[buffer(n)]]")  # fmt: skip
    if "buffer" in parameter.attributes and spaces[:1] == ["threadgroup"]:
        yield Found(parameter.attributes["buffer"][0], f"`{name}` is in threadgroup memory, which is no buffer",
                    "write [[threadgroup(n)]]")  # fmt: skip


def find_resource_indices(text: CheckedText) -> Iterator[Found]:
    """Indices are in range and given once (MSL 5.2.1; Feature Set Tables, argument tables)."""
    for kernel in text.kernels:
        owner: dict[tuple[str, int], Token] = {}
        for parameter in parameters_of(text, kernel):
            conditional = "function_constant" in parameter.attributes
            for kind, limit in _RESOURCES.items():
                if kind not in parameter.attributes:
                    continue
                token, argument = parameter.attributes[kind]
                if not argument:
                    yield Found(token, f"`[[{kind}]]` needs an index", f"write [[{kind}(0)]]")
                    continue
                index = _literal(argument)
                most = limit.of(text.family) - 1
                if index is None:
                    continue
                if index > most:
                    yield Found(argument[0], f"{kind} index {index} is over the limit of {most}",
                                "put small values into one struct, passed as `constant S&`")  # fmt: skip
                    continue
                first = owner.setdefault((kind, index), token)
                # Parameters that function constants switch may share an index.
                if first is not token and not conditional:
                    yield Found(token, f"{kind} index {index} is given twice", "give each parameter an index of its own",
                                (("the first parameter with this index", first),))  # fmt: skip


def _literal(argument: list[Token]) -> int | None:
    text = argument[0].text.rstrip("uUlL") if len(argument) == 1 else ""
    return int(text) if text.isdecimal() else None


def find_parameter_count(text: CheckedText) -> Iterator[Found]:
    """No more buffers than the argument table holds, also where the compiler gives the indices."""
    for kernel in text.kernels:
        if kernel.template_names:
            continue
        buffers = [p for p in parameters_of(text, kernel)
                   if p.is_indirect and "threadgroup" not in p.type_texts and not p.attributes.keys() - {"buffer"}]  # fmt: skip
        most = limits.BUFFERS.of(text.family)
        if len(buffers) > most:
            yield Found(buffers[most].place, f"kernel `{kernel.name}` has {len(buffers)} buffers; Metal's limit is {most}",
                        "put small values into one struct, passed as `constant S&`")  # fmt: skip


def find_attributes(text: CheckedText) -> Iterator[Found]:
    """A parameter has one binding, by an attribute that compute kernels know (MSL 5.2.3.6)."""
    for kernel in text.kernels:
        for parameter in parameters_of(text, kernel):
            binding = [n for n in parameter.attributes if n in BUILTINS or n in _RESOURCES]
            if len(binding) > 1:
                yield Found(parameter.attributes[binding[1]][0],
                            f"parameter `{parameter.place.text}` is bound twice: as `{binding[0]}` and as `{binding[1]}`",
                            "keep one of the two attributes")  # fmt: skip
            for name, (token, _) in parameter.attributes.items():
                if (
                    name not in BUILTINS
                    and name not in _RESOURCES
                    and name not in _OTHER_ATTRIBUTES
                ):
                    close = _closest(name)
                    yield Found(token, f"`[[{name}]]` is no attribute of a compute kernel's parameter",
                                f"did you mean [[{close}]]?" if close else
                                "use [[buffer(n)]] or a thread attribute such as [[thread_position_in_grid]]")  # fmt: skip


def _closest(name: str) -> str | None:
    import difflib

    found = difflib.get_close_matches(name, [*BUILTINS, *_RESOURCES], n=1, cutoff=0.8)
    return found[0] if found else None


def find_builtin_types(text: CheckedText) -> Iterator[Found]:
    """Thread attributes are ushort or uint; positions may be vectors of 2 or 3, all of one width (MSL 5.2.3.6)."""
    for kernel in text.kernels:
        vectors: list[tuple[int, Token, str]] = []
        for parameter in parameters_of(text, kernel):
            name = next((n for n in parameter.attributes if n in BUILTINS), None)
            words = [w for w in parameter.type_texts if w not in ("const", "metal", "::", "thread")]
            if name is None or set(words) & kernel.template_names:
                continue
            found = _check_builtin(text, parameter, name, words)
            if found is not None:
                yield found
            elif (
                name in THREE_DIMENSIONAL
                and words
                and words[0][-1:] in ("2", "3")
                and not words[0].startswith("uint1")
            ):
                vectors.append((int(words[0][-1]), parameter.place, words[0]))
        for width, token, written in vectors[1:]:
            if width != vectors[0][0]:
                yield Found(token, f"`{token.text}` is a {written}, and `{vectors[0][1].text}` a {vectors[0][2]}: positions that are vectors have one width",
                            f"write {written[:-1]}{vectors[0][0]}", (("the first position", vectors[0][1]),))  # fmt: skip
                break


def _check_builtin(
    text: CheckedText, parameter: KernelParameter, name: str, words: list[str]
) -> Found | None:
    allowed = "ushort or uint" + (
        ", or a vector of 2 or 3 of them" if name in THREE_DIMENSIONAL else ""
    )
    if parameter.is_indirect:
        return Found(
            parameter.place,
            f"`[[{name}]]` is a value, not a pointer or a reference",
            f"use {allowed}",
        )
    if not is_value_type(text, words, frozenset()) or len(words) != 1:
        if words != ["unsigned", "int"] and words != ["unsigned", "short"]:
            return None  # an alias: the compiler knows what it stands for
        return None
    match = _INDEX_TYPE.fullmatch(words[0])
    unsigned = (
        words[0].startswith("u") and "char" not in words[0] and not words[0].startswith("uint8")
    )
    width = int(match[1] or 1) if match else 0
    if not match or not unsigned or width > (3 if name in THREE_DIMENSIONAL else 1):
        return Found(
            parameter.place,
            f"`[[{name}]]` cannot have the type `{' '.join(words)}`",
            f"use {allowed}",
        )
    return None


def find_calls_of_kernels(text: CheckedText) -> Iterator[Found]:
    """No function calls an entry point (MSL 5.1)."""
    names = {k.name: k for k in text.kernels if not k.scope}
    plain = {f.name for f in text.functions if text.stage(f) is None}
    for function in text.functions:
        for i in function.body:
            kernel = names.get(text.texts[i])
            if kernel is None or kernel.name in plain or text.texts[i - 1] in (".", "->", "::"):
                continue
            after = i + 1
            if text.texts[after] == "<":
                after = (text.closing_angle(after) or i) + 1
            before = text.tokens[i - 1]
            declares = before.kind is TokenKind.IDENTIFIER and before.text not in (
                "return",
                "else",
                "do",
            )
            if text.texts[after] == "(" and not declares:
                yield Found(text.tokens[i], f"kernel `{kernel.name}` cannot be called from a function",
                            "move what both need into a function that is no kernel",
                            (("the kernel", text.tokens[kernel.name_index]),))  # fmt: skip
