// What the Gloo plugin makes of Gloo: a mesh of connections, and batches of messages on
// it that can be waited for, timed out and given up. Gloo throws, blocks and gives up in
// ways of its own; here they become a Failure with a code of gloo.h. For gloo.cc alone.
#pragma once
#pragma GCC visibility push(default)
#include "gloo.h"
#include <gloo/config.h>
#include <gloo/context.h>
#include <gloo/transport/address.h>
#include <gloo/transport/context.h>
#include <gloo/transport/device.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>
#pragma GCC visibility pop
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

using gloo::transport::UnboundBuffer;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Lock = std::unique_lock<std::mutex>;

namespace {

static_assert(gloo::transport::Address::kMaxByteSize + 4 <= DEEPRC_GLOO_ADDRESS, "an address does not fit its slot");
const milliseconds kForever = std::chrono::hours(24 * 365);
const uint64_t kCanarySlot = ~uint64_t(0); // no message's: a tag is not negative

// Gloo's threads must not get signals: Go ends the process for a SIGPIPE in a
// thread that is not its own, and Gloo writes to sockets that a peer has closed.
struct SignalsBlocked {
  sigset_t old;
  SignalsBlocked() {
    sigset_t s;
    sigfillset(&s);
    for (int i : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&s, i);
    pthread_sigmask(SIG_SETMASK, &s, &old);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &old, nullptr); }
};

// what() without the place in Gloo's source in front of it.
std::string text(const std::exception &e) {
  std::string s = e.what();
  size_t end = s.find("] ");
  return s[0] == '[' && end != std::string::npos ? s.substr(end + 2) : s;
}

struct Failure : std::runtime_error {
  int code, peer;
  Failure(int code, int peer, const std::string &text) : std::runtime_error(text), code(code), peer(peer) {}
};

std::string of_rank(int rank) { return "rank " + std::to_string(rank) + ": "; }

struct Batch;

// A device, and the thread that looks after the waits on it. Gloo does not tell a
// message that is partly sent or received when its connection breaks (Pair::
// signalException leaves out tx_ and rx_), so that thread asks the connections.
class Device {
  std::mutex m_;
  std::condition_variable cv_;
  std::set<Batch *> waiting_;
  bool stop_ = false, asleep_ = false;
  std::thread thread_;
  void run();

 public:
  std::shared_ptr<gloo::transport::Device> gloo;

  explicit Device(const gloo::transport::tcp::attr &a) {
    SignalsBlocked b;
    gloo = gloo::transport::tcp::CreateDevice(a);
    thread_ = std::thread(&Device::run, this);
  }
  ~Device() {
    {
      Lock l(m_);
      stop_ = true;
      cv_.notify_one();
    }
    thread_.join();
  }
  void add(Batch *b) {
    Lock l(m_);
    waiting_.insert(b);
    if (asleep_) cv_.notify_one();
  }
  void remove(Batch *b) {
    Lock l(m_);
    waiting_.erase(b);
  }
};

class Mesh : public gloo::Context {
  std::shared_ptr<Device> keep_; // after the transport's context
  std::mutex canary_m_, broken_m_;
  std::vector<std::unique_ptr<UnboundBuffer>> canaries_;
  std::string broken_;
  int code_ = 0;
  std::atomic<bool> connected_{false};
  const milliseconds limit_;

 public:
  Mesh(std::shared_ptr<Device> dev, int rank, int size, int timeout_ms)
      : Context(rank, size), keep_(dev), canaries_(size), limit_(std::max(0, timeout_ms)) {
    device_ = dev->gloo;
    transportContext_ = device_->createContext(rank, size);
    // A pair waits five times its timeout to be connected (Pair::waitUntil); 0 is no limit.
    transportContext_->setTimeout(milliseconds((limit_.count() + 4) / 5));
    for (int i = 0; i < size; i++)
      if (i != rank) transportContext_->createPair(i)->setLocalRank(0);
  }
  ~Mesh() {
    canaries_.clear();
    transportContext_.reset();
    device_.reset();
  }
  Device &device() { return *keep_; }

