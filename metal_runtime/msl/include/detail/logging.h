// os_log (MSL 6.20): each message becomes one line on the process' standard error.
#pragma once
#include "base.h"
#include "bfloat.h"

namespace metal {

enum os_log_type : uchar {
  os_log_type_default = 0,
  os_log_type_info = 1,
  os_log_type_debug = 2,
  os_log_type_error = 16,
  os_log_type_fault = 17,
};

namespace __logging {

inline constexpr int longest_line = 1024;  // bytes; what is longer is cut
extern "C" long __iris_write(int file, const void* bytes, ulong count) __asm__("write");

// What C's variadic functions take: they know neither half nor bfloat.
template <typename T>
IRIS_FN auto passed(T value) {
  if constexpr (__is_same(T, float) || __is_same(T, half) || __is_same(T, bfloat)) return double(float(value));
  else return value;
}

// Not inlined: the buffer belongs on the stack only while a message is written.
template <typename... A>
__attribute__((noinline)) void line(const char* level, const char* format, A... arguments) {
  char text[longest_line];
  int length = __builtin_snprintf(text, longest_line, "%s: ", level);
  int added = __builtin_snprintf(text + length, longest_line - 1 - length, format, arguments...);
  length = added < 0 ? length : length + added;
  if (length > longest_line - 2) length = longest_line - 2;
  text[length++] = '\n';
  __iris_write(2, text, ulong(length));
}

}  // namespace __logging

struct os_log {
  constexpr os_log() = default;
  constexpr os_log(const char* subsystem, const char* category) : __subsystem(subsystem), __category(category) {}

#define IRIS_LOG(name, level)                                               \
  template <typename... A>                                                  \
  IRIS_FN void name(const char* format, A... arguments) const {             \
    __logging::line(level, format, __logging::passed(arguments)...);        \
  }
  IRIS_LOG(log, "log")
  IRIS_LOG(log_debug, "debug")
  IRIS_LOG(log_info, "info")
  IRIS_LOG(log_error, "error")
  IRIS_LOG(log_fault, "fault")
#undef IRIS_LOG
  template <typename... A>
  IRIS_FN void log_with_type(os_log_type type, const char* format, A... arguments) const {
    const char* level = type == os_log_type_error   ? "error"
                        : type == os_log_type_fault ? "fault"
                        : type == os_log_type_debug ? "debug"
                        : type == os_log_type_info  ? "info"
                                                    : "log";
    __logging::line(level, format, __logging::passed(arguments)...);
  }

 private:
  const char* __subsystem = "";
  const char* __category = "";
};

inline constexpr os_log os_log_default;

}  // namespace metal
