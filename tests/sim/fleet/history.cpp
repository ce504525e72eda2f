// One history of a fleet: see history.hpp.
#include "tests/sim/fleet/history.hpp"

#include <algorithm>
#include <span>

#include "lib/fleet/committed.hpp"
#include "lib/fleet/message.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/os/error.hpp"
#include "tests/sim/history.hpp"

namespace sim {
namespace {

namespace log = shmring::log;
namespace os = shmring::os;

constexpr u64 ms = 1'000'000, s = 1'000 * ms;
constexpr u64 settle_ns = 1'200 * s;  // so long it may take once errors have ended

std::string name_of_host(std::size_t number) { return "host." + std::to_string(number); }

}  // namespace

// What the archive would have of a log if the power failed now, at the least.
struct FleetHistory::Durable {
  fleet::Committed committed;
  u64 bytes = 0;  // of the newest file
};

FleetHistory::FleetHistory(u64 seed, FleetFigures& figures)
    : seed_(seed), dice_(seed), figures_(figures), machine_(seed, dice_.once_in(2) ? 64 : 256),
      engine_(seed ^ 0xe9, 1024 + dice_.below(2048)), has_disk_trouble_(dice_.once_in(3)), has_call_trouble_(dice_.once_in(3)) {
  machine_.begin_process(0);
  machine_.disk.make(Disk::root, "archive", true, 0750);
  u64 seen = 0;
  machine_.disk.sync(Disk::root, true, seen);
  make_hosts();
  engine_.on_acknowledge = [this](const std::string& subject, const fleet::Stored& stored) {
    check_acknowledged(subject, stored);
  };
  engine_.on_tell = [this](const std::string& subject, std::string_view text) { check_told(subject, text); };
  files_.meanwhile = [this](const std::string& path) {
    if (!meanwhile_ || !dice_.once_in(8)) return;
    meanwhile_ = false;
    for (const auto& host : hosts_)
      if (host->path() == path) host->act();
    meanwhile_ = true;
  };
}

void FleetHistory::keep_story() {
  is_told_ = true;
  machine_.keep_story();
  engine_.story = [this](const std::string& what) { machine_.tell(what); };
}

void FleetHistory::make_hosts() {
  const u64 hosts = 1 + dice_.below(2);
  for (u64 i = 0; i < hosts; ++i) {
    const u64 longest = dice_.once_in(3) ? 6'000 : 400;
    hosts_.push_back(std::make_unique<Host>(files_, "/host/" + name_of_host(i), seed_ + 31 * i, longest));
    const u64 forwarders = dice_.once_in(5) ? 2 : 1;  // by mistake
    for (u64 j = 0; j < forwarders; ++j) senders_.push_back({hosts_.back().get(), nullptr, 0});
  }
}

const Host& FleetHistory::host_of(const std::string& name) const {
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    if (name == name_of_host(i)) return *hosts_[i];
  throw Wrong{"there is no host " + name};
}

void FleetHistory::set_trouble(bool has_trouble) {
  engine_.trouble = {};
  machine_.set_trouble(has_trouble && has_call_trouble_ ? 40 : 0);
  machine_.disk.set_trouble(has_trouble && has_disk_trouble_ ? 30 : 0);
  if (!has_trouble) return;
  const auto some = [this](u64 times) { return dice_.once_in(2) ? times : u64{0}; };
  engine_.trouble = {some(12), some(15), some(12), some(3), some(25), some(40), some(8), some(5), some(6)};
}

void FleetHistory::begin_receiver(bool has_trouble) {
  cut_at_ = has_trouble && dice_.once_in(2) ? 1 + dice_.below(60) : 0;
  machine_.begin_process(cut_at_);
  fleet::ReceiveRequest request;
  request.root = "/sim/archive";
  request.open_logs = 1 + dice_.below(2), request.fetch = 1 + dice_.below(12);
  receiver_ = std::make_unique<fleet::Receiver>(request, engine_);
  machine_.tell("a receiver begins");
  if (const int error = receiver_->open(); error != 0) {
    if (!has_trouble) throw Wrong{std::string("the archive cannot be opened: ") + os::last_error()};
    machine_.end_process();
    receiver_.reset();
  }
  receiver_due_ns_ = now_ns_;
}

void FleetHistory::end_receiver(bool is_power_cut) {
  machine_.end_process();
  receiver_.reset();
  ++(is_power_cut ? figures_.power_cuts : figures_.kills);
  machine_.tell(is_power_cut ? "the archive's power fails" : "the receiver is killed");
  if (is_power_cut) machine_.cut_power(dice_.next());
}

void FleetHistory::let_receiver_go_on(bool has_trouble) {
  try {
    if (receiver_ == nullptr) begin_receiver(has_trouble);
    if (receiver_ == nullptr || now_ns_ < receiver_due_ns_) return;
    receiver_due_ns_ = receiver_->step(now_ns_);
    for (const fleet::ReceivedLog& log : receiver_->logs())
      if (log.conflicts > 0 || log.state == fleet::Keeping::refused) throw Wrong{"the receiver says: " + log.text};
  } catch (const Cut&) {
    end_receiver(dice_.once_in(2));
  }
  if (receiver_ == nullptr) return;
  if (is_told_)
    for (const fleet::Said& said : receiver_->take_said()) machine_.tell("receiver: " + said.text);
  if (has_trouble && dice_.once_in(60)) end_receiver(dice_.once_in(2));
}

void FleetHistory::kill_sender(Sender& sender) {
  figures_.messages += sender.forwarder->status().messages;
  figures_.rewinds += sender.forwarder->status().rewinds;
  sender.forwarder.reset();
  ++figures_.kills;
}

void FleetHistory::look_at(const Sender& sender) {
  const fleet::ForwardStatus& status = sender.forwarder->status();
  if (is_told_)
    for (const fleet::Said& said : sender.forwarder->take_said()) machine_.tell(said.text);
  const bool is_lost = status.state == fleet::Sending::lost_position || status.state == fleet::Sending::refused;
  if (is_lost || status.differences > 0)
    throw Wrong{"a forwarder says " + std::string(name_of(status.state)) + ", " + std::to_string(status.differences) +
                " differences: " + status.text};
}

void FleetHistory::turn(bool has_trouble) {
  now_ns_ += dice_.once_in(12) ? dice_.below(6 * s) : dice_.below(300 * ms);
  engine_.now_ns = now_ns_;
  engine_.act();
  if (has_trouble)
    for (const auto& host : hosts_) host->act();
  meanwhile_ = has_trouble;
  for (Sender& sender : senders_) {
    if (sender.forwarder == nullptr) {
      const std::size_t number = static_cast<std::size_t>(
          std::ranges::find_if(hosts_, [&](const auto& host) { return host.get() == sender.host; }) - hosts_.begin());
      sender.forwarder = std::make_unique<fleet::Forwarder>(
          fleet::ForwardRequest{sender.host->path(), name_of_host(number), "ring%", {}}, engine_);
      sender.due_ns = now_ns_;
    }
    for (int calls = 0; calls < 4 && sender.due_ns <= now_ns_; ++calls) {
      sender.due_ns = sender.forwarder->step(now_ns_);
      look_at(sender);
    }
    if (has_trouble && dice_.once_in(80)) kill_sender(sender);
  }
  meanwhile_ = false;
  for (int calls = 0; calls < 3; ++calls) let_receiver_go_on(has_trouble);
}

bool FleetHistory::is_whole() const {
  if (receiver_ == nullptr) return false;
  const std::vector<fleet::ReceivedLog> logs = receiver_->logs();
  return logs.size() == hosts_.size() && std::ranges::all_of(logs, [this](const fleet::ReceivedLog& log) {
           return log.uncommitted == 0 && log.archived.index == host_of(log.name.host).lines().size();
         });
}

// A collector that lives writes a line each minute.
void FleetHistory::settle() {
  set_trouble(false);
  machine_.end_process();
  receiver_.reset();
  const u64 until = now_ns_ + settle_ns;
  u64 minute_ns = now_ns_, begun = 0;
  while (now_ns_ < until) {
    if (now_ns_ >= minute_ns) {
      minute_ns = now_ns_ + 60 * s;
      if (++begun <= 4)
        for (const auto& host : hosts_) host->write_lines(1);
      for (const auto& host : hosts_) host->make_all_durable();
    }
    turn(false);
    if (begun > 4 && is_whole()) return;
    if (begun > 1 && is_whole()) now_ns_ = std::max(now_ns_, minute_ns);
  }
  std::string found;
  for (const fleet::ReceivedLog& log : receiver_->logs())
    found += " " + log.name.host + " " + std::to_string(log.archived.index) + " of " +
             std::to_string(host_of(log.name.host).lines().size()) + " " + name_of(log.state) + ";";
  for (const Sender& sender : senders_) {
    const fleet::ForwardStatus& status = sender.forwarder->status();
    found += " " + sender.host->path() + " " + name_of(status.state) + " " + status.file + " line " +
             std::to_string(status.next_index) + " D " + std::to_string(status.durable) + " " + status.text + ";";
  }
  for (const auto& host : hosts_)
    for (const auto& [name, file] : files_.directory(host->path()))
      found += "\n" + host->path() + "/" + name + " " + std::to_string(file->bytes.size());
  throw Wrong{"errors have ended, and the archive does not get on:" + found};
}

FleetHistory::Durable FleetHistory::durable_of(const std::string& subject) const {
  fleet::LogName name;
  std::string rider;
  const bool is_of_archive = subject.starts_with(fleet::archived_subjects);
  if (!parse_subject(is_of_archive ? fleet::archived_subjects : fleet::log_subjects, subject, name, rider))
    throw Wrong{"no subject: " + subject};
  Durable out;
  u64 at = machine_.disk.find(Disk::root, "archive");
  const auto below = [&](const std::string& part) {
    const auto& names = machine_.disk.at(at).disk_names;
    const auto found = names.find(part);
    at = at == 0 || found == names.end() ? 0 : found->second;
    return at != 0;
  };
  if (!below(name.host) || !below(name.ring) || !below(name.log)) return out;
  const auto& names = machine_.disk.at(at).disk_names;
  const auto record = names.find(fleet::committed_name);
  if (record == names.end()) return out;
  const auto disk_bytes = [&](u64 inode) {
    const Inode& there = machine_.disk.at(inode);
    std::string bytes = there.disk_bytes;
    bytes.resize(there.disk_size);
    return bytes;
  };
  u64 newest = 0, generation = 0;
  const std::string text = disk_bytes(record->second);
  for (const std::size_t slot : {0, 512}) {
    fleet::Committed committed;
    if (text.size() < slot + 256 || !fleet::parse_committed(std::string_view(text).substr(slot, 256), committed, generation))
      continue;
    if (generation > newest) out.committed = committed, newest = generation;
  }
  const auto file = names.find(out.committed.file);
  if (file != names.end()) out.bytes = machine_.disk.at(file->second).disk_size;
  return out;
}

void FleetHistory::check_acknowledged(const std::string& subject, const fleet::Stored& stored) const {
  fleet::Range range;
  if (const std::string wrong = parse_range(stored.headers, range); !wrong.empty()) throw Wrong{"acknowledged: " + wrong};
  const Durable durable = durable_of(subject);
  const fleet::Committed& there = durable.committed;
  const bool is_behind = range.file == there.file ? range.end > there.bytes : range.next_index > there.index;
  if (is_behind || durable.bytes < there.bytes)
    throw Wrong{"message " + std::to_string(stored.sequence) + " of " + range.file + " to byte " + std::to_string(range.end) +
                " was acknowledged, and a power cut would leave " + there.file + ", byte " + std::to_string(there.bytes)};
}

void FleetHistory::check_told(const std::string& subject, std::string_view text) const {
  log::Archived archived;
  if (const std::string wrong = log::parse_archived(text, archived); !wrong.empty()) throw Wrong{"told: " + wrong};
  const Durable durable = durable_of(subject);
  if (archived.index > durable.committed.index || (archived.file == durable.committed.file && archived.bytes > durable.bytes))
    throw Wrong{"a host was told that " + std::to_string(archived.index) + " lines are archived, and a power cut would leave " +
                std::to_string(durable.committed.index)};
}

void FleetHistory::check_archive() const {
  for (const fleet::ReceivedLog& received : receiver_->logs()) {
    const std::vector<std::string>& lines = host_of(received.name.host).lines();
    log::Cursor cursor;
    if (cursor.open("/sim/archive/" + received.name.host + "/" + received.name.ring + "/" + received.name.log) != 0)
      throw Wrong{std::string("the archive cannot be read: ") + os::last_error()};
    u64 index = 0;
    log::LogLine line;
    while (cursor.next(line) == 1) {
      if (!line.whole) throw Wrong{"a torn line in " + std::string(line.file)};
      if (line.missing > 0 || line.index != index)
        throw Wrong{"line " + std::to_string(index) + " is not in the archive, which has line " + std::to_string(line.index)};
      if (index >= lines.size() || std::string(line.text) + "\n" != lines[index])
        throw Wrong{"line " + std::to_string(index) + " of the archive is not the host's"};
      ++index;
    }
    if (index != lines.size())
      throw Wrong{"the host has " + std::to_string(lines.size()) + " lines, and the archive " + std::to_string(index)};
    figures_.lines += index;
  }
}

void FleetHistory::run() {
  try {
    const u64 phases = 1 + dice_.below(3);
    for (u64 phase = 0; phase < phases; ++phase) {
      set_trouble(true);
      for (u64 turns = 10 + dice_.below(50); turns > 0; --turns) turn(true);
    }
    settle();
    check_archive();
  } catch (...) {
    machine_.end_process();
    receiver_.reset();
    throw;
  }
  for (const Sender& sender : senders_) {
    if (sender.forwarder == nullptr) continue;
    figures_.messages += sender.forwarder->status().messages, figures_.rewinds += sender.forwarder->status().rewinds;
  }
  figures_.commits += receiver_->status().commits;
  figures_.forgotten += engine_.forgotten();
  ++figures_.histories;
  machine_.end_process();
  receiver_.reset();
}

}  // namespace sim
