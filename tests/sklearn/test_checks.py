"""All of scikit-learn's own checks, with float64 none excused."""

import pytest

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from nlstm.sklearn import LSTMClassifier, LSTMForecaster, LSTMRegressor  # noqa: E402

# Weights and repeated rows give the same sums in another order. The check allows 1e-7 after a whole
# training, which float32 does not hold; float64 does.
ROUNDED = {"check_sample_weight_equivalence_on_dense_data": "float32 rounds at 6e-8"}
ESTIMATORS = [
    LSTMClassifier(),
    LSTMClassifier(dtype="float64"),
    LSTMRegressor(),
    LSTMRegressor(dtype="float64"),
]


def excused(estimator):
    return ROUNDED if estimator.dtype == "float32" else {}


MARK = parametrize_with_checks(ESTIMATORS, expected_failed_checks=excused)


@pytest.mark.parametrize(MARK.args[0], list(MARK.args[1]), ids=MARK.kwargs["ids"])
def test_check(estimator, check):
    check(estimator)


def test_nothing_else_is_excused():
    assert set(ROUNDED) == {"check_sample_weight_equivalence_on_dense_data"}
    assert excused(LSTMRegressor(dtype="float64")) == {}


def test_a_forecaster_is_copied_and_set_as_estimators_are():
    from sklearn.base import clone
    from sklearn.utils.estimator_checks import (
        check_estimator_cloneable,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
    )

    forecaster = LSTMForecaster(5, quantiles=[0.1, 0.9])
    for check in (
        check_estimator_cloneable,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
    ):
        check("LSTMForecaster", LSTMForecaster())
    assert clone(forecaster).set_params(lags=7).get_params()["lags"] == 7
