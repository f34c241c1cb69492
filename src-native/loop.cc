// An epoll set on Node.js's own event loop. libuv watches the set's descriptor (an epoll set inside its own, no
// thread); when it wakes up, the events are taken in one go and handed to JavaScript.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include "wait.h"

namespace fdmux {

// How a batch is handed over.
enum class Mode {
  // In one call, told how many events there are.
  kBatch = 0,
  // In one call for each event, told its index: each is a callback of Node.js's own, after which ticks and promises
  // run, and an exception in one does not cost the others their turn.
  kEach = 1,
  // As kBatch, once for each time it is armed; in between, events stay in the set.
  kOnce = 2,
};

struct Watcher {
  uv_poll_t handle;
  Thread* thread;
  napi_ref callback;
  napi_async_cleanup_hook_handle hook;
  int epfd;
  size_t memory;
  int capacity;
  Mode mode;
  bool armed;
  bool ref;
  uint32_t id;
  bool busy;
  uint32_t turns;
};

static uv_handle_t* HandleOf(Watcher* watcher) { return reinterpret_cast<uv_handle_t*>(&watcher->handle); }

static bool Closing(Watcher* watcher) { return uv_is_closing(HandleOf(watcher)) != 0; }

// libuv is done with the handle only a turn of the loop later, which may be after the thread's own end: from here on
// nothing of it is touched but what the handle itself needs.
static void CloseWatcher(Watcher* watcher) {
  Thread& thread = *watcher->thread;
  thread.watchers[watcher->id] = nullptr;
  napi_delete_reference(thread.env, watcher->callback);
  uv_close(HandleOf(watcher), [](uv_handle_t* handle) {
    auto* watcher = static_cast<Watcher*>(handle->data);
    napi_remove_async_cleanup_hook(watcher->hook);
    delete watcher;
  });
  Make<Close>(thread, watcher->epfd);
}

// A handle that is still open when its loop ends aborts the process.
static void CloseAtEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* watcher = static_cast<Watcher*>(data);
  // No more JavaScript runs.
  StopTelling(*watcher->thread);
  if (!Closing(watcher)) CloseWatcher(watcher);
}

// A turn's calls into JavaScript: what they have in common is fetched once.
struct Callback {
  const Thread& thread;
  napi_value receiver;
  napi_value callback;

  // False once JavaScript is being ended. An exception is an uncaught one, as from any of Node.js's callbacks.
  bool operator()(long number) const {
    napi_env env = thread.env;
    napi_value argument;
    napi_value result;
    if (napi_create_int32(env, static_cast<int32_t>(number), &argument) != napi_ok) return false;
    // No context of its own: the callback carries an AsyncResource, which knows AsyncLocalStorage in every Node.js.
    if (napi_make_callback(env, nullptr, receiver, callback, 1, &argument, &result) == napi_ok) return true;
    napi_value exception;
    bool pending = false;
    napi_is_exception_pending(env, &pending);
    if (!pending || napi_get_and_clear_last_exception(env, &exception) != napi_ok || thread.Terminating()) return false;
    napi_fatal_exception(env, exception);
    return true;
  }
};

static long Take(Watcher* watcher, int status) {
  if (status < 0) return status;
  Thread& thread = *watcher->thread;
  Memory* memory = &thread.memories->slots[watcher->memory];
  if (memory->data == nullptr) return -EFAULT;
  return Make<EpollWait>(thread, watcher->epfd, memory, watcher->capacity, 0);
}

// False when there is nothing to go on for.
static bool HandOver(Watcher* watcher, const Callback& call, long count) {
  if (watcher->mode != Mode::kEach || count < 0) return call(count) && count > 0;
  for (long i = 0; i < count && !Closing(watcher); i++) {
    if (!call(i)) return false;
  }
  return true;
}

// A turn of the loop costs more than a look at the set. Where looks keep finding events, one turn takes several: few,
// and for a short time only, so that timers and other sockets have theirs (libuv reads a socket up to 32 times a turn).
constexpr int kLooks = 32;
constexpr long kEventsOfATurn = 64;
constexpr int64_t kTimeOfATurn = 50'000;
// Where they do not, another look is tried only now and then.
constexpr uint32_t kTryEvery = 16;

static void HandOverLooks(Watcher* watcher, const Callback& call, long count) {
  bool again = watcher->busy || ++watcher->turns % kTryEvery == 0;
  const int64_t end = again ? Now() + kTimeOfATurn : 0;
  long events = 0;
  for (int looks = 1;; looks++) {
    if (!HandOver(watcher, call, count) || Closing(watcher)) return;
    events += count;
    if (!again || looks == kLooks || events >= kEventsOfATurn || Now() > end) return;
    count = Take(watcher, 0);
    if (Closing(watcher)) return;
    watcher->busy = count > 0;
    if (count == 0 || count == -EINTR) return;
  }
}

