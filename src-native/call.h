// From a JavaScript call to a system call and back: what every file of this folder is written with.
// A system call is a plain function of C values; Family::Function wraps it for Node-API.
//
// Numbers do not travel as arguments: reading one costs two calls into Node.js, and a wait has four. They lie in the
// thread's frame, an array of doubles that both languages see, each at its parameter's place; the answer comes back
// in place 0. Objects (a Uint8Array, a string) are arguments, in their order. What the call before has learned of a
// buffer need not be asked again: its place holds a number by which both know it.
// TypeScript has checked the types and ranges of numbers; what guards memory is checked here, beside the memory.
#pragma once

#include <napi.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "trace.h"

namespace fdmux {

// Memory of a caller (EpollEvents, PollFds, FdSet, SockAddr): an ArrayBuffer that nobody else can reach, so that
// it is never detached, moved or resized. JavaScript names it by its number; 0 is C's NULL.
struct Memory {
  void* data;
  size_t bytes;

  template <typename T>
  T* As() const {
    return static_cast<T*>(data);
  }
};

struct Memories {
  std::vector<Memory> slots{{nullptr, 0}};
  std::vector<uint32_t> unused;
};

// What waits on the thread's event loop (loop.cc).
struct Watcher;

// What one JavaScript thread needs: every wrapped function gets its thread's.
struct Thread {
  napi_env env;
  // Only the main thread may block in one single call: Node.js waits for a worker to leave native code
  // before worker.terminate() or process.exit() come back.
  bool worker;
  // As the kernel knows it: gettid(2).
  uint32_t id;
  double* frame;
  // What keeps the frame's memory.
  napi_ref kept;
  std::shared_ptr<Memories> memories;
  std::vector<uint8_t> scratch;
  // TypedArray.prototype.at, as it was before any caller could put another in its place.
  napi_ref at;
  // The buffer that was read last, and its number.
  uint8_t* known_data = nullptr;
  size_t known_length = 0;
  double known = -1;
  // Whether each descriptor goes with the thread (owned.cc), at its number.
  std::vector<bool> owned{};
  std::vector<Watcher*> watchers{};
  // Each signal that writes into a pipe of this thread's, and the pipe.
  std::vector<std::pair<int, int>> signals{};
  // Who traces this thread, and whether anybody does; the record under way, and sets as select found them.
  bool tracing = false;
  int last_trace = 0;
  std::vector<std::shared_ptr<Trace>> traces{};
  std::vector<uint8_t> record{};
  std::vector<uint8_t> before{};

  // Whether JavaScript is being ended on this thread. Node-API has no such question; a script that cannot
  // be run is the answer.
  bool Terminating() const;
};

constexpr size_t kFrame = 8;
// Behind the parameters: how many buffers JavaScript has numbered.
constexpr size_t kFrameAll = kFrame + 1;

// A call's answer in the kernel's own form.
inline long Answer(long result) { return result == -1 ? -errno : result; }

void ThrowType(napi_env env, const char* message);
void ThrowRange(napi_env env, const char* argument, const char* expected, int64_t got);

// A Uint8Array of the caller's, as it is at the moment of the call.
struct Bytes {
  napi_value array;
  napi_value buffer;
  uint8_t* data;
  size_t length;

  // The bytes from `offset`, `length` of them (-1: all that follow). nullptr: an error has been thrown.
  uint8_t* Window(const Thread& thread, int64_t offset, int64_t* length, const char* argument = "buffer") const;
};

// The same, of a call that is made again and again. A number stands for one array, which JavaScript keeps alive and has
// found as long as it was: its memory is where it was.
struct Buffer : Bytes {};

// An Int32Array or Float64Array that a call fills, as C fills an array.
template <typename T>
struct Array {
  T* data;
  size_t length;

