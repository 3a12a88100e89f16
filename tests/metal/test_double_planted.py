"""Mistakes that a driver can make, one each: every one is caught, and by the right rule."""

from __future__ import annotations

import gc
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.metal.double import (
    TOO_OLD,
    TWO_GPUS,
    Faults,
    NotInDouble,
    ValidationFailure,
    World,
    WouldHang,
    WrongCall,
    installed,
)
from tests.metal.double.profile import APPLE_M3, Profile
from tests.metal.sequences import COUNT, PRIVATE, UNTRACKED, Driver, signal, wait

Mistake = Callable[[Driver], None]
PLANTED: list[Any] = []
ONE, GROUP = (COUNT, 1, 1), (32, 1, 1)


def planted(
    message: str,
    kind: type[ValidationFailure] = ValidationFailure,
    profile: Profile = APPLE_M3,
    faults: Faults | None = None,
) -> Callable[[Mistake], Mistake]:
    """A mistake, and the words that its failure must have."""

    def add(mistake: Mistake) -> Mistake:
        PLANTED.append(pytest.param(mistake, message, kind, profile, faults, id=mistake.__name__))
        return mistake

    return add


# --- messages ------------------------------------------------------------------------------------


@planted("takes 2 arguments, not 1", WrongCall)
def too_few_arguments(d: Driver) -> None:
    d.device.newBufferWithLength_options_(16)


@planted("argument 1 .* expected an integer, got float", WrongCall)
def a_float_for_an_integer(d: Driver) -> None:
    d.device.newBufferWithLength_options_(16.0, 0)


@planted("argument 1 .* expected an integer, got int -1", WrongCall)
def a_negative_length(d: Driver) -> None:
    d.device.newBufferWithLength_options_(-1, 0)


@planted("expected a bool", WrongCall)
def an_integer_for_a_bool(d: Driver) -> None:
    d.Metal.MTLCompileOptions.new().setFastMathEnabled_(0)


@planted("expected str", WrongCall)
def bytes_for_a_string(d: Driver) -> None:
    d.queue.setLabel_(b"queue")


@planted("expected MTLComputePipelineState, got MTLFunction", WrongCall)
def a_function_for_a_pipeline_state(d: Driver) -> None:
    function = d.library()[0].newFunctionWithName_("add")
    with d.encoding() as (_, encoder):
        encoder.setComputePipelineState_(function)


@planted(r"expected None \(an out-parameter\)", WrongCall)
def something_for_an_out_parameter(d: Driver) -> None:
    d.device.newLibraryWithSource_options_error_("", None, [])