static void OnReady(uv_poll_t* handle, int status, int) {
  auto* watcher = static_cast<Watcher*>(handle->data);
  if (!watcher->armed) {
    // Nobody waits now: stopping only here spares a stop and a start to a loop that waits again at once.
    uv_poll_stop(handle);
    return;
  }
  long count = Take(watcher, status);
  // Who is told of the call may have closed the watcher.
  if (Closing(watcher)) return;
  // Another thread or object took the events first.
  if (count == 0 || count == -EINTR) return;
  napi_env env = watcher->thread->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  Callback call{*watcher->thread, nullptr, nullptr};
  if (napi_get_reference_value(env, watcher->callback, &call.callback) == napi_ok &&
      napi_get_global(env, &call.receiver) == napi_ok) {
    if (watcher->mode == Mode::kOnce) {
      watcher->armed = false;
      uv_unref(HandleOf(watcher));
      HandOver(watcher, call, count);
    } else {
      HandOverLooks(watcher, call, count);
    }
  }
  napi_close_handle_scope(env, scope);
}

static void Hold(Watcher* watcher) {
  if (watcher->ref && watcher->armed) {
    uv_ref(HandleOf(watcher));
  } else {
    uv_unref(HandleOf(watcher));
  }
}

static long Arm(Watcher* watcher, bool armed) {
  watcher->armed = armed;
  Hold(watcher);
  if (!armed || uv_is_active(HandleOf(watcher))) return 0;
  return uv_poll_start(&watcher->handle, UV_READABLE, OnReady);
}

static uint32_t Place(Thread& thread) {
  auto& watchers = thread.watchers;
  for (size_t id = 1; id < watchers.size(); id++) {
    if (watchers[id] == nullptr) return static_cast<uint32_t>(id);
  }
  // 0 is nobody.
  watchers.resize(watchers.empty() ? 2 : watchers.size() + 1);
  return static_cast<uint32_t>(watchers.size() - 1);
}

// The watcher polls a descriptor of its own: whatever becomes of the caller's, libuv never looks at another's.
static long Start(Thread& thread, int epfd, size_t memory, int capacity, Mode mode, napi_value callback) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(thread.env, &loop) != napi_ok) return -EINVAL;
  auto own = static_cast<int>(Make<Fcntl>(thread, epfd, F_DUPFD_CLOEXEC, 0));
  if (own < 0) return own;
  auto* watcher =
      new Watcher{{}, &thread, nullptr, nullptr, own, memory, capacity, mode, false, true, Place(thread), false, 0};
  if (int error = uv_poll_init(loop, &watcher->handle, own)) {
    Make<Close>(thread, own);
    delete watcher;
    return error;
  }
  watcher->handle.data = watcher;
  thread.watchers[watcher->id] = watcher;
  napi_create_reference(thread.env, callback, 1, &watcher->callback);
  napi_add_async_cleanup_hook(thread.env, CloseAtEnd, watcher, &watcher->hook);
  long error = Arm(watcher, mode != Mode::kOnce);
  if (error == 0) return watcher->id;
  CloseWatcher(watcher);
  return error;
}

// loop_watch(callback), with the set, the memory, its capacity and the mode in the frame.
static napi_value LoopWatch(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value callback;
  void* data;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &argc, &callback, nullptr, &data) != napi_ok) return nullptr;
  auto& thread = *static_cast<Thread*>(data);
  auto memory = static_cast<size_t>(thread.frame[1]);
  auto capacity = static_cast<int>(thread.frame[2]);
  auto mode = static_cast<int>(thread.frame[3]);
  bool fits = memory > 0 && memory < thread.memories->slots.size() && capacity > 0 &&
              static_cast<size_t>(capacity) <= thread.memories->slots[memory].bytes / sizeof(epoll_event);
  if (!fits || mode < 0 || mode > 2) {
    ThrowType(env, "The \"events\" argument must be an instance of EpollEvents");
  } else if (napi_typeof(env, callback, &type) != napi_ok || type != napi_function) {
    ThrowType(env, "The \"callback\" argument must be of type function");
  } else {
    long answer = Start(thread, static_cast<int>(thread.frame[0]), memory, capacity, static_cast<Mode>(mode), callback);
    thread.frame[0] = static_cast<double>(answer);
  }
  return nullptr;
}

static Watcher* Find(const Thread& thread, int id) {
  return id > 0 && static_cast<size_t>(id) < thread.watchers.size() ? thread.watchers[id] : nullptr;
}

static long LoopArm(Thread& thread, int id, int armed) {
  Watcher* watcher = Find(thread, id);
  return watcher == nullptr ? -ENOENT : Arm(watcher, armed != 0);
}

static long LoopRef(Thread& thread, int id, int ref) {
  Watcher* watcher = Find(thread, id);
  if (watcher == nullptr) return -ENOENT;
  watcher->ref = ref != 0;
  Hold(watcher);
  return 0;
}

static long LoopClose(Thread& thread, int id) {
  Watcher* watcher = Find(thread, id);
  if (watcher == nullptr) return -ENOENT;
  CloseWatcher(watcher);
  return 0;
}

void InitLoop(Family family) {
  family.Raw("loop_watch", LoopWatch);
  family.Function<LoopArm>("loop_arm");
  family.Function<LoopRef>("loop_ref");
  family.Function<LoopClose>("loop_close");
  family.Constants({
      {"LOOP_BATCH", static_cast<double>(Mode::kBatch)},
      {"LOOP_EACH", static_cast<double>(Mode::kEach)},
      {"LOOP_ONCE", static_cast<double>(Mode::kOnce)},
  });
}

}  // namespace fdmux