  void addresses(char *out) {
    memset(out, 0, size_t(size) * DEEPRC_GLOO_ADDRESS);
    for (int i = 0; i < size; i++, out += DEEPRC_GLOO_ADDRESS) {
      if (i == rank) continue;
      std::vector<char> b = getPair(i)->address().bytes();
      int32_t n = b.size();
      if (n > DEEPRC_GLOO_ADDRESS - 4) throw std::runtime_error("an address does not fit its slot");
      memcpy(out, &n, 4);
      memcpy(out + 4, b.data(), n);
    }
  }

  void connect(const char *in) {
    for (int i = 0; i < size; i++, in += DEEPRC_GLOO_ADDRESS) {
      if (i == rank) continue;
      Clock::time_point start = Clock::now();
      try {
        int32_t n;
        memcpy(&n, in, 4);
        if (n <= 0 || n > DEEPRC_GLOO_ADDRESS - 4) throw std::runtime_error("its slot holds no address");
        getPair(i)->connect(std::vector<char>(in + 4, in + 4 + n));
        canaries_[i] = createUnboundBuffer(nullptr, 0);
        canaries_[i]->recv(i, kCanarySlot);
      } catch (const std::exception &e) {
        bool late = limit_.count() > 0 && Clock::now() - start >= limit_;
        throw Failure(late ? DEEPRC_GLOO_TIMEOUT : DEEPRC_GLOO_ERROR, i,
                      "rank " + std::to_string(i) + " could not be connected: " + text(e));
      }
    }
    connected_ = true;
  }

  // Is the connection to rank i gone? A canary is a receive that nobody sends to: it
  // throws if the connection has failed, and with its abort flag set it does not block.
  bool gone(int i, std::string *why = nullptr) {
    Lock l(canary_m_);
    if (!canaries_[i]) return true;
    try {
      canaries_[i]->abortWaitRecv();
      canaries_[i]->waitRecv(nullptr, kForever);
      return false;
    } catch (const std::exception &e) {
      if (why) *why = text(e);
      return true;
    }
  }

  // Closes all connections, once; the first reason is kept for those who wait.
  void break_off(int code, const std::string &why) {
    {
      Lock l(broken_m_);
      if (code_) return;
      code_ = code;
      broken_ = why;
    }
    try {
      // The one public way to have Gloo close all pairs and tell all buffers: a time-out.
      createUnboundBuffer(nullptr, 0)->waitRecv(nullptr, milliseconds(0));
    } catch (const std::exception &) {
    }
  }

  bool connected() const { return connected_; }

  int broken(std::string *why) {
    Lock l(broken_m_);
    if (code_) *why = broken_;
    return code_;
  }
};

struct Message {
  std::unique_ptr<UnboundBuffer> buf;
  int peer = -1;
  bool send = false;
  std::atomic<bool> done{false};

  bool wait(milliseconds limit) { return send ? buf->waitSend(nullptr, limit) : buf->waitRecv(nullptr, limit); }
  void wake() { send ? buf->abortWaitSend() : buf->abortWaitRecv(); }
};

struct Batch {
  const std::shared_ptr<Mesh> mesh;
  const int n;
  const std::unique_ptr<Message[]> messages;
  std::atomic<bool> aborted{false};
  std::atomic<int> current{0}; // the message that wait is at
  std::mutex running;          // held by wait and release
  std::mutex buffers;          // held by abort, and by release while it frees them
  bool complete = false;       // a wait has returned OK

  Batch(std::shared_ptr<Mesh> mesh, int n) : mesh(std::move(mesh)), n(n), messages(new Message[n]) {}

  // A buffer's destructor waits while Gloo's thread is in it. From then on nobody
  // gets at its memory: Pair keeps a WeakNonOwningPtr, whose lock() fails.
  void free() {
    if (!complete && n > 0) mesh->break_off(DEEPRC_GLOO_ERROR, "a message was given up on this rank, so the connections were closed");
    Lock l(buffers);
    for (int i = 0; i < n; i++) messages[i].buf.reset();
  }

