// The type traits of Metal: the part of C++'s <type_traits> that kernels use, and as_type.
#pragma once
#include "base.h"
#include "vector.h"

namespace metal {

template <typename T, T Value>
struct integral_constant {
  static constexpr T value = Value;
  using value_type = T;
  using type = integral_constant;
  constexpr operator T() const { return Value; }
  constexpr T operator()() const { return Value; }
};
template <bool B>
using bool_constant = integral_constant<bool, B>;
using true_type = bool_constant<true>;
using false_type = bool_constant<false>;

template <bool B, typename T = void>
using enable_if = __impl::enable_if<B, T>;
template <bool B, typename T = void>
using enable_if_t = typename __impl::enable_if<B, T>::type;
template <bool B, typename T, typename F>
using conditional = __impl::conditional<B, T, F>;
template <bool B, typename T, typename F>
using conditional_t = typename __impl::conditional<B, T, F>::type;

// A trait that clang decides: the class, and the variable with _v.
#define IRIS_TRAIT_1(name, ...)                                \
  template <typename T>                                        \
  struct name : bool_constant<__VA_ARGS__> {};                 \
  template <typename T>                                        \
  inline constexpr bool name##_v = __VA_ARGS__;
#define IRIS_TRAIT_2(name, ...)                                \
  template <typename T, typename U>                            \
  struct name : bool_constant<__VA_ARGS__> {};                 \
  template <typename T, typename U>                            \
  inline constexpr bool name##_v = __VA_ARGS__;
#define IRIS_TRAIT_N(name, ...)                                \
  template <typename T, typename... U>                         \
  struct name : bool_constant<__VA_ARGS__> {};                 \
  template <typename T, typename... U>                         \
  inline constexpr bool name##_v = __VA_ARGS__;

IRIS_TRAIT_2(is_same, __is_same(T, U))
IRIS_TRAIT_2(is_base_of, __is_base_of(T, U))
IRIS_TRAIT_2(is_convertible, __is_convertible_to(T, U))
IRIS_TRAIT_2(is_assignable, __is_assignable(T, U))
IRIS_TRAIT_N(is_constructible, __is_constructible(T, U...))
IRIS_TRAIT_1(is_void, __is_void(T))
IRIS_TRAIT_1(is_null_pointer, __is_same(__remove_cv(T), decltype(nullptr)))
IRIS_TRAIT_1(is_integral, __is_integral(T))
IRIS_TRAIT_1(is_floating_point, __impl::is_float<__remove_cv(T)>)
IRIS_TRAIT_1(is_arithmetic, __is_integral(T) || __impl::is_float<__remove_cv(T)>)
IRIS_TRAIT_1(is_scalar, __is_scalar(T) || __impl::is_float<__remove_cv(T)>)
IRIS_TRAIT_1(is_signed, __is_signed(T) || __impl::is_float<__remove_cv(T)>)
IRIS_TRAIT_1(is_unsigned, __is_unsigned(T))
IRIS_TRAIT_1(is_array, __is_array(T))
IRIS_TRAIT_1(is_enum, __is_enum(T))
IRIS_TRAIT_1(is_union, __is_union(T))
IRIS_TRAIT_1(is_class, __is_class(T))
IRIS_TRAIT_1(is_function, __is_function(T))
IRIS_TRAIT_1(is_pointer, __is_pointer(T))
IRIS_TRAIT_1(is_reference, __is_reference(T))
IRIS_TRAIT_1(is_lvalue_reference, __is_lvalue_reference(T))
IRIS_TRAIT_1(is_rvalue_reference, __is_rvalue_reference(T))
IRIS_TRAIT_1(is_const, __is_const(T))
IRIS_TRAIT_1(is_volatile, __is_volatile(T))
IRIS_TRAIT_1(is_trivial, __is_trivially_copyable(T) && __is_trivially_constructible(T))
IRIS_TRAIT_1(is_trivially_copyable, __is_trivially_copyable(T))
IRIS_TRAIT_1(is_standard_layout, __is_standard_layout(T))
IRIS_TRAIT_1(is_default_constructible, __is_constructible(T))
IRIS_TRAIT_1(is_copy_constructible, __is_constructible(T, const T&))
IRIS_TRAIT_1(is_move_constructible, __is_constructible(T, T&&))
IRIS_TRAIT_1(is_copy_assignable, __is_assignable(__add_lvalue_reference(T), const T&))
IRIS_TRAIT_1(is_move_assignable, __is_assignable(__add_lvalue_reference(T), T&&))
IRIS_TRAIT_N(is_trivially_constructible, __is_trivially_constructible(T, U...))
IRIS_TRAIT_1(is_trivially_default_constructible, __is_trivially_constructible(T))
IRIS_TRAIT_1(is_trivially_copy_constructible, __is_trivially_constructible(T, const T&))
IRIS_TRAIT_1(is_trivially_move_constructible, __is_trivially_constructible(T, T&&))
IRIS_TRAIT_2(is_trivially_assignable, __is_trivially_assignable(T, U))
IRIS_TRAIT_1(is_trivially_copy_assignable, __is_trivially_assignable(__add_lvalue_reference(T), const T&))
IRIS_TRAIT_1(is_trivially_move_assignable, __is_trivially_assignable(__add_lvalue_reference(T), T&&))
IRIS_TRAIT_1(is_trivially_destructible, __is_trivially_destructible(T))
IRIS_TRAIT_1(is_destructible, __is_destructible(T))
IRIS_TRAIT_1(is_object, __is_object(T))
IRIS_TRAIT_1(is_fundamental, __is_fundamental(T) || __impl::is_float<__remove_cv(T)>)
IRIS_TRAIT_1(is_compound, !(__is_fundamental(T) || __impl::is_float<__remove_cv(T)>))
IRIS_TRAIT_1(is_member_pointer, __is_member_pointer(T))
IRIS_TRAIT_1(is_member_object_pointer, __is_member_object_pointer(T))
IRIS_TRAIT_1(is_member_function_pointer, __is_member_function_pointer(T))
IRIS_TRAIT_1(is_pod, __is_pod(T))
IRIS_TRAIT_1(is_literal_type, __is_literal(T))
IRIS_TRAIT_1(is_polymorphic, __is_polymorphic(T))
IRIS_TRAIT_1(is_abstract, __is_abstract(T))
IRIS_TRAIT_1(is_final, __is_final(T))
#undef IRIS_TRAIT_1
#undef IRIS_TRAIT_2
#undef IRIS_TRAIT_N

#define IRIS_TRANSFORM(name, ...)    \
  template <typename T>              \
  struct name {                      \
    using type = __VA_ARGS__;        \
  };                                 \
  template <typename T>              \
  using name##_t = __VA_ARGS__;
IRIS_TRANSFORM(remove_const, __remove_const(T))
IRIS_TRANSFORM(remove_volatile, __remove_volatile(T))
IRIS_TRANSFORM(remove_cv, __remove_cv(T))
IRIS_TRANSFORM(remove_reference, __remove_reference_t(T))
IRIS_TRANSFORM(remove_pointer, __remove_pointer(T))
IRIS_TRANSFORM(remove_extent, __remove_extent(T))
IRIS_TRANSFORM(remove_all_extents, __remove_all_extents(T))
IRIS_TRANSFORM(add_const, const T)
IRIS_TRANSFORM(add_volatile, volatile T)
IRIS_TRANSFORM(add_cv, const volatile T)
IRIS_TRANSFORM(add_pointer, __add_pointer(T))
IRIS_TRANSFORM(add_lvalue_reference, __add_lvalue_reference(T))
IRIS_TRANSFORM(add_rvalue_reference, __add_rvalue_reference(T))
IRIS_TRANSFORM(decay, __decay(T))
IRIS_TRANSFORM(remove_addrspace, T)
IRIS_TRANSFORM(underlying_type, __underlying_type(T))
#undef IRIS_TRANSFORM

namespace __impl {
// char, signed char and the vectors: make_signed and make_unsigned keep the width.
template <typename T>
struct change_sign {
  using s = signed_of<T>;
  using u = unsigned_of<T>;
};
template <typename T, int N>
struct change_sign<vec<T, N>> {
  using s = vec<signed_of<T>, N>;
  using u = vec<unsigned_of<T>, N>;
};
}  // namespace __impl
template <typename T>
struct make_signed {
  using type = typename __impl::change_sign<T>::s;
};
template <typename T>
using make_signed_t = typename make_signed<T>::type;
template <typename T>
struct make_unsigned {
  using type = typename __impl::change_sign<T>::u;
};
template <typename T>
using make_unsigned_t = typename make_unsigned<T>::type;

template <typename... T>
struct conjunction : bool_constant<(bool(T::value) && ...)> {};
template <typename... T>
inline constexpr bool conjunction_v = (bool(T::value) && ...);
template <typename... T>
struct disjunction : bool_constant<(bool(T::value) || ...)> {};
template <typename... T>
inline constexpr bool disjunction_v = (bool(T::value) || ...);
template <typename... T>
using _disjunction = disjunction<T...>;  // Apple's name beneath it, which published kernels use
template <typename T>
struct negation : bool_constant<!bool(T::value)> {};
template <typename T>
inline constexpr bool negation_v = !bool(T::value);

template <typename T>
constexpr __add_rvalue_reference(T) declval() noexcept;

template <typename T>
struct alignment_of : integral_constant<size_t, alignof(T)> {};
template <typename T>
inline constexpr size_t alignment_of_v = alignof(T);
// The type that both sides of a conditional convert to; of several, from left to right.
template <typename... T>
struct common_type;
template <typename T>
struct common_type<T> {
  using type = __decay(T);
};
template <typename T, typename U>
struct common_type<T, U> {
  using type = __decay(decltype(false ? declval<T>() : declval<U>()));
};
template <typename T, typename U, typename... V>
struct common_type<T, U, V...> : common_type<typename common_type<T, U>::type, V...> {};
template <typename... T>
using common_type_t = typename common_type<T...>::type;

// What a function returns for arguments of these types.
template <typename F>
struct result_of;
template <typename F, typename... A>
struct result_of<F(A...)> {
  using type = decltype(declval<F>()(declval<A>()...));
};
template <typename F>
using result_of_t = typename result_of<F>::type;

// The element type and the number of elements of a vector (1 of a scalar).
template <typename T>
struct make_scalar {
  using type = T;
};
template <typename T, int N>
struct make_scalar<vec<T, N>> {
  using type = T;
};
template <typename T>
using make_scalar_t = typename make_scalar<T>::type;
template <typename T, int N>
struct make_vector {
  using type = vec<T, N>;
};
template <typename T, int N>
using make_vector_t = vec<T, N>;
template <typename T>
struct is_vector : false_type {};
template <typename T, int N>
struct is_vector<vec<T, N>> : true_type {};
template <typename T>
inline constexpr bool is_vector_v = is_vector<T>::value;
template <typename T>
struct vec_elements : integral_constant<int, 1> {};
template <typename T, int N>
struct vec_elements<vec<T, N>> : integral_constant<int, N> {};
template <typename T>
inline constexpr int vec_elements_v = vec_elements<T>::value;

}  // namespace metal

// The same bits as another type: global, as in Metal.
template <typename To, typename From>
IRIS_FN constexpr To as_type(From from) {
  static_assert(sizeof(To) == sizeof(From), "as_type needs types of one size");
  return __builtin_bit_cast(To, from);
}
namespace metal {
using ::as_type;
}
