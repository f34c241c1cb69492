// The parts of call.h that are not worth inlining: errors, memory, registration.
#include "call.h"

#include <cstdio>
#include <string>

namespace fdmux {

bool Thread::Terminating() const {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return true;
  napi_value script;
  napi_value result;
  bool runs =
      napi_create_string_utf8(env, "0", 1, &script) == napi_ok && napi_run_script(env, script, &result) == napi_ok;
  napi_close_handle_scope(env, scope);
  return !runs;
}

void ThrowType(napi_env env, const char* message) { napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message); }

void ThrowRange(napi_env env, const char* argument, const char* expected, int64_t got) {
  std::string message = std::string("The value of \"") + argument + "\" is out of range. It must be " + expected +
                        ". Received " + std::to_string(got);
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message.c_str());
}

// A typed array of one type over memory that only JavaScript's thread can change during the call.
static bool ReadTyped(napi_env env, napi_value value, napi_typedarray_type wanted, const char* name, napi_value* buffer,
                      void** data, size_t* length) {
  napi_typedarray_type type;
  *data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, length, data, buffer, nullptr) != napi_ok || type != wanted) {
    ThrowType(env, (std::string("The \"buffer\" argument must be an instance of ") + name).c_str());
    return false;
  }
  bool unshared = false;
  napi_is_arraybuffer(env, *buffer, &unshared);
  if (!unshared) {
    ThrowType(env, (std::string("The \"buffer\" argument must be an instance of ") + name +
                    " over an ArrayBuffer of its own. Received one over a SharedArrayBuffer")
                       .c_str());
    return false;
  }
  return true;
}

bool ReadObject(napi_env env, napi_value value, Bytes* out) {
  void* data;
  out->array = value;
  if (!ReadTyped(env, value, napi_uint8_array, "Uint8Array", &out->buffer, &data, &out->length)) return false;
  out->data = static_cast<uint8_t*>(data);
  return true;
}

bool ReadBuffer(Thread& thread, double number, napi_value value, Buffer* out) {
  if (!ReadObject(thread.env, value, out)) return false;
  if (number == 0) return true;
  thread.known = number;
  thread.known_data = out->data;
  thread.known_length = out->length;
  return true;
}

template <typename T>
static bool ReadArray(napi_env env, napi_value value, napi_typedarray_type type, const char* name, Array<T>* out) {
  napi_value buffer;
  void* data;
  if (!ReadTyped(env, value, type, name, &buffer, &data, &out->length)) return false;
  out->data = static_cast<T*>(data);
  return true;
}

bool ReadObject(napi_env env, napi_value value, Array<int32_t>* out) {
  return ReadArray(env, value, napi_int32_array, "Int32Array", out);
}

bool ReadObject(napi_env env, napi_value value, Array<double>* out) {
  return ReadArray(env, value, napi_float64_array, "Float64Array", out);
}

// A view whose memory is gone has length 0: a read into it would look like the end of a stream.
static bool Gone(const Thread& thread, const Bytes& bytes, const char* argument) {
  napi_env env = thread.env;
  bool detached = false;
  napi_is_detached_arraybuffer(env, bytes.buffer, &detached);
  // `at` is the one cheap question that a view outside its shrunk buffer refuses. It runs no code of the caller's.
  napi_value at;
  napi_value result;
  bool gone = detached || (napi_get_reference_value(env, thread.at, &at) == napi_ok &&
                           napi_call_function(env, bytes.array, at, 0, nullptr, &result) == napi_pending_exception);
  if (!gone) return false;
  if (!detached) napi_get_and_clear_last_exception(env, &result);
  ThrowType(env, (std::string("The \"") + argument + "\" argument must be a typed array with memory. Received one " +
                  (detached ? "whose ArrayBuffer is detached" : "outside its shrunk ArrayBuffer"))
                     .c_str());
  return true;
}

uint8_t* Bytes::Window(const Thread& thread, int64_t offset, int64_t* length, const char* argument) const {
  static uint8_t nothing;
  napi_env env = thread.env;
  if (this->length == 0 && Gone(thread, *this, argument)) return nullptr;
  int64_t limit = static_cast<int64_t>(this->length);
  if (offset < 0 || offset > limit) {
    std::string expected = ">= 0 && <= " + std::to_string(limit) + " (buffer.length)";
    ThrowRange(env, "offset", expected.c_str(), offset);
    return nullptr;
  }
  if (*length == -1) *length = limit - offset;
  if (*length < 0 || *length > limit - offset) {
    std::string expected = ">= 0 && <= " + std::to_string(limit - offset) + " (buffer.length - offset)";
    ThrowRange(env, "length", expected.c_str(), *length);
    return nullptr;
  }
  return data == nullptr ? &nothing : data + offset;
}

bool ReadObject(napi_env env, napi_value value, std::string* out) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    ThrowType(env, "Expected a string");
    return false;
  }
  out->resize(length);
  return napi_get_value_string_utf8(env, value, out->data(), length + 1, &length) == napi_ok;
}

void Family::Raw(const char* name, napi_callback callback) {
  napi_value value;
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, callback, thread, &value) == napi_ok) {
    exports.Set(name, value);
  }
}

void Family::Constants(std::initializer_list<NamedNumber> list) {
  for (const NamedNumber& constant : list) {
    constants.Set(constant.name, Napi::Number::New(exports.Env(), constant.value));
  }
}

}  // namespace fdmux
