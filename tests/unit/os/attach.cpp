// os/segment.cpp: each refusal of attach with its error and text; looking at damaged files; unlink, list, lease.
#include <doctest/doctest.h>
#include <sys/mman.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "lib/os/error.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

bool says(const char* text) { return std::strstr(os::last_error(), text) != nullptr; }

// A sandbox with a small ring "audit".
struct Box : Sandbox {
  Box() {
    shmring_create_options options{};
    options.struct_size = sizeof options;
    options.slots = 64;
    options.slot_bytes = 128;
    options.lanes = 1;
    REQUIRE(os::create("audit", &options) == 0);
    audit = file("audit");
  }
  std::string audit;
};

int attach() {
  os::Segment segment;
  return os::attach("audit", segment);
}

bool has(const std::vector<std::string>& findings, const char* text) {
  for (const std::string& finding : findings)
    if (finding.find(text) != std::string::npos) return true;
  return false;
}

std::string flags_of_mapping(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  char wanted[32];
  std::snprintf(wanted, sizeof wanted, "%lx-", reinterpret_cast<unsigned long>(address));
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.starts_with(wanted)) here = true;
    if (here && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

}  // namespace

TEST_CASE("attach maps the ring, writable, and never into core dumps or forked children") {
  Box box;
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  CHECK(std::string(segment.name) == "audit");
  CHECK(segment.ring.header == segment.region.get_address());
  segment.ring.slots[0] = std::byte{1};
  const std::string flags = flags_of_mapping(segment.region.get_address());
  CHECK(flags.find(" dd ") != std::string::npos);
  CHECK(flags.find(" dc ") != std::string::npos);
}

TEST_CASE("a segment goes on after its descriptor was closed and after it was moved") {
  Box box;
  os::Segment first;
  REQUIRE(os::attach("audit", first) == 0);
  first.fd.reset();
  os::Segment second = std::move(first);
  CHECK(second.ring.header->magic == ring::magic);
}

TEST_CASE("a ring that is absent is ENOENT, and the text says how to create it") {
  Sandbox box;
  CHECK(attach() == -ENOENT);
  CHECK(says((box.path + "/shmring.audit").c_str()));
  CHECK(says("create it"));
}

TEST_CASE("a name that is none is EINVAL") {
  os::Segment segment;
  CHECK(os::attach("../audit", segment) == -EINVAL);
  CHECK(says("../audit"));
}

TEST_CASE("a ring that this user may not open is EACCES") {
  Box box;
  const std::string outcome = in_child([&]() -> std::string {
    if (::geteuid() != 0)
      ::chmod(box.audit.c_str(), 0);
    else if (::setegid(65534) != 0 || ::seteuid(65534) != 0)
      return "no setuid";
    return std::to_string(attach()) + " " + os::last_error();
  });
  CHECK(outcome.starts_with("-13 "));
  CHECK(outcome.find("no permission") != std::string::npos);
}

TEST_CASE("a mode with bits beyond 0660 is EPERM, and the text has the mode") {
  Box box;
  for (unsigned mode : {0666u, 0602u, 0700u, 04600u}) {
    ::chmod(box.audit.c_str(), mode);
    CHECK(attach() == -EPERM);
    char found[32];
    std::snprintf(found, sizeof found, "%#o, expected", mode);
    CHECK(says(found));
  }
}

TEST_CASE("a symbolic link is EPERM, also one to a good ring") {
  Box box;
  std::filesystem::rename(box.audit, box.file("real"));
  std::filesystem::create_symlink(box.file("real"), box.audit);
  CHECK(attach() == -EPERM);
  CHECK(says("symbolic link"));
}

TEST_CASE("a squatted name that is a directory or a FIFO is EPERM, and nobody waits for the FIFO") {
  Sandbox box;
  std::filesystem::create_directory(box.file("audit"));
  CHECK(attach() == -EPERM);
  CHECK(says("not a regular file"));
  std::filesystem::remove(box.file("audit"));
  REQUIRE(::mkfifo(box.file("audit").c_str(), 0600) == 0);
  CHECK(attach() == -EPERM);
  CHECK(says("not a regular file"));
  os::Segment segment;
  std::vector<std::string> findings;
  CHECK(os::open_readonly("audit", segment, findings) == -EPERM);
}

