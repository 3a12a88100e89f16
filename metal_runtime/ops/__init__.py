"""Operators on arrays, computed on the session's device by kernels that the compiler generates.

Elementwise: ``ops.add(a, b, out=None)`` and its like, for buffers, NumPy arrays and numbers, with
NumPy's broadcasting and the promotion of docs/promotion.md. ``ops.matmul(a, b, out=None)`` is the matrix product. Beside them stand the submodules
``ops.reduction`` (``reduce_sum``, ``reduce_max``, ``reduce_min``), ``ops.gather`` and ``ops.scatter``;
the latter two can be called like the function of their own name that they hold:
``ops.gather(x, indices)`` is ``ops.gather.gather(x, indices)``.
"""

from __future__ import annotations

from metal_runtime.ops import gather, random, reduction, scatter
from metal_runtime.ops.conversion import cast
from metal_runtime.ops.counted_repeats import repeat
from metal_runtime.ops.creation import arange, eye, linspace, tri, tril, triu
from metal_runtime.ops.functions import (
    array_scalar,
    binary,
    clamp_function,
    fma_function,
    scalar_array,
    unary,
    where_function,
)
from metal_runtime.ops.index import index
from metal_runtime.ops.joining import concatenate, stack
from metal_runtime.ops.matmul import matmul
from metal_runtime.ops.padding import pad
from metal_runtime.ops.reductions import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    layer_norm,
    log_softmax,
    logsumexp,
    mean,
    prod,
    rms_norm,
    softmax,
    std,
    sum,
    var,
)
from metal_runtime.ops.repeating import roll, tile
from metal_runtime.ops.scanning import cumprod, cumsum, diff
from metal_runtime.ops.scattering import scatter_add, scatter_max, scatter_min
from metal_runtime.ops.selecting import bincount, histogram, nonzero, searchsorted, unique
from metal_runtime.ops.sorting import argsort, sort, topk
from metal_runtime.ops.taking import put_along_axis, take, take_along_axis
from metal_runtime.ops.tensor_products import tensordot, vecdot

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "add_scalar",
    "all",
    "amax",
    "amin",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bincount",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "cast",
    "cbrt",
    "ceil",
    "clamp",
    "concatenate",
    "copysign",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "diff",
    "div",
    "div_scalar",
    "eq",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "exp10",
    "expm1",
    "eye",
    "floor",
    "floordiv",
    "fma",
    "fmod",
    "gather",
    "ge",
    "gelu",
    "gt",
    "histogram",
    "hypot",
    "index",
    "isfinite",
    "isinf",
    "isnan",
    "layer_norm",
    "le",
    "left_shift",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "lt",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mod",
    "mul",
    "mul_scalar",
    "ne",
    "neg",
    "nextafter",
    "nonzero",
    "pad",
    "pow",
    "prod",
    "put_along_axis",
    "random",
    "rdiv_scalar",
    "reciprocal",
    "reduction",
    "relu",
    "repeat",
    "right_shift",
    "rms_norm",
    "roll",
    "round",
    "rsqrt",
    "rsub_scalar",
    "scatter",
    "scatter_add",
    "scatter_max",
    "scatter_min",
    "searchsorted",
    "sigmoid",
    "sign",
    "signbit",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sort",
    "sqrt",
    "square",
    "stack",
    "std",
    "sub",
    "sub_scalar",
    "sum",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "topk",
    "tri",
    "tril",
    "triu",
    "trunc",
    "unique",
    "var",
    "vecdot",
    "where",
]

add = binary("add")
sub = binary("sub")
mul = binary("mul")
div = binary("div")
floordiv = binary("floordiv")
mod = binary("mod")
pow = binary("pow")
square = unary("square")
neg = unary("neg")
abs = unary("abs")
sign = unary("sign")
min = binary("min")
max = binary("max")
minimum = binary("minimum")
maximum = binary("maximum")
clamp = clamp_function()
fma = fma_function()
hypot = binary("hypot")
fmod = binary("fmod")
copysign = binary("copysign")
relu = unary("relu")
sigmoid = unary("sigmoid")
silu = unary("silu")
gelu = unary("gelu")
softplus = unary("softplus")
exp = unary("exp")
exp2 = unary("exp2")
exp10 = unary("exp10")
expm1 = unary("expm1")
log = unary("log")
log2 = unary("log2")
log10 = unary("log10")
log1p = unary("log1p")
sqrt = unary("sqrt")
rsqrt = unary("rsqrt")
cbrt = unary("cbrt")
sin = unary("sin")
cos = unary("cos")
tan = unary("tan")
asin = unary("asin")
acos = unary("acos")
atan = unary("atan")
sinh = unary("sinh")
cosh = unary("cosh")
tanh = unary("tanh")
asinh = unary("asinh")
acosh = unary("acosh")
atanh = unary("atanh")
reciprocal = unary("reciprocal")
logaddexp = binary("logaddexp")
nextafter = binary("nextafter")
erf = unary("erf")
erfc = unary("erfc")
atan2 = binary("atan2")
floor = unary("floor")
ceil = unary("ceil")
round = unary("round")
trunc = unary("trunc")
eq = binary("eq")
ne = binary("ne")
lt = binary("lt")
le = binary("le")
gt = binary("gt")
ge = binary("ge")
isnan = unary("isnan")
isinf = unary("isinf")
isfinite = unary("isfinite")
signbit = unary("signbit")
logical_and = binary("logical_and")
logical_or = binary("logical_or")
logical_xor = binary("logical_xor")
logical_not = unary("logical_not")
bitwise_and = binary("bitwise_and")
bitwise_or = binary("bitwise_or")
bitwise_xor = binary("bitwise_xor")
bitwise_not = unary("bitwise_not")
left_shift = binary("left_shift")
right_shift = binary("right_shift")
where = where_function()

add_scalar = array_scalar("add")
sub_scalar = array_scalar("sub")
mul_scalar = array_scalar("mul")
div_scalar = array_scalar("div")
rsub_scalar = scalar_array("sub")
rdiv_scalar = scalar_array("div")
