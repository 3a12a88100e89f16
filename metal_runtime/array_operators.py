"""Python's operators and the elementwise methods of an array, each handed on by the name of its operator."""

from __future__ import annotations

from typing import Any, Self


class ArrayOperators:
    """Mixin: ``_binary`` and ``_unary`` run an operator of ``metal_runtime.ops`` element by element, ``_matmul`` a product.

    ``_binary`` returns NotImplemented for an operand that is no array and no number, ``_matmul`` for one that is no array.
    """

    __slots__ = ()

    def _binary(self, operator: str, left: Any, right: Any, out: Self | None = None) -> Self:
        raise NotImplementedError

    def _unary(self, operator: str) -> Self:
        raise NotImplementedError

    def _matmul(self, left: Any, right: Any, out: Self | None = None) -> Self:
        raise NotImplementedError

    def __add__(self, other: Any) -> Self:
        return self._binary("add", self, other)

    def __radd__(self, other: Any) -> Self:
        return self._binary("add", other, self)

    def __iadd__(self, other: Any) -> Self:
        return self._binary("add", self, other, self)

    def __sub__(self, other: Any) -> Self:
        return self._binary("sub", self, other)

    def __rsub__(self, other: Any) -> Self:
        return self._binary("sub", other, self)

    def __isub__(self, other: Any) -> Self:
        return self._binary("sub", self, other, self)

    def __mul__(self, other: Any) -> Self:
        return self._binary("mul", self, other)

    def __rmul__(self, other: Any) -> Self:
        return self._binary("mul", other, self)

    def __imul__(self, other: Any) -> Self:
        return self._binary("mul", self, other, self)

    def __truediv__(self, other: Any) -> Self:
        return self._binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._binary("div", other, self)

    def __itruediv__(self, other: Any) -> Self:
        return self._binary("div", self, other, self)

    def __floordiv__(self, other: Any) -> Self:
        return self._binary("floordiv", self, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return self._binary("floordiv", other, self)

    def __ifloordiv__(self, other: Any) -> Self:
        return self._binary("floordiv", self, other, self)

    def __mod__(self, other: Any) -> Self:
        return self._binary("mod", self, other)

    def __rmod__(self, other: Any) -> Self:
        return self._binary("mod", other, self)

    def __imod__(self, other: Any) -> Self:
        return self._binary("mod", self, other, self)

    def __pow__(self, other: Any) -> Self:
        return self._binary("pow", self, other)

    def __rpow__(self, other: Any) -> Self:
        return self._binary("pow", other, self)

    def __ipow__(self, other: Any) -> Self:
        return self._binary("pow", self, other, self)

    def __and__(self, other: Any) -> Self:
        return self._binary("bitwise_and", self, other)

    def __rand__(self, other: Any) -> Self:
        return self._binary("bitwise_and", other, self)

    def __iand__(self, other: Any) -> Self:
        return self._binary("bitwise_and", self, other, self)

    def __or__(self, other: Any) -> Self:
        return self._binary("bitwise_or", self, other)

    def __ror__(self, other: Any) -> Self:
        return self._binary("bitwise_or", other, self)

    def __ior__(self, other: Any) -> Self:
        return self._binary("bitwise_or", self, other, self)

    def __xor__(self, other: Any) -> Self:
        return self._binary("bitwise_xor", self, other)

    def __rxor__(self, other: Any) -> Self:
        return self._binary("bitwise_xor", other, self)

    def __ixor__(self, other: Any) -> Self:
        return self._binary("bitwise_xor", self, other, self)

    def __lshift__(self, other: Any) -> Self:
        return self._binary("left_shift", self, other)

    def __rlshift__(self, other: Any) -> Self:
        return self._binary("left_shift", other, self)

    def __ilshift__(self, other: Any) -> Self:
        return self._binary("left_shift", self, other, self)

    def __rshift__(self, other: Any) -> Self:
        return self._binary("right_shift", self, other)

    def __rrshift__(self, other: Any) -> Self:
        return self._binary("right_shift", other, self)

    def __irshift__(self, other: Any) -> Self:
        return self._binary("right_shift", self, other, self)

    def __matmul__(self, other: Any) -> Self:
        return self._matmul(self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return self._matmul(other, self)

    def __imatmul__(self, other: Any) -> Self:
        return self._matmul(self, other, self)

    def __eq__(self, other: Any) -> Self:  # type: ignore[override]
        return self._binary("eq", self, other)

    def __ne__(self, other: Any) -> Self:  # type: ignore[override]
        return self._binary("ne", self, other)

    def __lt__(self, other: Any) -> Self:
        return self._binary("lt", self, other)

    def __le__(self, other: Any) -> Self:
        return self._binary("le", self, other)

    def __gt__(self, other: Any) -> Self:
        return self._binary("gt", self, other)

    def __ge__(self, other: Any) -> Self:
        return self._binary("ge", self, other)

    def __neg__(self) -> Self:
        return self._unary("neg")

    def __pos__(self) -> Self:
        return self._unary("cast")  # to its own dtype: a copy

    def __abs__(self) -> Self:
        return self._unary("abs")

    def __invert__(self) -> Self:
        return self._unary("bitwise_not")

    def exp(self) -> Self:
        return self._unary("exp")

    def log(self) -> Self:
        return self._unary("log")

    def sqrt(self) -> Self:
        return self._unary("sqrt")

    def rsqrt(self) -> Self:
        return self._unary("rsqrt")

    def sin(self) -> Self:
        return self._unary("sin")

    def cos(self) -> Self:
        return self._unary("cos")

    def tanh(self) -> Self:
        return self._unary("tanh")

    def relu(self) -> Self:
        return self._unary("relu")

    def sigmoid(self) -> Self:
        return self._unary("sigmoid")

    def gelu(self) -> Self:
        return self._unary("gelu")

    def floor(self) -> Self:
        return self._unary("floor")

    def ceil(self) -> Self:
        return self._unary("ceil")
