"""The double compiles MSL, specialises functions and keeps archives as Metal does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metal_runtime.backends.metal.binding import framework
from tests.metal.double import World
from tests.metal.sequences import CONSTANT_SOURCE, Driver


def test_compile_errors_have_metals_form(mac: World) -> None:
    library, error = Driver(mac).library(
        "#include <metal_stdlib>\nkernel void f() {\n  int y = z;\n}\n"
    )
    assert library is None
    assert (error.domain(), error.code()) == ("MTLLibraryErrorDomain", 3)
    lines = error.localizedDescription().splitlines()
    assert lines[0].startswith("program_source:3:11: error: ")
    assert "'z'" in lines[0]
    assert lines[1:3] == ["  int y = z;", "          ^"]


def test_macros_reach_the_text(mac: World) -> None:
    driver = Driver(mac)
    library, _ = driver.library("kernel void NAME(device int* x [[buffer(0)]]) { *x = 1; }", NAME="one")  # fmt: skip
    assert library.functionNames() == ("one",)


@pytest.mark.parametrize("key", [3, "factor"])
def test_function_constants_are_honoured(mac: World, key: Any) -> None:
    driver = Driver(mac)
    values = driver.constant_values()
    put = values.setConstantValue_type_atIndex_ if key == 3 else values.setConstantValue_type_withName_  # fmt: skip
    put(np.int32(-7).tobytes(), driver.Metal.MTLDataTypeInt, key)
    library, _ = driver.library(CONSTANT_SOURCE)
    function, _ = library.newFunctionWithName_constantValues_error_("times", values, None)
    state, _ = driver.device.newComputePipelineStateWithFunction_error_(function, None)
    memory = driver.device.newBufferWithLength_options_(4, 0)
    driver.view(memory, np.int32)[:] = 6
    with driver.encoding() as (buffer, encoder):
        encoder.setComputePipelineState_(state)
        encoder.setBuffer_offset_atIndex_(memory, 0, 0)
        encoder.dispatchThreads_threadsPerThreadgroup_((1, 1, 1), (1, 1, 1))
    buffer.waitUntilCompleted()
    assert driver.view(memory, np.int32)[0] == -42


def test_a_function_without_its_constants_makes_no_pipeline(mac: World) -> None:
    driver = Driver(mac)
    library, _ = driver.library(CONSTANT_SOURCE)
    function = library.newFunctionWithName_("times")
    state, error = driver.device.newComputePipelineStateWithFunction_error_(function, None)
    assert state is None
    assert "factor" in error.localizedDescription()


def test_functions_that_are_not_there(mac: World) -> None:
    driver = Driver(mac)
    library, _ = driver.library()
    values = driver.constant_values()
    function, error = library.newFunctionWithName_constantValues_error_("gone", values, None)
    assert (function, error.code()) == (None, 5)
    assert library.newFunctionWithName_("gone") is None


def test_archives_spare_the_compiler(mac: World, tmp_path: Path) -> None:
    driver = Driver(mac)
    library, _ = driver.library()
    url = framework().file_url(str(tmp_path / "x.binarchive"))

    def archive(place: Any) -> Any:
        descriptor = driver.Metal.MTLBinaryArchiveDescriptor.alloc().init()
        descriptor.setUrl_(place)
        return driver.device.newBinaryArchiveWithDescriptor_error_(descriptor, None)

    def pipeline(archives: list[Any], options: int) -> Any:
        descriptor = driver.Metal.MTLComputePipelineDescriptor.alloc().init()
        descriptor.setComputeFunction_(library.newFunctionWithName_("add"))
        descriptor.setBinaryArchives_(archives)
        make = driver.device.newComputePipelineStateWithDescriptor_options_reflection_error_
        return descriptor, *make(descriptor, options, None, None)

    new, _ = archive(None)
    assert not new.serializeToURL_error_(url, None)[0]
    assert pipeline([new], 4)[1] is None
    descriptor, state, _ = pipeline([new], 0)
    assert state is not None
    assert mac.compiled == ["add"]
    assert new.addComputePipelineFunctionsWithDescriptor_error_(descriptor, None) == (True, None)
    assert new.serializeToURL_error_(url, None) == (True, None)
    loaded, _ = archive(url)
    assert pipeline([loaded], 4)[1] is not None
    assert mac.compiled == ["add"]
    (tmp_path / "x.binarchive").write_text("{}")
    assert archive(url)[0] is None
