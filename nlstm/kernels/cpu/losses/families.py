"""The kernels of losses: formulas of `nlstm.kernels.shared.losses` driven over a batch.

Signatures as in `reduction`, with a code and the formula's settings. A family is compiled once for
a dtype; the three losses that nearly everybody trains with are families of their own.
"""

from nlstm.kernels.cpu.losses.reduction import body, elementwise, rowwise
from nlstm.kernels.cpu.machine.jit import njit
from nlstm.kernels.shared.losses import crossentropy, likelihoods, regression, similarity
from nlstm.kernels.shared.twins import compiled

__all__ = ["FAMILIES"]

HINGES = regression.HINGE, regression.SQUARED_HINGE
_regression, _crossentropy = compiled(regression, body), compiled(crossentropy, body)
_similarity, _likelihoods = compiled(similarity, body), compiled(likelihoods, body)
_squared_error, _absolute_error = _regression.squared_error, _regression.absolute_error
_huber, _element = _regression.huber, _regression.element
_only_zeros_and_ones = _regression.only_zeros_and_ones
_binary, _dense_row = _crossentropy.binary, _crossentropy.dense_row
_focal_row, _sparse_row = _crossentropy.focal_row, _crossentropy.sparse_row
_similarity_row, _likelihood_row = _similarity.row, _likelihoods.row


@njit
def mean_squared_error(code, mode, settings, y, p, features, weight, dp, total):
    """Mean of (p - y)**2."""
    elementwise(_squared_error, code, mode, settings, y, p, features, weight, dp, total)


@njit
def mean_absolute_error(code, mode, settings, y, p, features, weight, dp, total):
    """Mean of abs(p - y); slope 0 where they are equal."""
    elementwise(_absolute_error, code, mode, settings, y, p, features, weight, dp, total)


@njit
def huber(code, mode, settings, y, p, features, weight, dp, total):
    """Half the squared error up to settings[0], beyond it a straight line."""
    elementwise(_huber, code, mode, settings, y, p, features, weight, dp, total)


@njit
def other_regression(code, mode, settings, y, p, features, weight, dp, total):
    """Loss number `code` of `regression.CODES`; of the hinges settings[0] is overwritten (=)."""
    if code in HINGES:
        settings[0] = _only_zeros_and_ones(y)
    elementwise(_element, code, mode, settings, y, p, features, weight, dp, total)


@njit
def binary(code, mode, settings, y, p, features, weight, dp, total):
    """Loss number `code` of `BINARY_CODES`; settings: kept, spread, gamma, alpha, balanced."""
    elementwise(_binary, code, mode, settings, y, p, features, weight, dp, total)


@njit
def categorical(code, mode, settings, y, p, features, weight, dp, total):
    """Loss number `code` of `CATEGORICAL_CODES`; settings: kept, spread."""
    rowwise(_dense_row, code, mode, settings, y, p, features, weight, dp, total)


@njit
def categorical_focal(code, mode, settings, y, p, features, weight, dp, total):
    """Loss number `code` of `FOCAL_CODES`; settings: kept, spread, gamma, alpha."""
    rowwise(_focal_row, code, mode, settings, y, p, features, weight, dp, total)


@njit
def sparse_categorical(code, mode, settings, y, p, features, weight, dp, total):
    """Loss number `code` of `SPARSE_CODES`: the index of the one right class is y[..., 0].

    settings[2] : a class whose rows count nothing, or NaN. The loss of any other index that is none
        of the features is NaN, its slopes are 0.
    """
    rowwise(_sparse_row, code, mode, settings, y, p, features, weight, dp, total)


@njit
def similar(code, mode, settings, y, p, features, weight, dp, total):
    """Loss or metric number `code` of `similarity.CODES`; settings: cosine's sign, or k of top k.

    A class index that is none of the features is never right.
    """
    rowwise(_similarity_row, code, mode, settings, y, p, features, weight, dp, total)


@njit
def likelihood(code, mode, settings, y, p, features, weight, dp, total):
    """Loss number `code` of `likelihoods.CODES`."""
    rowwise(_likelihood_row, code, mode, settings, y, p, features, weight, dp, total)


FAMILIES = (
    (mean_squared_error, {"mean_squared_error": 0}),
    (mean_absolute_error, {"mean_absolute_error": 0}),
    (huber, {"huber": 0}),
    (other_regression, regression.CODES),
    (binary, crossentropy.BINARY_CODES),
    (categorical, crossentropy.CATEGORICAL_CODES),
    (categorical_focal, crossentropy.FOCAL_CODES),
    (sparse_categorical, crossentropy.SPARSE_CODES),
    (similar, similarity.CODES),
    (likelihood, likelihoods.CODES),
)
