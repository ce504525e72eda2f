// shmring top: numbers, rates, ages and strips as text of a known width.
//
// Invariant: a number is never cut: where its digits have no room, it is scaled.
#pragma once

#include "tools/shmring/top/frame.hpp"
#include "tools/shmring/top/model.hpp"

namespace shmring::tool::top {

// Returns at most five characters: 9999, 12.3k, 456k, 18.4E.
std::string scaled_text(double value);
// Returns all digits if they have room in `columns` and are wanted, otherwise the scaled number.
std::string number_text(u64 value, bool scaled, std::size_t columns = 20);
// Returns "unknown", "12.3k", or "12.3k old".
std::string rate_text(const Rate& rate, bool scaled, std::size_t columns = 20);
// The same for a sentence: "at an unknown rate", "12.3k/s", "12.3k/s a while ago".
std::string rate_words(const Rate& rate, bool scaled);
// Returns at most seven characters: <1 ms, 120 ms, 12.3 s, 83 min, 12 h, 12 d.
std::string age_text(u64 ns);
// Returns "[||||..   ]", `columns` characters in all: how full it is, and by dots how full it has been.
std::string strip_text(u64 fill, u64 high, u64 whole, std::size_t columns);
u64 percent(u64 part, u64 whole);

const char* standing_text(Standing standing);
const char* state_text(Collecting state);
const char* life_text(Life life);
Ink ink_of(Standing standing);
Ink ink_of(Collecting state);
Ink ink_of(Life life);

}  // namespace shmring::tool::top
