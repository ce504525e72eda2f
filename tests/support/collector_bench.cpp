// The collector, reader and producers of collector_bench.hpp, compiled once for all tests over a plain ring.
#include "tests/support/collector_bench.hpp"

template class shmring::ring::Reader<plain::CollectorMemory>;
template class shmring::collect::Collector<plain::CollectorMemory>;
template class shmring::ring::Producer<plain::Memory>;
template class shmring::ring::Producer<plain::ProducerMemory>;
