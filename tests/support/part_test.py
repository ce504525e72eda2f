#!/usr/bin/env python3
"""Rules of part.py: what is dealt to N parts is the whole, each test once, and no part has much more than another."""
import unittest

from part import deal

TESTS = [(f"test {n}", seconds, False) for n, seconds in enumerate([600, 600, 300, 240, 120, 120, 60, 60, 60, 10, 10])]


class Deal(unittest.TestCase):
    def test_each_test_is_in_one_part(self):
        for parts in range(1, 15):
            with self.subTest(parts=parts):
                dealt = deal(TESTS, parts)
                self.assertEqual(len(dealt), parts)
                self.assertEqual(sorted(sum(dealt, [])), sorted(name for name, _, _ in TESTS))

    def test_a_test_that_divides_is_in_every_part(self):
        for part in deal(TESTS + [("explorer", 1800, True)], 4):
            self.assertEqual(part.count("explorer"), 1)

    def test_no_part_has_more_than_another_by_more_than_one_test(self):
        seconds = {name: weight for name, weight, _ in TESTS}
        loads = [sum(seconds[name] for name in part) for part in deal(TESTS, 3)]
        self.assertLessEqual(max(loads) - min(loads), 600)
        self.assertEqual(sum(loads), sum(seconds.values()))


if __name__ == "__main__":
    unittest.main()