  void start(const deeprc_gloo_message &m, Message &to) {
    if (m.peer < 0 || m.peer >= mesh->size || m.peer == mesh->rank || m.tag < 0 || m.bytes < 0)
      throw std::runtime_error("a message's peer, tag or length is not valid");
    to.peer = m.peer;
    to.send = m.send != 0;
    to.buf = mesh->createUnboundBuffer(reinterpret_cast<void *>(uintptr_t(m.ptr)), m.bytes);
    // A message longer than its receive makes Gloo end the process (Pair::prepareRead
    // throws in Gloo's thread), and a shorter one goes unnoticed: so the length is in the slot.
    uint64_t slot = uint32_t(m.tag) | uint64_t(uint32_t(m.bytes ^ (m.bytes >> 32))) << 32;
    try {
      if (m.send) to.buf->send(m.peer, slot);
      else to.buf->recv(m.peer, slot);
    } catch (const std::exception &e) {
      fail(m.peer, e, false, 0);
    }
  }

  void post(const deeprc_gloo_message *m) {
    std::string why;
    if (int code = mesh->broken(&why)) throw Failure(code, -1, why);
    if (!mesh->connected()) throw std::runtime_error("the mesh is not connected");
    try {
      for (bool send : {false, true})
        for (int i = 0; i < n; i++)
          if (!!m[i].send == send) start(m[i], messages[i]);
    } catch (const std::exception &) {
      free();
      throw;
    }
  }

  [[noreturn]] void fail(int peer, const std::exception &e, bool late, int timeout_ms) {
    std::string why;
    int code = mesh->broken(&why);
    if (aborted) throw Failure(DEEPRC_GLOO_ABORTED, -1, "aborted");
    if (code) throw Failure(code, -1, why);
    if (late) {
      why = of_rank(peer) + "no message within " + std::to_string(timeout_ms) + " ms";
      mesh->break_off(DEEPRC_GLOO_TIMEOUT, why);
      throw Failure(DEEPRC_GLOO_TIMEOUT, peer, why);
    }
    // Another batch's time-out, which has not yet told its reason.
    if (strstr(e.what(), "Application timeout")) throw Failure(DEEPRC_GLOO_TIMEOUT, -1, "another message of this mesh timed out");
    throw Failure(DEEPRC_GLOO_ERROR, peer, of_rank(peer) + text(e));
  }

  void check_aborted() {
    if (aborted) throw Failure(DEEPRC_GLOO_ABORTED, -1, "aborted");
  }

  // Looks at each message whose connection is gone: it is complete, or it failed.
  void examine() {
    std::string why;
    for (int i = 0; i < n; i++) {
      Message &m = messages[i];
      if (m.done || !mesh->gone(m.peer, &why)) continue;
      try {
        while (!m.wait(milliseconds(0))) check_aborted();
        m.done = true;
      } catch (const Failure &) {
        throw;
      } catch (const std::exception &) {
        fail(m.peer, std::runtime_error(why), false, 0);
      }
    }
  }

  void wait(int timeout_ms) {
    const Clock::time_point end = Clock::now() + (timeout_ms > 0 ? milliseconds(timeout_ms) : kForever);
    for (int i = 0; i < n; i++) {
      Message &m = messages[i];
      current = i;
      while (!m.done) {
        check_aborted();
        milliseconds left = std::chrono::duration_cast<milliseconds>(end - Clock::now()) + milliseconds(1);
        bool ok = false;
        try {
          ok = m.wait(std::max(left, milliseconds(0)));
        } catch (const std::exception &e) {
          fail(m.peer, e, Clock::now() >= end, timeout_ms);
        }
        if (ok) m.done = true;
        else examine();
      }
    }
    complete = true;
  }

  // Called by the device's second thread while wait runs.
  void watch() {
    for (int i = 0; i < n; i++)
      if (!messages[i].done && mesh->gone(messages[i].peer)) {
        messages[current].wake();
        return;
      }
  }

  void abort() {
    aborted = true;
    Lock l(buffers);
    for (int i = 0; i < n; i++)
      if (messages[i].buf) messages[i].wake();
  }
};

void Device::run() {
  Lock l(m_);
  while (!stop_) {
    if (waiting_.empty()) {
      asleep_ = true;
      cv_.wait(l, [this] { return stop_ || !waiting_.empty(); });
      asleep_ = false;
    }
    cv_.wait_for(l, milliseconds(50), [this] { return stop_; });
    for (Batch *b : waiting_) b->watch();
  }
}

} // namespace
