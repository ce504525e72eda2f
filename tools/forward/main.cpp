// shmring-forward-nats, which `shmring forward` and `shmring receive` run: a log's way to an archive, over NATS JetStream.
#include "tools/common/front.hpp"
#include "tools/forward/commands.hpp"

int main(int argc, char** argv) {
  using namespace shmring::tool;
  Front front;
  front.commands = {register_forward, register_receive};
  return run_commands(argc, argv, front);
}
