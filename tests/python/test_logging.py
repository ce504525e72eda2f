"""The handler: what is in the log, and that it never raises, whatever happens to the ring."""
import logging
import os
import threading

import pytest
import shmring
import shmring.logging
from conftest import until


@pytest.fixture
def logger():
    logger = logging.Logger("payments.api")
    yield logger
    for handler in list(logger.handlers):
        handler.close()


def attach(logger, **options):
    handler = shmring.logging.Handler("r", **options)
    logger.addHandler(handler)
    return handler


def test_messages_extras_traces_and_exceptions_are_fields(collect, logger):
    collector = collect()
    handler = attach(logger, name="api", type=3)
    logger.info("order %d", 17, extra={"amount": 12.5, "order": 17, "odd": [1], "none": None, "huge": 2**70,
                                       "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})
    logger.warning("half \ud800", extra={"trace_id": "no trace", "bad\ud800": "\ud801"})
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("failed")
    logger.critical("%d", "no number")  # logging itself cannot format this
    logger.critical("last")
    logger.debug("x")
    handler.close()
    collector.stop()
    events = collector.lines("event")
    assert [event["sev"] for event in events] == [6, 4, 3, 2, 7]
    first = events[0]
    assert first["data"] == {"message": "order 17", "logger": "payments.api", "amount": 12.5, "order": 17, "odd": "[1]",
                             "none": "None", "huge": str(2**70)}
    assert first["corr"] == "4bf92f3577b34da6a3ce929d0e0e4736" and first["type"] == 3 and first["producer"] == "api"
    assert events[1]["data"] == {"message": "half \\ud800", "logger": "payments.api", "trace_id": "no trace",
                                 "bad\\ud800": "\\ud801"}
    assert "ZeroDivisionError" in events[2]["data"]["exception"]
    assert handler.dropped == 1 and isinstance(handler.error, TypeError)
    collector.verify()


def test_it_attaches_anew_where_the_ring_was_made_anew_and_after_a_fork(collect, logger, ring_dir):
    handler = attach(logger)
    logger.info("no ring yet")
    logger.info("nor now, and nobody tries within a second")
    assert handler.dropped == 2 and handler.error.errno == 2
    collector = collect()
    until(lambda: logger.info("hello") or handler.dropped == 2 or handler._retry_at == 0.0, "it attaches")
    child = os.fork()
    if child == 0:
        logger.info("of the child")
        handler.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    logger.info("of the parent")
    until(lambda: {"of the child", "of the parent"} <= {event["data"]["message"] for event in collector.lines("event")},
          "both are in the log")
    incarnations = {event["data"]["message"]: event["inc"] for event in collector.lines("event")}
    assert incarnations["of the child"] != incarnations["of the parent"]
    dropped = handler.dropped
    collector.stop()
    shmring.unlink("r")
    collector.start()
    logger.info("in the new ring")
    until(lambda: collector.lines("event")[-1]["data"]["message"] == "in the new ring", "it is in the log")
    assert handler.dropped == dropped
    collector.stop()
    collector.verify()


def test_each_thread_has_a_producer_which_ends_with_it(collect, logger):
    collector = collect()
    handler = attach(logger, name="many")
    threads = [threading.Thread(target=lambda n=n: [logger.info("%d %d", n, i) for i in range(500)]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(collector.lines("detach")) == 8, "each producer is detached")
    collector.stop()
    events = collector.lines("event")
    lost = sum(line["count"] for line in collector.lines("loss"))
    assert len(events) + lost == 4000 and handler.refused == lost and handler.dropped == 0
    assert len({event["inc"] for event in events}) == 8
    collector.verify()


def test_a_closed_handler_says_nothing_more(collect, logger):
    collect()
    handler = attach(logger)
    logger.info("x")
    handler.close()
    logger.info("y")
    assert handler.dropped == 1
    handler.close()
