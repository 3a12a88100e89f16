"""Reports as JSON: a Report enters, plain data leaves that says all of it; findings come back from it too."""

from __future__ import annotations

from typing import Any

from metal_runtime.errors import Note
from metal_runtime.msl.rules.check import Report
from metal_runtime.msl.spaces.finding import Finding, Severity
from metal_runtime.msl_types import type_name
from metal_runtime.program import Signature
from metal_runtime.source import SourceSpan


def report_json(report: Report) -> dict[str, Any]:
    """Everything a report says; ``accepted`` decides the exit status of `iris check`."""
    errors = sum(f.severity is Severity.ERROR for f in report.findings)
    return {
        "file": report.file,
        "family": report.family.value,
        "accepted": report.accepted,
        "errors": errors,
        "warnings": len(report.findings) - errors,
        "kernels": [_kernel(signature) for signature in report.kernels],
        "refused": list(report.refused),
        "findings": [_finding(finding) for finding in report.findings],
        "files": list(report.files),
    }


def _kernel(signature: Signature) -> dict[str, Any]:
    return {
        "name": signature.name,
        "line": signature.span.line if signature.span else None,
        "file": signature.span.file if signature.span else None,
        "arguments": [
            {"name": a.name, "index": a.index, "kind": a.kind.value, "type": a.type_text,
             "space": a.space.value, "written": a.written, "itemsize": a.itemsize}
            for a in signature.arguments
        ],
        "threadgroup_arguments": [
            {"name": t.name, "index": t.index, "type": t.type_text, "itemsize": t.itemsize}
            for t in signature.threadgroup_arguments
        ],
        "function_constants": [
            {"name": c.name, "index": c.index, "type": type_name(c.type), "required": c.required}
            for c in signature.constants
        ],
        "attributes": list(signature.builtins),
        "max_threads": signature.max_threads,
        "threadgroup_bytes": signature.threadgroup_bytes,
    }  # fmt: skip


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        **_span(finding.span),
        "notes": [{"message": note.message, **_span(note.span)} for note in finding.notes],
    }


def _span(span: SourceSpan | None) -> dict[str, Any]:
    if span is None:
        return {"file": None}
    return {"file": span.file, "line": span.line, "column": span.column, "end_line": span.end_line,
            "end_column": span.end_column, "text": span.text}  # fmt: skip


def finding_of(data: dict[str, Any]) -> Finding:
    """The finding that ``report_json`` wrote."""
    notes = tuple(
        Note(n["message"], span) for n in data["notes"] if (span := _span_of(n)) is not None
    )
    return Finding(
        data["rule"],
        Severity(data["severity"]),
        data["message"],
        _span_of(data),
        data["hint"],
        notes,
    )


def _span_of(data: dict[str, Any]) -> SourceSpan | None:
    if data["file"] is None:
        return None
    return SourceSpan(
        data["file"],
        data["line"],
        data["column"],
        data["end_line"],
        data["end_column"],
        data["text"],
    )
