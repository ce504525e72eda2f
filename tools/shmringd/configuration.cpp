// The settings in force: see configuration.hpp.
#include "tools/shmringd/configuration.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>

#include "lib/collect/messages.hpp"
#include "lib/os/error.hpp"
#include "lib/os/segment.hpp"
#include "lib/os/users.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/help.hpp"
#include "tools/common/owner.hpp"
#include "tools/common/text.hpp"
#include "tools/shmringd/config_file.hpp"
#include "tools/shmringd/options.hpp"

namespace shmring::tool {
namespace {

std::string shown(const std::optional<Value>& value) { return value ? value->text : "not set"; }

std::string toml_text(const Setting& setting, const Value& value) {
  const bool bare = setting.type == Type::number || setting.type == Type::power || setting.type == Type::flag;
  return bare ? value.text : in_quotes(value.text);
}

// Returns the text as comment lines, which begin with a capital.
std::string comment(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  std::string out = "# " + paragraph_text(text);
  for (std::size_t at = 0; (at = out.find('\n', at)) + 1 < out.size(); at += 3) out.replace(at, 1, "\n# ");
  return out;
}

// Returns what is wrong with the values together, or "".
std::string check_together(const Values& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Setting& setting = settings()[i];
    if (setting.is_required && !values[i])
      return fmt::format("{} is required, or {} in [{}] of the configuration file", setting.option, setting.key, setting.table);
  }
  if (value_of(values, "seal.enabled").number != 0 && !values[place_of("seal.state")])
    return "--seal wants --seal-state, or state in [seal] of the configuration file, or $STATE_DIRECTORY";
  return "";
}

}  // namespace

std::string Configuration::merge(Values& out) const {
  out = Values(settings().size());
  if (!file_.empty()) {
    if (std::string wrong = read_config(file_, out); !wrong.empty()) return wrong;
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    if (asked_[i]) out[i] = asked_[i];
  add_defaults(out);
  // The first of those that systemd names.
  const char* const state = std::getenv("STATE_DIRECTORY");
  std::optional<Value>& seal_state = out[place_of("seal.state")];
  const std::string first = state == nullptr ? "" : std::string(state).substr(0, std::string_view(state).find(':'));
  if (!seal_state && !first.empty()) read_value(settings()[place_of("seal.state")], first, seal_state.emplace());
  return "";
}

bool Configuration::parse(int argc, char** argv, int& status) {
  Asked asked;
  if (!parse_options(argc, argv, asked, status)) return false;
  asked_ = asked.values, file_ = asked.config, is_only_checked_ = asked.check, begins_new_log_ = asked.new_log;
  if (const std::string wrong = merge(values_); !wrong.empty()) {
    collect::say("shmringd: {}\n", safe(wrong));
    status = configuration;
    return false;
  }
  std::string wrong = check_together(values_);
  if (begins_new_log_ && value_of(values_, "seal.enabled").number == 0)
    wrong = "--new-log is for a sealed log: it wants --seal";
  if (!wrong.empty()) status = misused(wrong);
  return wrong.empty();
}

int Configuration::check() const {
  collect::Settings settings_in_force;
  settings_in_force.create.struct_size = sizeof settings_in_force.create;
  tool::apply(values_, settings_in_force);
  os::CreateOptions resolved;
  std::optional<uid_t> owner;
  int error = os::resolve(settings_in_force.ring, &settings_in_force.create, resolved);
  if (error == 0) error = os::named_owner(settings_in_force.ring, or_null(settings_in_force.owner), owner);
  if (error != 0) {
    collect::say("shmringd: {}\n", os::last_error());
    return exit_of(error);
  }
  const char* table = "";
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Setting& setting = settings()[i];
    if (setting.table != std::string_view(table)) fmt::print("{}[{}]\n", i == 0 ? "" : "\n", table = setting.table);
    fmt::print("\n{}", comment(manual(setting) + (setting.needs_restart ? ". A change needs a restart." : ".")));
    if (values_[i]) fmt::print("{} = {}\n", setting.key, toml_text(setting, *values_[i]));
    if (!values_[i]) fmt::print("# {} is not set.\n", setting.key);
  }
  return ok;
}

void Configuration::apply(collect::Settings& to) {
  to.create.struct_size = sizeof to.create;
  tool::apply(values_, to);
  to.begins_new_log = begins_new_log_;
  if (!file_.empty()) to.reload = [this] { return reload(); };
}

collect::Reloaded Configuration::reload() {
  collect::Reloaded out;
  Values found;
  std::string wrong = merge(found);
  if (wrong.empty()) wrong = check_together(found);
  for (std::size_t i = 0; wrong.empty() && i < found.size(); ++i) {
    const std::string from = shown(values_[i]), to = shown(found[i]);
    if (from == to) continue;
    const Setting& setting = settings()[i];
    if (setting.needs_restart)
      wrong = fmt::format("{}: {} needs a restart: it is {}, and would be {}", file_, setting.name(), from, to);
    out.changes.push_back({setting.name(), from, to});
  }
  if (!wrong.empty()) return {safe(wrong), {}, {}, false, 0};
  values_ = found;
  collect::Settings now;
  tool::apply(values_, now);
  out.files = now.files, out.busy = now.busy, out.heartbeat_ns = now.heartbeat_ns;
  return out;
}

std::string Configuration::summary() const {
  return fmt::format("shmringd: ring {}: it is collected into {}, level {}; a new file each {} or {}\n",
                     safe(value_of(values_, "ring.name").text), safe(value_of(values_, "log.dir").text),
                     value_of(values_, "log.durability").text, value_of(values_, "log.file_bytes").text,
                     value_of(values_, "log.file_age").text);
}

}  // namespace shmring::tool
