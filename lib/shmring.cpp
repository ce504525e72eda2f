// The C ABI, built on the ring code and the operating system.
//
// Invariants:
//   - no exception leaves this file. attach and create catch what Boost throws, and the write path has nothing that could
//     throw;
//   - a handle lives in pages that a forked child sees as zeros, so its first word tells the child that the handle is not its
//     own;
//   - write touches only the handle, the segment and the caller's memory. It allocates nothing and makes no callbacks.
#include "lib/include/shmring/shmring.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "lib/os/calls.hpp"
#include "lib/os/error.hpp"
#include "lib/os/handle_page.hpp"
#include "lib/os/memory.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/producer.hpp"

using shmring::os::fail;
using shmring::os::Segment;
using shmring::ring::Identity;

struct shmring_producer {
  std::uint64_t alive = 1;  // 0 in a forked child
  shmring::ring::Producer<shmring::os::ProcessMemory> producer;
  Segment segment;
};

namespace {

constexpr int most_attempts = 3;  // to attach to a ring that others remove or open again meanwhile

int guarded(const char* ring, int (*call)(const char*, const void*), const void* argument) noexcept {
  if (ring == nullptr) return fail(EINVAL, "no ring name (NULL); give one");
  try {
    return call(ring, argument);
  } catch (const std::bad_alloc&) {
    return fail(ENOMEM, "ring '%s': out of memory", ring);
  } catch (const std::exception& error) {
    return fail(EIO, "ring '%s': %s", ring, error.what());
  }
}

int identify(const char* ring, const char* name, Identity& out) {
  std::memset(&out, 0, sizeof out);
  if (name == nullptr) {
    shmring::os::program_name(out.name);
  } else if (!shmring::os::valid_name(name)) {
    return fail(EINVAL, "ring '%s': producer name '%.80s' is not 1 to 63 bytes of [A-Za-z0-9._-]; choose another", ring, name);
  } else {
    std::memcpy(out.name, name, std::strlen(name));
  }
  shmring::os::claimed_program(out.program);
  out.uid = shmring::os::calls.geteuid();
  out.tid = static_cast<std::uint32_t>(shmring::os::calls.gettid());
  return 0;
}

int attach_segment(const char* ring, const shmring_attach_options& options, Segment& out) {
  int result = shmring::os::attach(ring, out, options.owner);
  if (result != -ENOENT || options.create == nullptr) return result;
  result = shmring::os::create(ring, options.create);
  if (result != 0 && result != -EEXIST) return result;  // EEXIST: somebody else was first
  return shmring::os::attach(ring, out, options.owner);
}

// `again` means that the ring was retired since it was opened, by a process that removes it or opens it again.
int take_place(const char* ring, const shmring_attach_options& options, const Identity& identity, bool& again,
               shmring_producer** out) {
  Segment segment;
  if (const int error = attach_segment(ring, options, segment); error != 0) return error;
  void* page = shmring::os::new_handle_page(sizeof(shmring_producer));
  if (page == nullptr) return fail(errno, "ring '%s': %s", ring, std::string(shmring::os::last_error()).c_str());
  auto* handle = new (page) shmring_producer;
  const auto self = shmring::os::self(*segment.ring.header);
  shmring::ring::Ring mapped = segment.ring;
  if (options.wait_us != 0)  // for this handle alone
    mapped.geometry.on_full = SHMRING_POLICY_WAIT, mapped.geometry.wait_us = options.wait_us;
  const int result = handle->producer.attach(mapped, self, identity, options.lane);
  if (result == 0) {
    segment.fd.reset();
    handle->segment = std::move(segment);
    *out = handle;
    return 0;
  }
  handle->~shmring_producer();
  shmring::os::free_handle_page(page, sizeof(shmring_producer));
  again = result == -ESTALE;
  if (again) return fail(ESTALE, "ring '%s': it was retired during the attach, expected state open: try again", ring);
  if (result == -EBUSY)
    return fail(EBUSY, "ring '%s': none of its %u exclusive lanes is free; try again, or attach with lane auto or shared", ring,
                segment.ring.geometry.lanes - 1);
  return fail(EUSERS,
              "ring '%s': all %u places of the producer table are taken; detach one, or start shmringd, which frees "
              "those of dead processes, and try again",
              ring, segment.ring.geometry.producers);
}

int attach_producer(const char* ring, const shmring_attach_options& options, shmring_producer** out) {
  Identity identity;
  if (const int error = identify(ring, options.name, identity); error != 0) return error;
  if (options.lane > SHMRING_LANE_EXCLUSIVE)
    return fail(EINVAL, "ring '%s': lane %u is not auto (0), shared (1) or exclusive (2)", ring, options.lane);
  if (options.flags != 0) return fail(EINVAL, "ring '%s': attach flags 0x%x are not known; use 0", ring, options.flags);
  int result = 0;
  bool again = true;
  for (int attempt = 0; again && attempt < most_attempts; ++attempt) {
    again = false;
    result = take_place(ring, options, identity, again, out);
  }
  return result;
}

int check_handle(const shmring_producer* producer) {
  if (producer == nullptr) return fail(EINVAL, "no producer (NULL); attach first");
  return producer->alive != 0 ? 0 : SHMRING_FORKED;
}

}  // namespace

