"""The double runs what a right driver does, only when it is waited for, and reports what a Mac would."""

from __future__ import annotations

import json
import mmap
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from metal_runtime.backends.metal.binding import framework
from tests.metal.double import APPLE_M1, APPLE_M3, MACOS26, PARAVIRTUAL, TWO_GPUS, World, installed
from tests.metal.sequences import COUNT, PRIVATE, Driver, signal, wait

COMMITTED, SCHEDULED, COMPLETED = 2, 3, 4


def random() -> np.ndarray:
    return np.random.default_rng().normal(size=COUNT).astype(np.float32)


# --- running -------------------------------------------------------------------------------------


def test_vectors_are_added_when_they_are_waited_for(mac: World) -> None:
    driver, (a, b) = Driver(mac), (random(), random())
    inputs, output = [driver.buffer(a), driver.buffer(b)], driver.buffer()
    before = driver.view(output).copy()
    with driver.encoding() as (buffer, encoder):
        driver.encode_add(encoder, *inputs, output)
    np.testing.assert_array_equal(driver.view(output), before)
    assert buffer.GPUEndTime() == 0
    buffer.waitUntilCompleted()
    np.testing.assert_array_equal(driver.view(output), a + b)
    assert buffer.status() == COMPLETED
    assert buffer.error() is None
    assert 0 < buffer.GPUStartTime() < buffer.GPUEndTime()


def test_asking_for_the_status_lets_the_gpu_get_on(mac: World) -> None:
    driver = Driver(mac)
    buffer = driver.submit(driver.scaling(driver.buffer(1), 2))
    assert [buffer.status() for _ in range(3)] == [COMMITTED, COMMITTED, COMPLETED]


def test_command_buffers_run_in_the_order_of_their_queue(mac: World) -> None:
    driver = Driver(mac)
    memory = driver.buffer(1)
    first = driver.submit(driver.scaling(memory, 3), driver.scaling(memory, 5))
    last = driver.submit(driver.scaling(memory, 7))
    last.waitUntilCompleted()
    assert first.status() == COMPLETED
    assert set(driver.view(memory)) == {105}


def test_what_another_queue_does_is_missing_without_an_event(mac: World) -> None:
    driver = Driver(mac)
    memory, other = driver.buffer(1), driver.device.newCommandQueue()
    driver.submit(driver.scaling(memory, 3))
    driver.submit(driver.scaling(memory, 5), queue=other).waitUntilCompleted()
    assert set(driver.view(memory)) == {5}


def test_queues_wait_for_the_events_of_others(mac: World) -> None:
    driver = Driver(mac)
    memory, other = driver.buffer(1), driver.device.newCommandQueue()
    event = driver.device.newSharedEvent()
    driver.submit(driver.scaling(memory, 3), signal(event, 1), driver.scaling(driver.buffer(0), 1))
    last = driver.submit(wait(event, 1), driver.scaling(memory, 5), signal(event, 2), queue=other)
    assert event.signaledValue() == 0
    last.waitUntilCompleted()
    assert set(driver.view(memory)) == {15}
    assert event.signaledValue() == 2


def test_events_wait_for_the_host_and_the_host_for_events(mac: World) -> None:
    driver = Driver(mac)
    memory, event = driver.buffer(1), driver.device.newSharedEvent()
    buffer = driver.submit(wait(event, 1), driver.scaling(memory, 3), signal(event, 2))
    assert not event.waitUntilSignaledValue_timeoutMS_(2, 3)
    assert buffer.status() == SCHEDULED
    driver.view(memory)[:] = 10  # an event orders it
    event.setSignaledValue_(1)
    assert event.waitUntilSignaledValue_timeoutMS_(2, 1000)
    assert set(driver.view(memory)) == {30}
    assert buffer.status() == COMPLETED


def test_polling_an_event_lets_the_gpu_get_on(mac: World) -> None:
    driver, event = Driver(mac), Driver(mac).device.newSharedEvent()
    driver.submit(driver.scaling(driver.buffer(1), 2), signal(event, 4))
    assert [event.signaledValue() for _ in range(3)] == [0, 0, 4]


def test_a_thread_waits_for_what_another_commits(mac: World) -> None:
    driver = Driver(mac)
    memory, event, seen = driver.buffer(1), driver.device.newSharedEvent(), []
    waiting = threading.Thread(
        target=lambda: seen.append(event.waitUntilSignaledValue_timeoutMS_(1, 10_000))
    )
    waiting.start()
    driver.submit(driver.scaling(memory, 2), signal(event, 1))
    waiting.join(10)
    assert seen == [True]
    assert set(driver.view(memory)) == {2}


def test_threadgroup_memory_and_offsets_reach_the_kernel(mac: World) -> None:
    driver = Driver(mac)
    memory = driver.buffer(np.arange(COUNT))
    with driver.encoding() as (buffer, encoder):
        encoder.setComputePipelineState_(driver.pipeline("reverse"))
        encoder.setBuffer_offset_atIndex_(memory, 0, 0)
        encoder.setBufferOffset_atIndex_(128, 0)
        encoder.setThreadgroupMemoryLength_atIndex_(128, 0)
        encoder.dispatchThreadgroups_threadsPerThreadgroup_((1, 1, 1), (32, 1, 1))
    buffer.waitUntilCompleted()
    expected = [*range(32), *reversed(range(32, 64))]
    np.testing.assert_array_equal(driver.view(memory), expected)


