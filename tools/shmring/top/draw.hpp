// shmring top: a model and a view become a frame.
//
// Invariants: a frame depends only on the arguments; every size is possible, also one in which nothing has room.
#pragma once

#include "tools/shmring/top/frame.hpp"
#include "tools/shmring/top/view.hpp"

namespace shmring::tool::top {

// What a screen of this size shows: all rings, alarms, and of the ring of the view all that has room.
Frame draw(const Model& model, const View& view, std::size_t columns, std::size_t rows);

// All of it with all digits, each ring in detail, in as many rows as that takes: for a file or a pipe.
Frame draw_whole(const Model& model, View view, std::size_t columns);

}  // namespace shmring::tool::top
