"""Cases whose results under Keras lie in rules.json: (class name, arguments), and their inputs."""

import numpy as np

EXPONENTIAL = ["ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 3,
                                    "decay_rate": 0.5, "staircase": True}]  # fmt: skip
OPTIMIZERS = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "clipnorm": 0.7}),
    ("SGD", {"learning_rate": EXPONENTIAL, "momentum": 0.5}),
    ("RMSprop", {"learning_rate": 0.01, "rho": 0.8}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.6, "centered": True, "clipvalue": 0.5}),
    ("Adam", {"learning_rate": 0.01, "weight_decay": 0.3}),
    ("Adam", {"learning_rate": 0.01, "amsgrad": True, "global_clipnorm": 0.9}),
    ("AdamW", {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.7}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Lion", {"learning_rate": 0.01, "gradient_accumulation_steps": 3}),
    (
        "Adam",
        {
            "learning_rate": 0.01,
            "gradient_accumulation_steps": 3,
            "use_ema": True,
            "ema_momentum": 0.7,
            "ema_overwrite_frequency": 2,
        },
    ),
    ("Adagrad", {"learning_rate": 0.1, "use_ema": True, "ema_overwrite_frequency": 4}),
    ("Adamax", {"learning_rate": 0.01}),
    ("Adadelta", {"learning_rate": 0.5, "rho": 0.8}),
]

STEPS = [0, 1, 3, 5, 8, 10, 17, 40]
SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.9}),
    EXPONENTIAL,
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.9}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 10], "values": [1.0, 0.5, 0.25]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "power": 0.5}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "alpha": 0.1}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.0, "decay_steps": 9, "warmup_target": 0.2, "warmup_steps": 4},
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 3, "m_mul": 0.8}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 3, "t_mul": 1.0}),
]

SPARSE = "SparseCategoricalCrossentropy"
LOSSES = [
    ("MeanSquaredError", {}),
    ("MeanSquaredError", {"reduction": "sum"}),
    ("MeanSquaredError", {"reduction": "mean_with_sample_weight"}),
    ("MeanAbsoluteError", {"reduction": "mean"}),
    ("MeanAbsolutePercentageError", {}),
    ("MeanSquaredLogarithmicError", {}),
    ("Huber", {"delta": 0.3}),
    ("LogCosh", {}),
    ("CosineSimilarity", {}),
    ("Poisson", {}),
    ("KLDivergence", {}),
    ("Hinge", {}),
    ("SquaredHinge", {}),
    ("CategoricalHinge", {}),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}),
    ("BinaryCrossentropy", {"from_logits": True}),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True}),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.5}),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}),
    ("CategoricalCrossentropy", {"from_logits": True}),
    ("CategoricalFocalCrossentropy", {}),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 1.5}),
    (SPARSE, {}),
    (SPARSE, {"from_logits": True}),
    (SPARSE, {"ignore_class": 2}),
]

METRICS = [
    ("MeanSquaredError", {}),
    ("RootMeanSquaredError", {}),
    ("CosineSimilarity", {}),
    ("LogCoshError", {}),
    ("BinaryAccuracy", {"threshold": 0.4}),
    ("CategoricalAccuracy", {}),
    ("SparseCategoricalAccuracy", {}),
    ("TopKCategoricalAccuracy", {"k": 2}),
    ("SparseTopKCategoricalAccuracy", {"k": 2}),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}),
    (SPARSE, {"ignore_class": 2}),
    ("AUC", {}),
    ("AUC", {"curve": "PR"}),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "num_thresholds": 20}),
    ("AUC", {"thresholds": [0.2, 0.3, 0.9], "summation_method": "majoring"}),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 3.0, 4.0]}),
    ("Precision", {}),
    ("Precision", {"thresholds": [0.7, 0.2], "class_id": 1}),
    ("Recall", {"top_k": 2}),
    ("Recall", {}),
    ("FBetaScore", {"average": "micro", "beta": 2.0, "threshold": 0.4}),
    ("F1Score", {}),
    ("F1Score", {"average": "weighted", "threshold": 0.5}),
    ("F1Score", {"average": "macro"}),
    ("R2Score", {}),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}),
    ("R2Score", {"class_aggregation": None, "num_regressors": 3}),
    ("TruePositives", {}),
    ("FalsePositives", {"thresholds": [0.7, 0.2]}),
    ("FalseNegatives", {"thresholds": [0.0, 0.5, 1.0]}),
    ("TrueNegatives", {"thresholds": 0.3}),
    ("PrecisionAtRecall", {"recall": 0.6}),
    ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 20, "class_id": 2}),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 5}),
    ("SpecificityAtSensitivity", {"sensitivity": 1.0, "num_thresholds": 1}),
]

