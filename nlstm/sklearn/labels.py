"""The labels of a classifier: one column of classes, several columns, or an indicator."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

__all__ = ["Labels"]


@dataclass(frozen=True)
class Labels:
    """What classes there are, and how a model learns them.

    Attributes
    ----------
    columns : list of ndarray
        The classes of each column, sorted.
    flat : bool
        Whether y has one axis.
    indicates : bool
        Whether y is an indicator: a yes or no in each column.
    """

    columns: list[np.ndarray]
    flat: bool
    indicates: bool

    @classmethod
    def of(cls, y: Any, classes: Any = None) -> "Labels":
        """Return those of `y`, or of `classes` if they are given, in the form that `y` has."""
        table, flat, indicates = _read(y)
        if classes is None:
            columns = [np.unique(column) for column in table.T]
        elif flat or indicates:
            columns = [np.unique(np.asarray(classes))]
            columns *= table.shape[1]
        else:
            columns = [np.unique(np.asarray(one)) for one in classes]
        if len(columns) != table.shape[1]:
            raise ValueError(
                f"classes must be {table.shape[1]} lists, one for each column of y; "
                f"got {len(columns)}."
            )
        if indicates:
            columns = [np.array([0, 1])] * table.shape[1]
        return cls(columns, flat, indicates)

    @property
    def classes(self) -> Any:
        """What scikit-learn calls ``classes_``."""
        if self.indicates:
            return np.arange(len(self.columns))
        return self.columns[0] if self.flat else self.columns

    def has(self, classes: Any) -> bool:
        """Whether `classes` are these."""
        if self.indicates:
            return True
        given = [classes] if self.flat else classes
        pairs = zip(self.columns, given, strict=False)
        same = all(np.array_equal(one, np.unique(np.asarray(other))) for one, other in pairs)
        return len(given) == len(self.columns) and same

    @property
    def heads(self) -> list[tuple[int, str]]:
        """Size and activation of each output."""
        if self.indicates:
            return [(len(self.columns), "sigmoid")]
        return [(len(one), "softmax") for one in self.columns]

    @property
    def loss(self) -> Any:
        """The loss of each output."""
        if self.indicates:
            return "binary_crossentropy"
        losses = ["sparse_categorical_crossentropy"] * len(self.columns)
        return losses if len(losses) > 1 else losses[0]

    def column(self, y: Any) -> Any:
        """Return `y` as scikit-learn weighs it by class."""
        table = _read(y)[0]
        return table[:, 0] if self.flat else table

    def codes(self, y: Any) -> list[np.ndarray]:
        """Return the targets of each output.

        Raises
        ------
        ValueError
            A label is none of these, or y has another form.
        """
        table, flat, indicates = _read(y)
        # A column of zeros and ones may belong to classes of its own.
        if flat != self.flat or table.shape[1] != len(self.columns):
            raise ValueError(
                f"y has shape {np.shape(y)}, but the classifier learnt {len(self.columns)} outputs."
            )
        if self.indicates and not indicates:
            raise ValueError("y must hold 0 and 1 alone, as before.")
        found = []
        for values, classes in zip(table.T, self.columns, strict=True):
            places = np.searchsorted(classes, values).clip(max=len(classes) - 1)
            unknown = classes[places] != values
            if unknown.any():
                label = values[unknown].tolist()[0]
                raise ValueError(
                    f"y has the label {label!r}, which is none of the classes {classes.tolist()}."
                )
            found.append(places)
        return [np.stack(found, axis=1).astype(np.float64)] if self.indicates else found

    def decoded(self, heads: list[np.ndarray]) -> np.ndarray:
        """Return the likeliest labels."""
        if self.indicates:
            return (heads[0] > 0.5).astype(int)
        pairs = zip(self.columns, heads, strict=True)
        found = [classes[one.argmax(axis=1)] for classes, one in pairs]
        return found[0] if self.flat else np.stack(found, axis=1)


def _read(y: Any) -> tuple[np.ndarray, bool, bool]:
    """Return y as (rows, outputs), whether it had one axis, and whether it is an indicator."""
    y = check_array(
        y, accept_sparse="csr", ensure_2d=False, dtype=None, input_name="y", ensure_min_samples=1
    )
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind in ("binary", "multiclass"):
        return column_or_1d(y, warn=True)[:, None], True, False
    table = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    return table, False, kind == "multilabel-indicator"
