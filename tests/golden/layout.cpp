// Prints the segment's layout as this compiler sees it: one line a struct, one line a field, then the fingerprint.
// layout.py compiles it with each compiler and level and compares the output with layout.txt.
#include "lib/ring/layout.hpp"

#include <cstdio>

int main() {
  using namespace shmring::ring;
  std::string_view type;
  for (const Field& field : layout_fields) {
    if (field.type != type) std::printf("%s %zu\n", field.type.data(), field.type_size);
    type = field.type;
    std::printf("  %zu %zu %s\n", field.offset, field.size, field.name.data());
  }
  std::printf("fingerprint %016llx\n", static_cast<unsigned long long>(layout_fingerprint()));
}
