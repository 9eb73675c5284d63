"""Why nlstm differs from Keras, or lacks something: patterns of names, and plain sentences."""

PREPARES = """
    AugMix AutoContrast CategoryEncoding CenterCrop ContrastLimitedAdaptiveHistogramEqualization
    CutMix Discretization Equalization HashedCrossing Hashing IntegerLookup MaxNumBoundingBoxes
    MelSpectrogram MixUp Normalization Pipeline RandAugment Rescaling Resizing Solarization
    STFTSpectrogram StringLookup TextVectorization
""".split()
RANDOM = ("[Rr]andom*", "[Gg]lorot*", "[Hh]e*", "[Ll]ecun*", "[Oo]rthogonal", "[Tt]runcated*",
          "[Vv]ariance*")  # fmt: skip
POOLS = ("GlobalAveragePooling1D", "GlobalAvgPool1D", "GlobalMaxPool1D", "GlobalMaxPooling1D")
WINDOWS = ("AveragePooling1D", "AvgPool1D", "Conv1D", "Convolution1D", "MaxPool1D", "MaxPooling1D",
           "ZeroPadding1D")  # fmt: skip
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
    "callbacks.RemoteMonitor": "sends data over the network",
    "callbacks.ProgbarLogger": "`fit(verbose=1)` draws the bar",
    "callbacks.OrbaxCheckpoint": "another library's format",
    "initializers.*": "for spectrograms",
    "activations.*": "no kernel yet",
    # a model's methods
    "Model.export": "writes another library's format",
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
    "layers.GRU.unroll": "accepted for old code, without effect",
    "layers.GRU.use_cudnn": "accepted for old code, without effect",
    "layers.GRU.seed": "same argument; other random numbers than Keras's",
    "layers.BatchNormalization.renorm": "only False",
    "layers.BatchNormalization.renorm_clipping": "without effect",
    "layers.BatchNormalization.renorm_momentum": "without effect",
    "layers.BatchNormalization.synchronized": "only False",
    "*.lora_*": "fine tuning of large models",
    "*.quantization_config": "quantisation",
    "layers.LayerNormalization.axis": "the features' alone; there is no kernel for another",
    "layers.Softmax.axis": "-1 alone",
    **{
        f"layers.{name}.data_format": "`channels_last` alone; `channels_first` is an error"
        for name in ("Flatten", *POOLS, *WINDOWS)
    },
    "layers.TimeDistributed.layer": "a layer for (batch, features), or a model of one input and "
    "one output; a `Reshape` in the model gives each step axes of its own",
    "Model.save.filepath": "its ending chooses the format: docs/interop.md",
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
    "Model.save.zipped": "the ending of the name chooses the format: docs/interop.md",
    "Model.save_weights.max_shard_size": "nlstm writes one file",
    "Model.summary.positions": "without effect: columns are as wide as they must be",
    "Model.summary.expand_nested": "for models inside a Sequential; a Model's always are",
    "activations.*.*": "at Keras's default; a name chooses the function",
    "models.*.zipped": "the ending of the name chooses the format: docs/interop.md",
}