def test_a_concurrent_encoder_with_a_barrier_is_right(mac: World) -> None:
    driver = Driver(mac)
    memory = driver.buffer(1)
    with driver.encoding(1) as (buffer, encoder):
        driver.encode_scale(encoder, memory, 2)
        encoder.memoryBarrierWithScope_(1)
        driver.encode_scale(encoder, memory, 3)
        encoder.memoryBarrierWithResources_count_([memory], 1)
        driver.encode_scale(encoder, memory, 5)
    buffer.waitUntilCompleted()
    assert set(driver.view(memory)) == {30}


@pytest.mark.parametrize("how", ["fence", "event", "host"])
def test_untracked_memory_is_right_where_something_orders_it(mac: World, how: str) -> None:
    driver = Driver(mac)
    memory = driver.buffer(1, options=256)
    fence, event = driver.device.newFence(), driver.device.newSharedEvent()
    with driver.encoding() as (buffer, encoder):
        driver.encode_scale(encoder, memory, 2)
        encoder.updateFence_(fence)
    if how == "event":
        driver.submit(signal(event, 1))
    elif how == "host":
        buffer.waitUntilCompleted()
    with driver.pool():
        second = driver.queue.commandBuffer()
        if how == "event":
            second.encodeWaitForEvent_value_(event, 1)
        encoder = second.computeCommandEncoder()
        if how == "fence":
            encoder.waitForFence_(fence)
        driver.encode_scale(encoder, memory, 3)
        encoder.endEncoding()
        second.commit()
    second.waitUntilCompleted()
    assert set(driver.view(memory)) == {6}


def test_completed_handlers_run(mac: World) -> None:
    driver, done = Driver(mac), []
    with driver.pool():
        buffer = driver.queue.commandBuffer()
        buffer.addCompletedHandler_(lambda ended: done.append(ended.status()))
        buffer.commit()
    buffer.waitUntilCompleted()
    assert done == [COMPLETED]


# --- memory --------------------------------------------------------------------------------------


def test_new_memory_is_poisoned_and_page_aligned(mac: World) -> None:
    driver = Driver(mac)
    first, second = driver.buffer(count=5000), driver.buffer(count=5000)
    raw = driver.view(first, np.uint8)
    assert raw.ctypes.data % mmap.PAGESIZE == 0
    assert len(set(raw.tolist())) > 100
    np.testing.assert_array_equal(raw, driver.view(second, np.uint8))


def test_private_memory_is_reached_by_blits_only(mac: World) -> None:
    driver, values = Driver(mac), random()
    shared, private, back = driver.buffer(values), driver.buffer(options=PRIVATE), driver.buffer()
    assert private.contents() is None
    size = 4 * COUNT
    with driver.pool():
        buffer = driver.queue.commandBuffer()
        blit = buffer.blitCommandEncoder()
        copy = blit.copyFromBuffer_sourceOffset_toBuffer_destinationOffset_size_
        copy(shared, 0, private, 0, size)
        copy(private, 0, back, 0, size)
        blit.fillBuffer_range_value_(shared, (4, 8), 0)
        blit.endEncoding()
        buffer.commit()
    buffer.waitUntilCompleted()
    np.testing.assert_array_equal(driver.view(back), values)
    assert list(driver.view(shared)[1:3]) == [0, 0]


def test_bytes_are_copied_or_shared(mac: World) -> None:
    driver, values = Driver(mac), random()
    copied = driver.device.newBufferWithBytes_length_options_(values.tobytes(), values.nbytes, 0)
    np.testing.assert_array_equal(driver.view(copied), values)
    pages = mmap.mmap(-1, mmap.PAGESIZE)
    shared = driver.device.newBufferWithBytesNoCopy_length_options_deallocator_(
        pages, mmap.PAGESIZE, 0, None
    )
    driver.view(shared)[0] = 7
    assert np.frombuffer(pages, np.float32)[0] == 7
    del shared


def test_heaps_place_buffers(mac: World) -> None:
    import Metal

    driver = Driver(mac)
    size, alignment = driver.device.heapBufferSizeAndAlignWithLength_options_(100, 0)
    descriptor = Metal.MTLHeapDescriptor.alloc().init()
    descriptor.setSize_(1 << 16)
    descriptor.setStorageMode_(0)
    descriptor.setType_(Metal.MTLHeapTypePlacement)
    heap = driver.device.newHeapWithDescriptor_(descriptor)
    buffers = [
        heap.newBufferWithLength_options_offset_(4 * COUNT, 0, i * alignment) for i in (0, 4)
    ]
    driver.view(buffers[0])[:] = 1
    assert size >= 100
    assert not np.isin(driver.view(buffers[1]), [1]).any()
    del buffers[0]
    again = heap.newBufferWithLength_options_offset_(4 * COUNT, 0, 0)
    assert not np.isin(driver.view(again), [1]).any()
    assert len(mac.living("MTLBuffer")) == 2