@planted("expected a tuple of 3 integers", WrongCall)
def a_grid_of_two_extents(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.dispatchThreads_threadsPerThreadgroup_((64, 1), GROUP)


@planted("the memory has 4 bytes, not 8", WrongCall)
def fewer_inline_bytes_than_said(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.setBytes_length_atIndex_(b"1234", 8, 0)


@planted("the double does not know MTLDevice.newDefaultLibrary", NotInDouble)
def a_selector_that_the_double_has_not(d: Driver) -> None:
    d.device.newDefaultLibrary()


@planted("looked at, the buffer has 256")
def more_contents_than_there_are(d: Driver) -> None:
    d.buffer().contents().as_buffer(257)


# --- the life of command buffers and encoders ----------------------------------------------------


@planted("commit while another encoder is open")
def commit_with_an_open_encoder(d: Driver) -> None:
    with d.pool():
        buffer = d.queue.commandBuffer()
        encoder = buffer.computeCommandEncoder()
        try:
            buffer.commit()
        finally:
            encoder.endEncoding()


@planted("commit again after the command buffer was committed")
def commit_twice(d: Driver) -> None:
    d.submit(d.scaling(d.buffer(1), 2)).commit()


@planted("an encoder is made while another encoder is open")
def two_encoders_at_once(d: Driver) -> None:
    with d.encoding() as (buffer, _):
        buffer.blitCommandEncoder()


@planted("an encoder is made after the command buffer was committed")
def encoding_after_the_commit(d: Driver) -> None:
    with d.pool():
        d.scaling(d.buffer(1), 2)(d.submit())


@planted("gets a message after endEncoding")
def a_message_after_the_end(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.endEncoding()
        d.encode_scale(encoder, d.buffer(1), 2)


@planted("released without endEncoding")
def an_encoder_that_is_dropped(d: Driver) -> None:
    with d.pool():
        d.queue.commandBuffer().computeCommandEncoder()


@planted("an event's signal is encoded while another encoder is open")
def a_signal_within_an_encoder(d: Driver) -> None:
    event = d.device.newSharedEvent()
    with d.encoding() as (buffer, _):
        buffer.encodeSignalEvent_value_(event, 1)


@planted("a wait for an event is encoded after the command buffer was committed")
def a_wait_after_the_commit(d: Driver) -> None:
    event = d.device.newSharedEvent()
    wait(event, 1)(d.submit(signal(event, 1)))


@planted("a handler is added after the command buffer was committed")
def a_handler_after_the_commit(d: Driver) -> None:
    d.submit().addCompletedHandler_(print)


@planted("that was not committed")
def waiting_before_the_commit(d: Driver) -> None:
    with d.pool():
        d.queue.commandBuffer().waitUntilCompleted()


@planted("does not end", WouldHang)
def waiting_for_an_event_that_nobody_signals(d: Driver) -> None:
    d.submit(wait(d.device.newSharedEvent(), 1)).waitUntilCompleted()


@planted("64 command buffers that have not completed", WouldHang)
def more_command_buffers_than_a_queue_has(d: Driver) -> None:
    kept = [d.submit() for _ in range(65)]
    assert not kept


@planted("MTLCommandBuffer made with no autorelease pool in place")
def no_autorelease_pool(d: Driver) -> None:
    d.queue.commandBuffer()


@planted("MTLComputeCommandEncoder made with no autorelease pool in place")
def an_encoder_outside_of_the_pool(d: Driver) -> None:
    with d.pool():
        buffer = d.queue.commandBuffer()
    buffer.computeCommandEncoder()


@planted("value goes back from 2 to 1")
def an_event_that_goes_back(d: Driver) -> None:
    event = d.device.newSharedEvent()
    event.setSignaledValue_(2)
    event.setSignaledValue_(1)


# --- dispatches ----------------------------------------------------------------------------------


def launch(d: Driver, name: str, *bindings: Any, grid: Any = ONE, threadgroup: Any = GROUP) -> None:
    """One launch: buffers, (buffer, offset), or bytes by index; ``...`` binds nothing."""
    with d.encoding() as (_, encoder):
        encoder.setComputePipelineState_(d.pipeline(name))
        for index, binding in enumerate(bindings):
            if isinstance(binding, bytes):
                encoder.setBytes_length_atIndex_(binding, len(binding), index)
            elif isinstance(binding, tuple):
                encoder.setBuffer_offset_atIndex_(*binding, index)
            elif binding is not ...:
                encoder.setBuffer_offset_atIndex_(binding, 0, index)
        encoder.dispatchThreads_threadsPerThreadgroup_(grid, threadgroup)


FOUR = np.float32(2).tobytes()


@planted("a dispatch without a compute pipeline state")
def no_pipeline(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.dispatchThreads_threadsPerThreadgroup_(ONE, GROUP)


@planted(r"add: buffer index 1 \(b\) is not bound")
def a_missing_binding(d: Driver) -> None:
    launch(d, "add", d.buffer(1), ..., d.buffer())


@planted(r"add: buffer index 0 \(a\) is not bound")
def nil_for_a_buffer(d: Driver) -> None:
    launch(d, "add", None, d.buffer(1), d.buffer())


@planted("offset 2 is no multiple of 4")
def an_offset_that_is_not_aligned(d: Driver) -> None:
    launch(d, "scale", (d.buffer(1), 2), FOUR)


@planted("offset 300 is outside of a buffer of 256 bytes")
def an_offset_outside_of_the_buffer(d: Driver) -> None:
    launch(d, "scale", (d.buffer(1), 300), FOUR)


@planted("has 0 bytes from its offset on, the argument has 4")
def an_offset_at_the_end_of_the_buffer(d: Driver) -> None:
    launch(d, "scale", (d.buffer(1), 256), FOUR)


@planted("has 2 bytes from its offset on, the argument has 4")
def too_few_bytes_for_a_value(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), b"12")


@planted("an offset is set at buffer index 0, where no buffer is bound")
def an_offset_without_a_buffer(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.setBytes_length_atIndex_(FOUR, 4, 0)
        encoder.setBufferOffset_atIndex_(4, 0)


@planted("4100 inline bytes: setBytes takes 1 to 4096")
def too_many_inline_bytes(d: Driver) -> None:
    launch(d, "add", bytes(4100), d.buffer(1), d.buffer())


@planted("is written by the kernel, and bound to inline bytes")
def inline_bytes_that_are_written(d: Driver) -> None:
    launch(d, "add", d.buffer(1), d.buffer(1), bytes(256))


@planted("index 31: an argument table has 31 slots")
def a_slot_too_many(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.setBuffer_offset_atIndex_(d.buffer(), 0, 31)


@planted(r"add: 64 threads a threadgroup are more than its pipeline's maximum of 32",
         faults=Faults(pipeline_threads={"add": 32}))  # fmt: skip
def more_threads_than_the_pipeline_allows(d: Driver) -> None:
    launch(d, "add", d.buffer(1), d.buffer(1), d.buffer(), threadgroup=(8, 8, 1))


@planted("the grid .* is empty")
def an_empty_grid(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), FOUR, grid=(0, 1, 1))


@planted("the threadgroup .* is empty")
def an_empty_threadgroup(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), FOUR, threadgroup=(32, 1, 0))


@planted(r"threadgroup memory at index 0 \(tile\) has no length")
def no_length_of_threadgroup_memory(d: Driver) -> None:
    launch(d, "reverse", d.buffer(1))


def with_memory(d: Driver, *lengths: int) -> None:
    with d.encoding() as (_, encoder):
        encoder.setComputePipelineState_(d.pipeline("reverse"))
        encoder.setBuffer_offset_atIndex_(d.buffer(1), 0, 0)
        for index, length in enumerate(lengths):
            encoder.setThreadgroupMemoryLength_atIndex_(length, index)
        encoder.dispatchThreads_threadsPerThreadgroup_(GROUP, GROUP)


@planted("threadgroup memory of 132 bytes is no multiple of 16")
def threadgroup_memory_that_is_not_aligned(d: Driver) -> None:
    with_memory(d, 132)


@planted("32784 bytes of threadgroup memory are more than the device's 32768")
def too_much_threadgroup_memory_in_all(d: Driver) -> None:
    with_memory(d, 32768, 16)


@planted("dispatchThreads needs the family Apple4", profile=TOO_OLD)
def nonuniform_threadgroups_on_an_old_gpu(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), FOUR)


# --- memory --------------------------------------------------------------------------------------


@planted("a buffer must have a length")
def an_empty_buffer(d: Driver) -> None:
    d.device.newBufferWithLength_options_(0, 0)


@planted("the device's maximum is 9663676416")
def a_buffer_over_the_maximum(d: Driver) -> None:
    d.device.newBufferWithLength_options_(1 << 40, 0)


@planted("hold unknown bits")
def options_that_do_not_exist(d: Driver) -> None:
    d.device.newBufferWithLength_options_(16, 1 << 12)


@planted("is not page aligned")
def memory_that_is_not_page_aligned(d: Driver) -> None:
    pages = memoryview(mmap.mmap(-1, 2 * mmap.PAGESIZE))[64 : 64 + mmap.PAGESIZE]
    d.device.newBufferWithBytesNoCopy_length_options_deallocator_(pages, mmap.PAGESIZE, 0, None)


@planted("object has no attribute 'as_buffer'", AttributeError)
def the_contents_of_private_memory(d: Driver) -> None:
    d.view(d.buffer(options=PRIVATE))


def heap(d: Driver, placement: bool = True) -> Any:
    descriptor = d.Metal.MTLHeapDescriptor.alloc().init()
    descriptor.setSize_(1 << 16)
    descriptor.setStorageMode_(0)
    descriptor.setType_(int(placement))
    return d.device.newHeapWithDescriptor_(descriptor)


@planted("overlaps a live one at 0")
def places_in_a_heap_that_overlap(d: Driver) -> None:
    of = heap(d)
    kept = of.newBufferWithLength_options_offset_(512, 0, 0)
    of.newBufferWithLength_options_offset_(512, 0, 256)
    del kept


@planted("offset 100 in a heap is no multiple of 256")
def a_place_in_a_heap_that_is_not_aligned(d: Driver) -> None:
    heap(d).newBufferWithLength_options_offset_(16, 0, 100)


@planted("does not fit a heap")
def a_place_outside_of_the_heap(d: Driver) -> None:
    heap(d).newBufferWithLength_options_offset_(512, 0, (1 << 16) - 256)


@planted("is not that of its heap")
def private_memory_in_a_shared_heap(d: Driver) -> None:
    heap(d).newBufferWithLength_options_offset_(16, PRIVATE, 0)


@planted("a placement heap makes buffers at offsets")
def a_placement_heap_without_a_place(d: Driver) -> None:
    heap(d).newBufferWithLength_options_(16, 0)


@planted("a blit of 6 bytes from byte 0: both must be multiples of 4")
def a_blit_that_is_not_aligned(d: Driver) -> None:
    d.submit(d.copying(d.buffer(1), d.buffer(), 6))


@planted("a blit of 512 bytes from byte 0 is outside of a buffer of 256 bytes")
def a_blit_outside_of_the_buffer(d: Driver) -> None:
    d.submit(d.copying(d.buffer(1, count=128), d.buffer(), 512))


@planted("is of another device", profile=TWO_GPUS)
def memory_of_another_gpu(d: Driver) -> None:
    other = Driver(d.world, 1)
    launch(d, "scale", other.buffer(1), FOUR)


# --- what lives, and when ------------------------------------------------------------------------


def unretained(d: Driver) -> Any:
    descriptor = d.Metal.MTLCommandBufferDescriptor.alloc().init()
    descriptor.setRetainedReferences_(False)
    with d.pool():
        return d.queue.commandBufferWithDescriptor_(descriptor)


@planted("MTLBuffer was released while a command buffer in flight uses it")
def memory_released_in_flight(d: Driver) -> None:
    memory = d.buffer(1)
    buffer = d.submit(d.scaling(memory, 2), buffer=unretained(d))
    del memory
    gc.collect()
    buffer.waitUntilCompleted()


@planted("MTLBuffer was released before the commit that uses it")
def memory_released_before_the_commit(d: Driver) -> None:
    buffer = unretained(d)
    with d.pool():
        d.scaling(d.buffer(1), 2)(buffer)
    buffer.commit()


@planted("MTLSharedEvent was released while a command buffer in flight uses it")
def an_event_released_in_flight(d: Driver) -> None:
    event = d.device.newSharedEvent()
    buffer = d.submit(signal(event, 1), buffer=unretained(d))
    event = None
    buffer.waitUntilCompleted()


@planted("was written to after it was released")
def memory_written_after_its_release(d: Driver) -> None:
    view = d.view(d.buffer(1))
    view[3] = 5


@planted("the host wrote to a buffer that add in flight reads")
def the_host_writes_what_a_kernel_reads(d: Driver) -> None:
    a = d.buffer(1)
    with d.encoding() as (buffer, encoder):
        d.encode_add(encoder, a, a, d.buffer())
    d.view(a)[5] = 7
    buffer.waitUntilCompleted()


@planted("with no barrier between")
def no_barrier_in_a_concurrent_encoder(d: Driver) -> None:
    memory = d.buffer(1)
    with d.encoding(1) as (_, encoder):
        d.encode_add(encoder, d.buffer(1), d.buffer(1), memory)
        d.encode_add(encoder, memory, d.buffer(1), d.buffer())


@planted("with no barrier between")
def a_barrier_for_other_memory(d: Driver) -> None:
    memory = d.buffer(1)
    with d.encoding(1) as (_, encoder):
        d.encode_scale(encoder, memory, 2)
        encoder.memoryBarrierWithResources_count_([d.buffer()], 1)
        d.encode_scale(encoder, memory, 2)


@planted("encoder second uses untracked memory that encoder first uses, with no fence")
def untracked_memory_without_a_fence(d: Driver) -> None:
    memory = d.buffer(1, options=UNTRACKED)
    d.submit(d.scaling(memory, 2, "first"), d.scaling(memory, 2, "second"))


@planted("with no fence or event between")
def untracked_memory_and_an_event_too_early(d: Driver) -> None:
    memory, event = d.buffer(1, options=UNTRACKED), d.device.newSharedEvent()
    d.submit(signal(event, 1), d.scaling(memory, 2))
    d.submit(wait(event, 1), d.scaling(memory, 2))


@planted("was not committed since it was added")
def a_residency_set_that_is_not_committed(d: Driver) -> None:
    descriptor = d.Metal.MTLResidencySetDescriptor.new()
    residency, _ = d.device.newResidencySetWithDescriptor_error_(descriptor, None)
    d.queue.addResidencySet_(residency)
    memory = d.buffer(1)
    residency.addAllocation_(memory)
    d.submit(d.scaling(memory, 2))


# --- programs ------------------------------------------------------------------------------------


@planted("language version 0x40000 is not one that macOS 15 has")
def a_language_from_the_future(d: Driver) -> None:
    options = d.Metal.MTLCompileOptions.new()
    options.setLanguageVersion_(d.Metal.MTLLanguageVersion4_0)
    d.device.newLibraryWithSource_options_error_("", options, None)


@planted("function constant factor is .*, given as MTLDataType 3")
def a_function_constant_of_another_type(d: Driver) -> None:
    from tests.metal.sequences import CONSTANT_SOURCE

    values = d.Metal.MTLFunctionConstantValues.new()
    values.setConstantValue_type_atIndex_(FOUR, d.Metal.MTLDataTypeFloat, 3)
    library, _ = d.library(CONSTANT_SOURCE)
    library.newFunctionWithName_constantValues_error_("times", values, None)


@planted("a pipeline descriptor without computeFunction")
def a_pipeline_of_nothing(d: Driver) -> None:
    descriptor = d.Metal.MTLComputePipelineDescriptor.new()
    d.device.newComputePipelineStateWithDescriptor_options_reflection_error_(
        descriptor, 0, None, None
    )


@planted("stopCapture without a capture")
def the_end_of_no_capture(d: Driver) -> None:
    d.Metal.MTLCaptureManager.sharedCaptureManager().stopCapture()


# --- the tests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("mistake", "message", "kind", "profile", "faults"), PLANTED)
def test_a_planted_mistake_is_caught(
    mistake: Mistake, message: str, kind: type[Exception], profile: Profile, faults: Faults | None
) -> None:
    with pytest.raises(kind, match=message), installed(profile, faults) as world:
        mistake(Driver(world))


def test_there_are_enough_mistakes() -> None:
    assert len(PLANTED) >= 30


def test_a_driver_that_swallows_a_violation_fails_all_the_same() -> None:
    def swallowing(world: World) -> None:
        try:
            Driver(world).queue.commandBuffer()
        except Exception:
            pass

    with pytest.raises(ValidationFailure, match="autorelease"), installed() as world:
        swallowing(world)
