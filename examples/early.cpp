// A service that starts before its collector: it creates the ring if there is none, and what it writes waits there.
//
//   early RING [REQUESTS]      default: 100 requests
//
// Whoever comes first creates the ring: start shmringd --ring RING --log DIR when you like, at most a full ring later.
#include <cstdio>
#include <cstdlib>
#include <shmring/shmring.hpp>

namespace {

constexpr std::uint32_t started = 40, served = 41;

// Four lanes of 4096 slots of 256 bytes: 4 MiB. On a ring that is there already, its own sizes hold.
const shmring::CreateOptions sizes{.slots = 4096, .lanes = 4};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: early RING [REQUESTS]\n"), 2;
  const long requests = argc > 2 ? std::atol(argv[2]) : 100;
  try {
    shmring::PerThread audit(argv[1], {.name = "early", .create = &sizes},
                             {{started, "service.started"}, {served, "service.served"}});
    audit.producer();  // now, so that an error is one of the start
    long refused = !audit.write("up, with or without a collector", {.type = started, .severity = 5});
    for (long request = 1; request <= requests; ++request) {
      auto fields = audit.fields({.type = served, .severity = 6});
      fields.add("request", request).add("status", 200).add("cached", request % 3 == 0);
      refused += !fields.commit();
    }
    std::printf("early: %llu records, %ld refused\n", static_cast<unsigned long long>(audit.producer().sequence()), refused);
  } catch (const shmring::Error& error) {
    return std::fprintf(stderr, "early: %s\n", error.what()), 1;
  }
}
