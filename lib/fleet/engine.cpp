// The words for what an engine answers: see engine.hpp.
#include "lib/fleet/engine.hpp"

namespace shmring::fleet {

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::done: return "done";
    case Outcome::unknown: return "unknown";
    case Outcome::conflict: return "conflict";
    case Outcome::full: return "full";
    case Outcome::refused: return "refused";
  }
  return "?";
}

}  // namespace shmring::fleet