int shmring_create(const char* ring, const shmring_create_options* options) {
  return guarded(
      ring,
      [](const char* name, const void* argument) {
        return shmring::os::create(name, static_cast<const shmring_create_options*>(argument));
      },
      options);
}

int shmring_unlink(const char* ring) {
  return guarded(
      ring, [](const char* name, const void*) { return shmring::os::unlink(name); }, nullptr);
}

int shmring_attach(const char* ring, const shmring_attach_options* options, shmring_producer** out) {
  if (out == nullptr) return fail(EINVAL, "no place for the handle (out is NULL)");
  *out = nullptr;
  struct Call {
    const shmring_attach_options* options;
    shmring_producer** out;
  } call{options, out};
  return guarded(
      ring,
      [](const char* name, const void* argument) {
        const auto& call = *static_cast<const Call*>(argument);
        shmring_attach_options known{};
        if (call.options != nullptr)
          if (const int error = shmring::os::copy_options(call.options, &known, sizeof known, "attach options"); error != 0)
            return error;
        return attach_producer(name, known, call.out);
      },
      &call);
}

int shmring_write(shmring_producer* producer, const shmring_meta* meta, const void* payload, size_t bytes) {
  if (producer == nullptr || (payload == nullptr && bytes != 0)) [[unlikely]]
    return -EINVAL;
  if (producer->alive == 0) [[unlikely]]
    return SHMRING_FORKED;
  return producer->producer.write(meta, payload, bytes);
}

int shmring_claim(shmring_producer* producer, size_t bytes, void** payload) {
  if (producer == nullptr || payload == nullptr) [[unlikely]]
    return -EINVAL;
  *payload = nullptr;
  if (producer->alive == 0) [[unlikely]]
    return SHMRING_FORKED;
  return producer->producer.claim(bytes, payload);
}

int shmring_commit(shmring_producer* producer, const shmring_meta* meta, size_t bytes) {
  if (producer == nullptr) [[unlikely]]
    return -EINVAL;
  if (producer->alive == 0) [[unlikely]]
    return SHMRING_FORKED;
  return producer->producer.commit(meta, bytes);
}

int shmring_abort(shmring_producer* producer) {
  if (producer == nullptr) [[unlikely]]
    return -EINVAL;
  if (producer->alive == 0) [[unlikely]]
    return SHMRING_FORKED;
  return producer->producer.abort();
}

size_t shmring_slot_payload(const shmring_producer* producer) {
  return producer == nullptr || producer->alive == 0 ? 0 : producer->segment.ring.slot_payload();
}

uint32_t shmring_wait_us(const shmring_producer* producer) {
  return producer == nullptr || producer->alive == 0 ? 0 : producer->producer.wait_us();
}

int shmring_wait_durable(shmring_producer* producer, uint64_t sequence, uint64_t timeout_ns) {
  if (const int error = check_handle(producer); error != 0) return error;
  const char* ring = producer->segment.name;
  // The ring's policy counts, although this handle may wait for room by itself (attach option wait_us).
  if (producer->segment.ring.geometry.on_full == SHMRING_POLICY_OVERWRITE)
    return fail(EOPNOTSUPP,
                "ring '%s': its policy is overwrite, so nothing that is written is promised to be kept; use a ring of "
                "another policy",
                ring);
  const int result = producer->producer.wait_durable(sequence, timeout_ns);
  if (result == -EINVAL)
    return fail(EINVAL,
                "ring '%s': sequence %llu was not attempted yet, the last one is %llu; wait for one that "
                "shmring_sequence has returned",
                ring, static_cast<unsigned long long>(sequence),
                static_cast<unsigned long long>(producer->producer.sequence()));
  if (result == -EOPNOTSUPP)
    return fail(EOPNOTSUPP,
                "ring '%s': its collector has the level write, and does not sync the log behind each record; run "
                "shmringd with the level interval or every",
                ring);
  return result;
}

