// A sink for spdlog: each message is a record, with the logger's name and the severity, written by a handle of its own thread.
//
//   auto log = std::make_shared<spdlog::logger>("api", std::make_shared<SpdlogSink>("payments"));
//
// It has no lock, although spdlog's own sinks have one: each thread has a handle. It never throws into the application. What a
// ring refused is counted in its log; what got into no ring is counted here.
#pragma once

#include <spdlog/sinks/sink.h>

#include <atomic>
#include <shmring/shmring.hpp>
#include <string>

class SpdlogSink final : public spdlog::sinks::sink {
 public:
  explicit SpdlogSink(std::string ring, std::uint32_t type = 0) : audit_(std::move(ring), {}), type_(type) {}

  void log(const spdlog::details::log_msg& message) override {
    auto fields = audit_.fields({.type = type_, .severity = severity_of(message.level)});
    fields.add("message", view(message.payload)).add("logger", view(message.logger_name)).add("at", message.time);
    note(fields.commit());
  }
  void flush() override {}                                            // a record is with the collector at once
  void set_pattern(const std::string&) override {}                    // fields have no pattern, …
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}  // … nor a formatter

  unsigned long refused() const { return refused_; }

 private:
  static std::string_view view(spdlog::string_view_t text) { return {text.data(), text.size()}; }
  static std::uint8_t severity_of(spdlog::level::level_enum level) {
    using shmring::Severity;
    switch (level) {
      case spdlog::level::critical: return Severity::critical;
      case spdlog::level::err: return Severity::error;
      case spdlog::level::warn: return Severity::warning;
      case spdlog::level::info: return Severity::info;
      default: return Severity::debug;
    }
  }
  void note(shmring::Result result) {
    if (!result) ++refused_;
  }

  shmring::PerThread audit_;
  std::uint32_t type_;
  std::atomic<unsigned long> refused_ = 0;
};