TEST_CASE("a file that is no segment, or a damaged one, has its own error, and the text has found and expected") {
  struct {
    std::function<void(const Box&)> damage;
    int error;
    std::string found, expected;
  } const cases[] = {
      {[](const Box& b) { b.poke("audit", offsetof(ring::Header, version), 7u); }, -EPROTO, "version is 7", "exactly 4"},
      {[](const Box& b) { b.poke("audit", offsetof(ring::Header, magic), 'X'); }, -ENOEXEC, "magic is 0x",
       "exactly 0x31676e69726d6873"},
      {[](const Box& b) { b.poke("audit", offsetof(ring::Header, word_bytes), 4u); }, -ENOEXEC, "word_bytes is 4", "exactly 8"},
      {[](const Box& b) { b.poke("audit", offsetof(ring::Header, fingerprint), 1ull); }, -ENOEXEC, "fingerprint is 0x1",
       "exactly 0x"},
      {[](const Box& b) { b.poke("audit", offsetof(ring::Header, geometry) + offsetof(ring::Geometry, lanes), 99u); }, -EBADMSG,
       "lanes is 99", "at most 64"},
      {[](const Box& b) { b.poke("audit", offsetof(ring::Header, slots), 1ull << 40); }, -EBADMSG, "slots is", "exactly"},
      {[](const Box& b) { std::filesystem::resize_file(b.audit, 8192); }, -EBADMSG, "size of the file is 8192", "exactly"},
      {[](const Box& b) { std::filesystem::resize_file(b.audit, 1 << 20); }, -EBADMSG, "size of the file is 1048576",
       "exactly"},
      {[](const Box& b) { std::filesystem::resize_file(b.audit, 0); }, -EBADMSG, "size of the file is 0", "at least"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.found);
    Box box;
    c.damage(box);
    CHECK(attach() == c.error);
    CHECK(says("audit"));
    CHECK(says(c.found.c_str()));
    CHECK(says(c.expected.c_str()));
  }
}

TEST_CASE("a ring of another boot is ESTALE") {
  Box box;
  box.poke("audit", offsetof(ring::Header, boot_id), 0x1234ull);
  CHECK(attach() == -ESTALE);
  CHECK(says("0000000000001234"));
  CHECK(says("another boot"));
}

TEST_CASE("what attach refuses can be looked at: dead boots, retired, truncated, with a sentence for each finding") {
  Box box;
  box.poke("audit", offsetof(ring::Header, boot_id), 0x1234ull);
  box.poke("audit", offsetof(ring::Header, state), static_cast<ring::u32>(ring::SegmentState::retired));
  ::chmod(box.audit.c_str(), 0666);
  std::filesystem::resize_file(box.audit, 10000);
  for (const std::string& name : {std::string("audit"), box.audit}) {
    os::Segment segment;
    std::vector<std::string> findings;
    REQUIRE(os::open_readonly(name, segment, findings) == 0);
    CHECK(findings.size() == 3);
    CHECK(has(findings, "size of the file is 10000"));
    CHECK(has(findings, "boot id"));
    CHECK(has(findings, "retired"));
    CHECK(std::string(segment.name) == "audit");
    REQUIRE(segment.ring.entries);
    // Beyond the file's end everything reads as zero, to the last byte.
    CHECK(segment.ring.slot(0, 63).word.load() == 0);
    CHECK(segment.ring.slots[64 * 128 - 1] == std::byte{0});
  }
}

TEST_CASE("a sound ring is looked at without a finding, and stays as it is") {
  Box box;
  os::Segment writer, reader;
  std::vector<std::string> findings;
  REQUIRE(os::attach("audit", writer) == 0);
  REQUIRE(os::open_readonly("audit", reader, findings) == 0);
  CHECK(findings.empty());
  writer.ring.slots[5] = std::byte{42};
  CHECK(reader.ring.slots[5] == std::byte{42});
  CHECK(flags_of_mapping(reader.region.get_address()).find(" wr ") == std::string::npos);
}

TEST_CASE("where not even the geometry can be believed, there is the header and nothing else") {
  Box box;
  const std::size_t geometry = offsetof(ring::Header, geometry);
  for (const std::size_t at : {offsetof(ring::Geometry, slots), offsetof(ring::Geometry, size)}) {
    box.poke("audit", geometry + at, 0x7fffffffu);
    os::Segment segment;
    std::vector<std::string> findings;
    REQUIRE(os::open_readonly("audit", segment, findings) == 0);
    CHECK(has(findings, "2147483647"));
    CHECK(segment.ring.entries == nullptr);
    REQUIRE(segment.ring.header);
    CHECK(segment.ring.header->magic == ring::magic);
  }
}

TEST_CASE("what is no segment at all cannot be looked at either") {
  Box box;
  os::Segment segment;
  std::vector<std::string> findings;
  CHECK(os::open_readonly("absent", segment, findings) == -ENOENT);
  box.poke("audit", offsetof(ring::Header, magic), 'X');
  CHECK(os::open_readonly("audit", segment, findings) == -ENOEXEC);
  std::filesystem::resize_file(box.audit, 100);
  CHECK(os::open_readonly(box.audit, segment, findings) == -EBADMSG);
  CHECK(says("size of the file is 100"));
  CHECK(os::open_readonly(box.path + "/", segment, findings) == -EPERM);
}

