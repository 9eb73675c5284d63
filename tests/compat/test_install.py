"""What imports of Keras and TensorFlow give while nlstm stands in their place."""

import importlib
import sys
import types
import warnings

import numpy as np
import pytest

import nlstm
import nlstm.compat
from nlstm.compat.paths import FORMER_NAMES, FORMER_PATHS, NAMES, PATHS, ROOTS, TENSORFLOW
from nlstm.compat.places import looked_up


@pytest.fixture
def installed():
    nlstm.compat.install()
    yield
    nlstm.compat.uninstall()


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_has_every_path(installed, root):
    for path in PATHS:
        module = importlib.import_module(f"{root}.{path}")
        assert set(module.__all__) <= set(dir(module))
        assert importlib.import_module(root).__all__ == sorted(NAMES[""])
    assert importlib.import_module(f"{root}.layers").LSTM is nlstm.layers.LSTM


@pytest.mark.parametrize("path", TENSORFLOW)
def test_tensorflow_has_its_paths(installed, path):
    importlib.import_module(f"tensorflow.{path}".removesuffix("."))


def test_every_name_of_the_tables_is_there():
    for names in (*NAMES.values(), *FORMER_NAMES.values()):
        for source in names.values():
            assert looked_up(source) is not None
    assert set(FORMER_PATHS.values()) <= set(PATHS)


OWN = "layers.pooling"  # a file of nlstm's own has this name


@pytest.mark.parametrize(
    ("root", "path"),
    [
        (root, path)
        for root in ("keras", "nlstm")
        for path in FORMER_PATHS
        if (root, path) != ("nlstm", OWN)
    ],
)
def test_former_path_warns_once_and_has_todays_names(installed, root, path):
    name, today = f"{root}.{path}", importlib.import_module(PATHS[FORMER_PATHS[path]])
    with warnings.catch_warnings(record=True) as above:
        warnings.simplefilter("always")
        importlib.import_module(name.rpartition(".")[0])  # may be a former path itself
    assert len(above) <= 1
    sys.modules.pop(name, None)
    with pytest.warns(DeprecationWarning, match=f"{name} is a former path") as caught:
        module = importlib.import_module(name)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert set(today.__all__) <= set(vars(module))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "from keras.layers import Conv2D",
            r"nlstm has no keras.layers.Conv2D; nlstm is not about",
        ),
        ("import keras.applications", "nlstm has no keras.applications"),
        ("from keras.datasets import imdb", "downloads nothing"),
        ("from tensorflow.keras.layers import Densee", "there is Dense"),
        ("from keras import LSTM", "it is in keras.layers"),
        ("from tensorflow.keras.layers import Adam", "it is in tensorflow.keras.optimizers"),
        ("import tensorflow.contrib", "nlstm has no tensorflow.contrib"),
        ("from keras.backend import square", "arrays are NumPy's: take np.square"),
        ("from keras.backend import maximum", "take np.maximum"),
        ("from tensorflow import reduce_mean", "take np.mean"),
        ("from keras.backend.tensorflow_backend import set_session", "no sessions"),
        ("from keras.wrappers.scikit_learn import KerasClassifier", "nlstm.sklearn has LSTMC"),
        ("from keras.layers.recurrent.deep import x", "nlstm has no keras.layers.recurrent.deep"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*former path:DeprecationWarning")
def test_import_of_what_is_absent_says_so(installed, statement, message):
    with pytest.raises(ImportError, match=message):
        exec(statement, {})


def test_attribute_that_is_absent_is_an_attribute_error(installed):
    import keras
    import tensorflow as tf

    assert not hasattr(keras.layers, "MultiHeadAttention")
    with pytest.raises(AttributeError, match="nlstm has no keras.layers.Lambda; nlstm does not"):
        _ = keras.layers.Lambda
    with pytest.raises(AttributeError, match="nlstm has no tensorflow.config.set_soft"):
        _ = tf.config.set_soft_device_placement
    with pytest.raises(AttributeError, match="nlstm has no tensorflow.data; give fit arrays"):
        _ = tf.data


def test_former_name_warns(installed):
    from keras import layers

    with pytest.warns(DeprecationWarning, match="keras.layers.CuDNNLSTM is a name that Keras"):
        assert layers.CuDNNLSTM is nlstm.layers.LSTM


def test_stars_and_versions(installed):
    names = {}
    exec("from keras.layers import *\nimport keras, tensorflow as tf", names)
    assert names["LSTM"] is nlstm.layers.LSTM
    assert names["tf"].keras.__version__.startswith("3.") and "+nlstm" in names["tf"].__version__


def test_what_was_imported_before_comes_back(monkeypatch):
    real = types.ModuleType("keras")
    monkeypatch.setitem(sys.modules, "keras", real)
    others = {name: one for name, one in sys.modules.items() if name.startswith("json")}
    nlstm.compat.install()
    nlstm.compat.install()
    import keras

    assert keras is not real
    nlstm.compat.uninstall()
    nlstm.compat.uninstall()
    import keras

    assert keras is real
    assert all(sys.modules[name] is one for name, one in others.items())


def test_tensorflow_seeds_the_model_and_leaves_numpy(installed):
    import tensorflow as tf

    np.random.seed(3)
    wanted = np.random.rand()
    drawn = []
    for _ in range(2):
        np.random.seed(3)
        tf.random.set_seed(5)
        assert np.random.rand() == wanted
        model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
        drawn.append(model.get_weights()[0])
    np.testing.assert_array_equal(*drawn)


def test_arrays_and_devices_of_tensorflow(installed):
    import tensorflow as tf

    assert tf.constant([1.5]).numpy().dtype == np.float32
    assert type(tf.cast([1, 2], tf.float32).numpy()) is np.ndarray
    assert tf.constant(3).numpy() == 3
    assert tf.config.list_physical_devices("GPU") == []
    with tf.device("/GPU:0"):
        assert tf.executing_eagerly() and not tf.test.is_gpu_available()


def test_names_of_initializers_and_constraints_as_functions(installed):
    from keras.constraints import max_norm
    from keras.initializers import glorot_uniform

    assert max_norm is nlstm.constraints.MaxNorm
    assert glorot_uniform is nlstm.initializers.GlorotUniform
    with pytest.warns(DeprecationWarning, match="keras.constraints.maxnorm is a name"):
        from keras.constraints import maxnorm
    assert maxnorm is max_norm


def test_what_tensorflow_logs_is_chosen_without_effect(installed):
    import tensorflow as tf

    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    tf.compat.v1.disable_eager_execution()
    assert tf.compat.v1.keras.layers.LSTM is nlstm.layers.LSTM
    with pytest.raises(AttributeError, match="nlstm has no tensorflow.logging.basicConfig"):
        _ = tf.logging.basicConfig
