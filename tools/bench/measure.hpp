// One measurement of one transport: its processes, and what came of it.
//
// Invariants:
//   - a record counts once the reader has it and has checked every byte. For each writer, exactly what was accepted must be
//     delivered, or the measurement is an error. If records were overwritten, no more than that, and the newest, must be
//     delivered;
//   - the memory is private to one measurement, and is removed after it.
#pragma once

#include "tools/bench/reading.hpp"
#include "tools/bench/writing.hpp"

namespace shmring::bench {

template <Transport T>
class Measurement {
 public:
  explicit Measurement(const Job& job) : job_(job), name_(fresh_name()), placement_(processors(), job) {}

  Round run() {
    const Removal removal{name_};
    T::create(name_, {slots_of(job_.bytes), job_.bytes, job_.producers, when_full(job_.measure)});
    std::vector<Child> children;
    children.emplace_back([this] {
      return play(*board_, placement_.reader, [this] { Reading<T>(*board_, job_, placement_.crowded, name_).run(); });
    });
    for (u32 producer = 0; producer < job_.producers; ++producer)
      children.emplace_back([this, producer] {
        return play(*board_, placement_.writer(producer),
                    [this, producer] { Writing<T>(*board_, job_, placement_.crowded, name_, producer).run(); });
      });
    return supervise(*board_, children, job_);
  }

 private:
  struct Removal {
    const std::string& name;
    ~Removal() { T::remove(name); }
  };

  Job job_;
  std::string name_;
  Placement placement_;
  SharedWithChildren<Board> board_;
};

}  // namespace shmring::bench
