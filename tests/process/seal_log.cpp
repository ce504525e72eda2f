// Writes a sealed log for the tests of the commands, and prints the keys with which it begins.
//
// usage: seal_log DIR LINES PER_FILE BEFORE SIGN_EVERY EPOCH_EVERY PAYLOAD [SIZE FILE]
// With SIZE and FILE it writes a checkpoint of that size, which is signed, and is of other lines.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/support/sealed_log.hpp"

int main(int argc, char** argv) {
  using shmring::test::SealedLog;
  if (argc != 8 && argc != 10) return 2;
  const auto number = [argv](int at) { return std::strtoull(argv[at], nullptr, 10); };
  const SealedLog log(argv[1], {number(2), number(3), number(4), number(5), number(6), number(7)});
  if (argc == 10) std::ofstream(argv[9]) << log.sign({log.origin(), number(8), shmring::log::Hash{1}});
  return std::fputs(log.keys().c_str(), stdout) < 0;
}
