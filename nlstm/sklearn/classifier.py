"""`LSTMClassifier`: a class, or several, for each sequence."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight

from nlstm.sklearn.estimator import LSTMEstimator
from nlstm.sklearn.labels import Labels

__all__ = ["LSTMClassifier"]


class LSTMClassifier(ClassifierMixin, LSTMEstimator):
    """Classes for sequences, as an estimator of scikit-learn.

    Parameters
    ----------
    units : int, default 32
        Size of each LSTM.
    num_layers : int, default 1
        LSTMs one on the other.
    bidirectional : bool, default False
        Let each LSTM read from both ends.
    dropout : float, default 0
        Share of what each LSTM gives that is dropped while training.
    epochs : int, default 50
        Passes over the rows of each fit.
    batch_size : int, default 32
        Rows for each step of training.
    learning_rate : float, default 0.005
        Of the optimizer, where that is a name.
    optimizer : str or Optimizer, default "adam"
        See `nlstm.optimizers`; an object is copied for each fit.
    scale : bool, default True
        Bring features to mean 0 and deviation 1 inside, by what the first fit saw.
    class_weight : dict, "balanced", list of dict, or None
        As in scikit-learn: weighs rows by their class.
    early_stopping : bool, default False
        Hold rows back, as many of each class, and stop when their loss does not fall any more; the
        best weights stay.
    validation_fraction : float, default 0.1
        The share held back.
    n_iter_no_change : int, default 10
        Epochs without a better loss that are let pass.
    tol : float, default 1e-4
        A smaller change is none.
    warm_start : bool, default False
        Let `fit` go on from the weights, moments and scales that there are.
    random_state : int, RandomState or None
        Seeds initial weights, the order of rows, dropout and the rows held back.
    verbose : int, default 0
        2 prints a line an epoch, 1 draws a bar.
    dtype : {"float32", "float64"}
        Of weights and computation.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        The labels, in the order of columns of `predict_proba`; a list for several outputs.
    model_ : Sequential or Model
        The model; it takes scaled sequences.
    n_features_in_, feature_names_in_, n_iter_, loss_curve_, validation_loss_curve_
        As of `LSTMRegressor`.

    Notes
    -----
    X is as for `LSTMRegressor`. y of shape (rows,) holds labels of any kind; (rows, outputs) of
    zeros and ones is an indicator, a yes or no for each column; any other (rows, outputs) is a
    question of several classes for each column.

    Examples
    --------
    >>> X = [np.sin(np.arange(n) / k) for n in (9, 12, 15) for k in (1, 4)]
    >>> y = ["quick", "slow"] * 3
    >>> LSTMClassifier(random_state=0).fit(X, y).predict(X).tolist()
    ['quick', 'slow', 'quick', 'slow', 'quick', 'slow']
    """

    _labels: Labels
    classes_: Any

    def __init__(
        self,
        units: int = 32,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        optimizer: Any = "adam",
        scale: bool = True,
        class_weight: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__(
            units,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            optimizer=optimizer,
            scale=scale,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
            dtype=dtype,
        )
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may ask of it."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on sequences and their classes.

        Parameters
        ----------
        X : array_like or list of array_like
            See `LSTMRegressor`.
        y : array_like, shape (rows,) or (rows, outputs)
            See the class.
        sample_weight : array_like, shape (rows,), optional

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, self.warm_start, False, None)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, on from what there is.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like, or list of array_like
            All labels there will be, for each column where y has several; needed by the first call.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs all rows, which partial_fit has not; "
                "give a dict."
            )
        if classes is None and not hasattr(self, "model_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, True, True, classes)

    def _fit(self, X: Any, y: Any, weight: Any, goes_on: bool, once: bool, classes: Any) -> Self:
        starts = self._starts(goes_on)
        data, weight = self._read(X, y, weight, starts)
        labels = Labels.of(y, classes) if starts else self._labels
        codes = labels.codes(y)
        if not starts and classes is not None and not labels.has(classes):
            raise ValueError(
                f"classes={classes!r} is not the same as on the last call to partial_fit, which "
                f"was {self.classes_!r}."
            )
        if self.class_weight is not None:
            shares = compute_sample_weight(self.class_weight, labels.column(y))
            if not np.isfinite(shares).all() or (shares < 0).any():
                raise ValueError(
                    "class_weight must hold finite numbers, none of them negative; got "
                    f"{self.class_weight!r}."
                )
            weight = shares if weight is None else weight * shares
            if not weight.any():
                raise ValueError("class_weight leaves no row whose weight is not zero.")
        if starts:
            self._labels, self.classes_ = labels, labels.classes
            self._make(data, weight, labels.heads, labels.loss)
        alone = codes[0] if len(codes) == 1 and codes[0].ndim == 1 else None
        self._train(data, codes, weight, once, alone)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Return how likely each class is.

        Parameters
        ----------
        X : array_like or list of array_like

        Returns
        -------
        ndarray(float64), shape (rows, classes), or list of them
            A list for several outputs. For an indicator (rows, outputs), how likely each one is.
        """
        heads = self._predict(X)
        if self._labels.indicates:
            return heads[0]
        found = [one / one.sum(axis=1, keepdims=True) for one in heads]
        return found if len(found) > 1 else found[0]

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of `predict_proba`."""
        found = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return [np.log(one) for one in found] if isinstance(found, list) else np.log(found)

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of each sequence, in the form of y.

        Parameters
        ----------
        X : array_like or list of array_like
        """
        heads = self._predict(X)
        return self._labels.decoded(heads)
