"""Figures of the benches, against values worked out by hand."""

import pytest

from groundling.bench.metrics import (
    bootstrap,
    calibration_error,
    coverage_at,
    mcnemar,
    paired,
    quantile,
    share,
    wilson,
)


def test_wilsons_interval_of_eight_in_ten():
    # z = 1.96: centre (0.8 + 0.1921) / 1.3841 = 0.7167, half 1.96 * sqrt(0.0256) / 1.3841 = 0.2265.
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_an_interval_never_leaves_0_and_1():
    # No hit in ten: z^2 / (10 + z^2) = 3.8415 / 13.8415.
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_nothing_is_known_without_cases():
    nothing = share([])
    assert (nothing.n, nothing.value, nothing.low, nothing.high) == (0, 0.0, 0.0, 1.0)


def test_quantiles_lie_between_their_neighbours():
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile([10.0, 20.0], 0.95) == pytest.approx(19.5)
    assert quantile([], 0.5) == 0.0


def test_calibration_error_is_the_mean_gap_of_the_bins():
    # Bin 0.9 to 1: |1.9 - 1|; bin 0.5 to 0.6: |1.1 - 2|; over four cases.
    found = calibration_error([0.95, 0.95, 0.55, 0.55], [True, False, True, True])
    assert found == pytest.approx((0.9 + 0.9) / 4)


def test_a_confidence_of_one_falls_into_the_last_bin():
    assert calibration_error([1.0, 0.95], [True, True]) == pytest.approx(0.05 / 2)


def test_coverage_grows_until_the_precision_is_lost():
    confidences, hits = [0.6, 0.9, 0.7, 0.8], [True, True, False, True]
    strict = coverage_at(0.95, confidences, hits, n_tasks=5)
    assert (strict.coverage, strict.threshold, strict.n) == (0.4, 0.8, 2)
    # Three of four are right once 0.6 is let in; at 0.7 it is two of three.
    loose = coverage_at(0.75, confidences, hits, n_tasks=5)
    assert (loose.coverage, loose.threshold, loose.n) == (0.8, 0.6, 4)


def test_answers_of_the_same_confidence_stand_or_fall_together():
    tied = coverage_at(0.95, [0.9, 0.9], [True, False], n_tasks=2)
    assert tied.n == 0
    assert tied.threshold > 1


def test_whole_sites_are_drawn_again():
    # Two sites, all right and all wrong: both may be drawn twice.
    assert bootstrap([1, 1, 1, 0], ["a", "a", "a", "b"]) == (0.0, 1.0)
    assert bootstrap([1, 0], ["a", "a"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"), [(0, 6, 2 / 64), (5, 5, 1.0), (1, 3, 10 / 16), (0, 0, 1.0)]
)
def test_mcnemar_counts_tosses(only_a, only_b, p):
    assert mcnemar(only_a, only_b) == pytest.approx(p)


def test_a_paired_difference_is_b_minus_a():
    found = paired([True, True, False, False], [True, False, True, True], ["s", "s", "t", "t"])
    assert (found.a, found.b, found.only_a, found.only_b) == (0.5, 0.75, 1, 2)
    assert found.difference == pytest.approx(0.25)
    # Site s alone: -1/2; site t alone: +1.
    assert (found.low, found.high) == (-0.5, 1.0)
