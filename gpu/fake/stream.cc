// stream.cc: streams, events and graphs. A stream's work runs when the host waits for it, in the stream's order; a stream that is captured
// gives its work to a graph.
#include <pthread.h>
#include <time.h>

#include <deque>

#include "fake.h"

namespace {

enum { GRAPH = 512 };
struct graph {  // takes some of the device's memory, so that one that is not given back is seen
  int dev;
  std::vector<work> nodes;
  explicit graph(int dev, std::vector<work> nodes = {}) : dev(dev), nodes(std::move(nodes)) { devices[dev].used += GRAPH; }
  ~graph() { devices[dev].used -= GRAPH; }
};
struct stream {
  int dev;
  std::deque<work> queue;
  uint64_t given, run;  // pieces of work since the start
  graph *capture;       // 0: none
  bool broken;          // by a call that a capture does not allow
  int mode;
  pthread_t by;
};
struct event {
  stream *on;  // 0: never recorded
  uint64_t at;
  timespec time;
};
enum { MOST_WAITING = 4096 };  // pieces of work that a stream keeps back

// Runs the stream's work up to a piece of it, and says what the device's error is, if it has one.
int run_to(stream *s, uint64_t at) {
  while (s->run < at && !devices[s->dev].sticky) {
    work w = std::move(s->queue.front());
    s->queue.pop_front();
    s->run++;
    if (int error = w()) fail_device(s->dev, error);
  }
  return devices[s->dev].sticky;
}

int give(stream *s, work w) {
  s->queue.push_back(std::move(w));
  s->given++;
  return s->queue.size() > MOST_WAITING ? run_to(s, s->given) : 0;
}

stream *streams[256];  // all that are there

stream *find(CUstream s) {
  for (stream *one : streams)
    if (one && (CUstream)one == s) return one;
  return 0;
}

// What must wait for the device cannot be done while one of the thread's streams is captured.
int unless_captured(stream *s) {
  if (!s->capture) return 0;
  s->broken = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

}  // namespace

int enqueue(CUstream handle, int dev, const char *what, work w) {
  stream *s = find(handle);
  if (!s || s->dev != dev) {
    say("%s: not a stream of this device", what);
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (s->capture) return s->capture->nodes.push_back(std::move(w)), 0;
  return give(s, std::move(w));
}

#define STREAM(name, handle)   \
  stream *name = find(handle); \
  if (!name) return CUDA_ERROR_INVALID_HANDLE;

API CUresult cuStreamCreate(CUstream *s, unsigned) {
  ENTER_CONTEXT("cuStreamCreate")
  for (stream *&slot : streams)
    if (!slot) {
      slot = new stream{};
      slot->dev = dev;
      *s = (CUstream)slot;
      return 0;
    }
  return CUDA_ERROR_OUT_OF_MEMORY;
}
API CUresult cuStreamDestroy_v2(CUstream handle) {
  ENTER("cuStreamDestroy_v2")
  for (stream *&slot : streams)
    if (slot && (CUstream)slot == handle) {
      run_to(slot, slot->given);
      delete slot;
      slot = 0;
      return 0;
    }
  return CUDA_ERROR_INVALID_HANDLE;
}
API CUresult cuStreamSynchronize(CUstream handle) {
  ENTER_CONTEXT("cuStreamSynchronize")
  STREAM(s, handle)
  if (int error = unless_captured(s)) return error;
  if (int error = run_to(s, s->given)) return error;
  return check_margins(dev);
}
API CUresult cuMemAllocAsync(CUdeviceptr *p, size_t bytes, CUstream handle) {
  ENTER_CONTEXT("cuMemAllocAsync")
  STREAM(s, handle)
  if (int error = unless_captured(s)) return error;
  return allocate(dev, bytes, p);
}
API CUresult cuMemFreeAsync(CUdeviceptr p, CUstream handle) {
  ENTER_CONTEXT("cuMemFreeAsync")
  STREAM(s, handle)
  if (int error = unless_captured(s)) return error;
  if (!host_address(p, 0, dev)) return CUDA_ERROR_INVALID_VALUE;
  return give(s, [=] { return release(p); });
}

API CUresult cuStreamBeginCapture_v2(CUstream handle, int mode) {
  ENTER_CONTEXT("cuStreamBeginCapture_v2")
  STREAM(s, handle)
  if (s->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  s->capture = new graph(dev);
  s->broken = false;
  s->mode = mode;
  s->by = pthread_self();
  return 0;
}
API CUresult cuStreamEndCapture(CUstream handle, CUgraph *g) {
  ENTER_CONTEXT("cuStreamEndCapture")
  STREAM(s, handle)
  *g = 0;
  if (!s->capture) return CUDA_ERROR_INVALID_VALUE;
  if (s->mode <= CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && !pthread_equal(s->by, pthread_self())) return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  if (s->broken) {
    delete s->capture;
    s->capture = 0;
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  }
  *g = (CUgraph)s->capture;
  s->capture = 0;
  return 0;
}
API CUresult cuGraphGetNodes(CUgraph g, uint64_t *, size_t *n) {
  ENTER("cuGraphGetNodes")
  *n = ((graph *)g)->nodes.size();
  return 0;
}
API CUresult cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g, unsigned long long) {
  ENTER_CONTEXT("cuGraphInstantiateWithFlags")
  *e = (CUgraphExec) new graph(dev, ((graph *)g)->nodes);
  return 0;
}
API CUresult cuGraphLaunch(CUgraphExec e, CUstream handle) {
  ENTER_CONTEXT("cuGraphLaunch")
  STREAM(s, handle)
  if (int error = unless_captured(s)) return error;
  return give(s, [=] {
    for (work &w : ((graph *)e)->nodes)
      if (int error = w()) return error;
    return 0;
  });
}
API CUresult cuGraphDestroy(CUgraph g) {
  ENTER("cuGraphDestroy")
  delete (graph *)g;
  return 0;
}
API CUresult cuGraphExecDestroy(CUgraphExec e) {
  ENTER("cuGraphExecDestroy")
  for (stream *s : streams)  // it may still wait in one
    if (s) run_to(s, s->given);
  delete (graph *)e;
  return 0;
}

API CUresult cuEventCreate(CUevent *e, unsigned) {
  ENTER_CONTEXT("cuEventCreate")
  *e = (CUevent) new event{};
  return 0;
}
API CUresult cuEventDestroy_v2(CUevent handle) {
  ENTER("cuEventDestroy_v2")
  event *e = (event *)handle;
  if (e->on && e->at) run_to(e->on, e->at);
  delete e;
  return 0;
}
API CUresult cuEventRecord(CUevent handle, CUstream to) {
  ENTER_CONTEXT("cuEventRecord")
  STREAM(s, to)
  if (int error = unless_captured(s)) return error;
  event *e = (event *)handle;
  e->on = s, e->at = s->given + 1;
  return give(s, [=] { return clock_gettime(CLOCK_MONOTONIC, &e->time), 0; });
}
API CUresult cuEventQuery(CUevent handle) {  // each question lets one piece of work run
  ENTER_CONTEXT("cuEventQuery")
  event *e = (event *)handle;
  if (!e->on || e->on->run >= e->at) return 0;
  int error = run_to(e->on, e->on->run + 1);
  return error ? error : e->on->run >= e->at ? 0 : CUDA_ERROR_NOT_READY;
}
API CUresult cuEventSynchronize(CUevent handle) {
  ENTER_CONTEXT("cuEventSynchronize")
  event *e = (event *)handle;
  return e->on ? run_to(e->on, e->at) : 0;
}
API CUresult cuStreamWaitEvent(CUstream handle, CUevent it, unsigned) {
  ENTER_CONTEXT("cuStreamWaitEvent")
  STREAM(s, handle)
  if (int error = unless_captured(s)) return error;
  event *e = (event *)it;
  if (!e->on || e->on == s) return 0;
  stream *on = e->on;
  uint64_t at = e->at;
  return give(s, [=] { return run_to(on, at); });
}
API CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to) {
  ENTER_CONTEXT("cuEventElapsedTime")
  event *a = (event *)from, *b = (event *)to;
  if (!a->on || !b->on) return CUDA_ERROR_INVALID_HANDLE;
  if (a->on->run < a->at || b->on->run < b->at) return CUDA_ERROR_NOT_READY;
  *ms = (float)(b->time.tv_sec - a->time.tv_sec) * 1e3f + (float)(b->time.tv_nsec - a->time.tv_nsec) * 1e-6f;
  return 0;
}
