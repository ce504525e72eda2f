// The collector's file of metrics, for a collector of text files.
//
// Invariants: whoever opens the file sees a whole one, since it is written beside its name and then renamed. A failure has no
// other effect than a message, which is repeated only when its reason changes. Thread role: the collector's.
#pragma once

#include <string>
#include <utility>

namespace shmring::collect {

class MetricsFile {
 public:
  explicit MetricsFile(std::string path = "") : path_(std::move(path)) {}
  bool is_wanted() const { return !path_.empty(); }
  void write(const std::string& text);

 private:
  std::string path_;
  int error_ = 0;  // as reported last
};

}  // namespace shmring::collect
