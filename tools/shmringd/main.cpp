// shmringd: drain one ring into one audit log. Parse, set up, run.
#include "tools/shmringd/daemon.hpp"
#include "tools/shmringd/options.hpp"

int main(int argc, char** argv) {
  shmring::daemon::Options options;
  int status = 0;
  if (!shmring::daemon::parse(argc, argv, options, status)) return status;
  shmring::daemon::Daemon daemon;
  status = daemon.set_up(options);
  return status != 0 ? status : daemon.run();
}
