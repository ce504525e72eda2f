// One record, as an event has it and as its producer wrote it: see oracle.hpp.
#include <cstdio>

#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

namespace shmring::test {

bool is_what_was_written(const Journal& journal, u64 sequence, const Object& line) {
  Record record;
  const std::size_t room = journal.max_record;
  make_record(journal.producer, journal.key(sequence), room, record);
  const bool cut = record.bytes > room && (record.meta.flags & SHMRING_META_TRUNCATE) != 0;
  const std::size_t bytes = cut ? room : record.bytes;
  const std::string_view data = line["data"];
  std::string found;
  if (record.meta.kind == SHMRING_KIND_BYTES) {
    found = from_base64(Object(data).plain("base64"));
  } else if (data.starts_with('"')) {
    found = unescaped(data);
  }
  std::string correlation;
  char digits[3];
  for (const u32 byte : record.meta.correlation) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    correlation += digits;
  }
  if (correlation == std::string(32, '0')) correlation.clear();
  const std::string_view expected(reinterpret_cast<const char*>(record.payload), bytes);
  return found == expected && (cut || record.bytes <= room) && line.number("type") == record.meta.type &&
         line.number("sev") == record.meta.severity && line.plain("corr") == correlation &&
         (line["truncated"] == "true") == cut && line["invalid"].empty();
}

}  // namespace shmring::test