SATURATED = (
    "where a float32 probability is 1 and the label 0, Keras's is 1 % less: its 1 - 1e-7 is rounded"
)
AXIS = "training is along the last axis, the outputs' features; by themselves any axis"
SAMPLES = "samples have one axis or two: more go as features, (steps, rows * columns)"
DIFFERS = {
    "Model.fit": "sample weights (rows,) work with masked sequences too; "
    "wrong arguments and data are errors before anything has changed",
    "Model.get_weights": "in models with both branches and masks, layers may come in another order",
    "Model.compile": "`run_eagerly`, `steps_per_execution`, `jit_compile` and `auto_scale_loss` "
    "are accepted for old code, without effect: callbacks see every batch; names of outputs that "
    "there are not are an error here, in Keras in `fit`; an output has one loss, where Keras adds "
    "up a list of them; without a loss there is `evaluate`, but no `fit`",
    "layers.SimpleRNN": "`activity_regularizer` works; Keras accepts and ignores it",
    "layers.BatchNormalization": "`axis` is that of the features",
    "layers.Permute": "samples have at most two axes",
    "layers.Bidirectional": "`backward_layer` is its own: one with weights elsewhere is an error",
    "layers.TimeDistributed": "a layer in it is its own, a model may be elsewhere too; a mask has "
    "the steps alone",
    "layers.Softmax": "a mask has the input's shape, and is not broadcast",
    "layers.Layer": "subclasses write `output_shape`, `build` and `bind`; `call` is an error; what "
    "a constructor took cannot change once the layer is in use",
    "layers.Input": SAMPLES,
    "layers.InputLayer": SAMPLES,
    "Input": SAMPLES,
    **{f"layers.{name}": OTHER_DRAWS for name in ("*Dropout", "*Dropout1D", "GaussianNoise")},
    **{f"initializers.{name}": OTHER_DRAWS for name in RANDOM},
    "losses.Loss": "a subclass defines its gradient too; `reduction=None` is for losses by "
    "themselves, in `compile` an error",
    "losses.get": "returns an object, for a function too",
    "losses.Binary*": f"{SATURATED}; {AXIS}",
    **{f"losses.{name}": AXIS for name in ("Categorical*ntropy", "CosineSimilarity")},
    "losses.SparseCategoricalCrossentropy": AXIS,
    "regularizers.Regularizer": "a subclass defines its gradient too",
    "activations.get": "returns a name",
    "metrics.get": "a function becomes a metric, the mean of its values",
    "metrics.F1Score": "takes outputs with steps, as rows, and one weight for all",
    "metrics.FBetaScore": "takes outputs with steps, as rows, and one weight for all; `beta` and "
    "`threshold` may be whole numbers",
    "metrics.R2Score": "takes outputs with steps, as rows",
    **{f"metrics.{name}": AXIS for name in ("CategoricalCrossentropy", "CosineSimilarity")},
    "metrics.SparseCategoricalCrossentropy": AXIS,
    "metrics.BinaryCrossentropy": SATURATED,
    "models.Model": "a model that is called becomes part of the new one, layer by layer, as it is "
    "then; a list for a dict of inputs is taken in the order of their keys, with a warning; a loss "
    "compares one output; `metrics` has the metrics alone, without a mean of the loss; a "
    "subclass's `call`, "
    "`train_step` and the like are an error that says what to do instead",
    "layers.Masking": "behind it, steps before the first that counts give an LSTM's initial state, "
    "as with Keras on JAX; on PyTorch and TensorFlow Keras gives zeros",
    "Model.predict": "of generators x counts alone, which need not be a tuple; without "
    "`batch_size` nlstm chooses one that suits the caches",
    **dict.fromkeys(
        ("metrics.RootMeanSquaredError", "metrics.AUC", "metrics.Precision", "metrics.Recall"),
        "leaves masked steps out, which Keras does not",
    ),
    "callbacks.ModelCheckpoint": "writes nlstm's own format; an unknown `mode` is an error, not a "
    "warning; `period` of Keras 2 is taken, with a warning",
    "callbacks.EarlyStopping": "an unknown `mode` is an error, not a warning",
    "callbacks.ReduceLROnPlateau": "an unknown `mode` is an error, not a warning; `epsilon` of "
    "Keras 2 is taken, with a warning; where a schedule gives the learning rate, the error comes "
    "as fit begins, and of `decay` of Keras 2 the number that is divided is set, as there",
    "callbacks.LearningRateScheduler": "where a schedule gives the learning rate, the error comes "
    "as fit begins; of `decay` of Keras 2 the number that is divided is set, as there",
    "callbacks.SwapEMAWeights": "`predict` too puts the weights back; Keras leaves the averages",
    "callbacks.TensorBoard": "scalars alone: no graph, histograms, images and profiles",
    "callbacks.BackupAndRestore": "writes nlstm's own format; a backup of another loss, optimizer "
    "or model is an error, where Keras goes on from one of the same shapes",
    "utils.timeseries_dataset_from_array": "windows without a target are left out, Keras fails; "
    "dates of frames that go back are an error, gaps in them a warning",
}

EVERYWHERE = (
    "An argument of the wrong kind is an error that names it, where it is given: a `TypeError`, "
    "and in layers and models a `ValueError` too, which Keras mostly raises.",
    "What operators make of symbols (`a + b`, `x * 2`, `x[:, -1]`) has no mask, as in Keras; "
    "they take numbers and other symbols, no arrays; steps and features are taken by numbers and "
    "slices.",
    "Names of layers and models are unique in their model, and are not counted up in the process.",
    "Names of optimizers, losses and metrics are not counted up: a second `Adam()` is `adam` too.",
    "Losses and metrics give Python's floats, and arrays where Keras gives arrays; sums of metrics "
    "are float64 and, in training, the model's, so that one object serves several models.",
    "Sample weights (rows,) weigh rows where outputs have steps too, and what fits neither rows "
    "nor steps nor elements is an error; Keras broadcasts them wherever numbers agree. "
    "`mean_with_sample_weight` divides by the weights of all steps, also where one serves a row.",
    "`get_config` has all arguments of the constructor, `dtype` among them.",
    "Learning rates are float64; losses and metrics by themselves compute in float64 where "
    "`y_pred` is, else in float32.",
    "`seed` is a whole number; there are no `SeedGenerator` objects.",
    "Data with NaN or infinity are refused by `fit`, before a loss or a callback sees them.",
    "Class labels of no class are an error; Keras leaves them out or gives NaN.",
)
MODULES = {
    "applications": "trained networks for images",
    "backend": "`nlstm.backend`: the numbers and names that scripts ask for; `set_floatx` takes "
    "float32 alone, since a model takes its dtype as `dtype`",
    "config": "a model's `dtype`, and nothing else to configure",
    "datasets": "two small ones of `nlstm.datasets`; nlstm downloads nothing",
    "distribution": '`fit(..., distribute="mpi")`: [machines.md](machines.md)',
    "distillation": "large models",
    "dtype_policies": "a model computes in one dtype, float32 or float64",
    "export": "other libraries' formats",
    "mixed_precision": "`nlstm.mixed_precision`: `mixed_bfloat16` rounds the operands of products, "
    "what goes between layers stays float32; no `mixed_float16`, no loss scale",
    "ops": "nlstm computes with NumPy arrays and has no tensors",
    "preprocessing": "`nlstm.preprocessing`: sequences and text as Keras 2 had them",
    "quantizers": "quantisation",
    "random": "`nlstm.random` has the seeds; draws come from NumPy",
    "saving": "`nlstm.saving`",
    "tree": "for Keras's own use",
    "utils": "`nlstm.utils`: those that prepare sequences and labels, and `plot_model`",
    "visualization": "images",
    "wrappers": "estimators for scikit-learn are in `nlstm.sklearn`",
}
