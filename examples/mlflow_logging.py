"""MLflow keeps what a fit was told, how it went, and the model: one callback.

    pip install mlflow
    python examples/mlflow_logging.py            # writes to mlruns/; `mlflow ui` shows it

`MLflowLogger` is all that it takes; copy it. Where no run is active, `fit` begins one and ends it.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import nlstm
from nlstm.callbacks import Callback
from nlstm.datasets import seattle_weather
from nlstm.layers import LSTM, Dense, Input
from nlstm.windows import windows

try:
    import mlflow
except ImportError:
    raise SystemExit("This example takes MLflow: pip install mlflow") from None


class MLflowLogger(Callback):
    """Log the settings of a fit, the numbers of each epoch, and the model that comes out.

    Parameters
    ----------
    model_file : str, optional
        What the model is called among the run's artifacts; its ending chooses the format, so
        "model.keras" can be opened by Keras too. None leaves it out.
    """

    def __init__(self, model_file="model.nlstm"):
        self.model_file, self.begun = model_file, False

    def on_train_begin(self, logs=None):
        self.begun = mlflow.active_run() is None
        if self.begun:
            mlflow.start_run()
        told = self.model.get_compile_config()
        mlflow.log_params({
            "epochs": self.params["epochs"],
            "steps_per_epoch": self.params["steps"],
            "weights": self.model.count_params(),
            "optimizer": type(self.model.optimizer).__name__,
            "learning_rate": float(self.model.optimizer.learning_rate),
            "loss": str(told["loss"]),
        })  # fmt: skip
        table = []
        self.model.summary(print_fn=table.append)
        mlflow.log_text("\n".join(table), "summary.txt")

    def on_epoch_end(self, epoch, logs=None):
        mlflow.log_metrics({name: float(value) for name, value in logs.items()}, step=epoch)

    def on_train_end(self, logs=None):
        if self.model_file is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / self.model_file
                self.model.save(path)
                mlflow.log_artifact(str(path))
        if self.begun:
            mlflow.end_run()


def trained(epochs):
    """Train a small forecaster of Seattle's highest temperatures under MLflow's eyes."""
    series = seattle_weather()[1][:, 1]
    scaled = (series - series.mean()) / series.std()
    x, y = windows(scaled, 14, horizon=1)
    nlstm.set_random_seed(0)
    model = nlstm.Sequential([Input((14, 1)), LSTM(16), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, y[:, 0], validation_split=0.2, epochs=epochs, verbose=0,
              callbacks=[MLflowLogger()])  # fmt: skip
    return model, x


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--epochs", type=int, default=20)
    given = words.parse_args()
    mlflow.set_experiment("seattle")
    model, x = trained(given.epochs)
    run = mlflow.last_active_run()
    print(f"run {run.info.run_id}: {dict(sorted(run.data.metrics.items()))}")
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="model.nlstm")
    again = nlstm.models.load_model(path)
    same = np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    print(f"the model that MLflow keeps predicts the same: {same}")


if __name__ == "__main__":
    main()
