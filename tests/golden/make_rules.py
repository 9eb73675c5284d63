"""Write rules.json: what Keras computes for the cases of `tests/golden/cases.py`.

Run from the repository root: KERAS_BACKEND=torch python -m tests.golden.make_rules
"""

import json
from pathlib import Path

import keras
import numpy as np

from tests.golden import cases

keras.config.set_floatx("float64")


def built(module, case):
    name, config = case
    config = dict(config)
    if isinstance(config.get("learning_rate"), list):
        config["learning_rate"] = built(keras.optimizers.schedules, config["learning_rate"])
    return getattr(module, name)(**config)


def optimizer_run(case):
    optimizer = built(keras.optimizers, case)
    values, gradients = cases.weights()
    variables = [
        keras.Variable(value, name=name) for name, value in zip(("kernel", "bias"), values)
    ]
    if case[1].get("weight_decay"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in step], variables)
    found = [np.asarray(v.numpy()).ravel().tolist() for v in variables]
    optimizer.finalize_variable_values(variables)
    return [*found, *[np.asarray(v.numpy()).ravel().tolist() for v in variables]]


def loss_value(case):
    y, p, weight = cases.batch(case)
    return float(built(keras.losses, case)(y, p, sample_weight=weight))


def metric_value(case):
    metric = built(keras.metrics, case)
    for number in range(2):
        y, p, weight = cases.batch(case, number)
        metric.update_state(y, p, sample_weight=weight if number else None)
    return np.asarray(keras.ops.convert_to_numpy(metric.result())).tolist()


def function_values(case):
    module, name, config, kind = case
    y, p, _ = cases.batch((kind, config))
    y, p = keras.ops.convert_to_tensor(y), keras.ops.convert_to_tensor(p)
    values = getattr(getattr(keras, module), name)(y, p, **config)
    return np.asarray(keras.ops.convert_to_numpy(values), np.float64).tolist()


def main():
    found = {
        "optimizers": [optimizer_run(case) for case in cases.OPTIMIZERS],
        "schedules": [
            [float(built(keras.optimizers.schedules, case)(step)) for step in cases.STEPS]
            for case in cases.SCHEDULES
        ],
        "losses": [loss_value(case) for case in cases.LOSSES],
        "metrics": [metric_value(case) for case in cases.METRICS],
        "functions": [function_values(case) for case in cases.FUNCTIONS],
        "regularizers": [
            float(built(keras.regularizers, case)(keras.ops.convert_to_tensor(cases.matrix())))
            for case in cases.REGULARIZERS
        ],
        "constraints": [
            np.asarray(
                keras.ops.convert_to_numpy(built(keras.constraints, case)(cases.matrix()))
            ).tolist()
            for case in cases.CONSTRAINTS
        ],
    }
    path = Path(__file__).with_name("rules.json")
    path.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
