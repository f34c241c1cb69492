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

static Napi::Value At(Napi::Env env) {
  auto array = env.Global().Get("Uint8Array").As<Napi::Object>();
  return array.Get("prototype").As<Napi::Object>().Get("at");
}

// References are no part of what the environment frees by itself: each worker would leave two behind.
static void End(napi_env env, void* data, void*) {
  auto* thread = static_cast<Thread*>(data);
  napi_delete_reference(env, thread->kept);
  napi_delete_reference(env, thread->at);
  delete thread;
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto id = static_cast<uint32_t>(syscall(SYS_gettid));
  bool worker = id != static_cast<uint32_t>(getpid());
  auto frame = Napi::Float64Array::New(env, kFrameAll);
  exports.Set("frame", frame);
  auto* thread =
      new Thread{env, worker, id, frame.Data(), Keep(env, frame), std::make_shared<Memories>(), {}, Keep(env, At(env))};
  napi_set_instance_data(env, thread, End, nullptr);
  Family family{exports, Napi::Object::New(env), Napi::Array::New(env), thread};
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
  exports.Set("constants", family.constants);
  exports.Set("traced", family.traced);
  return exports;
}

NODE_API_MODULE(fdmux, Init)

}  // namespace fdmux
