"""What the double lets go wrong: command buffers that fail, calls that give nil, queues that hang."""

from __future__ import annotations

import time
from typing import Any

import pytest

from metal_runtime.backends.metal.constants import MTLCommandBufferErrorOptionEncoderExecutionStatus
from tests.metal.double import ALWAYS, CommandBufferFault, Faults, WouldHang, installed
from tests.metal.sequences import Driver, signal

COMMITTED, SCHEDULED, COMPLETED, ERROR = 2, 3, 4, 5
COMPLETED_ENCODER, PENDING_ENCODER, FAULTED_ENCODER = 1, 3, 4


@pytest.mark.parametrize("code", [1, 2, 3, 4, 7, 8, 9, 10, 11, 12])
def test_a_command_buffer_fails_with_every_code(code: int) -> None:
    with installed(faults=Faults(command_buffers={2: code})) as world:
        driver = Driver(world)
        memory, event = driver.buffer(1), driver.device.newSharedEvent()
        first, second, third = (
            driver.submit(driver.scaling(memory, 2), signal(event, i)) for i in (1, 2, 3)
        )
        third.waitUntilCompleted()
        assert [b.status() for b in (first, second, third)] == [COMPLETED, ERROR, ERROR]
        assert second.error().domain() == "MTLCommandBufferErrorDomain"
        assert [second.error().code(), third.error().code()] == [code, 4]
        assert event.signaledValue() == 1
        assert set(driver.view(memory)) == {2}
        driver.submit(driver.scaling(memory, 2)).waitUntilCompleted()
        assert set(driver.view(memory)) == {4}


@pytest.mark.parametrize("options", [0, MTLCommandBufferErrorOptionEncoderExecutionStatus])
def test_the_encoder_at_fault_is_told_where_it_was_asked_for(options: int) -> None:
    faults = Faults(command_buffers={1: CommandBufferFault(3, encoder=1)})
    with installed(faults=faults) as world:
        driver = Driver(world)
        memory = driver.buffer(1)
        descriptor = driver.Metal.MTLCommandBufferDescriptor.alloc().init()
        descriptor.setErrorOptions_(options)
        with driver.pool():
            buffer = driver.queue.commandBufferWithDescriptor_(descriptor)
        driver.submit(*(driver.scaling(memory, 2, name) for name in "abc"), buffer=buffer)
        buffer.waitUntilCompleted()
        info = buffer.error().userInfo().get(driver.Metal.MTLCommandBufferEncoderInfoErrorKey)
        assert set(driver.view(memory)) == {2}
        if not options:
            assert info is None
            return
        states = [(encoder.label(), encoder.errorState()) for encoder in info]
        assert states == [("a", COMPLETED_ENCODER), ("b", FAULTED_ENCODER), ("c", PENDING_ENCODER)]


def test_a_kernel_that_leaves_its_memory_is_a_page_fault() -> None:
    source = "kernel void f(device int* x [[buffer(0)]]) { x[-(1l << 36)] = 1; }"
    with installed() as world:
        driver = Driver(world)
        library, _ = driver.library(source)
        function = library.newFunctionWithName_("f")
        state, _ = driver.device.newComputePipelineStateWithFunction_error_(function, None)
        memory = driver.buffer(1)
        with driver.encoding() as (buffer, encoder):
            encoder.setComputePipelineState_(state)
            encoder.setBuffer_offset_atIndex_(memory, 0, 0)
            encoder.dispatchThreads_threadsPerThreadgroup_((1, 1, 1), (1, 1, 1))
        buffer.waitUntilCompleted()
        assert (buffer.status(), buffer.error().code()) == (ERROR, 3)


def _nil_of(driver: Driver, selector: str) -> Any:
    """What a call gives that was told to give nothing."""
    device, metal = driver.device, driver.Metal
    if selector == "newHeapWithDescriptor:":
        descriptor = metal.MTLHeapDescriptor.new()
        descriptor.setSize_(4096)
        return device.newHeapWithDescriptor_(descriptor)
    if selector == "newCommandQueue":
        return driver.queue
    if selector == "computeCommandEncoder":
        with driver.pool():
            return driver.queue.commandBuffer().computeCommandEncoder()
    return {
        "newSharedEvent": device.newSharedEvent,
        "newBufferWithLength:options:": lambda: device.newBufferWithLength_options_(4, 0),
        "commandBuffer": driver.queue.commandBuffer,
        "newFunctionWithName:": lambda: driver.library()[0].newFunctionWithName_("add"),
    }[selector]()


