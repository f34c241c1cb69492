// Traces: who listens, and what is written down of a call.
#include "trace.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "call.h"
#include "wait.h"

namespace fdmux {

uint16_t NextTracedId() {
  static std::atomic<uint16_t> next{0};
  return next.fetch_add(1);
}

// How many bytes of a buffer are kept: as many as strace shows, and one that says that there are more.
constexpr int64_t kShown = 33;
constexpr size_t kLongestPath = 4096;

struct Head {
  uint32_t size;
  uint16_t call;
  uint16_t parts;
  uint32_t thread;
  uint32_t reserved;
  double start;
  double duration;
  double result;
};

// At the beginning of a ring's memory; offsets count from there.
struct Ring {
  // Where the next record goes.
  double next;
  // The oldest one.
  double first;
  double count;
  double dropped;
  // The record that was written last.
  double latest;
};

constexpr size_t kRing = sizeof(Ring);

// Says that the rest of the ring is empty, where a record would not have fitted.
constexpr uint32_t kSkip = 0;

static size_t Padded(size_t bytes) { return (bytes + 7) / 8 * 8; }

Record::Record(Thread& thread, const TracedCall& call, const double* numbers)
    : thread_(thread), call_(call), numbers_(numbers) {
  wanted_ = std::any_of(thread.traces.begin(), thread.traces.end(),
                        [&](const auto& trace) { return !trace->telling && trace->Wants(call.id); });
}

size_t Record::SetBytes() const {
  auto nfds = static_cast<int64_t>(numbers_[0]);
  return nfds <= 0 ? 0 : (static_cast<size_t>(nfds) + 63) / 64 * 8;
}

void Record::KeepSet(const Memory* memory) {
  if (call_.holds != Holds::kSets || memory == nullptr) return;
  // A set that is too small is refused before the call is made.
  size_t bytes = std::min(SetBytes(), memory->bytes);
  thread_.before.resize(3 * SetBytes());
  memcpy(thread_.before.data() + sets_++ * SetBytes(), memory->data, bytes);
}

void Record::Start() {
  auto& record = thread_.record;
  record.resize(sizeof(Head));
  Head head{};
  head.start = static_cast<double>(Now());
  memcpy(record.data(), &head, sizeof head);
}

bool Record::End(long result) {
  double end = static_cast<double>(Now());
  bool refused = false;
  napi_is_exception_pending(thread_.env, &refused);
  if (refused) return false;
  result_ = result;
  sets_ = 0;
  Head head;
  memcpy(&head, thread_.record.data(), sizeof head);
  head.call = call_.id;
  head.thread = thread_.id;
  head.duration = end - head.start;
  head.result = static_cast<double>(result);
  memcpy(thread_.record.data(), &head, sizeof head);
  return true;
}

void Record::Put(Part part, const void* data, size_t bytes, const void* more, size_t more_bytes) {
  auto& record = thread_.record;
  size_t at = record.size();
  const uint32_t head[2] = {static_cast<uint32_t>(part), static_cast<uint32_t>(bytes + more_bytes)};
  record.resize(at + sizeof head + Padded(bytes + more_bytes));
  memcpy(record.data() + at, head, sizeof head);
  if (bytes > 0) memcpy(record.data() + at + sizeof head, data, bytes);
  if (more_bytes > 0) memcpy(record.data() + at + sizeof head + bytes, more, more_bytes);
}

void Record::Add(const Memory* memory) {
  size_t place = place_++;
  if (memory == nullptr) return Put(Part::kNull, nullptr, 0);
  switch (call_.holds) {
    case Holds::kEvents:
      return Put(Part::kEvents, memory->data, std::max(result_, 0L) * sizeof(epoll_event));
    case Holds::kPollFds:
      return Put(Part::kPollFds, memory->data, static_cast<size_t>(numbers_[place + 1]) * sizeof(pollfd));
    case Holds::kSets: {
      const uint8_t* before = thread_.before.data() + sets_++ * SetBytes();
      return Put(Part::kSet, before, SetBytes(), memory->data, SetBytes());
    }
    default:
      // What a failed call was to fill holds what was there before.
      if (call_.holds == Holds::kFilled && result_ < 0) return Put(Part::kUnknown, nullptr, 0);
      return Put(Part::kAddress, memory->data, memory->bytes);
  }
}

void Record::Add(const Bytes& bytes) {
  size_t place = place_++;
  auto length = static_cast<int64_t>(bytes.length);
  int64_t offset = 0;
  // An option's value is a whole array; else its offset and its length follow.
  bool window = call_.elements == 0;
  if (window) {
    offset = static_cast<int64_t>(numbers_[place + 1]);
    length = numbers_[place + 2] < 0 ? length - offset : static_cast<int64_t>(numbers_[place + 2]);
  }
  int64_t moved = call_.holds == Holds::kGiven ? length : std::clamp<int64_t>(result_, 0, length);
  auto whole = static_cast<double>(length);
  Put(Part::kWindow, &whole, sizeof whole, bytes.data + offset, std::min(moved, window ? kShown : moved));
}

void Record::Add(const Array<int32_t>& array) {
  place_++;
  // An option's value, whose length getsockopt returns.
  if (call_.elements == 0) {
    auto whole = static_cast<double>(array.length * sizeof(int32_t));
    return Put(Part::kWindow, &whole, sizeof whole, array.data, std::max(result_, 0L));
  }
  if (result_ < 0) return Put(Part::kUnknown, nullptr, 0);
  Put(Part::kInts, array.data, call_.elements * sizeof(int32_t));
}

void Record::Add(const Array<double>& array) {
  place_++;
  if (result_ < 0) return Put(Part::kUnknown, nullptr, 0);
  Put(Part::kDoubles, array.data, call_.elements * sizeof(double));
}

void Record::Add(const std::string& text) {
  place_++;
  Put(Part::kText, text.data(), std::min(text.size(), kLongestPath));
}

// Forgets the oldest records that lie between `from` and `to`.
static void Forget(uint8_t* memory, size_t bytes, Ring* ring, size_t from, size_t to) {
  while (ring->count > 0) {
    auto first = static_cast<size_t>(ring->first);
    uint32_t size = kSkip;
    if (first + sizeof size <= bytes) memcpy(&size, memory + first, sizeof size);
    if (size == kSkip) {
      ring->first = kRing;
      continue;
    }
    if (first < from || first >= to) return;
    ring->first += size;
    ring->count--;
    ring->dropped++;
  }
}

static void KeepInRing(const Memory& memory, const std::vector<uint8_t>& record) {
  if (memory.data == nullptr) return;
  auto* data = memory.As<uint8_t>();
  auto* ring = memory.As<Ring>();
  auto next = static_cast<size_t>(ring->next);
  if (kRing + record.size() > memory.bytes) {
    ring->dropped++;
    ring->latest = 0;
    return;
  }
  if (next + record.size() > memory.bytes) {
    Forget(data, memory.bytes, ring, next, memory.bytes);
    if (next + sizeof kSkip <= memory.bytes) memcpy(data + next, &kSkip, sizeof kSkip);
    next = kRing;
  }
  Forget(data, memory.bytes, ring, next, next + record.size());
  if (ring->count == 0) ring->first = static_cast<double>(next);
  memcpy(data + next, record.data(), record.size());
  ring->latest = static_cast<double>(next);
  ring->next = static_cast<double>(next + record.size());
  ring->count++;
}

// All of it, and no other thread's within it. False: nobody reads any more.
static bool WriteWhole(int fd, const std::vector<uint8_t>& record) {
  static std::mutex writing;
  std::lock_guard<std::mutex> lock(writing);
  for (size_t written = 0; written < record.size();) {
    long result = Answer(write(fd, record.data() + written, record.size() - written));
    if (result > 0) {
      written += result;
    } else if (result == -EAGAIN) {
      pollfd room{fd, POLLOUT, 0};
      poll(&room, 1, -1);
    } else if (result != -EINTR) {
      return false;
    }
  }
  return true;
}

// Calls the functions of JavaScript that wait for this call.
static void Tell(const Thread& thread, uint16_t call) {
  napi_env env = thread.env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  // A function may end its own trace, or another's, or begin one.
  const std::vector<std::shared_ptr<Trace>> traces = thread.traces;
  for (const auto& trace : traces) {
    napi_value told;
    napi_value receiver;
    napi_value result;
    if (trace->telling || trace->told == nullptr || !trace->Wants(call)) continue;
    if (napi_get_reference_value(env, trace->told, &told) != napi_ok || napi_get_undefined(env, &receiver) != napi_ok) {
      continue;
    }
    trace->telling = true;
    napi_call_function(env, receiver, told, 0, nullptr, &result);
    trace->telling = false;
  }
  napi_close_handle_scope(env, scope);
}

void Record::Keep() {
  auto& record = thread_.record;
  Head head;
  memcpy(&head, record.data(), sizeof head);
  head.size = static_cast<uint32_t>(record.size());
  head.parts = static_cast<uint16_t>(place_);
  memcpy(record.data(), &head, sizeof head);
  bool tell = false;
  for (const auto& trace : thread_.traces) {
    if (trace->telling || !trace->Wants(call_.id)) continue;
    if (trace->memory != 0) KeepInRing(thread_.memories->slots[trace->memory], record);
    if (trace->sink >= 0 && !WriteWhole(trace->sink, record)) trace->sink = -1;
    tell |= trace->told != nullptr;
  }
  if (tell) Tell(thread_, call_.id);
}

void StopTelling(Thread& thread) {
  for (const auto& trace : thread.traces) trace->told = nullptr;
}

// trace_start(ids, told), with the ring's memory and the sink in the frame; `ids` are the calls that are wanted.
static napi_value TraceStart(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  void* data;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, &data) != napi_ok) return nullptr;
  auto& thread = *static_cast<Thread*>(data);
  Array<int32_t> ids;
  if (!ReadObject(env, argv[0], &ids)) return nullptr;
  auto memory = static_cast<size_t>(thread.frame[0]);
  auto sink = static_cast<int>(thread.frame[1]);
  const auto& slots = thread.memories->slots;
  if (memory >= slots.size() || (memory > 0 && slots[memory].bytes < sizeof(Ring))) {
    ThrowType(env, "The \"memory\" argument must be an instance of ArrayBuffer");
    return nullptr;
  }
  auto trace = std::make_shared<Trace>();
  trace->id = ++thread.last_trace;
  trace->memory = memory;
  trace->sink = sink;
  for (size_t i = 0; i < ids.length; i++) {
    auto id = static_cast<uint16_t>(ids.data[i]);
    if (trace->wanted.size() <= id) trace->wanted.resize(id + size_t{1});
    trace->wanted[id] = true;
  }
  napi_valuetype type;
  if (napi_typeof(env, argv[1], &type) == napi_ok && type == napi_function) {
    napi_create_reference(env, argv[1], 1, &trace->told);
  }
  if (memory > 0) *slots[memory].As<Ring>() = Ring{kRing, kRing, 0, 0, 0};
  thread.traces.push_back(trace);
  thread.tracing = true;
  thread.frame[0] = trace->id;
  return nullptr;
}

static long TraceStop(Thread& thread, int id) {
  auto& traces = thread.traces;
  auto found = std::find_if(traces.begin(), traces.end(), [&](const auto& trace) { return trace->id == id; });
  if (found == traces.end()) return -ENOENT;
  if ((*found)->told != nullptr) napi_delete_reference(thread.env, (*found)->told);
  (*found)->told = nullptr;
  traces.erase(found);
  thread.tracing = !traces.empty();
  return 0;
}

void InitTrace(Family family) {
  family.Raw("trace_start", TraceStart);
  family.Function<TraceStop>("trace_stop");
  family.Constants({
      {"TRACE_HEAD_BYTES", sizeof(Head)},
      {"TRACE_RING_BYTES", kRing},
  });
}

}  // namespace fdmux
