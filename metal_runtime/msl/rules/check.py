"""The door of the check: MSL text and a GPU family enter, every kernel and every finding leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from metal_runtime.errors import MslError, Note
from metal_runtime.msl.clang import STUB_DIR
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl.limits import DEFAULT_FAMILY, Family
from metal_runtime.msl.preprocess import PreparedText, prepare
from metal_runtime.msl.rules import report_store
from metal_runtime.msl.rules.compiler import compiler_findings
from metal_runtime.msl.rules.cpp_text import cpp_texts
from metal_runtime.msl.rules.kernels import parameters_of
from metal_runtime.msl.rules.table import RULES
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.declared_types import is_value_type
from metal_runtime.msl.spaces.finding import Finding, Found, Severity
from metal_runtime.program import CompileOptions, Signature

CHECK_VERSION = 1
"""Part of every cache key: to be raised when rules change what they find."""

_DEFAULTS = CompileOptions()


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found; ``accepted`` when Metal would take the text."""

    file: str
    family: Family
    kernels: tuple[Signature, ...]
    findings: tuple[Finding, ...]
    refused: tuple[str, ...] = ()
    """The names of the kernels in which something keeps a signature from being read."""

    files: tuple[str, ...] = ()
    """The headers that were read besides the file, but for Metal's own."""

    @property
    def accepted(self) -> bool:
        return not any(f.severity is Severity.ERROR for f in self.findings)


Syntax = Callable[[CheckedText, Sequence[Function]], list[Finding]]
"""The compiler: a text and the functions in it to leave out enter, its findings leave."""


# Whether a constant is given is known when a pipeline is made.
_PROLOGUE = "#include <metal_stdlib>\n#define is_function_constant_defined(name) true\n"


def syntax_check(flags: Sequence[str], prologue: str = _PROLOGUE) -> Syntax:
    """The compiler's judgement with these flags, as ``check_text`` takes it."""
    return lambda text, outside: compiler_findings(cpp_texts(text, outside), flags, prologue)


def check_text(
    source: str,
    file: str = "<msl>",
    options: CompileOptions = _DEFAULTS,
    family: Family = DEFAULT_FAMILY,
    *,
    syntax: Syntax | None = None,
    allowed: frozenset[str] = frozenset(),
) -> Report:
    """Checks a text by every rule but those ``allowed``, and by the compiler when ``syntax`` is given.

    Never raises MslError: what is wrong is a finding.
    """
    try:
        prepared = prepare(source, file, options)
        library = read_library(source, file, options)
    except MslError as error:
        return Report(file, family, (), (_of_error("text", error),))
    text = CheckedText(prepared, family)
    _tell_of_kernels(text, library)
    findings = list(broken_rules(text, allowed))
    lines = {
        (f.span.file, f.span.line)
        for f in findings
        if f.span is not None and f.severity is Severity.ERROR
    }
    if syntax is not None:
        outside = [f for i, f in enumerate(library.functions) if _is_outside(text, library, i)]
        # What a rule has said of a line, it says better than the compiler.
        findings += [
            f
            for f in syntax(text, outside)
            if f.span is None or (f.span.file, f.span.line) not in lines
        ]
        lines |= {(f.span.file, f.span.line) for f in findings if f.span is not None}
    findings += _problems(text, library, lines)
    findings.sort(key=lambda f: (f.span is not None and f.span.file == file, _line_of(f)))
    headers = tuple(path for path in prepared.files if not path.startswith(str(STUB_DIR)))
    return Report(
        file, family, text.signatures, tuple(findings), _refused(library, findings), headers
    )


def _refused(library: Library, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Kernels without a signature, but for templates that nothing instantiates."""
    told = {finding.message for finding in findings}
    return tuple(name for name, problem in library.problems.items() if problem.message in told or not name.isidentifier()
                 or not any(f.name == name and f.template_names for f in library.functions))  # fmt: skip


def _tell_of_kernels(text: CheckedText, library: Library) -> None:
    """Lets rules know the kernels that can be launched, instances of templates among them."""
    models = library.kernels
    indices = {function.start: index for index, function in enumerate(library.functions)}
    text.reached = frozenset().union(
        *(m.reached | {indices[m.function.start]} for m in models.values())
    )
    text.signatures = tuple(model.signature for model in models.values())
    text.places = {
        name: text.tokens[m.instance.qualified.stop - 1 if m.instance else m.function.name_index]
        for name, m in models.items()
    }


def _is_outside(text: CheckedText, library: Library, index: int) -> bool:
    """Whether our headers have not what a function uses: textures, stages of graphics and the like."""
    function = library.functions[index]
    if text.stage(function) not in (None, "kernel"):
        return True
    return library.unsupported(index) and "double" not in text.texts[function.start : function.end]


def _problems(
    text: CheckedText, library: Library, lines: set[tuple[str, int]]
) -> Iterator[Finding]:
    """What keeps a kernel from being launched, where no rule has said so already."""
    # Metal takes a template without instances; there is only nothing to launch.
    templates = {
        text.prepared.span(text.tokens[f.name_index]) for f in text.kernels if f.template_names
    }
    unknown = {
        text.prepared.span(parameter.place)
        for kernel in text.kernels
        for parameter in parameters_of(text, kernel)
        if not parameter.is_indirect
        and not is_value_type(text, parameter.type_texts, kernel.template_names)
    }
    for problem in dict.fromkeys(library.problems.values()):
        place = problem.span
        if place in templates or (place is not None and (place.file, place.line) in lines):
            continue
        # Another name may stand for a pointer: then only iris cannot launch the kernel.
        severity = Severity.WARNING if place in unknown else Severity.ERROR
        yield replace(_of_error("kernel", problem), severity=severity)


def broken_rules(text: CheckedText, allowed: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """The findings of the table's rules, each once."""
    seen: set[tuple[str, int]] = set()
    for rule in RULES:
        if rule.name in allowed:
            continue
        for found in rule.find(text):
            key = (rule.name, found.token.start)
            if key not in seen:
                seen.add(key)
                yield _finding(text.prepared, rule.name, rule.severity, found)


def first_error(
    source: str, file: str = "<msl>", options: CompileOptions = _DEFAULTS
) -> MslError | None:
    """The first broken rule of a text as an exception, the compiler left aside: what to raise before a text runs.

    Raises MslError itself for a text that cannot be read.
    """
    text = CheckedText(prepare(source, file, options))
    errors = [f for f in broken_rules(text) if f.severity is Severity.ERROR]
    return min(errors, key=_line_of).error() if errors else None


def _line_of(finding: Finding) -> tuple[int, int]:
    return (finding.span.line, finding.span.column) if finding.span is not None else (0, 0)


def require_valid(source: str, file: str, options: CompileOptions) -> None:
    """Raises the first broken rule of a text, if any. Of a text that passed, a mark is kept on disk."""
    key = report_store.key_of(
        "valid", prepare(source, file, options).text, report_store.rules_stamp()
    )
    if key in _passed or report_store.find(key) is not None:
        return
    error = first_error(source, file, options)
    if error is not None:
        raise error
    _passed.add(key)
    report_store.store(key, {"files": [], "accepted": True})


_passed: set[str] = set()


def _finding(prepared: PreparedText, rule: str, severity: Severity, found: Found) -> Finding:
    notes = tuple(Note(words, prepared.span(token)) for words, token in found.related)
    return Finding(rule, severity, found.message, prepared.span(found.token), found.hint, notes)


def _of_error(rule: str, error: MslError) -> Finding:
    return Finding(rule, Severity.ERROR, error.message, error.span, error.hint, error.notes)
