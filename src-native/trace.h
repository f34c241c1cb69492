// A trace: what was asked of the kernel, with the memory that went along, and what it answered, call by call, as
// records in memory that JavaScript reads later (src/trace/decode.ts), or written to a descriptor at once.
// While nobody traces, a call costs one look at a flag.
#pragma once

#include <node_api.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace fdmux {

struct Thread;
struct Memory;
struct Bytes;
template <typename T>
struct Array;

// What the memory of a call's is, and which way it goes.
enum class Holds : uint8_t {
  kNothing,
  // The kernel reads it: a buffer's window, an address, the bytes of an option.
  kGiven,
  // The kernel fills it: the same, and arrays of a fixed number of elements.
  kFilled,
  kEvents,
  kPollFds,
  kSets,
};

// A system call, as it stands in a trace.
struct TracedCall {
  const char* name;
  Holds holds;
  // How many elements of an array the kernel fills.
  uint8_t elements;
  uint16_t id;
};

uint16_t NextTracedId();

// The description of the call that `function` makes: what the first to ask says of it, on whichever thread.
template <auto function>
const TracedCall& Describe(const char* name = nullptr, Holds holds = Holds::kNothing, uint8_t elements = 0) {
  static const TracedCall call{name, holds, elements, NextTracedId()};
  return call;
}

// Who listens: JavaScript, through a ring in an ArrayBuffer of its own, or a descriptor.
struct Trace {
  int id;
  // The number of the ring's memory; 0: none.
  size_t memory;
  // -1: none.
  int sink;
  std::vector<bool> wanted;
  // Called after each record, unless it is nullptr.
  napi_ref told;
  bool telling;

  bool Wants(uint16_t call) const { return call < wanted.size() && wanted[call]; }
};

// What a parameter is in a record. 64-bit numbers follow, or so many bytes, filled up to 8.
enum class Part : uint32_t {
  kNumber,
  kNull,
  kUnknown,
  kEvents,
  kPollFds,
  kSet,
  kAddress,
  kWindow,
  kInts,
  kDoubles,
  kText
};

// One call's record under way. Its parameters are added in their order, once the call has returned.
class Record {
 public:
  Record(Thread& thread, const TracedCall& call, const double* numbers);

  // Whether a trace wants it.
  bool Wanted() const { return wanted_; }
  // What select is about to overwrite.
  template <typename T>
  void Before(const T& parameter) {
    if constexpr (std::is_same_v<T, Memory*>) KeepSet(parameter);
  }

  void Start();
  // False: the call was not made, an argument was refused.
  bool End(long result);

  template <typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  void Add(T) {
    Put(Part::kNumber, &numbers_[place_], sizeof(double));
    place_++;
  }
  void Add(const Memory* memory);
  void Add(const Bytes& bytes);
  void Add(const Array<int32_t>& array);
  void Add(const Array<double>& array);
  void Add(const std::string& text);

  // Hands it to whoever listens. A function of JavaScript that is told of it may make calls, and use the frame.
  void Keep();

 private:
  void Put(Part part, const void* data, size_t bytes, const void* more = nullptr, size_t more_bytes = 0);
  void KeepSet(const Memory* memory);
  size_t SetBytes() const;

  Thread& thread_;
  const TracedCall& call_;
  const double* numbers_;
  bool wanted_;
  long result_ = 0;
  size_t place_ = 0;
  size_t sets_ = 0;
};

// Calls no function of JavaScript any more: its thread ends.
void StopTelling(Thread& thread);

template <typename T>
double NumberOf(const T& value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<double>(value);
  } else {
    return 0;
  }
}

// Makes a system call of fdmux's on a thread that is traced.
template <auto function, typename... Parameters>
long MakeTraced(Thread& thread, const Parameters&... parameters) {
  const double numbers[] = {NumberOf(parameters)...};
  Record record(thread, Describe<function>(), numbers);
  if (!record.Wanted()) return function(thread, parameters...);
  (record.Before(parameters), ...);
  record.Start();
  long result = function(thread, parameters...);
  if (!record.End(result)) return result;
  (record.Add(parameters), ...);
  record.Keep();
  return result;
}

}  // namespace fdmux
