"""The driver sends Apple's GPU only what Apple's own metadata declares: proved over its source, with mistakes planted to prove the proof."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api as mypy

from tests.metal import proof
from tests.metal.proof import DRIVER

ROOT = Path(__file__).parents[2]
PROTOCOLS = (DRIVER / "protocols.py").read_text()
CONSTANTS = (DRIVER / "constants.py").read_text()
BINDING = (DRIVER / "binding.py").read_text()
MODULES = sorted(p for p in DRIVER.glob("*.py") if p.name not in ("protocols.py", "binding.py"))


def test_what_is_declared_is_apples():
    assert not list(map(str, proof.wrong_declarations(PROTOCOLS)))
    selectors = {m.name for found in proof.declared_selectors(PROTOCOLS).values() for m in found}
    assert len(selectors) >= 75
    print(f"{len(selectors)} selectors agree with Apple's table")


def test_constants_are_apples():
    assert not list(map(str, proof.wrong_constants(CONSTANTS)))
    assert len(proof.constants(CONSTANTS)) >= 40
    print(f"{len(proof.constants(CONSTANTS))} constants agree with Apple's table")


def test_the_binding_takes_what_the_module_has():
    assert not list(map(str, proof.wrong_names(BINDING)))
    assert len(proof.names_of_the_module(BINDING)) >= 10


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.name)
def test_the_driver_imports_nothing_of_apples(path):
    assert not list(map(str, proof.foreign_imports(path.read_text())))
    assert not list(map(str, proof.undeclared(path.read_text())))


def test_every_declared_selector_is_sent():
    """What nobody sends need not be declared; mypy proves receivers, arity and types of what is sent."""
    everywhere = {name for path in (*MODULES, DRIVER / "binding.py") for name in proof.sent(path.read_text())}  # fmt: skip
    declared = {m.name for found in proof.declared_selectors(PROTOCOLS).values() for m in found}
    # Without a member of its own a protocol would fit every object.
    assert declared - everywhere <= {"allocatedSize", "path"}
    assert len(everywhere) >= 60


# --- mistakes in protocols.py, constants.py and binding.py -------------------------------------------

PLANTED = [
    ("declarations", "def endEncoding(self)", "def endEncode(self)", "MTLCommandEncoder has no endEncode"),
    ("declarations", "class MTLHeapDescriptor(", "class MTLHeapDescription(", "Apple has no MTLHeapDescription"),
    ("declarations", "def setSize_(self, size: int, /)", "def setSize_(self, size: str, /)", "setSize: is Q, not str"),
    ("declarations", "options: int, deallocator: None, /", "options: int, deallocator: int, /", "is @?, not int"),
    ("declarations", "def contents(self) -> Pointer | None", "def contents(self) -> int", "contents gives ^v, not int"),
    ("declarations", "def hasUnifiedMemory(self) -> bool", "def hasUnifiedMemory(self) -> int", "gives B, not int"),
    ("declarations", "def GPUStartTime(self) -> float", "def GPUStartTime(self) -> int", "gives d, not int"),
    ("declarations", "def setMathMode_(self, mode: int, /)", "def setMathMode_(self, mode: int, of: int, /)", "takes 1 arguments, not 2"),
    ("declarations", "self, source: str, options: MTLCompileOptions, error: None, /", "self, source: str, options: MTLCompileOptions, error: int, /", "is ^@, not int"),
    ("declarations", "-> tuple[MTLLibrary | None, NSError | None]", "-> MTLLibrary | None", "gives a result and 1 out-parameter"),
    ("declarations", "-> tuple[MTLFunction | None, NSError | None]", "-> tuple[MTLFunction | None, int]", "gives (@, an error)"),
    ("declarations", "def maxThreadsPerThreadgroup(self) -> MTLSize", "def maxThreadsPerThreadgroup(self) -> int", "{MTLSize=QQQ}, not int"),
    ("constants", "MTLMathModeFast: Final = 2", "MTLMathModeFast: Final = 1", "MTLMathModeFast is 2, not 1"),
    ("constants", "MTLDispatchTypeSerial: Final", "MTLDispatchTypeSequential: Final", "Metal has no MTLDispatchTypeSequential"),
    ("names", "self._metal.MTLCopyAllDevices()", "self._metal.MTLCopyDevices()", "has no MTLCopyDevices"),
    ("names", "self._metal.MTLHeapDescriptor.alloc", "self._metal.MTLHeapDescr.alloc", "has no MTLHeapDescr"),
    ("imports", "", "import Metal", "only binding.py imports"),
    ("imports", "", "from Foundation import NSURL", "only binding.py imports"),
    ("imports", "", "importlib.import_module('objc')", "only binding.py imports"),
    ("messages", "", "buffer.setPurgeableState_(2)", "setPurgeableState_ is not declared"),
]  # fmt: skip
CHECKS = {
    "declarations": (PROTOCOLS, proof.wrong_declarations),
    "constants": (CONSTANTS, proof.wrong_constants),
    "names": (BINDING, proof.wrong_names),
    "imports": ("", proof.foreign_imports),
    "messages": ("", proof.undeclared),
}


@pytest.mark.parametrize(("where", "right", "wrong", "words"), PLANTED)
def test_a_planted_mistake_is_found_at_its_line(where, right, wrong, words):
    text, check = CHECKS[where]
    assert right in text
    planted = text.replace(right, wrong, 1) if right else text + wrong
    (finding,) = check(planted)
    assert words in finding.text
    lines = planted.splitlines()
    assert any(wrong.split("(")[0] in line for line in lines[finding.line - 1 : finding.line + 12])


# --- mistakes in the driver, which mypy must find ----------------------------------------------------

HEAD = """# mypy: disallow-any-expr
from metal_runtime.backends.metal.protocols import *
from metal_runtime.backends.metal.stream import MetalStream
"""
MISTAKES = [
    ("def f(b: MTLCommandBuffer) -> None: b.comit()", "has no attribute"),
    ("def f(b: MTLCommandBuffer) -> None: b.dispatchThreads_threadsPerThreadgroup_((1, 1, 1), (1, 1, 1))", "has no attribute"),
    ("def f(e: MTLComputeCommandEncoder, b: MTLBuffer) -> None: e.setBuffer_offset_atIndex_(b, 0)", "Too few arguments"),
    ("def f(e: MTLComputeCommandEncoder, b: MTLBuffer) -> None: e.setBuffer_offset_atIndex_(0, b, 0)", "incompatible type"),
    ("def f(e: MTLComputeCommandEncoder) -> None: e.setBytes_length_atIndex_('text', 4, 0)", "incompatible type"),
    ("def f(e: MTLComputeCommandEncoder) -> None: e.dispatchThreads_threadsPerThreadgroup_(1, (1, 1, 1))", "incompatible type"),
    ("def f(d: MTLDevice, o: MTLCompileOptions) -> None: d.newLibraryWithSource_options_error_('', o)", "Too few arguments"),
    ("def f(d: MTLDevice, o: MTLCompileOptions, e: NSError) -> None: d.newLibraryWithSource_options_error_('', o, e)", "incompatible type"),
    ("def f(d: MTLDevice, o: MTLCompileOptions) -> MTLLibrary | None: return d.newLibraryWithSource_options_error_('', o, None)", "Incompatible return value"),
    ("def f(d: MTLDevice, o: MTLCompileOptions) -> None: a, b, c = d.newLibraryWithSource_options_error_('', o, None)", "Need more than 2 values"),
    ("def f(d: MTLDevice) -> MTLCommandQueue: return d.newCommandQueue()", "Incompatible return value"),
    ("def f(d: MTLDevice) -> int: return d.maxBufferLength", "Incompatible return value"),
    ("def f(d: MTLDevice) -> None: d.newBufferWithLength_options_(4.0, 0)", "incompatible type"),
    ("def f(d: MTLDevice) -> None: d.newBufferWithLength_options_(4, 0).length()", "has no attribute"),
    ("def f(q: MTLCommandQueue) -> None: q.commandBuffer()", "has no attribute"),
    ("def f(f_: Framework) -> None: f_.metal.MTLCopyAllDevices()", "has no attribute"),
    ("def f(x: Any) -> None: x.commit()", "Any"),
    ("def f(e: MTLSharedEvent) -> None: e.setSignaledValue_(value=3)", "setSignaledValue_"),
    ("def f(s: MTLResidencySet, b: MTLBuffer) -> None: s.addAllocations_count_(b, 1)", "has no attribute"),
]  # fmt: skip


def test_mistakes_planted_in_the_driver_are_found(tmp_path):
    """One module a mistake, all judged by one run of mypy with the project's settings."""
    for i, (text, _) in enumerate(MISTAKES):
        head = HEAD + ("from typing import Any\n" if "Any" in text else "")
        (tmp_path / f"planted_{i}.py").write_text(f"{head}{text}\n")
    (tmp_path / "right.py").write_text(
        HEAD + "def f(b: MTLCommandBuffer) -> int:\n    b.commit()\n    return b.status()\n"
    )
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\n[mypy-ml_dtypes.*,ziglang.*]\nignore_missing_imports = true\n")  # fmt: skip
    files = [str(p) for p in sorted(tmp_path.glob("*.py"))]
    cache = str(ROOT / ".mypy_cache")
    said, trouble, _ = mypy.run(["--config-file", str(settings), "--cache-dir", cache, "--follow-imports=silent", *files])  # fmt: skip
    assert not trouble
    found: dict[str, list[tuple[int, str]]] = {}
    for name, line, text in re.findall(r"(\w+)\.py:(\d+): error: (.*)", said):
        found.setdefault(name, []).append((int(line), text))
    assert "right" not in found, said
    for i, (text, words) in enumerate(MISTAKES):
        line = 5 if "Any" in text else 4
        hits = [t for at, t in found.get(f"planted_{i}", []) if at == line]
        assert any(words in t for t in hits), (text, found.get(f"planted_{i}"))
