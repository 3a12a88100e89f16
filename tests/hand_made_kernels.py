"""Kernels written in IR by hand, for golden texts and for tests of every stage."""

from __future__ import annotations

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Apply,
    Assign,
    Builtin,
    Cast,
    Constant,
    Construct,
    Declare,
    Expr,
    For,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Return,
    Swizzle,
    While,
)
from metal_runtime.ir.operators import OPERATORS
from metal_runtime.msl_types import AddressSpace, Pointer, ValueType, Vector, element_of

BOOL, INT, UINT, FLOAT = DType.BOOL, DType.INT32, DType.UINT32, DType.FLOAT32
FLOAT4 = Vector(FLOAT, 4)
POSITION = Builtin("thread_position_in_grid", Vector(UINT, 3))


def device(element: ValueType, const: bool = False) -> Pointer:
    return Pointer(AddressSpace.DEVICE, element, const)


def ap(name: str, *args: Expr) -> Apply:
    """An operator applied; its type by the table's rule."""
    operator = OPERATORS[name]
    return Apply(operator, args, operator.result_type([a.type for a in args]))


def f(value: float) -> Constant:
    return Constant(float(value), FLOAT)


def u(value: int) -> Constant:
    return Constant(value, UINT)


def i(value: int) -> Constant:
    return Constant(value, INT)


def thread(axis: str = "x") -> Swizzle:
    return Swizzle(POSITION, axis, UINT)


def part(value: Expr, components: str) -> Swizzle:
    element = element_of(value.type)
    return Swizzle(
        value, components, element if len(components) == 1 else Vector(element, len(components))
    )


def saxpy() -> Kernel:
    """y = a * x + y."""
    n, at = Read("n", UINT), Read("i", UINT)
    x, y = Load("x", at, FLOAT), Load("y", at, FLOAT)
    return Kernel(
        "saxpy",
        (
            Param("x", device(FLOAT, const=True)),
            Param("y", device(FLOAT)),
            Param("a", FLOAT),
            Param("n", UINT),
        ),
        (
            Declare("i", UINT, thread()),
            If(ap("lt", at, n), (Assign(y, ap("add", ap("mul", Read("a", FLOAT), x), y)),)),
        ),
    )


def add_3d() -> Kernel:
    """The seed's second program."""
    x, y, z, d, h, w = (Read(name, UINT) for name in "xyzDHW")
    inside = ap("logical_and", ap("logical_and", ap("lt", x, w), ap("lt", y, h)), ap("lt", z, d))
    flat = ap("add", ap("add", ap("mul", ap("mul", z, h), w), ap("mul", y, w)), x)
    idx = Read("idx", UINT)
    return Kernel(
        "add_3d",
        (
            Param("A", device(FLOAT, const=True)),
            Param("B", device(FLOAT, const=True)),
            Param("C", device(FLOAT)),
            Param("D", UINT),
            Param("H", UINT),
            Param("W", UINT),
        ),
        (
            *(Declare(axis, UINT, thread(axis)) for axis in "xyz"),
            If(
                inside,
                (
                    Declare("idx", UINT, flat),
                    Assign(
                        Load("C", idx, FLOAT),
                        ap("add", Load("A", idx, FLOAT), Load("B", idx, FLOAT)),
                    ),
                ),
            ),
        ),
    )


def mandelbrot() -> Kernel:
    """Counts of iterations over [-2, 1] x [-1.5, 1.5]."""
    x, y, width, height = (Read(name, UINT) for name in ("x", "y", "width", "height"))
    zr, zi, cr, ci = (Read(name, FLOAT) for name in ("zr", "zi", "cr", "ci"))
    count, limit = Read("count", INT), Read("limit", INT)

    def scaled(position: Read, size: Read, low: float) -> Expr:
        return ap(
            "add", f(low), ap("div", ap("mul", f(3), Cast(position, FLOAT)), Cast(size, FLOAT))
        )

    size = ap("add", ap("mul", zr, zr), ap("mul", zi, zi))
    going = ap("logical_and", ap("le", size, f(4)), ap("lt", count, limit))
    turn = (
        Declare("t", FLOAT, ap("add", ap("sub", ap("mul", zr, zr), ap("mul", zi, zi)), cr)),
        Assign(zi, ap("add", ap("mul", ap("mul", f(2), zr), zi), ci)),
        Assign(zr, Read("t", FLOAT)),
        Assign(count, ap("add", count, i(1))),
    )
    outside = ap("logical_or", ap("ge", x, width), ap("ge", y, height))
    return Kernel(
        "mandelbrot",
        (
            Param("out", device(INT)),
            Param("width", UINT),
            Param("height", UINT),
            Param("limit", INT),
        ),
        (
            Declare("x", UINT, thread("x")),
            Declare("y", UINT, thread("y")),
            If(outside, (Return(),)),
            Declare("cr", FLOAT, scaled(x, width, -2)),
            Declare("ci", FLOAT, scaled(y, height, -1.5)),
            Declare("zr", FLOAT, f(0)),
            Declare("zi", FLOAT, f(0)),
            Declare("count", INT, i(0)),
            While(going, turn),
            Assign(Load("out", ap("add", ap("mul", y, width), x), INT), count),
        ),
    )


def n_body() -> Kernel:
    """Accelerations of bodies (x, y, z, mass); the square of `softening` keeps the force finite."""
    at, n = Read("i", UINT), Read("n", UINT)
    me, other, delta, total = (Read(name, FLOAT4) for name in ("me", "other", "delta", "total"))
    inverse, squared = Read("inverse", FLOAT), Read("squared", FLOAT)
    xyz = part(delta, "xyz")
    pull = ap("mul", ap("mul", ap("mul", part(other, "w"), inverse), inverse), inverse)
    body = (
        Declare("other", FLOAT4, Load("bodies", Read("j", UINT), FLOAT4)),
        Declare("delta", FLOAT4, ap("sub", other, me)),
        Declare("squared", FLOAT, ap("add", ap("dot", xyz, xyz), Read("softening", FLOAT))),
        Declare("inverse", FLOAT, ap("rsqrt", squared)),
        Assign(total, ap("add", total, ap("mul", delta, Construct((pull,), FLOAT4)))),
    )
    return Kernel(
        "n_body",
        (
            Param("bodies", device(FLOAT4, const=True)),
            Param("forces", device(FLOAT4)),
            Param("n", UINT),
            Param("softening", FLOAT),
        ),
        (
            Declare("i", UINT, thread()),
            If(ap("ge", at, n), (Return(),)),
            Declare("me", FLOAT4, Load("bodies", at, FLOAT4)),
            Declare("total", FLOAT4, Construct((f(0),), FLOAT4)),
            For("j", UINT, u(0), n, u(1), body),
            Assign(part(total, "w"), f(0)),
            Assign(Load("forces", at, FLOAT4), total),
        ),
    )


ALL = {"saxpy": saxpy, "add_3d": add_3d, "mandelbrot": mandelbrot, "n_body": n_body}
