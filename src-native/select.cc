// select(2) and pselect(2), over sets of any size: only libc's fd_set stops at FD_SETSIZE.
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "wait.h"

namespace fdmux {

// The three sets of a call. The kernel reads and writes whole longs, up to the one that holds nfds - 1.
struct Sets {
  Memory* set[3];
  size_t bytes = 0;

  Sets(Memory* read, Memory* write, Memory* except) : set{read, write, except} {}

  bool Fit(const Thread& thread, int nfds) {
    static const char* const kNames[] = {"readfds", "writefds", "exceptfds"};
    if (nfds > 0) bytes = (static_cast<size_t>(nfds) + 63) / 64 * 8;
    for (int i = 0; i < 3; i++) {
      if (set[i] == nullptr || bytes <= set[i]->bytes) continue;
      std::string expected = "<= " + std::to_string(set[i]->bytes * 8) + " (the size of " + kNames[i] + ")";
      ThrowRange(thread.env, "nfds", expected.c_str(), nfds);
      return false;
    }
    return true;
  }

  fd_set* At(int i) const { return set[i] == nullptr ? nullptr : set[i]->As<fd_set>(); }

  // A wait that times out leaves its sets empty: the next slice needs them as they were.
  void Save(Thread& thread) const {
    thread.scratch.resize(3 * bytes);
    for (int i = 0; i < 3; i++) {
      if (set[i] != nullptr) memcpy(thread.scratch.data() + i * bytes, set[i]->data, bytes);
    }
  }
  void Restore(const Thread& thread) const {
    for (int i = 0; i < 3; i++) {
      if (set[i] != nullptr) memcpy(set[i]->data, thread.scratch.data() + i * bytes, bytes);
    }
  }
};

// The call itself where the machine has it: libc's select is a pselect with more around it.
static int RawSelect(int nfds, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
#ifdef __x86_64__
  return static_cast<int>(syscall(SYS_select, nfds, read, write, except, timeout));
#else
  return select(nfds, read, write, except, timeout);
#endif
}

template <typename Wait>
static long InSlicesOf(Thread& thread, const Sets& sets, int64_t ns, Wait wait) {
  sets.Save(thread);
  return InSlices(thread, ns, [&](int64_t slice) {
    sets.Restore(thread);
    return wait(slice);
  });
}

static long Select(Thread& thread, int nfds, Memory* read, Memory* write, Memory* except, int64_t timeout,
                   int forever) {
  Sets sets(read, write, except);
  if (!sets.Fit(thread, nfds)) return 0;
  auto wait = [&](int64_t us) {
    timeval time;
    time.tv_sec = us / 1'000'000;
    time.tv_usec = us % 1'000'000;
    return Answer(RawSelect(nfds, sets.At(0), sets.At(1), sets.At(2), forever && us < 0 ? nullptr : &time));
  };
  if (forever) timeout = -1;
  // A timeout too long to count in nanoseconds is cut to 292 years.
  int64_t ns = timeout < 0 ? -1 : std::min(timeout, INT64_MAX / 1000) * 1000;
  if (!Sliced(thread, ns) || (!forever && timeout < 0)) return wait(timeout);
  return InSlicesOf(thread, sets, ns, [&](int64_t slice) { return wait((slice + 999) / 1000); });
}

static long Pselect(Thread& thread, int nfds, Memory* read, Memory* write, Memory* except, int64_t timeout,
                    int forever) {
  Sets sets(read, write, except);
  if (!sets.Fit(thread, nfds)) return 0;
  auto wait = [&](int64_t ns) {
    timespec time = Timespec(ns);
    return Answer(pselect(nfds, sets.At(0), sets.At(1), sets.At(2), forever && ns < 0 ? nullptr : &time, nullptr));
  };
  if (forever) timeout = -1;
  if (!Sliced(thread, timeout) || (!forever && timeout < 0)) return wait(timeout);
  return InSlicesOf(thread, sets, timeout, wait);
}

void InitSelect(Family family) {
  family.SystemCall<Select>("select", Holds::kSets);
  family.SystemCall<Pselect>("pselect", Holds::kSets);
  family.Constants({FDMUX_CONSTANT(FD_SETSIZE)});
  // fd_set is an array of longs: seen as 32-bit words, the two of each long change places where the high one
  // comes first.
  constexpr bool kLittle = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  family.Constants({{"FD_SET_SWAP", kLittle || sizeof(long) == 4 ? 0 : 1}});
}

}  // namespace fdmux