TEST_CASE("unlink removes the name, and who is attached sees the ring retired and unlinked") {
  Box box;
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  CHECK_FALSE(os::unlinked(segment));
  REQUIRE(os::unlink("audit") == 0);
  CHECK(box.empty());
  CHECK(os::unlinked(segment));
  CHECK(ring::is_retired<ring::HardwareMemory>(*segment.ring.header));
  CHECK(os::unlink("audit") == -ENOENT);
}

TEST_CASE("a ring whose name cannot be removed is not retired") {
  Box box;
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  Replaced<&os::Calls::unlinkat> denied([](int, const char*, int) { return errno = EPERM, -1; });
  CHECK(os::unlink("audit") == -EPERM);
  CHECK_FALSE(ring::is_retired<ring::HardwareMemory>(*segment.ring.header));
}

TEST_CASE("retired rings and those of another boot are removed without force; other refusals need it") {
  {
    Box box;
    box.poke("audit", offsetof(ring::Header, boot_id), 0x1234ull);
    CHECK(os::unlink("audit") == 0);
    CHECK(box.empty());
  }
  {
    Box box;
    box.poke("audit", offsetof(ring::Header, version), 7u);
    CHECK(os::unlink("audit") == -EPROTO);
    CHECK_FALSE(box.empty());
    CHECK(os::unlink("audit", true) == 0);
    CHECK(box.empty());
  }
  {
    Box box;
    std::filesystem::rename(box.audit, box.file("real"));
    std::filesystem::create_symlink(box.file("real"), box.audit);
    CHECK(os::unlink("audit") == -EPERM);
    CHECK(os::unlink("audit", true) == 0);
    CHECK_FALSE(std::filesystem::is_symlink(box.audit));
    CHECK(std::filesystem::exists(box.file("real")));
  }
}

TEST_CASE("unlink leaves the ring alone that somebody has created under the name meanwhile") {
  Box box;
  static std::string name;
  name = box.audit;
  // While we wait for the lock, another removes the ring and puts a new one in its place.
  Replaced<&os::Calls::flock> raced([](int, int) {
    std::filesystem::remove(name);
    std::ofstream(name) << "new";
    return 0;
  });
  CHECK(os::unlink("audit") == -ENOENT);
  CHECK(says("somebody else"));
  CHECK(std::filesystem::exists(name));
}

TEST_CASE("unlink of what was judged leaves alone whatever stands under the name since") {
  Box box;
  os::Segment judged;
  std::vector<std::string> findings;
  REQUIRE(os::open_readonly("audit", judged, findings) == 0);
  std::filesystem::rename(box.audit, box.file("moved"));
  std::filesystem::copy(box.file("moved"), box.audit);
  CHECK(os::unlink("audit", true, &judged) == -ENOENT);
  std::filesystem::rename(box.audit, box.file("other"));
  std::filesystem::create_symlink(box.file("moved"), box.audit);
  CHECK(os::unlink("audit", true, &judged) == -ENOENT);
  CHECK(std::filesystem::is_symlink(box.audit));
  std::filesystem::rename(box.file("moved"), box.audit);
  CHECK(os::unlink("audit", true, &judged) == 0);
}

TEST_CASE("list has the names of all rings, sorted, and nothing else") {
  Box box;
  for (const char* other : {"shmring.z", "shmring.a.b", "shmring.m", "shmring.b", "shmring.y", "shmring.c", "shmring",
                            "shmring.", "shmring.a b", "sem.x", ".shmring-1-2"})
    std::ofstream(box.path + "/" + other) << "x";
  const int before = open_descriptors();
  std::vector<std::string> rings{"old"};
  REQUIRE(os::list(rings) == 0);
  CHECK(rings == std::vector<std::string>{"a.b", "audit", "b", "c", "m", "y", "z"});
  CHECK(open_descriptors() == before);
}

TEST_CASE("a ring has one collector: the second is EBUSY, and the text has the first one's pid") {
  Box box;
  os::Segment first, second;
  REQUIRE(os::attach("audit", first) == 0);
  REQUIRE(os::attach("audit", second) == 0);
  REQUIRE(os::take_lease(first) == 0);
  CHECK(os::take_lease(second) == -EBUSY);  // it has not said yet who it is
  CHECK(says("has just started"));
  first.ring.header->status.identity = ring::Owner{4711, 1, ring::OwnerState::attached}.bits();
  CHECK(os::take_lease(second) == -EBUSY);
  CHECK(says("4711"));
  CHECK(says("audit"));
  first = {};
  CHECK(os::take_lease(second) == 0);
}

TEST_CASE("the lease ends with its process, however it ends") {
  Box box;
  const std::string outcome = in_child([]() -> std::string {
    os::Segment segment;
    return os::attach("audit", segment) == 0 && os::take_lease(segment) == 0 ? "held" : "not held";
  });
  CHECK(outcome == "held");
  os::Segment segment;
  REQUIRE(os::attach("audit", segment) == 0);
  CHECK(os::take_lease(segment) == 0);
}
