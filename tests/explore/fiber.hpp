// Fibers: one stack for each role of an exploration, and an arena for what a role allocates.
//
// Invariants:
//   - a fiber is never unwound: a killed role is abandoned where it stands, as SIGKILL does, and no destructor of it
//     runs;
//   - therefore all that a fiber allocates comes from its arena (operator new looks at the fiber that runs), and
//     start() takes the whole arena back at once; what must outlive a fiber is allocated under Outside;
//   - one thread only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace explore {

class Fiber {
 public:
  using Body = void (*)(void*);

  Fiber();  // for a role: has a stack and an arena
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Forget what the fiber was doing; the next switch to it calls body(argument), which must never return.
  void start(Body body, void* argument);

  // Leave the running context (a fiber or the caller of the exploration) and go on in `to`.
  static void switch_to(Fiber& to);

  // The context that the exploration was called from.
  static Fiber& outside();

 private:
  friend class Outside;
  friend struct Heap;
  struct Machine;  // what a switch saves, by platform
  explicit Fiber(bool);

  Machine* machine_ = nullptr;
  std::byte* memory_ = nullptr;  // stack, then arena
  std::byte* arena_ = nullptr;
  std::byte* arena_next_ = nullptr;
};

// While one lives, allocations come from the ordinary heap although a fiber runs.
class Outside {
 public:
  Outside();
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  Fiber* interrupted_;
};

}  // namespace explore
