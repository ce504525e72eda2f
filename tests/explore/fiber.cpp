// Fibers: the switch for x86-64 (six registers, no system call), ucontext elsewhere, and operator new over the arenas.
#include "tests/explore/fiber.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace explore {

namespace {
constexpr std::size_t stack_bytes = 256 * 1024;
constexpr std::size_t arena_bytes = 16 * 1024 * 1024;  // touched only as far as a role allocates
constexpr std::size_t most_fibers = 64;

// One reservation for all fibers, so that operator delete can tell an arena's pointer from the heap's.
std::byte* region = nullptr;
std::size_t places_used = 0;
std::byte* free_places[most_fibers];  // of fibers that are no more
std::size_t places_free = 0;

std::byte* next_place() {
  if (places_free > 0) return free_places[--places_free];
  constexpr std::size_t place = stack_bytes + arena_bytes;
  if (region == nullptr) {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* at = mmap(nullptr, place * most_fibers, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at == MAP_FAILED) std::perror("explore: mmap of the fibers"), std::exit(7);
    region = static_cast<std::byte*>(at);
  }
  if (places_used == most_fibers) std::fputs("explore: too many fibers\n", stderr), std::exit(7);
  return region + place * places_used++;
}

Fiber* running = nullptr;  // whose arena operator new uses; null: the heap's
Fiber* context = nullptr;  // where a switch saves to
}  // namespace

#if defined(__x86_64__)

struct Fiber::Machine {
  void* stack_pointer = nullptr;
};

extern "C" void explore_switch(void** save, void* load);
asm(R"(
.text
.type explore_switch, @function
explore_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.type explore_entry, @function
explore_entry:
  movq %r12, %rdi
  callq *%rbx
  ud2
.size explore_entry, .-explore_entry
)");
extern "C" void explore_entry();

void Fiber::start(Body body, void* argument) {
  arena_next_ = arena_;
  void** top = reinterpret_cast<void**>(arena_);  // 16-byte aligned; the call in explore_entry keeps the ABI's alignment
  *--top = reinterpret_cast<void*>(&explore_entry);
  *--top = nullptr;                              // rbp
  *--top = reinterpret_cast<void*>(body);        // rbx
  *--top = argument;                             // r12
  for (int i = 0; i < 3; ++i) *--top = nullptr;  // r13, r14, r15
  machine_->stack_pointer = top;
}

void Fiber::switch_to(Fiber& to) {
  Fiber* from = context ? context : &outside();
  context = &to;
  running = to.arena_ ? &to : nullptr;
  explore_switch(&from->machine_->stack_pointer, to.machine_->stack_pointer);
}

#else

struct Fiber::Machine {
  ucontext_t saved{};
  Body body = nullptr;
  void* argument = nullptr;
};

namespace {
void enter(unsigned high, unsigned low) {
  auto* machine = reinterpret_cast<void**>(static_cast<std::uintptr_t>(high) << 32 | low);
  reinterpret_cast<Fiber::Body>(machine[0])(machine[1]);
}
}  // namespace

void Fiber::start(Body body, void* argument) {
  arena_next_ = arena_;
  // The first words of the stack carry the call; makecontext takes only ints.
  auto* call = reinterpret_cast<void**>(memory_);
  call[0] = reinterpret_cast<void*>(body), call[1] = argument;
  getcontext(&machine_->saved);
  machine_->saved.uc_stack.ss_sp = memory_ + 64;
  machine_->saved.uc_stack.ss_size = stack_bytes - 64;
  machine_->saved.uc_link = nullptr;
  const auto at = reinterpret_cast<std::uintptr_t>(call);
  makecontext(&machine_->saved, reinterpret_cast<void (*)()>(&enter), 2, static_cast<unsigned>(at >> 32),
              static_cast<unsigned>(at));
}

void Fiber::switch_to(Fiber& to) {
  Fiber* from = context ? context : &outside();
  context = &to;
  running = to.arena_ ? &to : nullptr;
  swapcontext(&from->machine_->saved, &to.machine_->saved);
}

#endif

Fiber::Fiber() : machine_(new Machine), memory_(next_place()), arena_(memory_ + stack_bytes), arena_next_(arena_) {}
Fiber::Fiber(bool) : machine_(new Machine) {}
Fiber::~Fiber() {
  if (memory_ != nullptr) free_places[places_free++] = memory_;
  delete machine_;
}

Fiber& Fiber::outside() {
  static Fiber caller(true);
  return caller;
}

Outside::Outside() : interrupted_(running) { running = nullptr; }
Outside::~Outside() { running = interrupted_; }

struct Heap {
  static void* take(std::size_t bytes, std::size_t alignment) {
    if (running == nullptr) {
      const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
      void* at = alignment <= alignof(std::max_align_t) ? std::malloc(bytes) : std::aligned_alloc(alignment, whole);
      if (at == nullptr) std::fputs("explore: out of memory\n", stderr), std::exit(7);
      return at;
    }
    auto at = (reinterpret_cast<std::uintptr_t>(running->arena_next_) + alignment - 1) & ~(alignment - 1);
    running->arena_next_ = reinterpret_cast<std::byte*>(at + bytes);
    if (running->arena_next_ > running->arena_ + arena_bytes) {
      std::fputs("explore: a role's arena is full\n", stderr);
      std::exit(7);
    }
    return reinterpret_cast<void*>(at);
  }
  static void give(void* at) {
    auto* p = static_cast<std::byte*>(at);
    if (region != nullptr && p >= region && p < region + most_fibers * (stack_bytes + arena_bytes)) return;
    std::free(at);
  }
};

}  // namespace explore

void* operator new(std::size_t bytes) { return explore::Heap::take(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return explore::Heap::take(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t a) { return explore::Heap::take(bytes, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t bytes, std::align_val_t a) { return explore::Heap::take(bytes, static_cast<std::size_t>(a)); }
void operator delete(void* at) noexcept { explore::Heap::give(at); }
void operator delete[](void* at) noexcept { explore::Heap::give(at); }
void operator delete(void* at, std::size_t) noexcept { explore::Heap::give(at); }
void operator delete[](void* at, std::size_t) noexcept { explore::Heap::give(at); }
void operator delete(void* at, std::align_val_t) noexcept { explore::Heap::give(at); }
void operator delete[](void* at, std::align_val_t) noexcept { explore::Heap::give(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { explore::Heap::give(at); }
void operator delete[](void* at, std::size_t, std::align_val_t) noexcept { explore::Heap::give(at); }
