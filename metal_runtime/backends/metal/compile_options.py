"""How Apple's compiler is asked: CompileOptions in, MTLCompileOptions and MTLFunctionConstantValues out."""

from __future__ import annotations

from collections.abc import Iterable

from metal_runtime.backends.metal.constants import (
    MTLDataTypeBFloat,
    MTLDataTypeBool,
    MTLDataTypeChar,
    MTLDataTypeFloat,
    MTLDataTypeHalf,
    MTLDataTypeInt,
    MTLDataTypeLong,
    MTLDataTypeShort,
    MTLDataTypeUChar,
    MTLDataTypeUInt,
    MTLDataTypeULong,
    MTLDataTypeUShort,
    MTLLanguageVersion3_0,
    MTLLanguageVersion3_1,
    MTLLanguageVersion3_2,
    MTLLanguageVersion4_0,
    MTLMathModeFast,
    MTLMathModeSafe,
)
from metal_runtime.backends.metal.protocols import (
    Framework,
    MTLCompileOptions,
    MTLFunctionConstantValues,
)
from metal_runtime.dtype import DType
from metal_runtime.msl.function_constants import Value, constant_bytes
from metal_runtime.msl_types import ValueType, Vector
from metal_runtime.program import CompileOptions, FunctionConstant, MathMode

_VERSIONS = (
    ((26, 0), MTLLanguageVersion4_0),
    ((15, 0), MTLLanguageVersion3_2),
    ((14, 0), MTLLanguageVersion3_1),
)
_MATH_MODE_SINCE = (15, 0)
_DATA_TYPES = {
    DType.BOOL: MTLDataTypeBool,
    DType.INT8: MTLDataTypeChar,
    DType.UINT8: MTLDataTypeUChar,
    DType.INT16: MTLDataTypeShort,
    DType.UINT16: MTLDataTypeUShort,
    DType.INT32: MTLDataTypeInt,
    DType.UINT32: MTLDataTypeUInt,
    DType.INT64: MTLDataTypeLong,
    DType.UINT64: MTLDataTypeULong,
    DType.FLOAT16: MTLDataTypeHalf,
    DType.BFLOAT16: MTLDataTypeBFloat,
    DType.FLOAT32: MTLDataTypeFloat,
}


def language_version(macos: tuple[int, int]) -> int:
    """The newest Metal Shading Language that a system compiles."""
    return next((v for since, v in _VERSIONS if macos >= since), MTLLanguageVersion3_0)


def compile_options(options: CompileOptions, framework: Framework) -> MTLCompileOptions:
    """The options for a library. Before macOS 15 the math mode is a switch: fast or not."""
    made = framework.compile_options()
    made.setLanguageVersion_(language_version(framework.macos))
    fast = options.math_mode is MathMode.FAST
    if framework.macos >= _MATH_MODE_SINCE:
        made.setMathMode_(MTLMathModeFast if fast else MTLMathModeSafe)
    else:
        made.setFastMathEnabled_(fast)
    if options.defines:
        made.setPreprocessorMacros_(dict(options.defines))
    return made


def constant_values(
    constants: Iterable[FunctionConstant],
    values: Iterable[tuple[str | int, Value]],
    framework: Framework,
) -> MTLFunctionConstantValues:
    """The values of a kernel's function constants, each as the bytes of its type."""
    made = framework.function_constant_values()
    given = dict(values)
    for constant in constants:
        key = constant.name if constant.name in given else constant.index
        if key in given:
            data, type_ = constant_bytes(constant.type, given[key]), data_type(constant.type)
            made.setConstantValue_type_atIndex_(data, type_, constant.index)
    return made


def data_type(type_: ValueType) -> int:
    """MTLDataType: vectors of 2, 3 and 4 follow their scalar."""
    scalar: DType = type_.element if isinstance(type_, Vector) else type_
    width = type_.width if isinstance(type_, Vector) else 1
    return _DATA_TYPES[scalar] + width - 1
