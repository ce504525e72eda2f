// One measurement of one transport, in processes of its own.
//
// Invariants:
//   - a record counts as delivered when the reader has checked every byte of it. For each writer, exactly the accepted records
//     must be delivered; anything else is an error. If records are overwritten, the newest must be delivered, and no more than
//     were accepted or than the ring holds;
//   - the shared memory is private to one measurement, and is removed after it.
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