def test_released_memory_is_counted_as_free(mac: World) -> None:
    driver = Driver(mac)
    kept = driver.buffer(count=1000)
    driver.buffer(count=5000)
    assert driver.device.currentAllocatedSize() == 4000 == mac.used_bytes
    assert mac.living("MTLBuffer") == [kept]


def test_a_residency_set_holds_memory_until_it_is_committed(mac: World) -> None:
    import Metal

    driver = Driver(mac)
    descriptor = Metal.MTLResidencySetDescriptor.new()
    residency, error = driver.device.newResidencySetWithDescriptor_error_(descriptor, None)
    assert error is None
    driver.queue.addResidencySet_(residency)
    memory = driver.buffer(1)
    residency.addAllocation_(memory)
    residency.commit()
    driver.submit(driver.scaling(memory, 2)).waitUntilCompleted()
    residency.removeAllocation_(memory)
    del memory
    assert len(mac.living("MTLBuffer")) == 1
    residency.commit()
    assert not mac.living("MTLBuffer")


# --- what it is ----------------------------------------------------------------------------------


def test_messages_are_counted(mac: World) -> None:
    driver, memory = Driver(mac), Driver(mac).buffer(1)
    driver.pipeline("scale")
    mac.messages.clear()
    driver.submit(driver.scaling(memory, 2)).waitUntilCompleted()
    assert mac.messages == {
        "MTLCommandQueue.commandBuffer": 1,
        "MTLCommandBuffer.computeCommandEncoder": 1,
        "MTLComputeCommandEncoder.setComputePipelineState:": 1,
        "MTLComputeCommandEncoder.setBuffer:offset:atIndex:": 1,
        "MTLComputeCommandEncoder.setBytes:length:atIndex:": 1,
        "MTLComputeCommandEncoder.dispatchThreads:threadsPerThreadgroup:": 1,
        "MTLComputeCommandEncoder.endEncoding": 1,
        "MTLCommandBuffer.commit": 1,
        "MTLCommandBuffer.waitUntilCompleted": 1,
    }


def test_selectors_that_do_not_exist_are_attribute_errors(mac: World) -> None:
    driver = Driver(mac)
    for thing, name in (
        (driver.device, "newBuffer_"),
        (driver.queue, "commit"),
        (driver.buffer(), "setBytes_length_atIndex_"),
        (driver.Metal, "MTLStorageModeSecret"),
        (driver.Metal.MTLCompileOptions.new(), "setMathmode_"),
    ):
        with pytest.raises(AttributeError, match=name):
            getattr(thing, name)


def test_the_profiles_are_what_they_are_called() -> None:
    with installed(PARAVIRTUAL) as world:
        driver = Driver(world)
        of = driver.device.supportsFamily_
        assert "Paravirtual" in driver.device.name()
        assert (of(1005), of(1006), of(2002), of(5001)) == (True, False, False, False)
        residency = driver.Metal.MTLResidencySetDescriptor.new()
        assert driver.device.newResidencySetWithDescriptor_error_(residency, None)[0] is None
        library, error = driver.library("kernel void f(device bfloat* x [[buffer(0)]]) { *x = 1; }")
        assert library is None
        assert "bfloat" in error.localizedDescription()
    with installed(APPLE_M1) as world:
        assert framework().macos == (14, 6)
        assert not hasattr(Driver(world).device, "newResidencySetWithDescriptor_error_")
        assert not hasattr(Driver(world).Metal.MTLCompileOptions.new(), "setMathMode_")
    with installed(MACOS26) as world:
        assert framework().os_build == "25A354"
        assert Driver(world).device.supportsFamily_(5002)
    with installed(TWO_GPUS) as world:
        names = [device.name() for device in framework().all_devices()]
        assert names == ["Apple M3", "AMD Radeon Pro 5500M"]


def test_captures_are_written_where_the_process_allows_them(
    mac: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    driver, manager = Driver(mac), framework().capture_manager()
    monkeypatch.delenv("MTL_CAPTURE_ENABLED", raising=False)
    assert not manager.supportsDestination_(2)
    monkeypatch.setenv("MTL_CAPTURE_ENABLED", "1")
    path = tmp_path / "x.gputrace"
    descriptor = framework().capture_descriptor()
    descriptor.setCaptureObject_(driver.device)
    descriptor.setDestination_(2)
    descriptor.setOutputURL_(framework().file_url(str(path)))
    assert manager.startCaptureWithDescriptor_error_(descriptor, None) == (True, None)
    assert manager.isCapturing()
    driver.submit(driver.scaling(driver.buffer(1), 2)).waitUntilCompleted()
    manager.stopCapture()
    assert json.loads((path / "command buffers.json").read_text()) == [["scale"]]
    started, error = manager.startCaptureWithDescriptor_error_(descriptor, None)
    assert (started, error.code()) == (False, 3)


def test_the_modules_go_as_they_came() -> None:
    with installed(APPLE_M3):
        assert framework().macos == (15, 1)
    assert not {"Metal", "Foundation", "objc"} & sys.modules.keys()