uint64_t shmring_sequence(const shmring_producer* producer) {
  return producer == nullptr || producer->alive == 0 ? 0 : producer->producer.sequence();
}

uint64_t shmring_incarnation(const shmring_producer* producer) {
  return producer == nullptr || producer->alive == 0 ? 0 : producer->producer.incarnation();
}

int shmring_ring_id(const shmring_producer* producer, uint8_t ring_id[16]) {
  if (ring_id == nullptr) return fail(EINVAL, "no place for the ring's identity (ring_id is NULL)");
  std::memset(ring_id, 0, 16);
  if (const int error = check_handle(producer); error != 0) return error;
  std::memcpy(ring_id, producer->segment.ring.identity.data(), 16);
  return 0;
}

int shmring_name_type(shmring_producer* producer, uint32_t type, const char* name) {
  if (const int error = check_handle(producer); error != 0) return error;
  if (name == nullptr || !shmring::os::valid_name(name) || std::strlen(name) >= sizeof(shmring::ring::TypeName::name))
    return fail(EINVAL, "type %u: name '%.80s' is not 1 to 55 bytes of [A-Za-z0-9._-]; choose another", type,
                name == nullptr ? "(NULL)" : name);
  if (type == 0) return fail(EINVAL, "type 0 stands for no type, and cannot have a name; use 1 or more");
  const int result = producer->producer.name_type(type, name);
  const char* ring = producer->segment.name;
  if (result == -EEXIST)
    return fail(EEXIST, "ring '%s': type %u already has another name than '%s', and a name cannot be changed; use another type",
                ring, type, name);
  if (result == -ENOSPC)
    return fail(ENOSPC, "ring '%s': all %zu places for type names are taken; the log shows further types by number", ring,
                shmring::ring::type_names);
  return result;
}

void shmring_detach(shmring_producer* producer) {
  if (producer == nullptr) return;
  if (producer->alive != 0) {
    producer->producer.detach();
    producer->~shmring_producer();
  }
  shmring::os::free_handle_page(producer, sizeof(shmring_producer));
}

const char* shmring_strerror(int code) {
  switch (code) {
    case 0: return "done";
    case SHMRING_FULL: return "ring full: the record is counted as lost";
    case SHMRING_TOO_BIG:
      return "record longer than max_record, or longer than one slot if written in place: it is counted as lost";
    case SHMRING_NESTED:
      return "refused and counted: another call of this handle was under way, in another thread or interrupted by this signal "
             "handler; give each thread its own handle";
    case SHMRING_RETIRED: return "the ring was unlinked: attach anew";
    case SHMRING_FORKED: return "the handle belongs to the parent process: attach anew";
    case SHMRING_TIMEOUT:
      return "not before the deadline: a record found no room and is counted as lost, or, if you waited for it, is not durable "
             "yet";
    case -ENOENT: return "no such ring";
    case -EACCES: return "permission denied";
    case -EPERM: return "wrong owner or mode";
    case -ESTALE: return "ring retired, or of another boot";
    case -EPROTO: return "ring of another version";
    case -ENOEXEC: return "not a ring, or of another layout";
    case -EBADMSG: return "size or geometry does not match";
    case -EUSERS: return "producer table full: try again";
    case -EBUSY: return "busy: try again";
    case -EEXIST: return "exists already";
    case -ENOSPC: return "no space left";
    case -EINVAL: return "invalid argument";
    case -EOPNOTSUPP: return "not supported";
    case -ENOMEM: return "out of memory";
    default: break;
  }
  const char* text = code < 0 ? strerrordesc_np(-code) : nullptr;
  return text != nullptr ? text : "unknown code";
}

uint32_t shmring_version(void) { return SHMRING_VERSION; }

const char* shmring_last_error(void) { return shmring::os::last_error(); }
