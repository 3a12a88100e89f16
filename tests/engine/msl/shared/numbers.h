#pragma once

namespace shared_numbers {
#ifdef ANSWER
constant constexpr int answer = ANSWER;
#else
constant constexpr int answer = 42;
#endif
}  // namespace shared_numbers
