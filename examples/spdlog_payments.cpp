// Two threads that log through spdlog, each message into the ring: see spdlog_sink.hpp.
//
//   spdlog_payments RING [PAYMENTS]      default: 1000 payments, by each of the threads
#include <spdlog/logger.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "examples/spdlog_sink.hpp"

int main(int count, char** words) {
  if (count < 2) return std::fprintf(stderr, "usage: spdlog_payments RING [PAYMENTS]\n"), 2;
  const int payments = count > 2 ? std::atoi(words[2]) : 1000;
  const auto sink = std::make_shared<SpdlogSink>(words[1]);
  spdlog::logger log("payments", sink);
  log.set_level(spdlog::level::trace);
  const auto pay = [&](const char* who) {
    for (int i = 1; i <= payments; ++i) log.info("{}: order {} authorised", who, i);
    log.warn("{}: the last one", who);
  };
  std::thread other(pay, "second");
  pay("first");
  other.join();
  std::printf("spdlog_payments: %d records, %lu refused\n", 2 * payments + 2, sink->refused());
}
