"""Estimators for scikit-learn (``pip install 'nlstm[sklearn]'``)."""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError:
    raise ImportError(
        "nlstm.sklearn needs scikit-learn 1.6 or later: pip install 'nlstm[sklearn]'"
    ) from None

from nlstm.sklearn.classifier import LSTMClassifier as LSTMClassifier
from nlstm.sklearn.forecaster import LSTMForecaster as LSTMForecaster
from nlstm.sklearn.regressor import LSTMRegressor as LSTMRegressor

__all__ = ["LSTMClassifier", "LSTMForecaster", "LSTMRegressor"]
