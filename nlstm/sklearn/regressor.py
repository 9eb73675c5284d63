"""`LSTMRegressor`: a number, or several, for each sequence."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from nlstm.sklearn.estimator import LSTMEstimator
from nlstm.sklearn.sequences import Moments, Sequences

__all__ = ["LSTMRegressor"]


class LSTMRegressor(RegressorMixin, LSTMEstimator):
    """Numbers for sequences, as an estimator of scikit-learn.

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
        Bring features and targets to mean 0 and deviation 1 inside, by what the first fit saw.
    early_stopping : bool, default False
        Hold rows back, drawn at random, and stop when their loss does not fall any more; the best
        weights stay.
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
    loss : str or Loss, default "mse"
        See `nlstm.losses`.

    Attributes
    ----------
    model_ : Sequential
        The model; it takes scaled sequences.
    n_features_in_ : int
        Columns of a table, which are steps; else features of a step.
    feature_names_in_ : ndarray of str
        Columns of a frame.
    n_iter_ : int
        Epochs of the last fit.
    loss_curve_, validation_loss_curve_ : list of float
        The loss of each epoch, of scaled targets; without early stopping the second is empty.

    Notes
    -----
    X of shape (rows, steps, features); or (rows, steps), an array or a frame, as one feature; or a
    list of sequences, each (steps,) or (steps, features), of any length. Of weights only the ratios
    count, and rows of weight 0 are left out.

    Examples
    --------
    >>> X = np.random.default_rng(0).random((60, 8, 2))
    >>> y = X[:, :, 0].sum(axis=1)
    >>> LSTMRegressor(random_state=0).fit(X, y).predict(X).shape
    (60,)
    """

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
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        dtype: str = "float32",
        loss: Any = "mse",
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
        self.loss = loss

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on sequences and their numbers.

        Parameters
        ----------
        X : array_like or list of array_like
            See the class.
        y : array_like, shape (rows,) or (rows, outputs)
        sample_weight : array_like, shape (rows,), optional

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, self.warm_start, False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, on from what there is; arguments as of `fit`."""
        return self._fit(X, y, sample_weight, True, True)

    def _fit(self, X: Any, y: Any, weight: Any, goes_on: bool, once: bool) -> Self:
        starts = self._starts(goes_on)
        data, weight = self._read(X, y, weight, starts)
        values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if values.ndim > 2:
            raise ValueError(f"y must have shape (rows,) or (rows, outputs); got {values.shape}.")
        table = values[:, None] if values.ndim == 1 else values
        if starts:
            self._flat = values.ndim == 1
            self.n_outputs_ = table.shape[1]
            scaled = Sequences(table[:, None], None)
            self._targets = (
                Moments.of("y", scaled, weight) if self.scale else Moments.none(len(table.T))
            )
            self._make(data, weight, [(table.shape[1], None)], self.loss)
        elif table.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {table.shape[1]} outputs; before it had {self.n_outputs_}.")
        targets = self._targets.scaled(Sequences(table[:, None], None), self.dtype).array[:, 0]
        self._train(data, [targets], weight, once, None)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the numbers of sequences, float64, of shape (rows,) or (rows, outputs) as y had.

        Parameters
        ----------
        X : array_like or list of array_like
        """
        (found,) = self._predict(X)
        found = found * self._targets.scale + self._targets.shift
        return found[:, 0] if self._flat else found
