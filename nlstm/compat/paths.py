"""Which of nlstm's modules stands at which of Keras's paths, and which names Keras has dropped."""

__all__ = [
    "FORMER_NAMES",
    "FORMER_PATHS",
    "NAMES",
    "PATHS",
    "REASONS",
    "ROOTS",
    "TENSORFLOW",
]

# Where scripts find Keras; the longest first.
ROOTS = (
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
    "tensorflow.python.keras",
    "tensorflow.keras",
    "tf_keras",
    "keras",
)

# Keras 3's modules, by their path below the root.
PATHS = {
    "activations": "nlstm.activations",
    "backend": "nlstm.backend",
    "callbacks": "nlstm.callbacks",
    "constraints": "nlstm.constraints",
    "datasets": "nlstm.datasets",
    "initializers": "nlstm.initializers",
    "layers": "nlstm.layers",
    "losses": "nlstm.losses",
    "metrics": "nlstm.metrics",
    "mixed_precision": "nlstm.mixed_precision",
    "models": "nlstm.models",
    "optimizers": "nlstm.optimizers",
    "optimizers.schedules": "nlstm.optimizers.schedules",
    "preprocessing": "nlstm.preprocessing",
    "preprocessing.sequence": "nlstm.preprocessing.sequence",
    "preprocessing.text": "nlstm.preprocessing.text",
    "random": "nlstm.random",
    "regularizers": "nlstm.regularizers",
    "saving": "nlstm.saving",
    "utils": "nlstm.utils",
}

# Paths that Keras has left, and the one that has their names now.
FORMER_PATHS = {
    "engine": "models",
    "engine.base_layer": "layers",
    "engine.input_layer": "layers",
    "engine.sequential": "models",
    "engine.topology": "layers",
    "engine.training": "models",
    "layers.advanced_activations": "layers",
    "layers.convolutional": "layers",
    "layers.core": "layers",
    "layers.embeddings": "layers",
    "layers.experimental": "layers",
    "layers.merge": "layers",
    "layers.noise": "layers",
    "layers.normalization": "layers",
    "layers.pooling": "layers",
    "layers.recurrent": "layers",
    "layers.wrappers": "layers",
    "objectives": "losses",
    "optimizers.experimental": "optimizers",
    "optimizers.legacy": "optimizers",
    "preprocessing.timeseries": "preprocessing",
    "utils.data_utils": "utils",
    "utils.generic_utils": "utils",
    "utils.np_utils": "utils",
    "utils.vis_utils": "utils",
}

# Keras's names for what nlstm keeps elsewhere or calls otherwise: path to name to "module:name".
NAMES = {
    "": {
        "Initializer": "nlstm.initializers:Initializer",
        "Input": "nlstm.layers:Input",
        "Layer": "nlstm.layers:Layer",
        "Loss": "nlstm.losses:Loss",
        "Metric": "nlstm.metrics:Metric",
        "Model": "nlstm.models:Model",
        "Optimizer": "nlstm.optimizers:Optimizer",
        "Regularizer": "nlstm.regularizers:Regularizer",
        "Sequential": "nlstm.models:Sequential",
    },
    "constraints": {
        name: f"nlstm.constraints:{name}"
        for name in ("max_norm", "min_max_norm", "non_neg", "unit_norm")
    },
    "initializers": {
        name: f"nlstm.initializers:{name}"
        for name in (
            "constant",
            "glorot_normal",
            "glorot_uniform",
            "he_normal",
            "he_uniform",
            "identity",
            "lecun_normal",
            "lecun_uniform",
            "ones",
            "orthogonal",
            "random_normal",
            "random_uniform",
            "truncated_normal",
            "variance_scaling",
            "zeros",
        )  # fmt: skip
    },
    "losses": {
        "MAE": "nlstm.losses:mean_absolute_error",
        "MSE": "nlstm.losses:mean_squared_error",
        "kullback_leibler_divergence": "nlstm.losses:kl_divergence",
        "logcosh": "nlstm.losses:log_cosh",
        "mae": "nlstm.losses:mean_absolute_error",
        "mape": "nlstm.losses:mean_absolute_percentage_error",
        "mse": "nlstm.losses:mean_squared_error",
        "msle": "nlstm.losses:mean_squared_logarithmic_error",
    },
    "metrics": {
        "MAE": "nlstm.metrics:mean_absolute_error",
        "MSE": "nlstm.metrics:mean_squared_error",
        "mae": "nlstm.metrics:mean_absolute_error",
        "mape": "nlstm.metrics:mean_absolute_percentage_error",
        "mse": "nlstm.metrics:mean_squared_error",
    },
}

