// The streams of a fleet: how they are made, and what a check finds wrong with those that are there.
#include <fmt/format.h>

#include "tools/forward/nats_engines.hpp"

namespace shmring::forward {
namespace {

using fleet::Outcome;

constexpr std::int64_t archived_bytes = 64 << 20;  // a few hundred bytes a log

struct Kind {
  const char* name;
  std::string subjects;
  bool one_a_subject;
};

std::vector<Kind> kinds() {
  return {{log_stream, std::string(fleet::log_subjects) + ".>", false},
          {archived_stream, std::string(fleet::archived_subjects) + ".>", true}};
}

// Returns done with the stream, or with none if there is no such stream.
Outcome find(Connection& connection, const char* name, StreamInfo& out, std::string& text) {
  jsStreamInfo* info = nullptr;
  auto code = static_cast<jsErrCode>(0);
  const std::uint64_t asked = connection.refusals();
  const natsStatus status = js_GetStreamInfo(&info, connection.stream_api(), name, nullptr, &code);
  out.reset(info);
  if (code == JSStreamNotFoundErr) return Outcome::done;
  return connection.outcome(status, static_cast<int>(code), fmt::format("stream {}", name), fmt::format("STREAM.INFO.{}", name),
                            asked, text);
}

std::string fewer_servers(int replicas) {
  if (replicas == 1) return "; no server has room for it";
  return fmt::format(
      "; fewer than {} servers can hold it: add servers, or give --replicas 1: then one disk that fails takes lines with it "
      "that no archive has yet",
      replicas);
}

Outcome create(Connection& connection, const Kind& kind, const Wanted& wanted, std::string& text) {
  StreamInfo there;
  if (const Outcome found = find(connection, kind.name, there, text); found != Outcome::done) return found;
  if (there) return Outcome::done;
  const char* subjects[] = {kind.subjects.c_str()};
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = kind.name, config.Subjects = subjects, config.SubjectsLen = 1;
  config.Retention = js_LimitsPolicy, config.Storage = js_FileStorage, config.AllowDirect = true;
  config.Replicas = wanted.replicas;
  config.MaxBytes = kind.one_a_subject ? archived_bytes : wanted.max_bytes;
  // Old lines must never make room for new ones; of what the archive has, the newest alone counts.
  config.Discard = kind.one_a_subject ? js_DiscardOld : js_DiscardNew;
  config.MaxMsgsPerSubject = kind.one_a_subject ? 1 : -1;
  jsStreamInfo* info = nullptr;
  auto code = static_cast<jsErrCode>(0);
  const std::uint64_t asked = connection.refusals();
  const natsStatus status = js_AddStream(&info, connection.stream_api(), &config, nullptr, &code);
  jsStreamInfo_Destroy(info);
  const Outcome made = connection.outcome(status, static_cast<int>(code), fmt::format("create the stream {}", kind.name),
                                          fmt::format("STREAM.CREATE.{}", kind.name), asked, text);
  if (code == JSStreamReplicasNotSupportedErr || code == JSClusterNoPeersErr) text += fewer_servers(wanted.replicas);
  return made;
}

void judge(const Kind& kind, const jsStreamConfig& config, int least_replicas, Findings& out) {
  const auto refuse = [&](bool is_wrong, const std::string& what) {
    if (is_wrong) out.refused.push_back(fmt::format("stream {}: {}", kind.name, what));
  };
  const std::size_t before = out.refused.size();
  refuse(config.Replicas < least_replicas,
         fmt::format("it has {} replica{}: one disk that fails takes lines with it that no archive has yet; make it with {}",
                     config.Replicas, config.Replicas == 1 ? "" : "s", least_replicas));
  refuse(!kind.one_a_subject && config.Discard != js_DiscardNew,
         "discard is old: when it is full, lines that no archive has yet go; set it to new");
  refuse(config.MaxAge != 0, "it has max_age: a host that is silent for so long loses its position; set it to 0");
  refuse(config.Retention != js_LimitsPolicy,
         "its retention is not limits: what was acknowledged is removed, and with it the position of its host");
  refuse(config.Storage != js_FileStorage, "it is in memory: it ends with its servers");
  refuse(!config.AllowDirect, "allow_direct is off: a host cannot read its own position without the right to read all others'");
  refuse(config.MaxMsgs > 0, "it has max_msgs: with many logs the last message of one, its position, may not fit");
  refuse(kind.one_a_subject ? config.MaxMsgsPerSubject != 1 : config.MaxMsgsPerSubject > 0,
         kind.one_a_subject ? "max_msgs_per_subject is not 1: each second adds a message"
                            : "it has max_msgs_per_subject: lines that no archive has yet go");
  if (!kind.one_a_subject && config.MaxBytes <= 0)
    out.warned.push_back(
        fmt::format("stream {}: it has no max_bytes: an archive that is away fills the servers' disks", kind.name));
  if (out.refused.size() == before)
    out.fine.push_back(fmt::format("stream {}: {} replica{}, in files, position kept", kind.name, config.Replicas,
                                   config.Replicas == 1 ? "" : "s"));
}

// Servers tell the level of their interface since 2.11.
Outcome judge_server(Connection& connection, Findings& out, std::string& text) {
  Message answer;
  const std::uint64_t asked = connection.refusals();
  const natsStatus status = connection.ask("$JS.API.INFO", "", answer);
  if (status != NATS_OK) return connection.outcome(status, 0, "ask for the servers' level", "$JS.API.INFO", asked, text);
  const std::string_view data(natsMsg_GetData(answer.get()), static_cast<std::size_t>(natsMsg_GetDataLength(answer.get())));
  if (data.find("\"level\":") == std::string_view::npos)
    out.warned.emplace_back(
        "the servers are older than 2.11: of two that publish at once both may be accepted. The archive drops the second, or "
        "reports a conflict; never run two forwarders for one log");
  out.warned.emplace_back(
      "no client can see whether the servers sync what they acknowledge. By default they do so every two minutes: with "
      "'sync_interval: always' a power cut of all of them loses nothing; otherwise the hosts send again what the archive "
      "lacks");
  return Outcome::done;
}

}  // namespace

Outcome create_streams(Connection& connection, const Wanted& wanted, std::string& text) {
  if (!connection.wait(text)) return connection.outcome_without();
  for (const Kind& kind : kinds())
    if (const Outcome made = create(connection, kind, wanted, text); made != Outcome::done) return made;
  return Outcome::done;
}

Outcome check_streams(Connection& connection, int least_replicas, Findings& out, std::string& text) {
  if (!connection.wait(text)) return connection.outcome_without();
  for (const Kind& kind : kinds()) {
    StreamInfo there;
    if (const Outcome found = find(connection, kind.name, there, text); found != Outcome::done) return found;
    if (there) judge(kind, *there->Config, least_replicas, out);
    if (!there) out.refused.push_back(fmt::format("stream {}: there is none; forward --create-stream makes it", kind.name));
  }
  return judge_server(connection, out, text);
}

}  // namespace shmring::forward
