// The addon's door: one table of functions and one of constants, filled by each family of calls.
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"

namespace fdmux {

// Which memory to forget once JavaScript has no more use for it; it may come after the thread's own end.
struct Pinned {
  std::shared_ptr<Memories> memories;
  uint32_t slot;

  static void Release(napi_env, void* data, void*) {
    auto* pinned = static_cast<Pinned*>(data);
    pinned->memories->slots[pinned->slot] = {nullptr, 0};
    pinned->memories->unused.push_back(pinned->slot);
    delete pinned;
  }
};

// Gives an ArrayBuffer's memory a number, for as long as the ArrayBuffer lives.
static napi_value Pin(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value buffer;
  void* thread = nullptr;
  Memory memory{nullptr, 0};
  if (napi_get_cb_info(env, info, &argc, &buffer, nullptr, &thread) != napi_ok ||
      napi_get_arraybuffer_info(env, buffer, &memory.data, &memory.bytes) != napi_ok) {
    ThrowType(env, "The \"buffer\" argument must be an instance of ArrayBuffer");
    return nullptr;
  }
  auto& memories = static_cast<Thread*>(thread)->memories;
  uint32_t slot;
  if (memories->unused.empty()) {
    slot = static_cast<uint32_t>(memories->slots.size());
    memories->slots.push_back(memory);
  } else {
    slot = memories->unused.back();
    memories->unused.pop_back();
    memories->slots[slot] = memory;
  }
  auto* pinned = new Pinned{memories, slot};
  if (napi_add_finalizer(env, buffer, pinned, Pinned::Release, nullptr, nullptr) != napi_ok) {
    Pinned::Release(env, pinned, nullptr);
    return nullptr;
  }
  napi_value number = nullptr;
  napi_create_uint32(env, slot, &number);
  return number;
}

// A value that lives as long as the thread does.
static napi_ref Keep(napi_env env, napi_value value) {
  napi_ref reference = nullptr;
  napi_create_reference(env, value, 1, &reference);
  return reference;
}

// Uint8Array.prototype.at.
static napi_value At(napi_env env) {
  napi_value value;
  if (napi_get_global(env, &value) != napi_ok) return nullptr;
  for (const char* name : {"Uint8Array", "prototype", "at"}) {
    if (napi_get_named_property(env, value, name, &value) != napi_ok) return nullptr;
  }
  return value;
}

// References are no part of what the environment frees by itself: each worker would leave two behind.
static void End(napi_env env, void* data, void*) {
  auto* thread = static_cast<Thread*>(data);
  napi_delete_reference(env, thread->kept);
  napi_delete_reference(env, thread->at);
  delete thread;
}

static napi_value Init(napi_env env, napi_value exports) {
  void* memory = nullptr;
  napi_value buffer;
  napi_value frame;
  napi_value constants;
  napi_value traced;
  napi_value at = At(env);
  // What Node.js refused stands as an exception.
  if (at == nullptr || napi_create_arraybuffer(env, kFrame * sizeof(double), &memory, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_float64_array, kFrame, buffer, 0, &frame) != napi_ok ||
      napi_create_object(env, &constants) != napi_ok || napi_create_array(env, &traced) != napi_ok) {
    return nullptr;
  }
  napi_set_named_property(env, exports, "frame", frame);
  auto id = static_cast<uint32_t>(syscall(SYS_gettid));
  bool worker = id != static_cast<uint32_t>(getpid());
  auto* thread = new Thread{
      env, worker, id, static_cast<double*>(memory), Keep(env, frame), std::make_shared<Memories>(), {}, Keep(env, at)};
  napi_set_instance_data(env, thread, End, nullptr);
  Family family{env, exports, constants, traced, thread};
  family.Raw("pin", Pin);
  InitOwned(family);
  InitErrno(family);
  InitEpoll(family);
  InitPoll(family);
  InitSelect(family);
  InitSocket(family);
  InitFd(family);
  InitSignal(family);
  InitLoop(family);
  InitWakeups(family);
  InitTrace(family);
  napi_set_named_property(env, exports, "constants", constants);
  napi_set_named_property(env, exports, "traced", traced);
  return exports;
}

}  // namespace fdmux

NAPI_MODULE_INIT() { return fdmux::Init(env, exports); }