# The same for names that Keras has dropped.
FORMER_NAMES = {
    "constraints": {
        "maxnorm": "nlstm.constraints:MaxNorm",
        "nonneg": "nlstm.constraints:NonNeg",
        "unitnorm": "nlstm.constraints:UnitNorm",
    },
    "initializers": {
        "normal": "nlstm.initializers:RandomNormal",
        "one": "nlstm.initializers:Ones",
        "uniform": "nlstm.initializers:RandomUniform",
        "zero": "nlstm.initializers:Zeros",
    },
    "layers": {
        "CuDNNLSTM": "nlstm.layers:LSTM",
        "merge": "nlstm.layers.former:merge",
        "TimeDistributedDense": "nlstm.layers:Dense",
    },
    "models": {"Input": "nlstm.layers:Input", "Layer": "nlstm.layers:Layer"},
    "optimizers": {
        "adadelta": "nlstm.optimizers:Adadelta",
        "adagrad": "nlstm.optimizers:Adagrad",
        "adam": "nlstm.optimizers:Adam",
        "adamax": "nlstm.optimizers:Adamax",
        "nadam": "nlstm.optimizers:Nadam",
        "rmsprop": "nlstm.optimizers:RMSprop",
        "sgd": "nlstm.optimizers:SGD",
    },
}

# What stands for TensorFlow itself, by the path below it.
TENSORFLOW = {
    "": "nlstm.compat.tensorflow",
    "compat": "nlstm.compat.tensorflow:compat",
    "compat.v1": "nlstm.compat.tensorflow",
    "compat.v2": "nlstm.compat.tensorflow",
    "config": "nlstm.compat.tensorflow:config",
    "python": "nlstm.compat.tensorflow:python",
    "random": "nlstm.compat.tensorflow:random",
    "test": "nlstm.compat.tensorflow:test",
}

# What to do without, by the name that is asked for.
_DOWNLOADS = "nlstm downloads nothing: load a local copy with NumPy"
_CONVOLUTION = "Conv1D is the only convolution"
_TENSORS = "nlstm computes with NumPy arrays and has no tensors: use NumPy"
_IMAGES = "nlstm is not about images"
REASONS = {
    **dict.fromkeys(
        ("boston_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters"),
        _DOWNLOADS,
    ),
    **dict.fromkeys(
        ("Conv1DTranspose", "ConvLSTM1D", "SeparableConv1D"),
        _CONVOLUTION,
    ),
    **dict.fromkeys(
        ("Conv2D", "Convolution2D", "Conv3D", "ConvLSTM2D", "MaxPooling2D", "MaxPool2D",
         "ImageDataGenerator", "applications", "image"),
        _IMAGES,
    ),
    **dict.fromkeys(
        ("ops", "function", "GradientTape", "Variable", "matmul", "math", "cast", "eval",
         "int_shape", "placeholder", "variable"),
        _TENSORS,
    ),
    **dict.fromkeys(
        ("ConfigProto", "Session", "get_session", "learning_phase", "set_learning_phase",
         "set_session", "tensorflow_backend"),
        "there are no sessions and phases: leave it out",
    ),
    "Attention": "attention is another kind of network",
    "Lambda": "nlstm does not differentiate Python code: do it in NumPy before or after the model",
    "Merge": "take Model(inputs, outputs) with add, multiply, concatenate and the like",
    "MultiHeadAttention": "attention is another kind of network",
    "RNN": "a cell in a loop of Python would be slow: take LSTM, GRU or SimpleRNN",
    "StackedRNNCells": "a cell in a loop of Python would be slow: LSTM takes num_layers",
    "TextVectorization": "take nlstm.preprocessing.text.Tokenizer before the model",
    "config": "a model takes its dtype as dtype, and nothing else is to be configured",
    "data": "give fit arrays, a generator of batches, or nlstm.windows.Windows",
    "distribution": "fit takes distribute='mpi': docs/machines.md",
    "multi_gpu_model": "there is one processor: take the model itself",
    "scikit_learn": "nlstm.sklearn has LSTMClassifier and LSTMRegressor",
    "wrappers": "nlstm.sklearn has LSTMClassifier and LSTMRegressor",
}  # fmt: skip
