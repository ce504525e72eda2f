// The table of settings: see settings.hpp.
#include "lib/ring/validate.hpp"
#include "tools/common/owner.hpp"
#include "tools/shmringd/settings.hpp"

namespace shmring::tool {
namespace {

using collect::Settings;
using ring::u32;
using enum Type;

constexpr u64 any_u32 = ~u32{0};
constexpr u64 second = 1'000'000'000, day = 86'400 * second;

u32 narrow(const Value& value) { return static_cast<u32>(value.number); }

log::Level level_of(std::string_view word) {
  if (word == "every") return log::Level::every;
  if (word == "archived") return log::Level::archived;
  return word == "interval" ? log::Level::interval : log::Level::write;
}

// The words of on_full are in the order of shmring_policy.
// {table, key, option, form, type, least, most, default, required, needs a restart, text, words, apply}
// clang-format off
const std::vector<Setting> table{
    {"ring", "name", "--ring", "NAME", text, 0, 0, "", true, true,
     "name of the ring: 1 to 63 of A-Z a-z 0-9 . _ -",
     {}, [](const Value& v, Settings& to) { to.ring = v.text; }},
    {"ring", "on_full", "--on-full", "", word, 0, 0, "drop", false, true,
     "what a write to a full ring does: drop refuses it, overwrite lets it take the oldest record's place, wait and hybrid "
     "let it wait",
     {"drop", "overwrite", "wait", "hybrid"},  [](const Value& v, Settings& to) { to.create.on_full = narrow(v); }},
    {"ring", "wait_us", "--wait-us", "N", number, 0, any_u32, "", false, true,
     "how long a write waits with wait and hybrid, in microseconds; if it is not set or 0, 100000, and with hybrid 1000",
     {}, [](const Value& v, Settings& to) { to.create.wait_us = narrow(v); }},
    {"ring", "slots", "--slots", "N", power, ring::min_slots, ring::max_slots, "16384", false, true,
     "slots per lane",
     {}, [](const Value& v, Settings& to) { to.create.slots = narrow(v); }},
    {"ring", "slot_bytes", "--slot-bytes", "N", power, ring::min_slot_bytes, ring::max_slot_bytes, "256", false, true,
     "bytes per slot, 64 of them header",
     {}, [](const Value& v, Settings& to) { to.create.slot_bytes = narrow(v); }},
    {"ring", "lanes", "--lanes", "N", number, 1, ring::max_lanes, "8", false, true,
     "lanes: one is shared, the others are exclusive",
     {}, [](const Value& v, Settings& to) { to.create.lanes = narrow(v); }},
    {"ring", "producers", "--producers", "N", number, 1, ring::max_producers, "256", false, true,
     "places for producers that are attached at one time",
     {}, [](const Value& v, Settings& to) { to.create.producers = narrow(v); }},
    {"ring", "max_record", "--max-record", "N", number, 1, any_u32, "", false, true,
     "largest payload in bytes, at most a quarter of a lane; if it is not set, 65536, or that quarter if it is less",
     {}, [](const Value& v, Settings& to) { to.create.max_record = narrow(v); }},
    {"ring", "group", "--group", "GROUP", text, 0, 0, "", false, true,
     "group whose members may attach, too, if they trust this user: see --owner",
     {}, [](const Value& v, Settings& to) { to.group = v.text, to.create.group = to.group.c_str(); }},
    {"ring", "mode", "--mode", "MODE", mode, 1, 07777, "", false, true,
     "permissions of the ring, at most 0660; if it is not set, 0600, and with a group 0660",
     {}, [](const Value& v, Settings& to) { to.create.mode = narrow(v); }},
    {"ring", "owner", "--owner", "USER", text, 0, 0, "", false, true,
     owner_help,
     {}, [](const Value& v, Settings& to) { to.owner = v.text; }},
    {"ring", "busy", "--busy", "", flag, 0, 1, "false", false, false,
     "never sleep: records are taken at once, but a processor is spent on it; otherwise a record waits for up to 2 ms, or 25 "
     "ms if none came for a second",
     {}, [](const Value& v, Settings& to) { to.busy = v.number != 0; }},
    {"log", "dir", "--log", "DIR", text, 0, 0, "", true, true,
     "directory of the log; created if absent",
     {}, [](const Value& v, Settings& to) { to.log_dir = v.text; }},
    {"log", "durability", "--durability", "LEVEL", word, 0, 0, "write", false, true,
     "when a line counts as stored. write: when the kernel has it, so a power cut can lose it. interval: it is on the disk at "
     "most log.sync_interval later. every: it is synced at once. "
     "archived: as with interval, and shmring_wait_durable answers when the archive has it, too, as the file `archived` in "
     "log.dir says. At each level a record leaves the ring when the kernel has it",
     {"write", "interval", "every", "archived"}, [](const Value& v, Settings& to) { to.durability.level = level_of(v.text); }},
    {"log", "sync_interval", "--sync-interval", "TIME", duration, 1'000'000, 60 * second, "20 ms", false, true,
     "with durability interval, the longest time from a line's write to its sync",
     {}, [](const Value& v, Settings& to) { to.durability.interval_ns = v.number; }},
    {"log", "unsynced_max", "--unsynced-max", "SIZE", size, 16 << 20, u64{16} << 30, "64 MiB", false, true,
     "bytes that may wait for the disk, in memory; when as many wait, nothing more is taken from the ring",
     {}, [](const Value& v, Settings& to) { to.durability.unsynced_max = v.number; }},
    {"log", "file_bytes", "--file-bytes", "SIZE", size, 64 << 10, u64{1} << 40, "128 MiB", false, false,
     "a new file is begun when one has reached this size",
     {}, [](const Value& v, Settings& to) { to.files.max_bytes = v.number; }},
    {"log", "file_age", "--file-age", "TIME", duration, second, 366 * day, "1 h", false, false,
     "a new file is begun when one has reached this age",
     {}, [](const Value& v, Settings& to) { to.files.max_age_ns = v.number; }},
    {"log", "heartbeat", "--heartbeat", "TIME", duration, second, day, "1 min", false, false,
     "a log to which nothing came for so long gets a heartbeat line, so that a quiet log is not taken for one whose collector "
     "is dead",
     {}, [](const Value& v, Settings& to) { to.heartbeat_ns = v.number; }},
    {"log", "compress", "--compress", "", flag, 0, 1, "false", false, false,
     "compress the files of the log that are closed (.jsonl.zst), in a thread that yields to all others",
     {}, [](const Value& v, Settings& to) { to.files.compress = v.number != 0; }},
    {"log", "group", "--log-group", "GROUP", group, 0, 0, "", false, false,
     "group whose members may read the log, by name or number; if it is not set, nobody but this user may",
     {}, [](const Value& v, Settings& to) { to.files.group = narrow(v); }},
    {"retain", "age", "--retain-age", "TIME", duration, second, 36'600 * day, "", false, false,
     "remove the oldest files of the log when all their lines are older; if it is not set, none is removed for its age",
     {}, [](const Value& v, Settings& to) { to.files.retain.age_ns = v.number; }},
    {"retain", "bytes", "--retain-bytes", "SIZE", size, 128 << 10, u64{1} << 50, "", false, false,
     "remove the oldest files of the log while all together have more bytes; the newest always stays, so at least twice "
     "log.file_bytes is sensible; if it is not set, the log has no such limit",
     {}, [](const Value& v, Settings& to) { to.files.retain.bytes = v.number; }},
    {"retain", "free", "--retain-free", "SIZE", size, 64 << 10, u64{1} << 50, "", false, false,
     "remove the oldest files of the log while less is free on its file system; if it is not set, none is removed for that",
     {}, [](const Value& v, Settings& to) { to.files.retain.free = v.number; }},
    {"retain", "archived", "--retain-archived", "", flag, 0, 1, "false", false, false,
     "whatever these limits say, keep the lines that the archive does not have yet, as the file `archived` in log.dir says, "
     "which shmring forward writes",
     {}, [](const Value& v, Settings& to) { to.files.retain.archived = v.number != 0; }},
    {"seal", "enabled", "--seal", "", flag, 0, 1, "false", false, true,
     "hash each line into a tree and sign its root, so that no line can be changed or removed unnoticed: see shmring verify "
     "--key. The keys are made at the first start, or before by shmring keygen",
     {}, [](const Value& v, Settings& to) { if (v.number != 0 && !to.seal) to.seal.emplace(); }},
    {"seal", "state", "--seal-state", "DIR", text, 0, 0, "", false, true,
     "directory of the keys (mode 0700), which belongs to this user and to this log alone; if it is not set, $STATE_DIRECTORY, "
     "which systemd sets",
     {}, [](const Value& v, Settings& to) { if (to.seal) to.seal->state = v.text; }},
    {"seal", "origin", "--seal-origin", "NAME", text, 0, 0, "", false, true,
     "name of the log in its checkpoints, unique in the world, without spaces and +; it holds for a log that is begun; if it "
     "is not set, shmring/RING/ and 16 hex digits by chance",
     {}, [](const Value& v, Settings& to) { if (to.seal) to.seal->origin = v.text; }},
    {"seal", "epoch", "--seal-epoch", "TIME", duration, second, 366 * day, "24 h", false, true,
     "how long a key signs: then the next one follows, and this one is erased, so that nobody who gets hold of the keys later "
     "can change what was signed before",
     {}, [](const Value& v, Settings& to) { if (to.seal) to.seal->epoch_ns = v.number; }},
    {"seal", "leaves", "--seal-leaves", "", flag, 0, 1, "false", false, true,
     "keep the hash of each line, too (32 bytes a line, also of lines that are removed), so that shmring verify --key names "
     "the line that was changed; otherwise it names the 256 lines among which it is, or the line if it is given a copy",
     {}, [](const Value& v, Settings& to) { if (to.seal) to.seal->leaves = v.number != 0; }},
    {"metrics", "file", "--metrics", "FILE", text, 0, 0, "", false, true,
     "a file for Prometheus's collector of text files, written anew every 15 seconds; its name must end with .prom there. A "
     "file on a tmpfs keeps a slow disk away from the collector",
     {}, [](const Value& v, Settings& to) { to.metrics_file = v.text; }},
};
// clang-format on

}  // namespace

const std::vector<Setting>& settings() { return table; }

}  // namespace shmring::tool
