"""``python -m tools.extract_metal_api [WHEEL]`` writes tests/metal/metal_api.json from the wheel, downloading it if none is given.

The wheel tells of most protocols all selectors with their types (in the Mach-O file), of the others and of classes some
(in pyobjc's metadata), and all enums, constants, structures, functions, out-parameters and arrays. Which selectors the others and
the classes have stands in supplement.json; where the wheel tells types too, they must be the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.extract_metal_api.metadata import Metadata, read_metadata
from tools.extract_metal_api.protocols import Protocol, plain_type, read_protocols

VERSION = "12.2.2"
SUPPLEMENT = Path(__file__).with_name("supplement.json")
TABLE = Path(__file__).parents[2] / "tests" / "metal" / "metal_api.json"
_KNOWN_DIFFERENCES = frozenset(
    [
        # pyobjc describes protocols by selector alone: this one is MTL4CompilerTask's too, which is signed.
        ("MTLCommandBuffer", "status"),
        # Wrong in pyobjc: sizes and objects told as integers.
        ("MTLDevice", "newRenderPipelineStateWithTileDescriptor:options:reflection:error:"),
        ("MTLIndirectComputeCommand", "concurrentDispatchThreadgroups:threadsPerThreadgroup:"),
        ("MTLIndirectComputeCommand", "concurrentDispatchThreads:threadsPerThreadgroup:"),
        ("MTLIndirectComputeCommand", "setImageblockWidth:height:"),
        ("MTLIndirectComputeCommand", "setKernelBuffer:offset:atIndex:"),
        # A reference of Core Foundation, which is an object as well.
        ("MTLDevice", "newTextureWithDescriptor:iosurface:plane:"),
        ("MTLTexture", "iosurface"),
    ]
)
_RECEIVER_AND_SELECTOR = 2  # pyobjc counts arguments from the receiver on
_PIP = ("download", "--quiet", "--platform", "macosx_11_0_universal2", "--python-version", "312", "--only-binary=:all:",
        "--no-deps")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("wheel", nargs="?", type=Path)
    wheel = parser.parse_args().wheel
    with tempfile.TemporaryDirectory() as folder:
        table = extract(wheel or download(Path(folder)))
    TABLE.write_text(as_text(table))
    methods = sum(len(p["m"]) for p in table["protocols"].values())
    print(
        f"{TABLE}: {len(table['protocols'])} protocols, {methods} methods, {len(table['enums'])} enum values"
    )


def download(folder: Path) -> Path:
    """The wheel, from the package index."""
    command = [sys.executable, "-m", "pip", *_PIP, "-d", str(folder), f"pyobjc-framework-Metal=={VERSION}"]  # fmt: skip
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def extract(wheel: Path) -> dict[str, Any]:
    """The table as it is written."""
    with zipfile.ZipFile(wheel) as archive:
        (library,) = (n for n in archive.namelist() if n.startswith("Metal/_Metal."))
        protocols = read_protocols(archive.read(library))
        metadata = read_metadata(archive.read("Metal/_metadata.py").decode())
    supplement = json.loads(SUPPLEMENT.read_text())
    evidence = Evidence()
    more = supplemented(supplement["protocols"], metadata, evidence, owner="NSObject")
    own = {n: _protocol(p, metadata) for n, p in protocols.items()}
    table = {
        "source": f"pyobjc-framework-Metal {wheel.name.split('-')[1]}, and {supplement['source']}",
        "protocols": dict(sorted({**more, **own}.items())),
        "classes": supplemented(supplement["classes"], metadata, evidence, owner=None),
        "enums": dict(sorted(metadata.enums.items())),
        "structs": dict(sorted(metadata.structs.items())),
        "constants": metadata.constants,
        "functions": dict(sorted(metadata.functions.items())),
    }
    if evidence.contradicted:
        raise SystemExit(
            "the wheel and the supplement differ:\n" + "\n".join(evidence.contradicted)
        )
    print(
        f"supplement: {evidence.confirmed} selectors confirmed by the wheel, {evidence.unconfirmed} not told there"
    )
    return table


def _protocol(protocol: Protocol, metadata: Metadata) -> dict[str, Any]:
    methods = {}
    for selector, method in sorted(protocol.methods.items()):
        described = metadata.selectors.get(("NSObject", selector), {})
        methods[selector] = {
            "k": "+" if method.of_class else "-",
            "t": list(method.types),
            **_arguments(described),
        }
    return {"p": [_plain_name(p) for p in protocol.parents], "m": methods}


def _plain_name(protocol: str) -> str:
    return "NSObjectProtocol" if protocol == "NSObject" else protocol


def _arguments(described: dict[str, Any]) -> dict[str, Any]:
    """Which arguments are out-parameters, and which are arrays whose length another argument tells."""
    outs, arrays = [], {}
    for position, argument in sorted(described.get("arguments", {}).items()):
        index = position - _RECEIVER_AND_SELECTOR
        if argument.get("type_modifier") == b"o":
            outs.append(index)
        length = argument.get("c_array_length_in_arg")
        if isinstance(length, int):
            arrays[str(index)] = length - _RECEIVER_AND_SELECTOR
        elif argument.get("c_array_of_variable_length"):
            arrays[str(index)] = "variable"
    return {**({"out": outs} if outs else {}), **({"arr": arrays} if arrays else {})}


@dataclass
class Evidence:
    """How much of the supplement the wheel confirms: pyobjc describes many selectors without saying whose they are."""

    confirmed: int = 0
    """Selectors whose types the wheel tells as well, and the same."""

    unconfirmed: int = 0
    contradicted: list[str] = field(default_factory=list)

    def contradict(self, owner: str, selector: str, what: str) -> None:
        if (owner, selector) not in _KNOWN_DIFFERENCES:
            self.contradicted.append(f"{owner} {selector}: {what}")


def supplemented(
    entries: dict[str, Any], metadata: Metadata, evidence: Evidence, owner: str | None
) -> dict[str, Any]:
    """Entries of the supplement with what the wheel says of each selector; ``owner`` is pyobjc's class, None: the entry's own."""
    found = {}
    for name, entry in sorted(entries.items()):
        methods = {}
        for selector, method in entry["m"].items():
            described = metadata.selectors.get((owner or name, selector), {})
            told = _types(selector, described)
            if not any(told):
                evidence.unconfirmed += 1
            elif all(t in (None, given) for t, given in zip(told, method["t"], strict=True)):
                evidence.confirmed += 1
            else:
                evidence.contradict(name, selector, f"{told}, supplement {method['t']}")
            methods[selector] = {**method, **_arguments(described)}
        found[name] = {"p": entry["p"], "m": methods}
    return found


def _types(selector: str, described: dict[str, Any]) -> list[str | None]:
    """The types that pyobjc tells, None where it leaves it to the runtime."""
    arguments = described.get("arguments", {})
    told = [described.get("retval", {}).get("type")]
    told += [arguments.get(i + _RECEIVER_AND_SELECTOR, {}).get("type") for i in range(selector.count(":"))]  # fmt: skip
    return [None if type_ is None else plain_type(_text(type_)) for type_ in told]


def _text(encoding: bytes | str) -> str:
    return encoding.decode() if isinstance(encoding, bytes) else encoding


def as_text(table: dict[str, Any]) -> str:
    """JSON with one line a method, enum value or name, so that a difference can be read."""
    parts = []
    for key, value in table.items():
        if key in ("protocols", "classes"):
            parts.append(f"{json.dumps(key)}: {{\n{_entries(value)}\n}}")
        elif isinstance(value, dict):
            rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            parts.append(f"{json.dumps(key)}: {{\n{rows}\n}}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _entries(entries: dict[str, Any]) -> str:
    shown = []
    for name, entry in entries.items():
        methods = ",\n".join(f"  {json.dumps(s)}: {json.dumps(m)}" for s, m in entry["m"].items())
        inner = f"\n{methods}\n" if methods else ""
        shown.append(f'{json.dumps(name)}: {{"p": {json.dumps(entry["p"])}, "m": {{{inner}}}}}')
    return ",\n".join(shown)


if __name__ == "__main__":
    main()
