// A payment service that audits what it does: authorise, capture, refund, each with the correlation id of its request.
//
//   payments RING [PAYMENTS] [PAUSE_US]      default: 1000 payments, 0 µs between two of them
//
// A step of a payment is a record of typed fields, encoded where it will be read; each thousand payments make a
// statement of 10 KiB, a record of many slots, which a thread of its own writes. It never waits for the audit: what a full
// ring refuses is counted, and the collector's log says how many and why.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <shmring/shmring.hpp>
#include <string>
#include <thread>

namespace {

enum Type : std::uint32_t { authorised = 1, captured = 2, refunded = 3, stated = 4 };
const shmring::TypeNames names{{authorised, "payment.authorised"},
                               {captured, "payment.captured"},
                               {refunded, "payment.refunded"},
                               {stated, "payment.statement"}};

// What a service has one of, for all its threads: each writes with a handle of its own.
struct Audit : shmring::PerThread {
  explicit Audit(const char* ring) : PerThread(ring, {.name = "payments"}, names) {}

  void note(shmring::Result result) {
    ++records;
    if (!result) ++refused;
  }
  std::atomic<long> records = 0, refused = 0;
};

// A stand-in for the W3C trace id that a request carries.
shmring::Correlation trace_of(std::uint64_t payment) {
  shmring::Correlation id{};
  for (int i = 0; i < 8; ++i) id[i] = 0xc0, id[8 + i] = static_cast<std::uint8_t>(payment >> (56 - 8 * i));
  return id;
}

void step(Audit& audit, Type type, std::uint64_t payment) {
  auto fields = audit.fields({.type = type, .severity = 6, .correlation = trace_of(payment)});
  fields.add("order", payment).add("amount", 100 + payment % 900).add("currency", "EUR");
  if (type == authorised) fields.add("card", "**** **** **** 4242").add("at", std::chrono::system_clock::now());
  if (type == captured) fields.add("rate", 1.0825).add("final", true);
  audit.note(fields.commit());
}

// One payment as two records, or three: each seventh is refunded.
void pay(Audit& audit, std::uint64_t payment) {
  step(audit, authorised, payment);
  step(audit, captured, payment);
  if (payment % 7 == 0) step(audit, refunded, payment);
}

// Longer than a slot: write() takes as many as it needs, up to the ring's max_record.
void state(Audit& audit, std::uint64_t payment) {
  constexpr std::size_t bytes = 10 << 10;
  std::string statement = "statement up to order " + std::to_string(payment) + "\n";
  for (std::uint64_t order = payment; statement.size() < bytes && order > 0; --order)
    statement += "order " + std::to_string(order) + " " + std::to_string(100 + order % 900) + " EUR\n";
  statement.resize(bytes, ' ');
  audit.note(audit.write(statement, {.type = stated, .severity = 5}));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: payments RING [PAYMENTS] [PAUSE_US]\n"), 2;
  const long payments = argc > 2 ? std::atol(argv[2]) : 1000;
  const long pause_us = argc > 3 ? std::atol(argv[3]) : 0;
  try {
    Audit audit(argv[1]);
    audit.producer();  // now, so that a missing ring is an error of the start
    std::jthread statements;
    for (long payment = 1; payment <= payments; ++payment) {
      pay(audit, static_cast<std::uint64_t>(payment));
      if (payment % 1000 == 0)
        statements = std::jthread([&audit, payment] { state(audit, static_cast<std::uint64_t>(payment)); });
      if (pause_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(pause_us));
    }
    if (statements.joinable()) statements.join();
    std::printf("payments: %ld records, %ld refused\n", audit.records.load(), audit.refused.load());
  } catch (const shmring::Error& error) {
    return std::fprintf(stderr, "payments: %s\n", error.what()), 1;
  }
}
