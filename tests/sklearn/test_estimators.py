"""The estimators: forms of X and y, weights, what goes on, tools of scikit-learn."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")
import joblib  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import nlstm  # noqa: E402
from nlstm.sklearn import LSTMClassifier, LSTMRegressor  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 3.0, (120, 6, 2))
Y = 1000.0 + 5.0 * X[:, :, 0].sum(axis=1)
LABELS = np.where(X[:, -1, 0] > 2.0, "up", "down")
QUICK = {"units": 8, "epochs": 20, "learning_rate": 0.02, "random_state": 0}


def test_targets_of_any_size_are_learnt():
    regressor = LSTMRegressor(**QUICK).fit(X, Y)
    assert regressor.score(X, Y) > 0.9
    assert LSTMClassifier(**QUICK).fit(X, LABELS).score(X, LABELS) > 0.9
    assert regressor.n_features_in_ == 2 and regressor.n_iter_ == len(regressor.loss_curve_) == 20
    raw = LSTMRegressor(scale=False, **QUICK).fit(X, Y)
    assert raw.score(X, Y) < 0  # a thousand is far for it


FORMS = {
    "array": lambda x: x,
    "float32": lambda x: x.astype(np.float32),
    "list of lists": lambda x: x.tolist(),
    "list of arrays": list,
    "tuple": tuple,
    "object array": lambda x: np.fromiter(x, dtype=object),
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_one_feature_come_in_many_forms(form):
    table = X[:, :, 0].copy()
    wanted = LSTMRegressor(**QUICK).fit(table[:, :, None], Y).predict(table[:, :, None])
    found = LSTMRegressor(**QUICK).fit(FORMS[form](table), Y).predict(FORMS[form](table))
    np.testing.assert_allclose(found, wanted, rtol=1e-3)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library):
    module = pytest.importorskip(library)
    names = [f"t{step}" for step in range(6)]
    frame = module.DataFrame(dict(zip(names, X[:, :, 0].T)))
    wanted = LSTMRegressor(**QUICK).fit(X[:, :, 0], Y).predict(X[:, :, 0])
    regressor = LSTMRegressor(**QUICK).fit(frame, module.Series(Y), module.Series(np.ones(120)))
    assert regressor.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(regressor.predict(frame), wanted)
    with pytest.raises(ValueError, match="feature names should match"):
        regressor.predict(frame[names[::-1]])
    several = [module.DataFrame({"a": one[:, 0], "b": one[:, 1]}) for one in X]
    found = LSTMRegressor(**QUICK).fit(several, Y).predict(several)
    np.testing.assert_array_equal(found, LSTMRegressor(**QUICK).fit(X, Y).predict(X))
    labels = LSTMClassifier(**QUICK).fit(several, module.Series(LABELS))
    assert labels.score(several, module.Series(LABELS)) > 0.8
    two = module.DataFrame({"a": Y, "b": -Y})
    assert LSTMRegressor(**QUICK).fit(frame, two).predict(frame).shape == (120, 2)


def test_a_column_of_sequences_in_polars():
    polars = pytest.importorskip("polars")
    column = polars.Series([one[: 3 + n % 4, 0].tolist() for n, one in enumerate(X)])
    several = [np.array(one) for one in column]
    found = LSTMRegressor(**QUICK).fit(column, Y).predict(column)
    np.testing.assert_array_equal(found, LSTMRegressor(**QUICK).fit(several, Y).predict(several))


def test_sequences_of_unlike_length_are_read_to_their_own_ends():
    several = [one[: 2 + n % 5] for n, one in enumerate(X)]
    y = np.array([one[-1, 0] for one in several])
    regressor = LSTMRegressor(**QUICK).fit(several, y)
    assert regressor.score(several, y) > 0.9
    alone = [regressor.predict([one])[0] for one in several[:5]]
    np.testing.assert_allclose(regressor.predict(several)[:5], alone, rtol=1e-5)
    assert cross_val_score(LSTMRegressor(**QUICK), several, y, cv=2).min() > 0.7
    data = np.concatenate(several)  # what is padded is not among the moments
    np.testing.assert_allclose(regressor._moments.shift, data.mean(axis=0))
    np.testing.assert_allclose(regressor._moments.scale, data.std(axis=0))


@pytest.mark.parametrize("lengths", [[3, 3, 3], [3, 2, 4]])
def test_nested_lists_are_sequences_of_features(lengths):
    several = [one[:n].tolist() for one, n in zip(X, lengths)]
    found = LSTMRegressor(**QUICK).fit(several, Y[:3]).predict(several)
    arrays = list(map(np.array, several))
    np.testing.assert_array_equal(found, LSTMRegressor(**QUICK).fit(arrays, Y[:3]).predict(arrays))


def test_a_constant_feature_is_no_division_by_nothing():
    x = np.concatenate([X, np.full((120, 6, 1), 0.1)], axis=2)
    assert LSTMRegressor(**QUICK).fit(x, Y).score(x, Y) > 0.9


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS == "up",
        (LABELS == "up").astype(float),
        np.stack([LABELS == "up", X[:, 0, 0] > 2.0], axis=1).astype(int),
        np.stack([LABELS, np.where(X[:, -1, 1] > 2.0, "b", "a")], axis=1),
        np.stack([np.digitize(X[:, -1, 0], [0.0, 4.0]), X[:, -1, 0] > 2.0], axis=1),
    ],
    ids=["words", "bool", "float", "indicator", "two columns of words", "two columns"],
)
def test_labels_come_back_as_they_were(labels):
    classifier = LSTMClassifier(**QUICK).fit(X, labels)
    found = classifier.predict(X)
    assert found.shape == labels.shape and found.dtype.kind == labels.dtype.kind
    assert (found == labels).mean() > 0.85
    shares, logs = classifier.predict_proba(X), classifier.predict_log_proba(X)
    for share, log in zip(*((x if isinstance(x, list) else [x]) for x in (shares, logs))):
        assert share.min() >= 0 and share.max() <= 1
        np.testing.assert_array_equal(log, np.log(share))
    again = LSTMClassifier(**QUICK)
    indicates = labels.ndim == 2 and not isinstance(classifier.classes_, list)
    classes = [0, 1] if indicates else classifier.classes_
    for _ in range(20):
        again.partial_fit(X, labels, classes)
    assert (again.predict(X) == labels).mean() > 0.85


def test_weights_count_by_their_ratios():
    weight = RNG.integers(0, 3, 120).astype(float)
    plain = LSTMRegressor(**QUICK, optimizer="sgd")  # whose steps are of the size of the loss
    some = clone(plain).fit(X[weight > 0], Y[weight > 0], weight[weight > 0])
    for scale in (1.0, 4.0):
        found = clone(plain).fit(X, Y, sample_weight=scale * weight)
        np.testing.assert_allclose(found.predict(X), some.predict(X), rtol=1e-5)
    with pytest.raises(ValueError, match="must not be negative: row 3"):
        LSTMRegressor(**QUICK).fit(X, Y, np.where(np.arange(120) == 3, -1.0, 1.0))


def test_class_weights():
    rare = np.where(RNG.random(120) < 0.2, "rare", "often")  # nothing to learn but shares
    for weight, share in ((None, 0.2), ("balanced", 0.5), ({"rare": 16.0}, 0.8)):
        classifier = LSTMClassifier(1, epochs=20, class_weight=weight, random_state=0).fit(X, rare)
        place = classifier.classes_.tolist().index("rare")
        assert classifier.predict_proba(X)[:, place].mean() == pytest.approx(share, abs=0.12)
    with pytest.raises(ValueError, match="class_weight='balanced' needs all rows"):
        LSTMClassifier(class_weight="balanced").partial_fit(X, rare, ["often", "rare"])
    with pytest.raises(ValueError, match="class_weight leaves no row"):
        LSTMClassifier(class_weight={"often": 0, "rare": 0}).fit(X, rare)


def test_a_fit_goes_on_or_starts_anew():
    once = LSTMRegressor(**QUICK | {"epochs": 4}).fit(X, Y)
    warm = LSTMRegressor(**QUICK | {"epochs": 2}, warm_start=True).fit(X, Y)
    assert warm.fit(X, Y).n_iter_ == 2 and len(warm.loss_curve_) == 4
    part = LSTMRegressor(**QUICK)
    for _ in range(4):
        part.partial_fit(X, Y)
    for other in (warm, part):
        np.testing.assert_array_equal(other.predict(X), once.predict(X))
    assert warm.set_params(warm_start=False).fit(X, Y).loss_curve_ == once.loss_curve_[:2]
    with pytest.raises(ValueError, match="y has 2 outputs; before it had 1"):
        part.partial_fit(X, np.stack([Y, Y], axis=1))
    labels = LSTMClassifier(**QUICK).partial_fit(X, LABELS, ["down", "up"])
    with pytest.raises(ValueError, match="label 'x', which is none of the classes"):
        labels.partial_fit(X, np.where(LABELS == "up", "x", "up"))
    with pytest.raises(ValueError, match="not the same as on the last call"):
        labels.partial_fit(X, LABELS, ["down", "up", "x"])


def test_early_stopping_keeps_the_best_weights():
    noise = RNG.normal(size=120)
    options = QUICK | {"epochs": 200, "early_stopping": True, "n_iter_no_change": 3}
    regressor = LSTMRegressor(**options, validation_fraction=0.3).fit(X, noise)
    losses = regressor.validation_loss_curve_
    assert regressor.n_iter_ == len(losses) < 60
    assert regressor.n_iter_ - 3 <= np.argmin(losses) + 2
    several = [one[: 2 + n % 5] for n, one in enumerate(X)]
    classifier = LSTMClassifier(**options).fit(several, LABELS, np.linspace(0, 2, 120))
    assert len(classifier.validation_loss_curve_) == classifier.n_iter_
    with pytest.raises(ValueError, match="validation_fraction must be above 0"):
        LSTMRegressor(early_stopping=True, validation_fraction=0).fit(X, Y)


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 2, "dropout": 0.2},
        {"bidirectional": True, "num_layers": 2},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": nlstm.optimizers.RMSprop(0.01)},
        {"dtype": "float64"},
        {"loss": "mae"},
        {"verbose": 2},
    ],
    ids=str,
)
def test_parameters_reach_the_model(options, capsys):
    regressor = LSTMRegressor(**QUICK | options)
    found = regressor.fit(X, Y).predict(X)
    np.testing.assert_array_equal(clone(regressor).fit(X, Y).predict(X), found)  # the seed is all
    assert (found != LSTMRegressor(**QUICK).fit(X, Y).predict(X)).any() or "verbose" in options
    assert ("Epoch" in capsys.readouterr().out) == ("verbose" in options)
    if "optimizer" in options and not isinstance(options["optimizer"], str):
        assert regressor.model_.optimizer is not options["optimizer"]


def test_a_random_state_leaves_others_random_numbers_alone():
    nlstm.set_random_seed(1)
    before = np.random.get_state()[1].copy()
    a, b = (LSTMRegressor(4, epochs=1, random_state=n).fit(X, Y).predict(X) for n in (1, 2))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert (a != b).any()
    same = np.random.RandomState(1)
    drawn = LSTMRegressor(4, epochs=1, random_state=same)
    assert (drawn.fit(X, Y).predict(X) != drawn.fit(X, Y).predict(X)).any()


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda e: e.fit(X[None], Y), ValueError, "dim 4"),
        (lambda e: e.fit(X[:, :, 0][0], Y), ValueError, "Expected 2D array"),
        (lambda e: e.fit(list(X[:-1]) + [X[-1][:, :1]], Y), ValueError, r"X\[119\] has 1 features"),
        (lambda e: e.fit(list(X[:-1]) + [X[-1][:0]], Y), ValueError, r"X\[119\] is empty"),
        (lambda e: e.fit(list(X[:-1]) + [X[-1] * np.nan], Y), ValueError, r"NaN, in X\[119\]"),
        (lambda e: e.fit(X[:, :0], Y), ValueError, "X is empty|0 sample|0 feature"),
        (lambda e: e.fit(X * 1e300, Y), ValueError, "X reaches too far"),
        (lambda e: e.fit(X, Y * 1e300), ValueError, "y reaches too far"),
        (lambda e: e.fit(X, Y[:-1]), ValueError, "inconsistent numbers of samples"),
        (lambda e: e.fit(X, Y[:, None, None]), ValueError, "dim 3|y must have shape"),
        (lambda e: e.set_params(units=0).fit(X, Y), ValueError, "units must be a positive"),
        (lambda e: e.set_params(dropout=1.5).fit(X, Y), ValueError, "dropout must"),
        (lambda e: e.set_params(dtype="int8").fit(X, Y), ValueError, "Unknown dtype"),
        (lambda e: e.set_params(optimizer="x").fit(X, Y), ValueError, "x"),
        (lambda e: e.set_params(optimizer=None).fit(X, Y), TypeError, "optimizer must be a name"),
        (lambda e: e.set_params(warm_start="x").fit(X, Y), TypeError, "warm_start must be"),
        (lambda e: e.set_params(verbose="x").fit(X, Y), TypeError, "verbose must be an integer"),
        (
            lambda e: e.set_params(early_stopping=True, validation_fraction=0.999).fit(X, Y),
            ValueError,
            "validation_fraction=0.999 of 120 rows leaves none",
        ),
        (
            lambda e: e.set_params(warm_start=True).fit(X, Y).set_params(units=5).fit(X, Y),
            ValueError,
            "units was set to 5 after a fit with 8, which cannot go on",
        ),
        (lambda e: e.fit(X, Y).predict(X[:, :, :1]), ValueError, "has 1 features, but LSTM"),
        (lambda e: e.fit(X[:, :, 0], Y).predict(X), ValueError, "2 features, but .* expecting 1"),
        (lambda e: e.fit(X[:, :, 0], Y).predict(X[:, :4, 0]), ValueError, "4 features"),
    ],
)
def test_what_does_not_fit_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call(LSTMRegressor(**QUICK | {"epochs": 1}))


@pytest.mark.parametrize("share", [-1.0, np.nan, np.inf])
def test_class_weights_that_are_none_are_named(share):
    with pytest.raises(ValueError, match="class_weight must hold finite numbers"):
        LSTMClassifier(**QUICK | {"class_weight": {0: share, 1: 1.0}}).fit(X, Y > Y.mean())


def test_weights_whose_sum_is_beyond_float64_count_by_their_ratios():
    plain, huge = (
        LSTMRegressor(**QUICK).fit(X, Y, sample_weight=np.full(len(X), weight)).predict(X)
        for weight in (1.0, 1e308)
    )
    np.testing.assert_array_equal(plain, huge)


def test_copies_answer_the_same(tmp_path):
    for estimator, y in ((LSTMRegressor(**QUICK), Y), (LSTMClassifier(**QUICK), LABELS)):
        estimator.fit(X, y)
        joblib.dump(estimator, tmp_path / "model.joblib")
        for twin in (
            pickle.loads(pickle.dumps(estimator)),
            joblib.load(tmp_path / "model.joblib"),
        ):
            np.testing.assert_array_equal(twin.predict(X), estimator.predict(X))
            twin.partial_fit(X, y)
            assert twin.n_iter_ == 1
        assert not hasattr(clone(estimator), "model_")


def test_a_grid_search_in_processes():
    pipeline = make_pipeline(StandardScaler(), LSTMRegressor(epochs=2, random_state=0))
    search = GridSearchCV(pipeline, {"lstmregressor__units": [1, 8]}, cv=2, n_jobs=2)
    search.fit(X[:, :, 0], X[:, -1, 0])
    assert search.best_params_ == {"lstmregressor__units": 8}
    alone = clone(search).set_params(n_jobs=1).fit(X[:, :, 0], X[:, -1, 0])
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    with joblib.parallel_config(backend="threading", n_jobs=2):
        threads = clone(search).set_params(n_jobs=None).fit(X[:, :, 0], X[:, -1, 0])
    np.testing.assert_array_equal(
        threads.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    import importlib
    import sys

    monkeypatch.setitem(sys.modules, "sklearn", None)
    for name in [one for one in sys.modules if one.startswith("nlstm.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'nlstm\[sklearn\]'"):
        importlib.import_module("nlstm.sklearn")
