// Records of several chunks, as they are put together: what each chunk says of its record, in whatever order they come.
#include "lib/collect/reassembly.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace shmring;
using ring::RawRecord;
using ring::u16;
using ring::u32;

namespace {

constexpr u32 room = 4;

// The chunks of one record, each of which fills its slot.
struct Chunks {
  explicit Chunks(u16 number) : headers(number), bytes(number * room, std::byte{7}) {
    for (u16 n = 0; n < number; ++n)
      headers[n].sequence = 1, headers[n].length = room, headers[n].chunks = number, headers[n].chunk = n;
  }
  RawRecord taken(u16 n, bool late) const {
    return {RawRecord::Fault::none, late, 0, 5, {0, n}, &headers[n], {bytes.data() + n * room, room}, 0};
  }

  std::vector<ring::RecordHeader> headers;
  std::vector<std::byte> bytes;
};

// Of one record whose chunks come in this order, those in `late` from the stalled list.
bool is_late(const std::vector<u16>& order, const std::vector<u16>& late) {
  const Chunks chunks(static_cast<u16>(order.size()));
  collect::Reassembly reassembly(room);
  const collect::Ledger ledger(false);
  reassembly.begin_pass();
  for (const u16 n : order) {
    REQUIRE(reassembly.whole().empty());
    reassembly.add(chunks.taken(n, std::ranges::find(late, n) != late.end()), ledger);
  }
  REQUIRE(reassembly.whole().size() == 1);
  CHECK(reassembly.whole().front().payload.size() == order.size() * room);
  CHECK(reassembly.releasable().size() == order.size());
  return reassembly.whole().front().late;
}

}  // namespace

TEST_CASE("a record is late if any of its chunks is, whichever comes last") {
  CHECK_FALSE(is_late({0, 1, 2}, {}));
  for (const std::vector<u16>& order : {std::vector<u16>{0, 1, 2}, {2, 1, 0}, {1, 2, 0}})
    for (const u16 late : order) CHECK(is_late(order, {late}));
  CHECK(is_late({0, 1, 2}, {0, 1, 2}));
}
