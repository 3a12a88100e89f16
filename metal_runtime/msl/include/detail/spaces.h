// The address spaces of a call's arguments, as a type: overloads that only they tell apart take it first.
#pragma once

namespace metal {
namespace __spaces {

template <long spaces>
struct of {};

}  // namespace __spaces
}  // namespace metal
