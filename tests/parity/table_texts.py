"""Why nlstm differs from Keras, or lacks something: patterns of names, and plain sentences."""

PREPARES = """
    AugMix AutoContrast CategoryEncoding CenterCrop ContrastLimitedAdaptiveHistogramEqualization
    CutMix Discretization Equalization HashedCrossing Hashing IntegerLookup MaxNumBoundingBoxes
    MelSpectrogram MixUp Normalization Pipeline RandAugment Rescaling Resizing Solarization
    STFTSpectrogram StringLookup TextVectorization
""".split()
RANDOM = ("[Rr]andom*", "[Gg]lorot*", "[Hh]e*", "[Ll]ecun*", "[Oo]rthogonal", "[Tt]runcated*",
          "[Vv]ariance*")  # fmt: skip
OTHER_DRAWS = "other random numbers than Keras's, of the same distribution"
ABSENT = {
    # layers
    "layers.*2D": "images",
    "layers.*3D": "images",
    "layers.*2DTranspose": "images",
    "layers.*3DTranspose": "images",
    "layers.Random*": "images",
    "layers.*Conv*": "convolutions",
    "layers.*Pool*1D": "pooling in windows follows convolutions",
    "layers.*Attention": "attention is another kind of network",
    "layers.GRU*": "nlstm is about LSTM",
    "layers.*Cell*": "a cell in a loop of Python would fall off the fast path",
    "layers.RNN": "a cell in a loop of Python would fall off the fast path",
    "layers.Lambda": "nlstm does not differentiate Python code",
    "layers.*Layer": "runs another library's code",
    "layers.TorchModuleWrapper": "runs another library's code",
    "layers.Wrapper": "Bidirectional and TimeDistributed are there",
    "layers.deserialize": "`nlstm.saving.deserialize_keras_object`",
    "layers.serialize": "`nlstm.saving.serialize_keras_object`",
    "layers.InputSpec": "the inside of Keras's own machinery",
    **{f"layers.{name}": "prepares data, which is done before the model" for name in PREPARES},
    "layers.*": "no kernel yet",
    # the rest
    "optimizers.schedules.*serialize": "`nlstm.saving` has one pair for all",
    "*.deserialize": "`nlstm.saving` has one pair for all",
    "*.serialize": "`nlstm.saving` has one pair for all",
    "optimizers.LossScaleOptimizer": "for half precision, which nlstm does not compute in",
    "optimizers.*": "not among the rules that LSTM training uses; no kernel yet",
    "losses.*": "for images, speech or embeddings",
    "metrics.*IoU": "for images",
    "metrics.*": "no kernel yet; subclass `nlstm.metrics.Metric`",
    "callbacks.TensorBoard": "writes another library's format; `CSVLogger` writes text",
    "callbacks.RemoteMonitor": "sends data over the network",
    "callbacks.ProgbarLogger": "`fit(verbose=1)` draws the bar",
    "callbacks.OrbaxCheckpoint": "another library's format",
    "initializers.*": "for spectrograms",
    "activations.*": "no kernel yet",
    # a model's methods
    "Model.add_*": "layers, losses and weights are nlstm's own classes, not traced calls",
    "Model.*quant*": "quantisation",
    "Model.*": "the inside of Keras's own machinery",
}

ARGUMENTS = {
    "LSTM.unroll": "accepted for old code, without effect",
    "LSTM.use_cudnn": "accepted for old code, without effect",
    "LSTM.implementation": "accepted for old code, without effect",
    "LSTM.time_major": "accepted for old code, without effect",
    "LSTM.seed": "same argument; other random numbers than Keras's",
    "LSTM.peephole": "gates see the cell state by weights of their own",
    "LSTM.zoneout": "share of states that keep their value at a step (for both, or for h and c)",
    "LSTM.num_layers": "so many levels, one on the other, as in PyTorch",
    "LSTM.layer_norm": "normalises the gates' sums, as in haste",
    "LSTM.proj_size": "projects the state to so many units, as in PyTorch",
    "*.lora_*": "fine tuning of large models",
    "*.quantization_config": "quantisation",
    "layers.Dropout.noise_shape": "`SpatialDropout1D` is the form that sequences use",
    "layers.Layer.autocast": "a model computes in one dtype",
    "layers.Layer.activity_regularizer": "of the layers that have weights",
    "layers.InputLayer.shape": "required",
    "layers.InputLayer.*": "inputs are dense arrays",
    "layers.Input.*": "inputs are dense arrays",
    "Input.*": "inputs are dense arrays",
    "Model.build.input_shape": "may be left out where the layers say it",
    "models.clone_model.*": "`clone_function` alone",
    "models.Sequential.trainable": "layers take it one by one",
    "utils.timeseries_dataset_from_array.format": "NumPy arrays",
    "optimizers.Optimizer.*": "the base class takes all of them, and none by default",
    "metrics.SparseTopKCategoricalAccuracy.from_sorted_ids": "predictions are scores",
    "metrics.sparse_top_k_categorical_accuracy.from_sorted_ids": "predictions are scores",
    "initializers.*.*put_axes": "for the kernels of convolutions",
    "callbacks.CallbackList.*": "made by `fit`; users pass a list",
    "Model.save.zipped": "nlstm writes one file of its own format",
    "Model.save_weights.max_shard_size": "nlstm writes one file",
    "Model.load_weights.skip_mismatch": "a file that does not fit is an error",
    "Model.summary.positions": "without effect: columns are as wide as they must be",
    "Model.summary.expand_nested": "for models inside a Sequential; a Model's always are",
    "activations.*.*": "at Keras's default; a name chooses the function",
    "models.*.zipped": "nlstm writes one file of its own format",
}

DIFFERS = {
    "Model.fit": "sample weights (rows,) work with masked sequences too",
    "Model.get_weights": "in models with both branches and masks, layers may come in another order",
    "Model.compile": "`run_eagerly`, `steps_per_execution`, `jit_compile` and `auto_scale_loss` "
    "are accepted for old code, without effect",
    "layers.SimpleRNN": "`activity_regularizer` works; Keras accepts and ignores it",
    "layers.Softmax": "`axis` is -1",
    **{f"layers.{name}": OTHER_DRAWS for name in ("*Dropout", "*Dropout1D", "GaussianNoise")},
    **{f"initializers.{name}": OTHER_DRAWS for name in RANDOM},
    "losses.Loss": "a subclass defines its gradient too",
    "losses.get": "returns an object",
    "regularizers.Regularizer": "a subclass defines its gradient too",
    "activations.get": "returns a name",
    "metrics.get": "needs the loss and the features as well",
    "models.Model": "a model that is called becomes part of the new one, layer by layer",
    "layers.Masking": "behind it, steps before the first that counts give an LSTM's initial state, "
    "as with Keras on JAX; on PyTorch and TensorFlow Keras gives zeros",
    "Model.predict": "without `batch_size` nlstm chooses one that suits the caches",
    **dict.fromkeys(
        ("metrics.RootMeanSquaredError", "metrics.AUC", "metrics.Precision", "metrics.Recall"),
        "leaves masked steps out, which Keras does not",
    ),
    "callbacks.ModelCheckpoint": "writes nlstm's own format",
    "callbacks.SwapEMAWeights": "`predict` too puts the weights back; Keras leaves the averages",
    "callbacks.BackupAndRestore": "writes nlstm's own format",
    "utils.timeseries_dataset_from_array": "windows without a target are left out; Keras fails",
}
