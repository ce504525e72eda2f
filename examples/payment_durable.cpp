// A payment service that answers only when its audit record is on disk: whoever reads "paid" can rely on the record, even if
// the power fails at that moment. This takes a collector that syncs its log (level interval or every).
//
//   payment_durable RING [ORDERS [SECONDS]]      default: 100 orders, each of which waits for the disk at most 1 second
//
// It ends with 1, and a reason, at the first order that it cannot answer.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <shmring/shmring.hpp>
#include <string>

namespace {

// Without an answer the customer does not know. The record may still come to be on disk, so the payment must not simply be made
// again: look it up by its order first.
int give_up(unsigned long order, const char* what, shmring::Result result) {
  const char* why = result.code < 0 ? shmring_last_error() : result.text();
  std::fprintf(stderr, "payment_durable: order %lu is not answered: %s: %s\n", order, what, why);
  return 1;
}

int serve(const std::string& ring, unsigned long orders, std::chrono::seconds patience) {
  shmring::Producer audit(ring, {.name = "payment_durable"});
  for (unsigned long order = 1; order <= orders; ++order) {
    const std::string text = "order " + std::to_string(order) + " paid";
    if (const auto written = audit.write(text, {.type = 1}); !written) return give_up(order, "its record was refused", written);
    if (const auto durable = audit.wait_durable(patience); !durable)
      return give_up(order, "its record is written, and not known to be on disk", durable);
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: payment_durable RING [ORDERS [SECONDS]]\n"), 2;
  const std::chrono::seconds patience(argc > 3 ? std::strtol(argv[3], nullptr, 10) : 1);
  try {
    return serve(argv[1], argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100, patience);
  } catch (const shmring::Error& error) {
    return std::fprintf(stderr, "payment_durable: %s\n", error.what()), 1;
  }
}