  // Whether `count` elements fit. False: an error has been thrown.
  bool Holds(napi_env env, const char* argument, size_t count) const {
    if (length >= count) return true;
    std::string expected = ">= " + std::to_string(count) + " (elements)";
    ThrowRange(env, (std::string(argument) + ".length").c_str(), expected.c_str(), static_cast<int64_t>(length));
    return false;
  }
};

bool ReadObject(napi_env env, napi_value value, Bytes* out);
bool ReadObject(napi_env env, napi_value value, Array<int32_t>* out);
bool ReadObject(napi_env env, napi_value value, Array<double>* out);
bool ReadObject(napi_env env, napi_value value, std::string* out);
bool ReadBuffer(Thread& thread, double number, napi_value value, Buffer* out);

template <typename T>
constexpr bool kNumber = std::is_arithmetic_v<T>;
template <typename T>
constexpr bool kObject = !kNumber<T> && !std::is_same_v<T, Memory*>;

// One parameter, from its place in the frame or from the next argument. False: an error has been thrown.
template <typename T>
bool ReadParameter(Thread& thread, size_t place, napi_value** next, T* out) {
  if constexpr (kNumber<T>) {
    *out = static_cast<T>(thread.frame[place]);
    return true;
  } else if constexpr (std::is_same_v<T, Memory*>) {
    auto slot = static_cast<size_t>(thread.frame[place]);
    *out = slot == 0 || slot >= thread.memories->slots.size() ? nullptr : &thread.memories->slots[slot];
    return true;
  } else if constexpr (std::is_same_v<T, Buffer>) {
    napi_value value = *(*next)++;
    if (thread.frame[place] != thread.known) return ReadBuffer(thread, thread.frame[place], value, out);
    out->data = thread.known_data;
    out->length = thread.known_length;
    return true;
  } else {
    return ReadObject(thread.env, *(*next)++, out);
  }
}

// Makes a system call, and has it recorded where somebody traces.
template <auto function, typename... Parameters>
long Make(Thread& thread, const Parameters&... parameters) {
  return thread.tracing ? MakeTraced<function>(thread, parameters...) : function(thread, parameters...);
}

template <auto function, bool system_call, typename... Parameters, size_t... place>
napi_value Invoke(napi_env env, napi_callback_info info, long (*)(Thread&, Parameters...),
                  std::index_sequence<place...>) {
  static_assert(sizeof...(Parameters) <= kFrame);
  constexpr size_t kObjects = (0 + ... + (kObject<std::decay_t<Parameters>> ? 1 : 0));
  napi_value argv[kObjects + 1];
  size_t argc = kObjects;
  void* data;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, &data) != napi_ok) return nullptr;
  auto& thread = *static_cast<Thread*>(data);
  napi_value* next = argv;
  std::tuple<std::decay_t<Parameters>...> parameters;
  if (!(ReadParameter(thread, place, &next, &std::get<place>(parameters)) && ...)) return nullptr;
  long result;
  if constexpr (system_call) {
    result = Make<function>(thread, std::get<place>(parameters)...);
  } else {
    result = function(thread, std::get<place>(parameters)...);
  }
  thread.frame[0] = static_cast<double>(result);
  return nullptr;
}

template <auto function, bool system_call, typename... Parameters>
napi_value InvokeAll(napi_env env, napi_callback_info info, long (*signature)(Thread&, Parameters...)) {
  return Invoke<function, system_call>(env, info, signature, std::index_sequence_for<Parameters...>());
}

template <auto function, bool system_call>
napi_value Call(napi_env env, napi_callback_info info) {
  return InvokeAll<function, system_call>(env, info, function);
}

struct NamedNumber {
  const char* name;
  double value;
};
// The one thing only the preprocessor can do: a constant's name beside its value.
#define FDMUX_CONSTANT(name) \
  fdmux::NamedNumber { #name, static_cast < double>(name) }

// Where a file of system calls puts its functions and constants.
struct Family {
  Napi::Object exports;
  Napi::Object constants;
  // The names of the system calls that can be traced, by their ids.
  Napi::Array traced;
  Thread* thread;

  // A function that is no system call.
  template <auto function>
  void Function(const char* name) {
    Raw(name, Call<function, false>);
  }
  // A system call; `name` is its own where one call has several functions.
  template <auto function>
  void SystemCall(const char* function_name, Holds holds = Holds::kNothing, uint8_t elements = 0,
                  const char* name = nullptr) {
    const TracedCall& call = Describe<function>(name == nullptr ? function_name : name, holds, elements);
    traced.Set(call.id, Napi::String::New(exports.Env(), call.name));
    Raw(function_name, Call<function, true>);
  }
  void Raw(const char* name, napi_callback callback);
  void Constants(std::initializer_list<NamedNumber> list);
};

void InitErrno(Family family);
void InitEpoll(Family family);
void InitPoll(Family family);
void InitSelect(Family family);
void InitSocket(Family family);
void InitFd(Family family);
void InitSignal(Family family);
void InitOwned(Family family);
void InitLoop(Family family);
void InitWakeups(Family family);
void InitTrace(Family family);

// What loop.cc asks of the kernel by itself.
long EpollWait(Thread& thread, int epfd, Memory* memory, int maxevents, int timeout);
long Fcntl(Thread& thread, int fd, int command, int argument);
long Close(Thread& thread, int fd);

}  // namespace fdmux