FUNCTIONS = [  # (function, arguments, the class whose batches suit it)
    ("losses", "mean_squared_error", {}, "MeanSquaredError"),
    ("losses", "mean_absolute_error", {}, "MeanAbsoluteError"),
    ("losses", "mean_absolute_percentage_error", {}, "MeanAbsolutePercentageError"),
    ("losses", "mean_squared_logarithmic_error", {}, "MeanSquaredLogarithmicError"),
    ("losses", "huber", {"delta": 0.3}, "Huber"),
    ("losses", "log_cosh", {}, "LogCosh"),
    ("losses", "cosine_similarity", {}, "CosineSimilarity"),
    ("losses", "poisson", {}, "Poisson"),
    ("losses", "kl_divergence", {}, "KLDivergence"),
    ("losses", "hinge", {}, "Hinge"),
    ("losses", "squared_hinge", {}, "SquaredHinge"),
    ("losses", "categorical_hinge", {}, "CategoricalHinge"),
    ("losses", "binary_crossentropy", {"label_smoothing": 0.2}, "BinaryCrossentropy"),
    ("losses", "binary_focal_crossentropy", {"apply_class_balancing": True, "gamma": 1.5},
     "BinaryFocalCrossentropy"),
    ("losses", "categorical_crossentropy", {"label_smoothing": 0.2}, "CategoricalCrossentropy"),
    ("losses", "categorical_focal_crossentropy", {"alpha": 0.4}, "CategoricalFocalCrossentropy"),
    ("losses", "sparse_categorical_crossentropy", {}, "SparseCategoricalCrossentropy"),
    ("metrics", "binary_accuracy", {"threshold": 0.3}, "BinaryAccuracy"),
    ("metrics", "categorical_accuracy", {}, "CategoricalAccuracy"),
    ("metrics", "sparse_categorical_accuracy", {}, "SparseCategoricalAccuracy"),
    ("metrics", "top_k_categorical_accuracy", {"k": 2}, "TopKCategoricalAccuracy"),
    ("metrics", "sparse_top_k_categorical_accuracy", {"k": 2}, "SparseTopKCategoricalAccuracy"),
]  # fmt: skip

REGULARIZERS = [
    ("L1", {}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {"factor": 0.5}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]
CONSTRAINTS = [
    ("MaxNorm", {"max_value": 1.0}),
    ("MaxNorm", {"max_value": 1.0, "axis": 1}),
    ("UnitNorm", {}),
    ("NonNeg", {}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 1.5, "rate": 0.6}),
]

HOT = ("Categorical", "TopK", "F1", "FBeta")
MULTI = ("Binary", "AUC", "Precision", "Recall", "Hinge", "SquaredHinge", "True", "False")
MULTI += ("Sensitivity", "Specificity")


def weights():
    """Return two weight arrays, and their gradients at ten steps."""
    rng = np.random.default_rng(5)
    shapes = (3, 4), (4,)
    values = [rng.normal(size=shape) for shape in shapes]
    return values, [[rng.normal(size=shape) * 0.5 for shape in shapes] for _ in range(10)]


def matrix():
    return np.random.default_rng(6).normal(size=(3, 4))


def batch(case, number=0):
    """Return (8, 4) targets and predictions that suit a loss or metric, and weights."""
    name, config = case
    rng = np.random.default_rng(20 + number)
    p, y = rng.uniform(0.02, 0.98, (2, 8, 4))
    weight = rng.uniform(0.2, 2.0, 8)
    classes = rng.integers(0, 4, 8)
    if config.get("from_logits") or name in ("CosineSimilarity", "LogCosh", "R2Score"):
        p = rng.normal(size=(8, 4)) * 2
    if "Categorical" in name and not config.get("from_logits"):
        p /= p.sum(axis=1, keepdims=True)
    if name.startswith("Sparse"):
        return classes[:, None].astype(float), p, weight
    if name.startswith(HOT):
        y = np.eye(4)[classes]
    elif name.startswith(MULTI):
        y = (y > 0.6).astype(float)
    return y, p, weight
