// A payment service that audits what it does: authorise, capture, refund, each with the correlation id of its request.
//
//   payments RING [PAYMENTS] [PAUSE_US]      default: 1000 payments, 0 µs between two of them
//
// It never waits for the audit: what a full ring refuses is counted, and the collector's log says how many and why.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <shmring/shmring.hpp>

namespace {

enum Type : std::uint32_t { authorised = 1, captured = 2, refunded = 3 };

// A stand-in for the W3C trace id that a request carries.
shmring::Correlation trace_of(std::uint64_t payment) {
  shmring::Correlation id{};
  for (int i = 0; i < 8; ++i) id[i] = 0xc0, id[8 + i] = static_cast<std::uint8_t>(payment >> (56 - 8 * i));
  return id;
}

// One payment as two records, or three: each seventh is refunded.
long pay(shmring::Producer& audit, std::uint64_t payment) {
  const shmring::Correlation trace = trace_of(payment);
  const std::string order = "order=" + std::to_string(payment) + " amount=" + std::to_string(100 + payment % 900) + " EUR";
  auto lost = [&](Type type, std::uint8_t severity, const std::string& text) {
    return !audit.write(text, {.type = type, .severity = severity, .correlation = trace});
  };
  long refused = 0;
  refused += lost(authorised, 6, "authorise " + order + " card=**** **** **** 4242");
  refused += lost(captured, 6, "capture " + order);
  if (payment % 7 == 0) refused += lost(refunded, 5, "refund " + order);
  return refused;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: payments RING [PAYMENTS] [PAUSE_US]\n"), 2;
  const long payments = argc > 2 ? std::atol(argv[2]) : 1000;
  const long pause_us = argc > 3 ? std::atol(argv[3]) : 0;
  try {
    shmring::Producer audit(argv[1], {.name = "payments"});
    audit.name_type(authorised, "payment.authorised");
    audit.name_type(captured, "payment.captured");
    audit.name_type(refunded, "payment.refunded");
    long refused = 0;
    for (long payment = 1; payment <= payments; ++payment) {
      refused += pay(audit, static_cast<std::uint64_t>(payment));
      if (pause_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(pause_us));
    }
    std::printf("payments: %llu records, %ld refused\n", static_cast<unsigned long long>(audit.sequence()), refused);
  } catch (const shmring::Error& error) {
    return std::fprintf(stderr, "payments: %s\n", error.what()), 1;
  }
}
