// A second context in the same thread: see turns.hpp.
#include "tests/sim/turns.hpp"

#include <cstdint>
#include <utility>

namespace sim {

Turns::Turns() : stack_(new char[stack_bytes]) {}

// makecontext takes only numbers of 32 bits.
void Turns::enter(unsigned high, unsigned low) {
  auto* const turns = reinterpret_cast<Turns*>(static_cast<std::uintptr_t>(high) << 32 | low);
  try {
    turns->body_();
  } catch (...) {  // the process has ended; whoever let it go on asks whether it has
  }
  turns->runs_ = turns->is_beside_ = false;
}

void Turns::begin(std::function<void()> body) {
  body_ = std::move(body);
  runs_ = true;
  getcontext(&body_context_);
  body_context_.uc_stack.ss_sp = stack_.get();
  body_context_.uc_stack.ss_size = stack_bytes;
  body_context_.uc_link = &caller_;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&body_context_, reinterpret_cast<void (*)()>(&enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

void Turns::go_on() {
  is_beside_ = true;
  swapcontext(&caller_, &body_context_);
}

void Turns::pause() {
  is_beside_ = false;
  swapcontext(&body_context_, &caller_);
}

}  // namespace sim
