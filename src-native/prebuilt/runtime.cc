// What a prebuilt binary carries so that it needs neither libstdc++ nor a glibc later than 2.28: Node.js, Bun and Deno
// bring different ones, or none. Memory that runs out, and what the library would throw for, ends the process, as an
// exception does in code that catches none.
#include <sched.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

template class std::basic_string<char>;

void* operator new(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace std {
void __throw_bad_alloc() { abort(); }
void __throw_bad_array_new_length() { abort(); }
void __throw_logic_error(const char*) { abort(); }
void __throw_length_error(const char*) { abort(); }
void __throw_out_of_range_fmt(const char*, ...) { abort(); }
void __throw_system_error(int) { abort(); }
// Compares types for std::make_shared where there is no run-time type information.
bool _Sp_make_shared_tag::_S_eq(const type_info&) noexcept { return false; }
}  // namespace std

// A static of a function: made once, whichever thread comes first. The first byte, set, says that it has been made (the
// compiler looks at it by itself), the second one that somebody is at it.
extern "C" {
int __cxa_guard_acquire(std::uint8_t* guard) {
  while (__atomic_exchange_n(&guard[1], 1, __ATOMIC_ACQUIRE) != 0) sched_yield();
  if (__atomic_load_n(&guard[0], __ATOMIC_ACQUIRE) == 0) return 1;
  __atomic_store_n(&guard[1], 0, __ATOMIC_RELEASE);
  return 0;
}
void __cxa_guard_release(std::uint8_t* guard) {
  __atomic_store_n(&guard[0], 1, __ATOMIC_RELEASE);
  __atomic_store_n(&guard[1], 0, __ATOMIC_RELEASE);
}
}

#ifdef __GLIBC__
extern "C" {
// glibc 2.32: whether std::shared_ptr may count without atomics. Node.js always has threads.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
#endif
