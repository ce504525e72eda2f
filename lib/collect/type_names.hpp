// Names of record types: the segment's table, copied as names appear in it.
//
// Invariants:
//   - a name is read once its word says written, and then never again, since it cannot change;
//   - a name that was scribbled over counts as none: its records have their type's number.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/ring/account.hpp"
#include "lib/ring/ring.hpp"

namespace shmring::collect {

template <class M>
class TypeNames {
 public:
  explicit TypeNames(const ring::Ring& ring) : ring_(ring) {}

  // Returns an empty text if the type has no name. The view lasts as long as this object.
  std::string_view of(ring::u32 type) {
    if (type == 0) return {};
    auto found = names_.find(type);
    if (found == names_.end()) {
      refresh();
      found = names_.find(type);
    }
    return found == names_.end() ? std::string_view{} : std::string_view{found->second};
  }

 private:
  // Names fill the table from its start, so all places up to the first free one are read. A name whose writer died half-way is
  // passed over for ever.
  void refresh() {
    for (std::size_t i = 0; i < ring::type_names; ++i) {
      if (copied_[i]) continue;
      const ring::TypeWord word = ring::type_seen<M>(ring_.header->types[i]);
      if (word.state == 0) return;
      if (word.state != 2) continue;
      char name[sizeof ring::TypeName::name];
      if (ring::copy_type<M>(name, ring_.header->types[i], word)) names_.emplace(word.type, name);
      copied_[i] = true;
    }
  }

  ring::Ring ring_;
  std::map<ring::u32, std::string> names_;
  bool copied_[ring::type_names] = {};
};

}  // namespace shmring::collect
