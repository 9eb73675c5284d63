"""Default names: Keras's, and the same ever since, for files hold them."""

import pytest

import nlstm
from nlstm.arguments.names import snake_case

# Class:name, made by the two rules that there were before `snake_case`.
NAMES = {
    "layers": """
        Activation:activation Add:add Average:average AveragePooling1D:average_pooling1d
        BatchNormalization:batch_normalization Bidirectional:bidirectional
        Concatenate:concatenate Conv1D:conv1d Cropping1D:cropping1d Dense:dense
        Dropout:dropout ELU:elu Embedding:embedding
        Flatten:flatten GRU:gru GaussianNoise:gaussian_noise
        GlobalAveragePooling1D:global_average_pooling1d GlobalMaxPooling1D:global_max_pooling1d
        Identity:identity InputLayer:input_layer LSTM:lstm Layer:layer
        LayerNormalization:layer_normalization LeakyReLU:leaky_re_lu Masking:masking
        MaxPooling1D:max_pooling1d Maximum:maximum Minimum:minimum Multiply:multiply
        PReLU:p_re_lu Permute:permute ReLU:re_lu RepeatVector:repeat_vector
        Reshape:reshape SimpleRNN:simple_rnn Softmax:softmax SpatialDropout1D:spatial_dropout1d
        Subtract:subtract TimeDistributed:time_distributed UpSampling1D:up_sampling1d
        ZeroPadding1D:zero_padding1d
    """,
    "metrics": """
        AUC:auc Accuracy:accuracy BinaryAccuracy:binary_accuracy
        BinaryCrossentropy:binary_crossentropy CategoricalAccuracy:categorical_accuracy
        CategoricalCrossentropy:categorical_crossentropy CategoricalHinge:categorical_hinge
        CosineSimilarity:cosine_similarity F1Score:f1_score FBetaScore:fbeta_score
        FalseNegatives:false_negatives FalsePositives:false_positives Hinge:hinge KGE:kge
        KLDivergence:kl_divergence LogCoshError:logcosh Mean:mean
        MeanAbsoluteError:mean_absolute_error
        MeanAbsolutePercentageError:mean_absolute_percentage_error
        MeanSquaredError:mean_squared_error
        MeanSquaredLogarithmicError:mean_squared_logarithmic_error Metric:metric NSE:nse
        Poisson:poisson Precision:precision PrecisionAtRecall:precision_at_recall
        R2Score:r2_score Recall:recall RecallAtPrecision:recall_at_precision
        RootMeanSquaredError:root_mean_squared_error
        SensitivityAtSpecificity:sensitivity_at_specificity
        SparseCategoricalAccuracy:sparse_categorical_accuracy
        SparseCategoricalCrossentropy:sparse_categorical_crossentropy
        SparseTopKCategoricalAccuracy:sparse_top_k_categorical_accuracy
        SpecificityAtSensitivity:specificity_at_sensitivity SquaredHinge:squared_hinge Sum:sum
        TopKCategoricalAccuracy:top_k_categorical_accuracy TrueNegatives:true_negatives
        TruePositives:true_positives
    """,
    "losses": """
        BinaryCrossentropy:binary_crossentropy BinaryFocalCrossentropy:binary_focal_crossentropy
        CategoricalCrossentropy:categorical_crossentropy
        CategoricalFocalCrossentropy:categorical_focal_crossentropy
        CategoricalHinge:categorical_hinge CosineSimilarity:cosine_similarity
        GaussianNLL:gaussian_nll Hinge:hinge Huber:huber_loss KLDivergence:kl_divergence
        LogCosh:log_cosh Loss:loss MeanAbsoluteError:mean_absolute_error
        MeanAbsolutePercentageError:mean_absolute_percentage_error
        MeanSquaredError:mean_squared_error
        MeanSquaredLogarithmicError:mean_squared_logarithmic_error NSELoss:nse_loss
        Poisson:poisson QuantileLoss:quantile_loss
        SparseCategoricalCrossentropy:sparse_categorical_crossentropy SquaredHinge:squared_hinge
        StudentTNLL:student_t_nll
    """,
    "optimizers": """
        Adadelta:adadelta Adagrad:adagrad Adam:adam AdamW:adamw Adamax:adamax Lion:lion
        Nadam:nadam RMSprop:rmsprop SGD:sgd
    """,
}
GIVEN = {
    "Activation": ["tanh"],
    "AveragePooling1D": [2],
    "Conv1D": [3, 2],
    "Dense": [3],
    "Dropout": [0.5],
    "Embedding": [4, 3],
    "GRU": [3],
    "GaussianNoise": [0.5],
    "InputLayer": [(3,)],
    "LSTM": [3],
    "Permute": [(2, 1)],
    "RepeatVector": [2],
    "Reshape": [(2, 3)],
    "SimpleRNN": [3],
    "SpatialDropout1D": [0.5],
    **dict.fromkeys(("PrecisionAtRecall", "RecallAtPrecision"), [0.5]),
    **dict.fromkeys(("SensitivityAtSpecificity", "SpecificityAtSensitivity"), [0.5]),
}


def inner(name):
    if name == "Bidirectional":
        return [nlstm.layers.LSTM(3)]
    return [nlstm.layers.Dense(3)] if name == "TimeDistributed" else GIVEN.get(name, [])


@pytest.mark.parametrize("kind", NAMES)
def test_default_names(kind):
    wanted = dict(pair.split(":") for pair in NAMES[kind].split())
    module = getattr(nlstm, kind)
    assert {name: getattr(module, name)(*inner(name)).name for name in wanted} == wanted


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("LSTM", "lstm"),
        ("MyLSTMCell", "my_lstm_cell"),
        ("BinaryIoU", "binary_io_u"),
        ("F1Score", "f1_score"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("_Own", "__own"),
    ],
)
def test_the_rule(name, wanted):
    assert snake_case(name) == wanted


def test_the_rule_is_that_of_keras():
    pytest.importorskip("keras")
    from keras.src.utils.naming import to_snake_case

    for pairs in NAMES.values():
        for pair in pairs.split():
            name = pair.partition(":")[0]
            assert snake_case(name) == to_snake_case(name)
