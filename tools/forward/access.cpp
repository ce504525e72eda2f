// The options for a cluster: see access.hpp.
#include "tools/forward/access.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace shmring::tool {
namespace {

std::string check_server(const std::string& text) {
  const bool plain = std::none_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c >= 0x7f; });
  const std::size_t scheme = text.find("://");
  const bool known = scheme == std::string::npos || text.starts_with("nats://") || text.starts_with("tls://");
  return !text.empty() && plain && known ? "" : "expected an address such as tls://nats-1.example:4222";
}

}  // namespace

std::string check_name_of(const std::string& name) {
  return fleet::is_name(name) ? "" : "expected a name: 1 to 255 bytes without '/' and control characters, and not . or ..";
}

void add_access(Command command, const char* servers, forward::Access& access) {
  command
      .value(servers, access.servers,
             "The servers of the cluster, as nats://HOST:PORT or tls://HOST:PORT; any that answers is used")
      .form("URL,…")
      .comma_list()
      .one_each_time()
      .check(check_server);
  const Option cert =
      command.value("--cert", access.cert, "Certificate of this host, in PEM; the cluster knows the host by it").form("FILE");
  const Option key = command.value("--key", access.key, "Private key of the certificate, in PEM").form("FILE");
  command.value("--ca", access.ca, "Certificates of the authorities that the servers' certificates come from, in PEM")
      .form("FILE");
  command.value("--creds", access.creds, "NATS credentials (a token and its key), in place of --cert and --key")
      .form("FILE")
      .excludes(cert)
      .excludes(key);
}

std::string misuse_of(const forward::Access& access, const char* servers) {
  if (access.servers.empty()) return fmt::format("{} is required: the servers of the cluster", servers);
  if (access.cert.empty() != access.key.empty()) return "--cert and --key belong together";
  return "";
}

}  // namespace shmring::tool
