"""Metal's enum values that the driver uses, by Apple's names: nothing enters, integers leave.

They stand here as numbers so that reading one costs no message; a test compares each with the table that is
extracted from Apple's metadata.
"""

from __future__ import annotations

from typing import Final

MTLResourceStorageModeShared: Final = 0
MTLResourceStorageModePrivate: Final = 32
MTLResourceHazardTrackingModeTracked: Final = 512
MTLStorageModeShared: Final = 0
MTLHazardTrackingModeTracked: Final = 2
MTLHeapTypePlacement: Final = 1

MTLDispatchTypeSerial: Final = 0

MTLCommandBufferStatusCompleted: Final = 4
MTLCommandBufferStatusError: Final = 5
MTLCommandBufferErrorOptionEncoderExecutionStatus: Final = 1

MTLCommandBufferErrorInternal: Final = 1
MTLCommandBufferErrorTimeout: Final = 2
MTLCommandBufferErrorPageFault: Final = 3
MTLCommandBufferErrorAccessRevoked: Final = 4
MTLCommandBufferErrorNotPermitted: Final = 7
MTLCommandBufferErrorOutOfMemory: Final = 8
MTLCommandBufferErrorInvalidResource: Final = 9
MTLCommandBufferErrorMemoryless: Final = 10
MTLCommandBufferErrorDeviceRemoved: Final = 11
MTLCommandBufferErrorStackOverflow: Final = 12

MTLCommandEncoderErrorStateFaulted: Final = 4

MTLMathModeSafe: Final = 0
MTLMathModeFast: Final = 2
MTLLanguageVersion3_0: Final = 196608
MTLLanguageVersion3_1: Final = 196609
MTLLanguageVersion3_2: Final = 196610
MTLLanguageVersion4_0: Final = 262144

MTLPipelineOptionNone: Final = 0
MTLPipelineOptionFailOnBinaryArchiveMiss: Final = 4

MTLDataTypeFloat: Final = 3
MTLDataTypeHalf: Final = 16
MTLDataTypeInt: Final = 29
MTLDataTypeUInt: Final = 33
MTLDataTypeShort: Final = 37
MTLDataTypeUShort: Final = 41
MTLDataTypeChar: Final = 45
MTLDataTypeUChar: Final = 49
MTLDataTypeBool: Final = 53
MTLDataTypeLong: Final = 81
MTLDataTypeULong: Final = 85
MTLDataTypeBFloat: Final = 121

MTLCaptureDestinationGPUTraceDocument: Final = 2
