// The native half of the CPU device, as one translation unit.
#include "faults.cpp"
#include "fibers.cpp"
#include "memory.cpp"
#include "pool.cpp"
#include "watchdog.cpp"
#include "workers.cpp"
