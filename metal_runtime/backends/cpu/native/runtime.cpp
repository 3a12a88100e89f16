// The native half of the CPU device, as one translation unit.
#include "faults.cpp"
#include "fibers.cpp"
#include "launches.cpp"
#include "memory.cpp"
#include "pool.cpp"
#include "streams.cpp"
#include "watchdog.cpp"
#include "workers.cpp"
