// A payment service that audits what it does: authorise, capture, refund, each with the correlation id of its request.
//
//   payments RING [PAYMENTS] [PAUSE_US]      default: 1000 payments, 0 µs between two of them
//
// A step of a payment is a record of typed fields, encoded where it will be read; each thousand payments make a
// statement of 10 KiB, a record of many slots. It never waits for the audit: what a full ring refuses is counted, and
// the collector's log says how many and why.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <shmring/shmring.hpp>

namespace {

enum Type : std::uint32_t { authorised = 1, captured = 2, refunded = 3, stated = 4 };

// A stand-in for the W3C trace id that a request carries.
shmring::Correlation trace_of(std::uint64_t payment) {
  shmring::Correlation id{};
  for (int i = 0; i < 8; ++i) id[i] = 0xc0, id[8 + i] = static_cast<std::uint8_t>(payment >> (56 - 8 * i));
  return id;
}

bool step(shmring::Producer& audit, Type type, std::uint64_t payment) {
  auto fields = audit.fields({.type = type, .severity = 6, .correlation = trace_of(payment)});
  fields.add("order", payment).add("amount", 100 + payment % 900).add("currency", "EUR");
  if (type == authorised) fields.add("card", "**** **** **** 4242").add("at", std::chrono::system_clock::now());
  if (type == captured) fields.add("rate", 1.0825).add("final", true);
  return bool(fields.commit());
}

// One payment as two records, or three: each seventh is refunded.
long pay(shmring::Producer& audit, std::uint64_t payment) {
  long refused = !step(audit, authorised, payment) + !step(audit, captured, payment);
  if (payment % 7 == 0) refused += !step(audit, refunded, payment);
  return refused;
}

// Longer than a slot: write() takes as many as it needs, up to the ring's max_record.
bool state(shmring::Producer& audit, std::uint64_t payment) {
  constexpr std::size_t bytes = 10 << 10;
  std::string statement = "statement up to order " + std::to_string(payment) + "\n";
  for (std::uint64_t order = payment; statement.size() < bytes && order > 0; --order)
    statement += "order " + std::to_string(order) + " " + std::to_string(100 + order % 900) + " EUR\n";
  statement.resize(bytes, ' ');
  return bool(audit.write(statement, {.type = stated, .severity = 5}));
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
    audit.name_type(stated, "payment.statement");
    long refused = 0;
    for (long payment = 1; payment <= payments; ++payment) {
      refused += pay(audit, static_cast<std::uint64_t>(payment));
      if (payment % 1000 == 0) refused += !state(audit, static_cast<std::uint64_t>(payment));
      if (pause_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(pause_us));
    }
    std::printf("payments: %llu records, %ld refused\n", static_cast<unsigned long long>(audit.sequence()), refused);
  } catch (const shmring::Error& error) {
    return std::fprintf(stderr, "payments: %s\n", error.what()), 1;
  }
}
