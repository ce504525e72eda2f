// A producer table for the tests of processes, and the text of /proc that says when one started.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>

#include "lib/os/process.hpp"

namespace shmring::test {

// A segment of this process's namespaces.
struct Table {
  explicit Table(ring::u32 producers = 3) : header(std::make_unique<ring::Header>()) {
    const os::MachineId host = os::this_machine();
    header->pid_namespace = host.pid_namespace;
    header->time_namespace = host.time_namespace;
    ring.header = header.get();
    ring.geometry.producers = producers;
  }
  std::unique_ptr<ring::Header> header;
  ring::Ring ring;
};

inline std::string stat_of(pid_t pid) {
  std::string text;
  os::read_small(("/proc/" + std::to_string(pid) + "/stat").c_str(), text);
  return text;
}

}  // namespace shmring::test
