// The Gloo plugin of deeprc: the calls of gloo.h, over handles, without exceptions.
//   g++ -O2 -Wall -std=c++14 -shared -fPIC -fvisibility=hidden -o libdeeprc-gloo.so gloo.cc -lgloo
#include "gloo_mesh.h"
#include <unordered_map>

namespace {

// Handles: numbers that are never used twice, above Go's smallest legal pointer and
// below its heap.
std::atomic<uintptr_t> next_handle{1 << 16};

template <typename T>
class Handles {
  std::mutex m_;
  std::unordered_map<void *, std::shared_ptr<T>> all_;

 public:
  void *add(std::shared_ptr<T> p) {
    void *h = reinterpret_cast<void *>(next_handle++);
    Lock l(m_);
    all_[h] = std::move(p);
    return h;
  }
  std::shared_ptr<T> get(void *h, bool take = false) {
    Lock l(m_);
    auto it = all_.find(h);
    if (it == all_.end()) throw std::runtime_error("the handle is not valid: never given out, or freed");
    std::shared_ptr<T> p = it->second;
    if (take) all_.erase(it);
    return p;
  }
};

// Never destroyed: threads may still run when the process ends.
auto &devices = *new Handles<Device>;
auto &meshes = *new Handles<Mesh>;
auto &batches = *new Handles<Batch>;

template <typename F>
int guarded(char *err, int cap, int *peer, F f) {
  int code = DEEPRC_GLOO_ERROR;
  try {
    f();
    return DEEPRC_GLOO_OK;
  } catch (const Failure &e) {
    code = e.code;
    if (peer) *peer = e.peer;
    snprintf(err, cap, "%s", e.what());
  } catch (const std::exception &e) {
    snprintf(err, cap, "%s", text(e).c_str());
  } catch (...) {
    snprintf(err, cap, "unknown C++ exception");
  }
  return code;
}

int dr_library(char *text, int cap) {
  snprintf(text, cap, "Gloo %d.%d.%d over TCP", GLOO_VERSION_MAJOR, GLOO_VERSION_MINOR, GLOO_VERSION_PATCH);
  return DEEPRC_GLOO_OK;
}

int dr_device(const char *address, void **dev, char *err, int cap) {
  return guarded(err, cap, nullptr, [&] {
    // Gloo reads an uninitialised pointer if getaddrinfo fails.
    struct addrinfo hints = {}, *found = nullptr;
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(address, nullptr, &hints, &found)) throw std::runtime_error(std::string("not a numeric address: ") + address);
    gloo::transport::tcp::attr a(address);
    a.ai_family = found->ai_family;
    freeaddrinfo(found);
    *dev = devices.add(std::make_shared<Device>(a));
  });
}

int dr_device_free(void *dev) {
  return guarded(nullptr, 0, nullptr, [&] { devices.get(dev, true); });
}

int dr_mesh(void *dev, int rank, int size, int timeout_ms, void **ctx, char *addresses, int *bytes, char *err, int cap) {
  return guarded(err, cap, nullptr, [&] {
    auto m = std::make_shared<Mesh>(devices.get(dev), rank, size, timeout_ms);
    m->addresses(addresses);
    *bytes = size * DEEPRC_GLOO_ADDRESS;
    *ctx = meshes.add(m);
  });
}

int dr_connect(void *ctx, const char *addresses, char *err, int cap) {
  return guarded(err, cap, nullptr, [&] { meshes.get(ctx)->connect(addresses); });
}

int dr_post(void *ctx, const struct deeprc_gloo_message *m, int n, void **batch, char *err, int cap) {
  return guarded(err, cap, nullptr, [&] {
    auto b = std::make_shared<Batch>(meshes.get(ctx), n);
    b->post(m);
    *batch = batches.add(b);
  });
}

int dr_wait(void *batch, int timeout_ms, int *peer, char *err, int cap) {
  *peer = -1;
  return guarded(err, cap, peer, [&] {
    auto b = batches.get(batch);
    Lock l(b->running);
    struct Watched {
      Batch *b;
      explicit Watched(Batch *b) : b(b) { b->mesh->device().add(b); }
      ~Watched() { b->mesh->device().remove(b); }
    } w(b.get());
    b->wait(timeout_ms);
  });
}

int dr_abort(void *batch) {
  return guarded(nullptr, 0, nullptr, [&] { batches.get(batch)->abort(); });
}

int dr_release(void *batch) {
  return guarded(nullptr, 0, nullptr, [&] {
    auto b = batches.get(batch, true);
    b->abort();
    Lock l(b->running);
    b->free();
  });
}

int dr_mesh_free(void *ctx) {
  return guarded(nullptr, 0, nullptr, [&] { meshes.get(ctx, true)->break_off(DEEPRC_GLOO_ERROR, "this rank has closed its connections"); });
}

} // namespace

#define FIELD(name, params, args) dr_##name,
const struct deeprc_gloo deeprc_gloo_plugin = {DEEPRC_GLOO_VERSION, DEEPRC_GLOO_CALLS(FIELD)};
