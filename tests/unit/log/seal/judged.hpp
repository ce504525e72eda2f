// What the tests of a whole sealed log share: its keys, verify's judgement, and its files.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "lib/log/seal/audit.hpp"
#include "lib/log/seal/text.hpp"
#include "tests/support/sealed_log.hpp"
#include "tests/unit/log/support.hpp"

namespace seal_test {

using namespace log_test;
using shmring::test::SealedLog;
using shmring::test::SealedShape;

inline AuditRequest with_keys(const SealedLog& log) {
  AuditRequest request;
  const std::string text = log.keys();
  TextReader lines(text);
  for (std::string_view line; lines.line(line);) REQUIRE(parse_verifier_key(line, request.keys.emplace_back()));
  return request;
}

struct Judged {
  int error = 0;
  Verdict verdict;
  Audit audit;
  bool holds() const { return error == 0 && verdict.proven && audit.holds; }
};

inline Judged judge(const std::string& dir, const AuditRequest& request) {
  Judged out;
  out.error = shmring::log::audit(dir, request, out.verdict, out.audit);
  INFO(out.verdict.deviation.expected, " / ", out.verdict.deviation.found);
  INFO(out.audit.expected, " / ", out.audit.found);
  return out;
}

inline Anchor given(const std::string& note) {
  Anchor out{{}, "given", true, 0};
  Mistake mistake{};
  REQUIRE(parse_signed_checkpoint(note, out.is, mistake));
  return out;
}

inline fs::path file_of(const Directory& dir, const SealedLog& log, std::size_t file) {
  return fs::path(dir.path()) / log.files()[file];
}

inline void copy_log(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

}  // namespace seal_test
