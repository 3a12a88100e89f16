// uniform<T>: a value that is the same in all threads of a threadgroup (MSL 2.18). Here just a value.
#pragma once
#include "base.h"

namespace metal {

template <typename T>
struct uniform {
  using type = T;
  uniform() = default;
  IRIS_FN constexpr uniform(T value) : __value(value) {}
  IRIS_FN constexpr operator T() const { return __value; }
  T __value;
};

template <typename T>
IRIS_FN constexpr uniform<T> make_uniform(T value) {
  return uniform<T>(value);
}

#define IRIS_UNIFORM(op)                                                       \
  template <typename T, typename U>                                            \
  IRIS_FN constexpr auto operator op(uniform<T> a, uniform<U> b) {             \
    return uniform<decltype(a.__value op b.__value)>(a.__value op b.__value);  \
  }
IRIS_UNIFORM(+)
IRIS_UNIFORM(-)
IRIS_UNIFORM(*)
IRIS_UNIFORM(/)
IRIS_UNIFORM(%)
#undef IRIS_UNIFORM

}  // namespace metal
