"""Mistakes with memory: how it is made, how long it lives, who uses it when; and with programs."""

from __future__ import annotations

import gc
import mmap

from tests.metal.double import TWO_GPUS
from tests.metal.mistakes.planting import (
    FOUR,
    heap,
    launch,
    planted,
    residency,
    unretained,
)
from tests.metal.sequences import CONSTANT_SOURCE, PRIVATE, UNTRACKED, Driver, signal, wait

# --- memory ------------------------------------------------------------------------------------------


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


# --- what lives, and when ----------------------------------------------------------------------------


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
    made = residency(d)
    d.queue.addResidencySet_(made)
    memory = d.buffer(1)
    made.addAllocation_(memory)
    d.submit(d.scaling(memory, 2))


# --- programs ----------------------------------------------------------------------------------------


@planted("language version 0x40000 is not one that macOS 15 has")
def a_language_from_the_future(d: Driver) -> None:
    options = d.Metal.MTLCompileOptions.new()
    options.setLanguageVersion_(d.Metal.MTLLanguageVersion4_0)
    d.device.newLibraryWithSource_options_error_("", options, None)


@planted("function constant factor is .*, given as MTLDataType 3")
def a_function_constant_of_another_type(d: Driver) -> None:
    values = d.constant_values()
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