@pytest.mark.parametrize(
    "selector",
    [
        "newCommandQueue", "newSharedEvent", "newBufferWithLength:options:", "newHeapWithDescriptor:", "commandBuffer",
        "computeCommandEncoder", "newFunctionWithName:",
    ],
)  # fmt: skip
def test_calls_give_nil(selector: str) -> None:
    with installed(faults=Faults(nil={selector: ALWAYS})) as world:
        assert _nil_of(Driver(world), selector) is None


def test_nil_beside_an_error_and_at_one_call_only() -> None:
    nil = {"newLibraryWithSource:options:error:": frozenset([2])}
    with installed(faults=Faults(nil=nil)) as world:
        driver = Driver(world)
        (first, none), (second, error), (third, _) = (driver.library() for _ in range(3))
        assert (first is None, none, second, third is None) == (False, None, None, False)
        assert "injected" in error.localizedDescription()


def test_a_pipeline_state_is_nil_with_an_error() -> None:
    nil = {"newComputePipelineStateWithFunction:error:": ALWAYS}
    with installed(faults=Faults(nil=nil)) as world:
        driver = Driver(world)
        function = driver.library()[0].newFunctionWithName_("add")
        state, error = driver.device.newComputePipelineStateWithFunction_error_(function, None)
        assert state is None
        assert error.code() == 1


def test_there_may_be_no_gpu() -> None:
    faults = Faults(nil={"MTLCreateSystemDefaultDevice": ALWAYS, "MTLCopyAllDevices": ALWAYS})
    with installed(faults=faults):
        import Metal

        assert Metal.MTLCreateSystemDefaultDevice() is None
        assert Metal.MTLCopyAllDevices() == ()


def test_memory_ends() -> None:
    with installed(faults=Faults(memory=10_000)) as world:
        driver = Driver(world)
        first = driver.buffer(count=2000)
        assert driver.device.newBufferWithLength_options_(8000, 0) is None
        del first
        assert driver.device.newBufferWithLength_options_(8000, 0) is not None


def test_warnings_come_with_a_library() -> None:
    text = "program_source:1:1: warning: something is odd\n"
    with installed(faults=Faults(warning=text)) as world:
        library, error = Driver(world).library()
        assert library is not None
        assert (error.code(), error.localizedDescription()) == (4, text)


def test_a_pipeline_may_allow_fewer_threads() -> None:
    with installed(faults=Faults(pipeline_threads={"add": 384})) as world:
        driver = Driver(world)
        assert driver.pipeline("add").maxTotalThreadsPerThreadgroup() == 384
        assert driver.pipeline("scale").maxTotalThreadsPerThreadgroup() == 1024


def test_a_wedged_queue_never_gets_on_and_others_do() -> None:
    with installed(faults=Faults(wedged=frozenset([1]))) as world:
        driver = Driver(world)
        memory, event = driver.buffer(1), driver.device.newSharedEvent()
        stuck = driver.submit(driver.scaling(memory, 2), signal(event, 1))
        behind = driver.submit(driver.scaling(memory, 2))
        for _ in range(10):
            statuses = stuck.status(), behind.status()
        assert statuses == (SCHEDULED, COMMITTED)
        begin = time.monotonic()
        assert not event.waitUntilSignaledValue_timeoutMS_(1, 20)
        assert time.monotonic() - begin >= 0.02
        other = driver.device.newCommandQueue()
        driver.submit(driver.scaling(memory, 3), queue=other).waitUntilCompleted()
        assert set(driver.view(memory)) == {3}


def test_waiting_for_a_wedged_queue_without_a_time_limit_fails_the_test() -> None:
    faults = Faults(wedged=frozenset([1]))
    with pytest.raises(WouldHang, match="does not end"), installed(faults=faults) as world:
        driver = Driver(world)
        driver.submit(driver.scaling(driver.buffer(1), 2)).waitUntilCompleted()
