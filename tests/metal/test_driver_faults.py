"""Whatever fails inside Metal ends in the right IrisError that names the launch; nothing hangs, nothing leaks, the next launch works."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from metal_runtime.errors import (
    DeviceError,
    DeviceMemoryError,
    InternalError,
    IrisError,
    KernelFault,
    MslError,
)
from metal_runtime.msl.signature import read_program
from tests.metal.double import ALWAYS, CommandBufferFault, Faults
from tests.metal.driving import SOURCE, N, driving

CODES = [
    (1, KernelFault, "does not say why"),
    (2, KernelFault, "longer than the system lets a GPU work"),
    (3, KernelFault, "touched memory outside its buffers"),
    (4, DeviceError, "ignored it after an earlier error"),
    (7, DeviceError, "lets no work of this process run"),
    (8, DeviceMemoryError, "had no memory to run"),
    (9, InternalError, "with error 9"),
    (10, InternalError, "with error 10"),
    (11, DeviceError, "the GPU was removed"),
    (12, KernelFault, "more than its stack"),
]


@pytest.mark.parametrize(("code", "kind", "words"), CODES)
def test_a_command_buffer_that_fails(code, kind, words):
    with driving(faults=Faults(command_buffers={1: code})) as d:
        add, block = d.pipeline("add"), d.block()
        d.add(add, block, 1)
        with pytest.raises(kind, match=words) as caught:
            d.device.synchronize()
        assert "`add` with threads=(256, 1, 1), threadgroup=(64, 1, 1)" in str(caught.value)
        assert "x: buffer of 4096 bytes, by: 4 bytes 0000803f" in str(caught.value)
        if kind is KernelFault:
            assert caught.value.kernel == "add"
        d.view(block)[:] = 0
        d.add(add, block, 2)
        d.device.synchronize()
        assert np.array_equal(d.view(block), np.full(N, 2))
        caught = None
        gc.collect()
        assert not d.world.living("MTLComputeCommandEncoder")


def test_a_fault_poisons_the_stream_until_it_is_told():
    with driving(faults=Faults(command_buffers={1: 3})) as d:
        add, block = d.pipeline("add"), d.block()
        event = d.device.new_event()
        d.add(add, block, 1)
        d.device.stream.record(event)
        d.add(add, block, 1)
        with pytest.raises(KernelFault, match="outside its buffers"):
            event.synchronize()
        for _ in range(2):  # what comes behind is refused, not run on what the failed launch left
            with pytest.raises(KernelFault, match="outside its buffers"):
                d.add(add, block, 1)
        assert event.is_done()  # signalled by hand: nobody waits for ever
        with pytest.raises(KernelFault, match="outside its buffers"):
            d.device.stream.synchronize()
        d.device.stream.synchronize()


def test_of_a_batch_the_kinds_of_launches_are_named_and_debug_mode_says_which(monkeypatch):
    def launches(d):
        add, combine = d.pipeline("add"), d.pipeline("combine")
        a, out = d.block(1), d.block()
        d.add(add, a, 1)
        values = [np.float32(2).tobytes(), np.uint32(N).tobytes()]
        from metal_runtime.device.launch_config import LaunchConfig

        bindings = [a.binding, a.binding, out.binding, *values]
        d.device.stream.launch(combine, LaunchConfig((N, 1, 1), (32, 1, 1)), bindings)
        d.add(add, a, 1)

    fault = Faults(command_buffers={1: CommandBufferFault(3, encoder=0)})
    with driving(faults=fault) as d:
        launches(d)
        with pytest.raises(KernelFault, match=r"one of 3 launches \(`add`.*; `combine`") as caught:
            d.device.synchronize()
        assert "IRIS_METAL_DEBUG=1" in str(caught.value)
    monkeypatch.setenv("IRIS_METAL_DEBUG", "1")
    monkeypatch.setenv("MTL_DEBUG_LAYER", "1")
    with driving(faults=Faults(command_buffers={1: CommandBufferFault(3, encoder=1)})) as d:
        launches(d)
        with pytest.raises(KernelFault, match="it was the launch of `combine`") as caught:
            d.device.synchronize()
        assert caught.value.kernel == "combine"


@pytest.mark.parametrize("number", [1, 2])
def test_a_queue_that_is_stuck_is_given_up(number, monkeypatch):
    monkeypatch.setenv("IRIS_TIME_LIMIT", "0.05")
    with driving(faults=Faults(wedged=frozenset([number]))) as d:
        add, block = d.pipeline("add"), d.block()
        for _ in range(number):
            d.add(add, block, 1)
            d.device.stream.flush()
        with pytest.raises(
            KernelFault, match=r"still ran after 0.05 seconds; it was the launch of `add`"
        ):
            d.device.synchronize()
        other = d.block(5)  # the memory of what is stuck stays taken
        d.add(add, other, 2)
        d.device.synchronize()
        assert np.array_equal(d.view(other), np.full(N, 7))


def test_a_stream_that_waited_for_a_failed_one_fails_too():
    with driving(faults=Faults(command_buffers={1: 3})) as d:
        add, first, second = d.pipeline("add"), d.block(), d.block()
        other, event = d.device.new_stream(), d.device.new_event()
        d.add(add, first, 1)
        d.device.stream.record(event)
        other.wait(event)
        d.add(add, second, 1, other)
        with pytest.raises(KernelFault, match="outside its buffers"):
            other.synchronize()
        with pytest.raises(KernelFault, match="outside its buffers"):
            d.device.stream.synchronize()
        d.device.synchronize()


# --- nil -------------------------------------------------------------------------------------------


def nil(selector: str, calls=ALWAYS) -> Faults:
    return Faults(nil={selector: calls})


@pytest.mark.parametrize(
    ("selector", "words"),
    [("newCommandQueue", "no command queue"), ("newSharedEvent", "no event")],
)
def test_a_device_without_queues_or_events_does_not_open(selector, words):
    with pytest.raises(DeviceError, match=words), driving(faults=nil(selector)):
        pass


def test_no_gpu_at_all():
    faults = Faults(nil={"MTLCreateSystemDefaultDevice": ALWAYS, "MTLCopyAllDevices": ALWAYS})
    with pytest.raises(DeviceError, match="finds no GPU") as caught, driving(faults=faults):
        pass
    assert "IRIS_DEVICE=cpu" in caught.value.hint


def test_the_default_device_may_be_nil_where_there_is_another():
    with driving(faults=nil("MTLCreateSystemDefaultDevice")) as d:
        assert d.device.traits.name == "Apple M3"


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("commandBufferWithDescriptor:", "no command buffer for `add` with threads"),
        ("computeCommandEncoderWithDispatchType:", "no compute encoder"),
    ],
)
def test_a_command_buffer_or_encoder_that_is_nil(selector, words):
    with driving(faults=nil(selector, frozenset([1]))) as d:
        add, block = d.pipeline("add"), d.block()
        d.add(add, block, 1)
        with pytest.raises(DeviceError, match=words):
            d.device.synchronize()
        d.add(add, block, 2)
        d.device.synchronize()
        assert np.array_equal(d.view(block), np.full(N, 2))


def test_out_of_memory():
    with driving(faults=Faults(memory=40 << 20)) as d:
        kept = d.pool.take(8 << 20)
        with pytest.raises(DeviceMemoryError, match="no room for 64 MiB"):
            d.pool.take(64 << 20)
        kept.close()
        assert d.pool.take(16 << 20).nbytes == 16 << 20


def test_without_heaps_buffers_are_their_own():
    with driving(faults=nil("newHeapWithDescriptor:")) as d:
        add, block = d.pipeline("add"), d.block()
        d.add(add, block, 3)
        d.device.synchronize()
        assert np.array_equal(d.view(block), np.full(N, 3))


def test_a_library_that_is_nil_and_one_with_warnings(caplog):
    with driving(faults=nil("newLibraryWithSource:options:error:", frozenset([1]))) as d:
        with pytest.raises(MslError, match="Metal does not take the text: injected"):
            d.pipeline("add")
        assert d.pipeline("add").signature.name == "add"
    warning = "program_source:3:13: warning: unused variable 'q'"
    with driving(faults=Faults(warning=warning)) as d, caplog.at_level("WARNING", "metal_runtime"):
        d.pipeline("add")


def test_a_pipeline_or_function_that_is_nil():
    for selector in (
        "newComputePipelineStateWithFunction:error:",
        "newComputePipelineStateWithDescriptor:options:reflection:error:",
    ):
        with driving(faults=nil(selector)) as d:
            if "Descriptor" in selector:
                with pytest.raises(MslError, match=r"makes no pipeline of kernel `add`: injected"):
                    d.pipeline("add")
    with driving(faults=nil("newFunctionWithName:constantValues:error:")) as d:
        with pytest.raises(MslError, match=r"finds no function for kernel `add`: injected"):
            d.pipeline("add")


def test_what_apples_compiler_says_comes_back_at_the_users_line():
    text = SOURCE + "kernel void wrong(device float* x [[buffer(0)]]) { x[0] = nonsense; }\n"
    with driving() as d:
        try:
            program = read_program(text, "mine.metal")
        except IrisError:
            pytest.fail("the text is wrong for the compiler only")
        with pytest.raises(MslError, match="nonsense") as caught:
            d.device.load(program)
        span = caught.value.span
        assert (span.file, span.text.strip()) == ("mine.metal", text.splitlines()[-1])
        assert span.text[span.column - 1 : span.end_column - 1] == "nonsense"
